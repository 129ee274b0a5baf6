"""The section about drift: how far what a deployment is asked about has moved."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from projects_api.rendering.document import (
    NONE,
    Block,
    Note,
    Picture,
    label,
    listed,
    number,
    short,
    table_of,
)
from projects_api.rendering.drawing import BLUE, GREY, ORANGE, bars_height, draw_bars, show_grid

MAX_BARS = 15
_LONGEST_BAR = 1.0
"""Where bars end: beyond it, more does not matter, and the thresholds would be too close."""
_NAME = 28
_VERDICTS = {
    "not_enough_data": "not enough rows",
    "stable": "stable",
    "moderate": "moderate",
    "drift": "drift",
}
_COLOURS = {"stable": BLUE, "moderate": "#d9a520", "drift": "#c2504f"}
_RESTS = {
    "other": "all others",
    "missing": "missing",
    "below": "below all",
    "between": "none of these",
    "above": "above all",
}
Facts = Mapping[str, Any]


def blocks(drift: Facts) -> Iterator[Block]:
    """Return what was measured, the inputs in the order that they have."""
    if not drift["rows"]:
        yield Note("The deployment was asked nothing yet, so that there is nothing to compare.")
        return
    asked = f"The newest {number(drift['rows'])} rows that the deployment was asked about"
    if not drift["features"]:
        yield Note(f"{asked} cannot be compared: nobody has kept what its model was trained on.")
        return
    yield Note(f"{asked} are compared with {number(drift['reference_rows'])} rows of its training.")
    features = drift["features"]
    if drift["verdict"] == "not_enough_data":
        yield Note(f"They are too few to tell drift from chance: it takes {drift['minimum_rows']}.")
    else:
        yield Note(_judgement(drift, features))
        yield _indexes(drift, features)
        for first in range(0, len(drift["spreads"]), 2):
            yield _spreads(drift["spreads"][first : first + 2])
    yield from table_of(
        ("Column", "Kind", "PSI", "KS", "p-value", "Missing", "In training", "Verdict"),
        [_row(one, drift["reference_rows"]) for one in features],
        numeric=frozenset({2, 3, 4, 5, 6}),
    )


def _judgement(drift: Facts, features: Sequence[Facts]) -> str:
    counts = {
        verdict: sum(one["verdict"] == verdict for one in features)
        for verdict in ("drift", "moderate", "stable")
    }
    told = ", ".join(
        f"{number(count)} {words}"
        for count, words in (
            (counts["drift"], "drifted"),
            (counts["moderate"], "moved moderately"),
            (counts["stable"], "stable"),
        )
        if count
    )
    return f"Of {number(len(features))} columns: {told}. Verdict: {_VERDICTS[drift['verdict']]}."


def _row(one: Facts, reference_rows: int) -> tuple[str, ...]:
    return (
        label(one["name"]),
        one["kind"],
        number(one["psi"]),
        number(one["ks_statistic"], 3),
        _p_value(one["ks_p_value"]),
        _share(one["missing"], one["rows"]),
        _share(one["reference_missing"], reference_rows),
        _VERDICTS[one["verdict"]],
    )


def _p_value(value: float | None) -> str:
    return "< 0.001" if value is not None and value < 0.001 else number(value, 3)  # noqa: PLR2004


def _share(count: int, rows: int) -> str:
    return f"{count / rows:.1%}" if rows else NONE


def _indexes(drift: Facts, features: Sequence[Facts]) -> Picture:
    """Show the index of the columns that moved most, with what it is judged by."""
    shown = features[:MAX_BARS]
    thresholds = (drift["moderate_from"], drift["drift_above"])

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        lengths = [min(one["psi"], _LONGEST_BAR) for one in shown]
        texts = [f"{number(one['psi'], 3)}  {_VERDICTS[one['verdict']]}" for one in shown]
        names = [short(one["name"], _NAME) for one in shown]
        colours = [_COLOURS[one["verdict"]] for one in shown]
        # Beyond the thresholds, whose lines would strike values through.
        draw_bars(axes, names, lengths, texts, colours=colours, texts_from=thresholds[1])
        for at in thresholds:
            axes.axvline(at, color=GREY, linestyle="--", linewidth=1)
        axes.set_xlim(0, 1.25 * max(*lengths, 1.1 * thresholds[1]))
        axes.set_xlabel("Population stability index")

    left_out = len(features) - len(shown)
    caption = (
        "How far each column has moved; dashed: moderate from "
        f"{thresholds[0]} and drift above {thresholds[1]}."
    )
    if shown[0]["psi"] > _LONGEST_BAR:
        caption += f" Bars end at {_LONGEST_BAR:g}."
    if left_out:
        caption += f" The {number(left_out)} that moved least are left out."
    return Picture(caption, draw, bars_height(len(shown)))


def _spreads(features: Sequence[Facts]) -> Picture:
    """Show how the rows of the training and those asked about are spread, for a few columns."""
    tallest = max(len(_heaps(one)) for one in features)

    def draw(figure: Figure) -> None:
        panels = figure.subplots(1, 2)
        for axes, feature in zip(panels, features, strict=False):
            _draw_spread(axes, feature, tallest)
        for axes in panels[len(features) :]:
            axes.set_axis_off()
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)

    names = " and ".join(short(one["name"], 60) for one in features)
    caption = f"How rows are spread over {names}, in the training and as asked."
    details = " ".join(f"{short(one['name'], 60)}: {_in_words(one)}" for one in features)
    return Picture(caption, draw, 1.1 + 0.3 * max(tallest, 3), details=details)


def _heaps(feature: Facts) -> list[tuple[str, float, float]]:
    """Name the bins that are not empty, with their shares of the training and of what is asked."""
    bins = [one for one in feature["bins"] if one["expected"] or one["actual"]]
    before, now = (sum(one[key] for one in bins) or 1 for key in ("expected", "actual"))
    kind = feature["kind"]
    return [(_bin_name(one, kind), one["expected"] / before, one["actual"] / now) for one in bins]


def _in_words(feature: Facts) -> str:
    return listed((name, f"{before:.1%}, now {now:.1%}") for name, before, now in _heaps(feature))


def _draw_spread(axes: Axes, feature: Facts, tallest: int) -> None:
    names, *shares = zip(*_heaps(feature), strict=True)
    bars = (("Training", GREY, -0.2), ("Asked", ORANGE, 0.2))
    for lengths, (name, colour, shift) in zip(shares, bars, strict=True):
        places = [place + shift for place in range(len(names))]
        axes.barh(places, lengths, 0.38, color=colour, label=name)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(tallest - 0.5, -0.5)  # Bars are as thick as those beside them.
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_title(short(feature["name"], _NAME))
    show_grid(axes)


def _bin_name(one: Facts, kind: str) -> str:
    if "rest" in one:
        return _RESTS[one["rest"]]
    if "value" in one:
        return f"{one['value']} words" if kind == "text" else short(one["value"], 18)
    lower, upper = one["lower"], one["upper"]
    if lower is None:
        return "all numbers" if upper is None else f"below {upper:.4g}"
    return f"from {lower:.4g}" if upper is None else f"{lower:.4g} to {upper:.4g}"
