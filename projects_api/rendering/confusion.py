"""The picture of which class was taken for which."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from projects_api.rendering.document import Picture, listed, number, shorts
from projects_api.rendering.drawing import BLUE, ORANGE

MAX_CLASSES = 12
_CELLS = ((4, 0.62), (8, 0.5), (MAX_CLASSES, 0.42))
"""How large a cell is, in inches, with at most so many classes."""
_LETTER = 0.07


@dataclass(frozen=True, slots=True)
class _Confusion:
    """Rows by their actual and by their predicted class; `totals` count classes left out, too."""

    names: Sequence[str]
    counts: Sequence[Sequence[float]]
    totals: Sequence[float]

    @property
    def cell(self) -> float:
        return next(inches for most, inches in _CELLS if len(self.names) <= most)

    @property
    def is_turned(self) -> bool:
        """Return whether names do not fit side by side."""
        return max(map(len, self.names)) * _LETTER > self.cell

    def in_words(self) -> str:
        rows = (
            ", ".join(
                f"{number(count, 1)} as {name}"
                for name, count in zip(self.names, row, strict=True)
                if count
            )
            for row in self.counts
        )
        return listed(zip((f"actually {name}" for name in self.names), rows, strict=True))


def confusion(confused: Mapping[str, Any]) -> Picture:
    """Show how often each class was taken for each other, the most confused if there are many."""
    matrix: list[list[float]] = confused["matrix"]
    kept = _most_confused(matrix)
    shown = _Confusion(
        shorts([confused["labels"][one] for one in kept], 14),
        [[matrix[row][column] for column in kept] for row in kept],
        [sum(matrix[row]) or 1 for row in kept],
    )
    left_out = len(matrix) - len(kept)
    note = f" The {left_out} classes left out are confused less, or rarer." if left_out else ""
    caption = (
        "Rows of the test by their actual and their predicted class. Blue is right, orange is "
        f"wrong; the darker, the larger the share of the actual class.{note}"
    )
    side = shown.cell * max(len(kept), 3)
    below = 1.35 if shown.is_turned else 0.75
    return Picture(
        caption, lambda figure: _draw(figure, shown), below + side, 1.6 + side, shown.in_words()
    )


def _most_confused(matrix: Sequence[Sequence[float]]) -> list[int]:
    """List the classes of the pairs that are confused most often, larger ones before others."""
    classes = range(len(matrix))
    sizes = [sum(row) for row in matrix]
    pairs = sorted(
        ((row, column) for row in classes for column in classes if row != column),
        key=lambda pair: (
            -matrix[pair[0]][pair[1]],
            -sizes[pair[0]] - sizes[pair[1]],
        ),
    )
    by_size = sorted(classes, key=lambda row: -sizes[row])
    confused = [one for pair in pairs if matrix[pair[0]][pair[1]] for one in pair]
    return sorted(list(dict.fromkeys([*confused, *by_size]))[:MAX_CLASSES])


def _draw(figure: Figure, shown: _Confusion) -> None:
    axes = figure.subplots()
    places = range(len(shown.names))
    for row in places:
        for column in places:
            count = shown.counts[row][column]
            colour = BLUE if row == column else ORANGE
            opacity = 0.06 + 0.64 * count / shown.totals[row]
            corner = (column - 0.48, row - 0.48)
            axes.add_patch(Rectangle(corner, 0.96, 0.96, color=colour, alpha=opacity, linewidth=0))
            text = _fitting(count, shown.cell)
            axes.text(column, row, text, ha="center", va="center", fontsize=8)
    turned: dict[str, Any] = {}
    if shown.is_turned:
        turned = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"}
    axes.set_xticks(places, shown.names, **turned)
    axes.set_yticks(places, shown.names)
    axes.set(xlim=(-0.5, len(places) - 0.5), ylim=(len(places) - 0.5, -0.5), aspect="equal")
    axes.set(xlabel="Predicted class", ylabel="Actual class")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)


def _fitting(count: float, inches: float) -> str:
    """Write a count so that it fits into a cell, in thousands or millions if need be."""
    text = number(count, 1)
    for unit in ("k", "M", "G"):
        if len(text) * _LETTER <= inches:
            break
        count /= 1000
        text = f"{count:.3g}{unit}" if count < 1000 else f"{count:,.0f}{unit}"  # noqa: PLR2004
    return text
