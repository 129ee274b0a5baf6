"""The sections about a training: its data, its leaderboard, and how one of its models fares."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from projects_api.rendering import data, figures
from projects_api.rendering.confusion import confusion
from projects_api.rendering.document import (
    Block,
    Note,
    Pairs,
    Section,
    duration,
    label,
    metric_name,
    number,
    table_of,
    value,
)

Facts = Mapping[str, Any]

MAX_METRICS = 5
"""The metrics that a leaderboard has columns for."""
_DEFAULTS = ("auc", "rmse")

__all__ = ["best_of", "describe", "duration", "scores", "sections", "target"]


def sections(facts: Facts, wanted: Sequence[str]) -> Iterator[Section]:
    """Return the wanted sections about the one experiment that have something to show."""
    (experiment,) = facts["experiments"]
    models, subject = facts["models"], facts["model_id"]
    best = best_of(models)
    model = next((one for one in models if one["id"] == subject), best)
    name = "" if subject or model is None else f": {label(model['name'], 60)}"
    made = (
        ("data", "Training data", data.of_training(experiment, facts["datasets"])),
        ("leaderboard", "Leaderboard", _leaderboard(experiment, models, subject)),
        ("performance", f"Performance{name}", _performance(experiment, model)),
        ("explanation", f"What the model goes by{name}", _explanation(model)),
        ("configuration", "Configuration", _configuration(experiment, model if subject else None)),
    )
    for key, heading, blocks in made:
        if key in wanted and (found := list(blocks)):
            yield Section(heading, found)


def best_of(models: Sequence[Facts]) -> Facts | None:
    """Find the best of models that are in the order of the leaderboard."""
    return next((one for one in models if one["is_best"]), models[0] if models else None)


def target(experiment: Facts) -> str:
    """Say what an experiment learns to predict."""
    thing = "class" if experiment["problem_type"] == "classification" else "number"
    return f"the {thing} {label(experiment['target_column'])}"


def describe(experiment: Facts) -> str:
    """Say in a sentence what an experiment is."""
    return f"{label(experiment['name'])} learns to predict {target(experiment)}."


def scores(model: Facts) -> list[tuple[str, str]]:
    """Return the metrics of a model, named for people."""
    return [(metric_name(name), number(score)) for name, score in model["metrics"].items()]


def _leaderboard(
    experiment: Facts, models: Sequence[Facts], subject: str | None
) -> Iterator[Block]:
    if not models:
        return
    metric = _metric(experiment, models)
    others = [one for one in models[0]["metrics"] if one != metric and not one.startswith("cv_")]
    decisive = f"cv_{metric}" if f"cv_{metric}" in models[0]["metrics"] else metric
    names = [*dict.fromkeys((decisive, metric, *others))][:MAX_METRICS]
    if decisive and len(models) > 1:
        yield figures.leaderboard(models, decisive, subject or models[0]["id"])
    marked = next((row for row, one in enumerate(models) if one["id"] == subject), None)
    yield from table_of(
        ("", "Model", "Family", *(metric_name(one) for one in names if one), "Trained in"),
        [
            (
                number(one["rank"]),
                label(one["name"]),
                label(one["model_type"]),
                *(number(one["metrics"].get(name)) for name in names if name),
                duration(one["training_seconds"]),
            )
            for one in models
        ],
        numeric=frozenset({0, *range(3, 4 + len(names))}),
        marked=marked,
    )
    yield Note(_origin(decisive != metric))


def _origin(validated: bool) -> str:
    """Say which rows the metrics come from, and which of them chose the best model."""
    if validated:
        return (
            "The cross validation within the training rows orders the models. Every other metric "
            "comes from rows that neither training nor search nor this order saw."
        )
    return (
        "Every metric comes from rows that neither training nor search saw. They order the models, "
        "so that those of the best are a little flattered."
    )


def _metric(experiment: Facts, models: Sequence[Facts]) -> str | None:
    """Find the metric that the leaderboard is sorted by."""
    asked = str(experiment["config"].get("sort_metric") or "AUTO").lower()
    known = models[0]["metrics"]
    return next((one for one in (asked, *_DEFAULTS, *known) if one in known), None)


def _performance(experiment: Facts, model: Facts | None) -> Iterator[Block]:
    if model is None:
        return
    if model["metrics"]:
        yield Pairs(scores(model))
    yield from _decision(experiment, model)
    evaluation = model.get("evaluation") or {}
    if balance := evaluation.get("class_balance"):
        yield figures.class_balance(balance, "rows of the test")
    if evaluation.get("roc") and evaluation.get("precision_recall"):
        yield figures.curves(evaluation)
    if (confused := evaluation.get("confusion")) and confused["labels"]:
        yield confusion(confused)
    if points := evaluation.get("residuals"):
        yield figures.residuals(points)


def _decision(experiment: Facts, model: Facts) -> Iterator[Block]:
    """Say which of two classes the metrics are about, and when it is chosen."""
    positive = (experiment.get("signature") or {}).get("positive_label")
    threshold = (model["metrics"] or {}).get("threshold")
    if positive is not None and threshold is not None:
        # As classes are written elsewhere.
        name = str(positive).lower() if isinstance(positive, bool) else label(positive)
        yield Note(
            f"Precision, recall and F1 are about the class {name}, which is chosen from "
            f"a probability of {number(threshold, 3)} on."
        )


def _explanation(model: Facts | None) -> Iterator[Block]:
    explanation = (model or {}).get("explanation") or {}
    if not (explanation.get("permutation_importance") or explanation.get("shap")):
        return
    yield figures.importance(explanation)
    measured = explanation.get("permutation_importance") or ()
    ranked = [one for one in measured if one["importance"] or one.get("deviation")]
    if ranked:
        yield from table_of(
            ("", "Column", "Loss of score", "Standard deviation"),
            [
                (
                    number(place),
                    label(one["feature"]),
                    number(one["importance"], 5),
                    number(one.get("deviation"), 5),
                )
                for place, one in enumerate(ranked, start=1)
            ],
            numeric=frozenset({0, 2, 3}),
        )
    if unused := len(measured) - len(ranked):
        yield Note(f"Shuffling any of {number(unused)} other columns changes nothing.")


def _configuration(experiment: Facts, model: Facts | None) -> Iterator[Block]:
    config = experiment["config"] or {}
    if config:
        yield Pairs([(label(name, 60), value(setting)) for name, setting in config.items()])
    parameters = (model or {}).get("parameters") or {}
    if parameters:
        yield Note("The model's own parameters:")
        yield Pairs([(label(name, 60), value(setting)) for name, setting in parameters.items()])
