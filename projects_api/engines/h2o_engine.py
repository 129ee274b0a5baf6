"""The engine `h2o`: H2O AutoML, in a Java process of its own or in a cluster that it joins.

H2O's open edition exports no models that could be loaded without Java and without trusting their
files. So its models are measured and compared, and stored as a description: they cannot predict
here, and whoever asks one is told so. H2O learns from the same prepared rows as the other engines.
Its neural networks are left out, because the same seed would not give the same leaderboard.
"""

import json
import secrets
import time
from collections import Counter
from dataclasses import replace
from math import ceil
from pathlib import Path
from typing import Any

import h2o
import numpy as np
import pandas as pd
from h2o.automl import H2OAutoML
from h2o.exceptions import H2OConnectionError, H2OResponseError, H2OServerError

from projects_api.engines import data_summary, table
from projects_api.engines.choices import left_by, metric_name
from projects_api.engines.decision import BINARY, Decision
from projects_api.engines.evaluation import evaluate, score
from projects_api.engines.h2o_place import connected
from projects_api.engines.interface import (
    CROSS_VALIDATED,
    MODEL_TYPES,
    THRESHOLD,
    Candidate,
    Progress,
    Task,
    TrainingConfig,
    TrainingRefused,
    TrainingResult,
    rank,
)
from projects_api.engines.labels import label_text
from projects_api.engines.training_data import TrainingData, prepare

MEDIA_TYPE = "application/json"
_TARGET = "target"
_STARTED, _SEARCHED = 5, 80  # percent
# H2O's names of the metrics that it can go by; by all others it lets its default decide.
_METRICS = {
    "auc": "AUC",
    "aucpr": "AUCPR",
    "logloss": "logloss",
    "mean_per_class_error": "mean_per_class_error",
    "rmse": "RMSE",
    "mse": "MSE",
    "mae": "MAE",
    "rmsle": "RMSLE",
}


def train(task: Task, folder: Path, progress: Progress) -> TrainingResult:
    """Train models; see `engines.train`."""
    sort_metric = metric_name(task.config.sort_metric, task.problem_type)
    if task.use_gpu:
        progress.log("The engine h2o is asked for no graphics processor. It does without.")
    data = table.read(task, progress)
    prepared = prepare(data, task.config)
    # All that this training has in H2O is named by it, where others may have something, too.
    mark = f"projects_api_{secrets.token_hex(8)}"
    with connected(folder, mark):
        labels = prepared.label_count
        training = _upload(f"{mark}_training", prepared.values, prepared.target, labels)
        automl = _automl(mark, task, prepared, sort_metric, progress)
        ids = _search(automl, task.config, training)
        held_out = _upload(f"{mark}_held_out", prepared.held_out, prepared.held_out_target, labels)
        found = []
        numbers: Counter[str] = Counter()
        for place, model_id in enumerate(ids):
            model_type = model_id.partition("_")[0]
            numbers[model_type] += 1
            name = f"H2O_{model_type}_{numbers[model_type]}"
            model = h2o.get_model(model_id)
            validated, decision = _validated(model, prepared, sort_metric)
            measured = _measure(model, name, held_out, prepared, folder, decision=decision)
            found.append(replace(measured, metrics=measured.metrics | validated))
            progress.count(len(found))
            progress.log(f"{name}: {sort_metric} {found[-1].metrics.get(sort_metric)}")
            progress.report(_SEARCHED + 19 * (place + 1) / len(ids), stage=name)
    return TrainingResult(
        candidates=rank(found, sort_metric),
        signature=data_summary.signature(data, task),
        reference=data_summary.reference(data, task.config.seed),
        sort_metric=sort_metric,
    )


def _upload(name: str, values: np.ndarray, target: np.ndarray, label_count: int) -> Any:
    frame = pd.DataFrame(values).add_prefix("c")
    frame[_TARGET] = [f"label {place}" for place in target] if label_count else target
    types = {_TARGET: "enum"} if label_count else None
    return h2o.H2OFrame(frame, destination_frame=name, column_types=types)


def _automl(
    mark: str, task: Task, prepared: TrainingData, sort_metric: str, progress: Progress
) -> Any:
    config, labels = task.config, prepared.label_count
    stopping = metric_name(config.stopping_metric, task.problem_type)
    automl = H2OAutoML(
        project_name=mark,
        max_runtime_secs=max(1, round(config.max_runtime_secs)),
        max_models=config.max_models,
        max_runtime_secs_per_model=ceil(config.max_runtime_secs_per_model or 0) or None,
        nfolds=min(config.nfolds, len(prepared.target)) if config.nfolds > 1 else 0,
        keep_cross_validation_predictions=True,
        seed=config.seed,
        exclude_algos=_excluded(config),
        balance_classes=config.balance_classes and bool(labels),
        stopping_rounds=config.stopping_rounds,
        stopping_metric=_named(stopping, labels),
        stopping_tolerance=config.stopping_tolerance or None,
        sort_metric=_named(sort_metric, labels),
    )
    began = time.monotonic()

    def tell(_job: Any, bar_progress: float = 0, **_state: Any) -> None:
        percent = _STARTED + (_SEARCHED - _STARTED) * min(1.0, max(0.0, bar_progress))
        if progress.is_to_stop():
            raise TrainingRefused("it was to stop early, and H2O has its models only at its end")
        left = max(0.0, config.max_runtime_secs - (time.monotonic() - began))
        progress.report(percent, stage="H2O searches", seconds_left=left)

    automl._poll_training_updates = tell  # noqa: SLF001 - the only way to hear of it
    return automl


