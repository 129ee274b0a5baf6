"""What is compared: each method learns from the same rows, and answers for the same others."""

import logging
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from flaml.automl.automl import AutoML
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.metrics import log_loss, roc_auc_score, root_mean_squared_error
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import LabelEncoder, OrdinalEncoder
from xgboost import XGBClassifier, XGBRegressor

from projects_api import engines, model_file
from tools.quality.tables import Table

OURS, AUTOML = "projects-api", "FLAML AutoML"
DEFAULTS: Mapping[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "LightGBM": (LGBMClassifier, LGBMRegressor),
    "XGBoost": (XGBClassifier, XGBRegressor),
    "random forest": (RandomForestClassifier, RandomForestRegressor),
}
METHODS = (OURS, *DEFAULTS, AUTOML)
MODELS = 20
_HELD_OUT = 0.2
_MOST_LABELS = 20


@dataclass(frozen=True, slots=True)
class Split:
    """The rows to learn from and to answer for; `labels` are None of a regression."""

    target: str
    training: pd.DataFrame
    tested: pd.DataFrame
    labels: list[Any] | None
    seed: int

    @property
    def metric(self) -> str:
        """The metric of the task: AUC of two labels, log loss of more, RMSE of numbers."""
        if self.labels is None:
            return "rmse"
        return "auc" if len(self.labels) == 2 else "log_loss"  # noqa: PLR2004 - of two labels

    def measure(self, answers: np.ndarray) -> float:
        """Measure answers: numbers, or a probability for each row and label."""
        truth = self.tested[self.target]
        if self.labels is None:
            return float(root_mean_squared_error(truth, answers))
        if self.metric == "auc":
            return float(roc_auc_score(truth == self.labels[1], answers[:, 1]))
        return float(log_loss(truth, answers, labels=self.labels))


def split(table: Table, seed: int) -> Split:
    """Hold out a fifth of a table, of each label alike."""
    frame = table.frame()
    target = frame[table.target]
    is_number = target.dtype.kind in "if" and target.nunique() > _MOST_LABELS
    labels = None if is_number else sorted(target.unique().tolist())
    training, tested = train_test_split(
        frame, test_size=_HELD_OUT, random_state=seed, stratify=target if labels else None
    )
    return Split(table.target, training, tested, labels, seed)


def answer(method: str, of: Split, seconds: float) -> np.ndarray:
    """Let a method learn from the rows of a split, and answer for the others."""
    if method == OURS:
        return _ours(of, seconds)
    if method == AUTOML:
        return _automl(of, seconds)
    return _default(method, of)


class _Silent:
    def report(self, percent: float, **_: Any) -> None:
        """Tell nobody."""

    def log(self, message: str) -> None:
        """Tell nobody."""

    def count(self, candidates: int) -> None:
        """Tell nobody."""

    def is_to_stop(self) -> bool:
        """Go on."""
        return False


def _ours(of: Split, seconds: float) -> np.ndarray:
    """Train as the server does with a test data set, and ask the file of the best.

    With one, all rows to learn from are learned from; no model is chosen by what it is told there.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        of.training.to_parquet(folder / "table.parquet", index=False)
        of.tested.to_parquet(folder / "tested.parquet", index=False)
        config = engines.TrainingConfig(
            max_models=MODELS, max_runtime_secs=seconds, seed=of.seed, sort_metric=_sorted_by(of)
        )
        kind = "regression" if of.labels is None else "classification"
        task = engines.Task(
            folder / "table.parquet",
            of.target,
            kind,
            config,
            test_table=folder / "tested.parquet",
        )
        best = engines.train("flaml", task, folder, _Silent()).candidates[0]
        model = model_file.load(best.path)
        rows = of.tested.drop(columns=of.target)
        if of.labels is None:
            return np.asarray(model.predict(rows), dtype=float)
        return np.asarray(model.predict_proba(rows)[of.labels])


def _sorted_by(of: Split) -> str:
    return of.metric.replace("_", "")


def _automl(of: Split, seconds: float) -> np.ndarray:
    logging.getLogger("flaml").setLevel(logging.ERROR)
    found = AutoML()
    found.fit(
        of.training.drop(columns=of.target),
        of.training[of.target].to_numpy(),
        task="regression" if of.labels is None else "classification",
        metric={"auc": "roc_auc"}.get(of.metric, of.metric),
        time_budget=seconds,
        seed=of.seed,
        n_jobs=joblib.cpu_count(),
        verbose=0,
    )
    rows = of.tested.drop(columns=of.target)
    answers = found.predict(rows) if of.labels is None else found.predict_proba(rows)
    return np.asarray(answers)


def _default(method: str, of: Split) -> np.ndarray:
    """Fit a library's model as it comes: columns that are no numbers become the places of texts."""
    values, asked = _numbers(of)
    target = of.training[of.target].to_numpy()
    silent = {"verbose": -1} if method == "LightGBM" else {}
    classifier, regressor = DEFAULTS[method]
    make = regressor if of.labels is None else classifier
    model = make(random_state=of.seed, n_jobs=joblib.cpu_count(), **silent)
    if of.labels is None:
        return np.asarray(model.fit(values, target).predict(asked))
    return np.asarray(model.fit(values, LabelEncoder().fit_transform(target)).predict_proba(asked))


def _numbers(of: Split) -> tuple[np.ndarray, np.ndarray]:
    frames = [one.drop(columns=of.target).copy() for one in (of.training, of.tested)]
    texts = []
    for name in frames[0].columns:
        if frames[0][name].dtype.kind == "M":
            for frame in frames:
                frame[name] = frame[name].astype("int64")
        elif frames[0][name].dtype.kind not in "iufb":
            texts.append(name)
    if texts:
        encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
        frames[0][texts] = encoder.fit_transform(frames[0][texts])
        frames[1][texts] = encoder.transform(frames[1][texts])
    return frames[0].to_numpy(dtype=float), frames[1].to_numpy(dtype=float)
