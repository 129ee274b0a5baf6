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


def column_faults(
    engines: Sequence[str], target: str, config: Mapping[str, Any], names: Sequence[str] | None
) -> list[tuple[str, str]]:
    """Find what of a `config` does not fit the columns of the table, as `config_faults` does.

    Without `names`, what the table has is not known.
    """
    return [
        *_unknown_columns(config, names),
        *_split_faults(engines, config),
        *_roles_of_columns(target, config),
        *_nothing_left(target, config, names),
    ]


def needed_columns(target: str, config: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """List the columns that a table to test on must have, too."""
    ignored = {*(config.get("ignored_columns") or ()), _group_column(config)}
    taken = [name for name in config.get("features") or names if name not in ignored]
    weight = config.get("weight_column")
    return list(dict.fromkeys([target, *taken, *([weight] if weight else [])]))


def _group_column(config: Mapping[str, Any]) -> str | None:
    return config.get("split_column") if config.get("split") == "group" else None


def _named_columns(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield every column that a config names, with the pointer to the place where it does."""
    for field in ("features", "ignored_columns"):
        for place, name in enumerate(config.get(field) or ()):
            yield f"/{field}/{place}", name
    for name in config.get("column_kinds") or ():
        yield f"/column_kinds/{name.replace('~', '~0').replace('/', '~1')}", name
    for field in ("split_column", "weight_column"):
        if config.get(field) is not None:
            yield f"/{field}", config[field]


def _unknown_columns(
    config: Mapping[str, Any], names: Sequence[str] | None
) -> Iterator[tuple[str, str]]:
    known = None if names is None else set(names)
    for pointer, name in _named_columns(config):
        if known is not None and name not in known:
            yield pointer, f"the table has no column {name[:100]!r}"


def _split_faults(engines: Sequence[str], config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    split, column = config.get("split") or "random", config.get("split_column")
    if split == "random" and column is not None:
        yield "/split_column", "is for the split `time` or `group`"
    if split != "random" and column is None:
        yield "/split", f"{split} needs a split_column"
    if "h2o" not in engines:
        return
    if split != "random":
        yield "/split", f"h2o cannot keep to {split}: leave out the engine or the split"
    if config.get("weight_column") is not None:
        yield "/weight_column", "h2o takes none here: leave out the engine or the weights"


def _roles_of_columns(target: str, config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Find columns that are named for two things that exclude each other."""
    ignored, weight = set(config.get("ignored_columns") or ()), config.get("weight_column")
    roles = {target: "the target", weight: "the weight", _group_column(config): "the group"}
    for place, name in enumerate(config.get("features") or ()):
        if name in roles:
            yield f"/features/{place}", f"{name[:100]!r} is {roles[name]}, and no feature"
        elif name in ignored:
            yield f"/features/{place}", f"{name[:100]!r} is among the ignored_columns, too"
    for pointer, name in _named_columns(config):
        if name == target and not pointer.startswith("/features/"):
            yield pointer, f"{name[:100]!r} is the target"
    if weight is not None and weight == config.get("split_column"):
        yield "/weight_column", f"{weight[:100]!r} is the split_column, too"


def _nothing_left(
    target: str, config: Mapping[str, Any], names: Sequence[str] | None
) -> Iterator[tuple[str, str]]:
    if names is None or config.get("features"):
        return
    others = {target, config.get("weight_column"), _group_column(config)}
    if not set(names) - others - set(config.get("ignored_columns") or ()):
        yield "/ignored_columns", "leave no column to learn from"


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