def _search(automl: Any, config: TrainingConfig, training: Any) -> list[str]:
    """Let H2O search; give the ids of the models to keep, the best of its own leaderboard first."""
    try:
        automl.train(y=_TARGET, training_frame=training)
    except (OSError, H2OResponseError, H2OServerError, H2OConnectionError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise TrainingRefused(f"H2O cannot train on this: {reason[:500]}") from error
    excluded = {name.lower() for name in config.exclude_algos}
    ids = [row[0] for row in automl.leaderboard.as_data_frame(use_pandas=False)[1:]]
    kept = [one for one in ids if one.partition("_")[0].lower() not in excluded]
    if not kept:
        raise TrainingRefused("no model was ready in time: allow more")
    return kept[: config.max_models]


def _excluded(config: TrainingConfig) -> list[str]:
    """Name the kinds that H2O shall leave out; it takes no other names, nor XRT for one."""
    left = left_by(config.exclude_algos, "h2o")
    if not left:
        raise TrainingRefused(f"exclude_algos leaves nothing of {', '.join(MODEL_TYPES['h2o'])}")
    stacked = "stackedensemble" in map(str.lower, config.exclude_algos)
    others = [kind for kind in MODEL_TYPES["h2o"] if kind not in left]
    return sorted([*others, "DeepLearning", *["StackedEnsemble"] * stacked])


def _named(metric: str, label_count: int) -> str:
    """Name a metric as H2O does; without a name, or where labels are too many, it has a default."""
    if label_count > 2 and metric in {"auc", "aucpr"}:  # noqa: PLR2004
        return "AUTO"
    return _METRICS.get(metric, "AUTO")


def _read_answers(frame: Any, label_count: int) -> np.ndarray:
    """Give what a model answered as `evaluation.score` takes it."""
    answers = frame.as_data_frame()
    if not label_count:
        return np.asarray(answers["predict"].to_numpy(np.float64))
    names = [f"label{place}" for place in range(label_count)]
    answers.columns = answers.columns.str.replace(" ", "")
    return np.asarray(answers.reindex(columns=names, fill_value=0.0).to_numpy(np.float64))


def _validated(
    model: Any, prepared: TrainingData, metric: str
) -> tuple[dict[str, float], Decision]:
    """Measure what the models of a cross validation said of the rows that they had not seen."""
    frame = model.cross_validation_holdout_predictions()
    if frame is None:
        return {}, prepared.decide([])
    answers = _read_answers(frame, prepared.label_count)
    decision = prepared.decide([(prepared.target, answers)])
    told = score(prepared.target, answers, prepared.label_count, [metric], decision)
    return {f"{CROSS_VALIDATED}{name}": value for name, value in told.items()}, decision


def _measure(
    model: Any,
    name: str,
    held_out: Any,
    prepared: TrainingData,
    folder: Path,
    *,
    decision: Decision,
) -> Candidate:
    predicted = _read_answers(model.predict(held_out), prepared.label_count)
    labels = prepared.labels and [label_text(label) for label in prepared.labels]
    told = {key: value for key, value in model.actual_params.items() if _is_plain(value)}
    path = folder / f"{name}.json"
    path.write_text(json.dumps({"engine": "h2o", "name": name, "parameters": told}))
    target = prepared.held_out_target
    metrics = score(target, predicted, prepared.label_count, decision=decision)
    if prepared.label_count == BINARY:
        metrics[THRESHOLD] = decision.threshold
    return Candidate(
        name=name,
        model_type=name.split("_")[1],
        engine="h2o",
        rank=0,
        is_best=False,
        metrics=metrics,
        parameters=told,
        explanation={
            "permutation_importance": _importance(model, held_out, prepared),
            "shap": None,
        },
        evaluation=evaluate(prepared.held_out_target, predicted, labels, decision),
        training_seconds=model._model_json["output"]["run_time"] / 1000,  # noqa: SLF001
        path=path,
        media_type=MEDIA_TYPE,
    )


def _is_plain(value: Any) -> bool:
    return isinstance(value, bool | int | str) or (isinstance(value, float) and np.isfinite(value))


def _importance(model: Any, held_out: Any, prepared: TrainingData) -> list[dict[str, Any]]:
    """H2O's own permutation importance, summed over what was made of a column."""
    sums = np.zeros(len(prepared.names))
    for place, value, *_ in model.permutation_importance(held_out, use_pandas=False).cell_values:
        sums[prepared.made_of[int(str(place).removeprefix("c"))]] += float(value)
    order = np.argsort(-sums, kind="stable")[:100]
    return [
        {"feature": prepared.names[column], "importance": float(sums[column]), "deviation": 0.0}
        for column in order
    ]
