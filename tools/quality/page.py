"""The page about quality: what was measured, as a table and as a picture."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from tools.quality.methods import AUTOML, DEFAULTS, METHODS, OURS
from tools.quality.tables import TABLES

Measured = Mapping[tuple[str, str], list[float]]
"""By table and method, a value for each seed."""
BEGIN = "<!-- measured: written by `make quality`, do not edit -->"
END = "<!-- end of what was measured -->"
_NAMES = {"auc": "AUC", "log_loss": "log loss", "rmse": "RMSE"}
_COLOURS = ("#3d7ab8", "#8b919a", "#a3824a", "#2e9e77", "#d8802a")


def loss(metric: str, value: float) -> float:
    """Turn a metric into what gets smaller with better models."""
    return 1 - value if metric == "auc" else value


def error(values: list[float]) -> float | None:
    """Return the standard error of a mean; None of a single value."""
    return float(np.std(values, ddof=1) / len(values) ** 0.5) if len(values) > 1 else None


def verdict(measured: Measured, table: str, metric: str) -> str:
    """Compare ours with the best default by the differences on the same splits."""
    means = {name: float(np.mean(measured[table, name])) for name in DEFAULTS}
    best = min(means, key=lambda name: loss(metric, means[name]))
    pairs = zip(measured[table, OURS], measured[table, best], strict=True)
    worse = [loss(metric, ours) - loss(metric, other) for ours, other in pairs]
    margin = error(worse)
    if margin is None:
        return "better" if worse[0] < 0 else "worse, by one seed" if worse[0] > 0 else "equal"
    if np.mean(worse) > margin:
        return "worse"
    return "better" if np.mean(worse) < -margin else "within one standard error"


def write(measured: Measured, metrics: Mapping[str, str], told: str, docs: Path) -> None:
    """Write the table into the page `quality.md`, and the picture beside it."""
    lines = [
        told,
        "",
        f"| table | metric | {' | '.join(METHODS)} | {OURS} and the best default |",
        f"|---|---|{'---:|' * len(METHODS)}---|",
    ]
    for table in (one for one in TABLES if one.name in metrics):
        name, metric = table.name, metrics[table.name]
        cells = [_cell(measured[name, method]) for method in METHODS]
        shown = f"{name} ({table.about})" if table.about else name
        row = [shown, _NAMES[metric], *cells, verdict(measured, name, metric)]
        lines.append(f"| {' | '.join(row)} |")
    page = docs / "quality.md"
    before, _, rest = page.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    page.write_text(f"{before}{BEGIN}\n\n" + "\n".join(lines) + f"\n\n{END}{after}")
    _draw(measured, metrics, docs / "quality.svg")


def _cell(values: list[float]) -> str:
    of_mean = error(values)
    return f"{np.mean(values):.4g}" + ("" if of_mean is None else f" ± {of_mean:.2g}")


def _draw(measured: Measured, metrics: Mapping[str, str], path: Path) -> None:
    """Draw how much larger each method's loss is than that of the best default."""
    figure = Figure(figsize=(8, 1 + 0.42 * len(metrics)), layout="constrained")
    axes = figure.add_subplot()
    for place, (table, metric) in enumerate(metrics.items()):
        means = {
            name: float(np.mean([loss(metric, one) for one in measured[table, name]]))
            for name in METHODS
        }
        best = min(means[name] for name in DEFAULTS)
        for number, name in enumerate(METHODS):
            marker = {OURS: "D", AUTOML: "s"}.get(name, "o")
            label = name if place == 0 else None
            apart = 100 * (means[name] / best - 1) if best else 0.0
            axes.plot(apart, place, marker, color=_COLOURS[number], label=label, markersize=6)
    axes.axvline(0, color="#8b919a", linewidth=0.8)
    axes.set_yticks(range(len(metrics)), list(metrics))
    axes.invert_yaxis()
    axes.set_xscale("symlog", linthresh=10)
    axes.set_xlabel("loss beyond that of the best default, in percent (less is better)")
    axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    figure.savefig(path, metadata={"Date": None, "Creator": None})
