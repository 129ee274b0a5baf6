"""Pictures: what a person would rather look at than read."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from projects_api.rendering.document import (
    MINUS,
    Picture,
    listed,
    metric_name,
    number,
    short,
    shorts,
)
from projects_api.rendering.drawing import (
    BLUE,
    COLOURS,
    GREY,
    ORANGE,
    bars_height,
    draw_bars,
    show_grid,
)

MAX_BARS = 15
_NAME = 28
"""The letters of a name that stand beside a bar."""


def leaderboard(models: Sequence[Mapping[str, Any]], metric: str, marked: str | None) -> Picture:
    """Compare the first models of a leaderboard by its metric; one of them may be marked."""
    shown = [one for one in models if metric in one["metrics"]][:MAX_BARS]

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        values = [one["metrics"][metric] for one in shown]
        places = range(len(shown))
        axes.set_yticks(places, [short(f"{one['rank']}. {one['name']}", _NAME) for one in shown])
        colours = [ORANGE if one["id"] == marked else BLUE for one in shown]
        axes.scatter(values, places, s=34, c=colours, zorder=3)
        for at, (score, colour) in enumerate(zip(values, colours, strict=True)):
            axes.annotate(
                number(score),
                (score, at),
                (7, 0),
                textcoords="offset points",
                va="center",
                fontsize=8,
                fontweight="bold" if colour == ORANGE else "normal",
            )
        axes.invert_yaxis()
        axes.margins(x=0.12, y=0.06)
        axes.grid(visible=True, axis="y", linestyle=":")
        axes.xaxis.set_major_locator(MaxNLocator(6))
        rows = "" if metric.startswith("cv_") else " on held-out rows"
        axes.set_xlabel(f"{metric_name(metric)}{rows} (the axis does not begin at zero)")
        show_grid(axes)

    caption = f"The leaderboard by {metric_name(metric)}."
    return Picture(caption, draw, bars_height(len(shown)))


_SIDES = (
    ("roc", "auc", "AUC", "ROC", "False positive rate", "True positive rate"),
    ("precision_recall", "average_precision", "AP", "Precision and recall", "Recall", "Precision"),
)


def curves(evaluation: Mapping[str, Any]) -> Picture:
    """Draw ROC curves beside those of precision and recall, a pair for each large class."""
    sizes = evaluation.get("class_balance") or {}
    classes = [one["label"] for one in evaluation["roc"]]
    largest = sorted(classes, key=lambda one: -sizes.get(str(one), 0))[: len(COLOURS)]
    kept = [one for one in classes if one in largest]
    names = dict(zip(kept, shorts(kept, 16), strict=True))
    longest = max(map(len, names.values()))
    columns = 2 if len(kept) > 2 and longest < 9 else 1  # noqa: PLR2004 - side by side
    curves_of = {
        key: [one for one in evaluation[key] if one["label"] in kept] for key, *_ in _SIDES
    }

    def draw(figure: Figure) -> None:
        sides: Any = figure.subfigures(1, 2)
        for side, (key, score, brief, title, across, up) in zip(sides, _SIDES, strict=True):
            axes = side.subplots()
            if key == "roc":
                axes.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1)
            for colour, one in zip(COLOURS, curves_of[key], strict=False):
                name = f"{names[one['label']]} ({brief} {number(one[score], 3)})"
                axes.plot(*zip(*one["points"], strict=True), color=colour, label=name)
            axes.set(xlabel=across, ylabel=up, xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), title=title)
            axes.grid(visible=True)
            side.legend(loc="outside lower center", ncols=columns)

    left_out = len(classes) - len(kept)
    note = f" The {left_out} rarest classes are left out." if left_out else ""
    caption = f"How well each class is told from the others; dashed: by chance.{note}"
    details = (
        listed((one["label"], f"{brief} {number(one[score], 3)}") for one in curves_of[key])
        for key, score, brief, *_ in _SIDES
    )
    height = 3.0 + 0.18 * -(-len(kept) // columns)
    return Picture(caption, draw, height, details=" ".join(details))


def residuals(points: Sequence[Sequence[float]]) -> Picture:
    """Show predicted beside actual values, and how far off the predictions are."""
    predicted, actual = zip(*points, strict=True)
    errors = [guess - truth for guess, truth in points]

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        dots = {"s": 11, "color": BLUE, "alpha": 0.55, "linewidths": 0}
        both = (*predicted, *actual)
        span = (min(both), max(both))
        left.plot(span, span, color=GREY, linestyle="--", linewidth=1)
        left.scatter(actual, predicted, **dots)
        left.set(xlabel="Actual", ylabel="Predicted", title="Predicted and actual")
        right.axhline(0, color=GREY, linestyle="--", linewidth=1)
        right.scatter(predicted, errors, **dots)
        right.set(xlabel="Predicted", ylabel=f"Predicted {MINUS} actual", title="Residuals")
        for axes in (left, right):
            axes.grid(visible=True)
            axes.xaxis.set_major_locator(MaxNLocator(5))

    caption = f"Predictions for {len(points):,} rows of the test; dashed: without error."
    return Picture(caption, draw, 3.1)


def importance(explanation: Mapping[str, Any]) -> Picture:
    """Show what the model goes by: shuffled columns and, where there are any, SHAP values."""
    panels = [
        (title, rows[:MAX_BARS], key)
        for title, key, rows in (
            (
                "Loss of score when shuffled",
                "importance",
                explanation.get("permutation_importance") or (),
            ),
            ("Mean |SHAP value|", "mean_absolute", explanation.get("shap") or ()),
        )
        if rows
    ]

    def draw(figure: Figure) -> None:
        parts = figure.subplots(1, len(panels), squeeze=False)[0]
        for axes, (title, rows, key) in zip(parts, panels, strict=True):
            values = [one[key] for one in rows]
            errors = [one.get("deviation") or 0 for one in rows] if key == "importance" else None
            names = shorts([one["feature"] for one in rows], 20)
            draw_bars(axes, names, values, [number(one, 3) for one in values], errors=errors)
            axes.xaxis.set_major_locator(MaxNLocator(4))
            axes.set_title(title)

    caption = "The columns that the model goes by most"
    if panels[0][2] == "importance":
        caption += "; lines: standard deviation over repetitions"
    return Picture(f"{caption}.", draw, 0.2 + bars_height(max(len(one[1]) for one in panels)))


def class_balance(
    counts: Mapping[str, int], rows: str, *, others: int = 0, left_out: int = 0
) -> Picture:
    """Show how many rows each class has; `rows` says which rows.

    `others` are the rows of `left_out` classes whose counts are not known.
    """
    ordered = sorted(counts.items(), key=lambda one: -one[1])
    shown, total = ordered[:MAX_BARS], sum(counts.values()) + others or 1
    texts = [f"{number(count)}  ({count / total:.1%})" for _, count in shown]

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        names = shorts([one for one, _ in shown], _NAME)
        draw_bars(axes, names, [one for _, one in shown], texts)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.set_xlabel("Rows")

    left_out += len(ordered) - len(shown)
    note = f" The {number(left_out)} rarest are left out." if left_out else ""
    details = listed(zip((name for name, _ in shown), texts, strict=True))
    caption = f"How many {rows} each class has.{note}"
    return Picture(caption, draw, bars_height(len(shown)), details=details)


def missing_values(missing: Mapping[str, int], rows: int, about: str) -> Picture:
    """Show the columns with the most empty cells, in percent of the rows."""
    empty = {name: count for name, count in missing.items() if count}
    ordered = sorted(empty.items(), key=lambda one: -one[1])[:MAX_BARS]
    shares = [count / rows for _, count in ordered]
    texts = [f"{count / rows:.1%}  ({number(count)})" for _, count in ordered]

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        draw_bars(axes, shorts([one for one, _ in ordered], _NAME), shares, texts)
        axes.xaxis.set_major_formatter(PercentFormatter(1))
        axes.set(xlabel="Share of rows without a value", xlim=(0, min(1.18, 1.3 * max(shares))))

    caption = (
        f"Empty cells in {about}: {number(len(empty))} of {number(len(missing))} columns have some"
    )
    if len(empty) > len(ordered):
        caption += ", and those with the most are shown"
    details = listed(zip((name for name, _ in ordered), texts, strict=True))
    return Picture(f"{caption}.", draw, bars_height(len(ordered)), details=details)
