"""What a `config` may name: metrics and kinds of models. Loads no machine learning library."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from projects_api.engines.interface import (
    MODEL_TYPES,
    OTHER_MODEL_TYPES,
    SORT_METRICS,
    TrainingRefused,
)

_OTHER_NAMES = {
    "log_loss": "logloss",
    "mean_residual_deviance": "mse",
    "deviance": "mse",
    "pr_auc": "aucpr",
}


def metric_name(wanted: str, problem_type: str) -> str:
    """Find the metric that a caller names, in any case. Raises `TrainingRefused`."""
    known = SORT_METRICS[problem_type]
    name = wanted.lower()
    name = _OTHER_NAMES.get(name, name)
    if name == "auto":
        return next(iter(known))
    if name not in known:
        raise TrainingRefused(
            f"a {problem_type} has no metric {wanted!r}, only AUTO, {', '.join(known)}"
        )
    return name


def left_by(excluded: Sequence[str], engine: str) -> list[str]:
    """List the kinds of models that an engine may train, without those that a caller excludes."""
    names = {name.lower() for name in excluded}
    return [kind for kind in MODEL_TYPES[engine] if kind.lower() not in names]


def config_faults(
    engines: Sequence[str], problem_type: str, config: Mapping[str, Any]
) -> list[tuple[str, str]]:
    """Find what of a complete `config` fits no training: JSON pointers into it, with messages."""
    return [
        *_metric_faults(problem_type, config),
        *_label_faults(problem_type, config),
        *_algorithm_faults(engines, config),
    ]


def _metric_faults(problem_type: str, config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for field in ("sort_metric", "stopping_metric"):
        try:
            metric_name(config[field], problem_type)
        except TrainingRefused as refused:
            yield f"/{field}", refused.reason


def _label_faults(problem_type: str, config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    positive, metric = config.get("positive_label"), config.get("threshold_metric", "auto")
    if positive is not None and not isinstance(positive, str | int | float):
        yield "/positive_label", "must be a text, a number, true or false"
    if problem_type == "classification":
        return
    message = "is for a classification: a regression chooses no labels"
    if positive is not None:
        yield "/positive_label", message
    if metric not in {"auto", "none"}:
        yield "/threshold_metric", message


def _algorithm_faults(
    engines: Sequence[str], config: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    excluded: Sequence[str] = config["exclude_algos"]
    # Whatever engine knows it: what another one has can be left out here as well.
    known = dict.fromkeys(
        kind for kinds in (*MODEL_TYPES.values(), OTHER_MODEL_TYPES) for kind in kinds
    )
    lowered = {kind.lower() for kind in known}
    for place, name in enumerate(excluded):
        if name.lower() not in lowered:
            message = f"there is no kind of model {name!r}, only {', '.join(known)}"
            yield f"/exclude_algos/{place}", message
    for engine in engines:
        if not left_by(excluded, engine):
            message = f"leaves {engine} nothing to train; it has {', '.join(MODEL_TYPES[engine])}"
            yield "/exclude_algos", message
