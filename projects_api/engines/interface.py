"""What an engine is given, and what it gives back. Loads no machine learning library."""

import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from math import inf
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol, Self

from projects_api.schemas import ExperimentEngine, ExperimentExecutionMode

ENGINES: tuple[ExperimentEngine, ...] = ("flaml", "h2o")
EXECUTION_MODES: tuple[ExperimentExecutionMode, ...] = ("single", "parallel")
PROBLEM_TYPES = ("classification", "regression")

# What a leaderboard can be sorted by, the default first. Values: whether more is better.
SORT_METRICS = {
    "classification": {
        "auc": True,
        "logloss": False,
        "accuracy": True,
        "f1": True,
        "precision": True,
        "recall": True,
        "aucpr": True,
        "mean_per_class_error": False,
    },
    "regression": {"rmse": False, "mse": False, "mae": False, "rmsle": False, "r2": True},
}

# The kinds of models that an engine trains, by the names that models show. To H2O, XRT is one kind
# of DRF, and what it stacks of the others comes on top.
MODEL_TYPES = {
    "flaml": ("GBM", "XGBoost", "GLM", "DRF", "XRT"),
    "h2o": ("GBM", "XGBoost", "GLM", "DRF"),
}
# What a threshold can be the best by. `auto` is for `decision` to choose, `none` leaves it at 0.5.
THRESHOLD_METRICS = ("auto", "none", "f1", "accuracy", "mean_per_class_error")
COLUMN_KINDS = ("number", "category", "text", "datetime")
"""What `column_kinds` may say that a column is."""
SPLITS = ("random", "time", "group")
ENSEMBLE = "Ensemble"
"""What the engine `flaml` makes of its best models, where that is better than each of them."""
OTHER_MODEL_TYPES = (ENSEMBLE, "StackedEnsemble", "DeepLearning")
# How an engine's models are stored; those of skops alone can be loaded again, and predict.
MODEL_FORMATS = {"flaml": "skops", "h2o": "json"}


CROSS_VALIDATED = "cv_"
"""What the name of a metric begins with that is measured by cross validation."""


STOP_SIGNAL = signal.SIGUSR1
"""What may interrupt a fit, so that a training that is to stop need not wait for it."""

THRESHOLD = "threshold"
"""What stands among the metrics of a model with two labels: the threshold that they hold at."""


class TrainingRefused(ValueError):
    """A training that cannot work; `reason` is a sentence for the caller."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class H2OCluster:
    """An H2O that runs elsewhere, for others as well; where it asks who comes, with a user."""

    url: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """How to train. Times are in seconds; metrics and algorithms go by name, in any case.

    `max_models` bounds the number of candidates, `nfolds` the folds of the cross validation within
    the training rows (below 2: one validation part instead). The search ends before its limits when
    the best of `stopping_metric` has not got better by `stopping_tolerance`, relatively, for
    `stopping_rounds` rounds over all algorithms; 0 rounds never stop it.

    `features` are the columns to learn from, all of them where it is None, `ignored_columns` those
    that are not, and `column_kinds` says of which kind a column is (`COLUMN_KINDS`). The held-out
    rows and the folds follow `split`, as `splitting` tells. `weight_column` says how much a row
    weighs, in fits and in metrics.

    Of two labels, `positive_label` is the one that precision and recall are about (the rarer one
    where it is None), and the threshold from which on it is chosen is the best by
    `threshold_metric`, as `decision` tells.
    """

    max_runtime_secs: float = 3600
    max_models: int = 20
    max_runtime_secs_per_model: float | None = None
    sort_metric: str = "AUTO"
    seed: int = 42
    nfolds: int = 5
    exclude_algos: tuple[str, ...] = ()
    balance_classes: bool = False
    stopping_rounds: int = 3
    stopping_metric: str = "AUTO"
    stopping_tolerance: float = 0.001
    positive_label: Any = None
    threshold_metric: str = "auto"
    features: tuple[str, ...] | None = None
    ignored_columns: tuple[str, ...] = ()
    column_kinds: Mapping[str, str] = field(default_factory=dict)
    split: str = "random"
    split_column: str | None = None
    weight_column: str | None = None

    @classmethod
    def from_mapping(cls, config: Mapping[str, Any]) -> Self:
        """Take what is known from an experiment's `config`; what is null has its default."""
        known = {
            one.name: config[one.name] for one in fields(cls) if config.get(one.name) is not None
        }
        for name in ("exclude_algos", "features", "ignored_columns"):
            if name in known:
                known[name] = tuple(known[name])
        return cls(**known)


@dataclass(frozen=True, slots=True)
class Task:
    """What to train: the column `target` of a Parquet file, by all the other columns.

    `names` are those of its columns by position, where the file's own are not used. The rows of
    `test_table`, where there is one, are held out instead of rows of the first. Texts that mark
    `missing` values, which the file no longer has, are none in what the models are asked either.
    The processes of the training may hold `memory_bytes` together, where that is known, and each of
    those that `remote` has as many.
    """

    table: Path
    target: str
    problem_type: str
    config: TrainingConfig
    use_gpu: bool = False
    names: Sequence[str] | None = None
    missing: Sequence[str] = ()
    test_table: Path | None = None
    test_names: Sequence[str] | None = None
    memory_bytes: int | None = None
    remote: "Remote | None" = None


class Remote(Protocol):
    """Other machines, where processes may work for one training at a time."""

    @property
    def places(self) -> int:
        """How many processes there may be at most."""

    def begin(self, file: Path, folder: Path, needed: int, most: int | None) -> None:
        """Send a file there, which holds what the work shares; what it writes comes to `folder`.

        A process needs so many bytes of memory, and may hold `most`.
        """

    def connect(self) -> Connection:
        """Ask for a process, which sends None once it has begun, and then an answer to each call.

        Closing the connection ends it. Raises OSError where no machine can be asked.
        """

    def close(self) -> None:
        """End all that works there."""


class Progress(Protocol):
    """Whoever wants to know how far a training is."""

    def report(
        self, percent: float, *, stage: str | None = None, seconds_left: float | None = None
    ) -> None:
        """Take how much is done, from 0 to 100."""

    def log(self, message: str) -> None:
        """Take a line for the training's log."""

    def count(self, candidates: int) -> None:
        """Take how many candidates there are."""

    def is_to_stop(self) -> bool:
        """Return whether the training is to end early, with the candidates that it has.

        A training in the main thread of its process is interrupted by `STOP_SIGNAL` besides.
        """


@dataclass(frozen=True, slots=True)
class Candidate:
    """A trained model; `rank` is its place in the leaderboard, from 1.

    `metrics`, `evaluation` and `explanation` come from rows that neither training nor search saw,
    but for the metrics that begin with `cv_`: those are of the cross validation, and choose the
    best. All of them are JSON, without NaN and infinity.
    """

    name: str
    model_type: str
    engine: str
    rank: int
    is_best: bool
    metrics: dict[str, float]
    parameters: dict[str, Any]
    explanation: dict[str, Any]
    evaluation: dict[str, Any]
    training_seconds: float
    path: Path
    media_type: str

    def as_columns(self) -> dict[str, Any]:
        """Return what is kept beside the file, by the names of a model's columns."""
        return {one.name: getattr(self, one.name) for one in fields(self) if one.name != "path"}


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """A leaderboard, what its models take and give, and how the training data were spread.

    `sort_metric` is the name of the metric, as it stands in `metrics`.
    """

    candidates: list[Candidate]
    signature: dict[str, Any]
    reference: dict[str, Any]
    sort_metric: str


def combine(results: Sequence[TrainingResult]) -> TrainingResult:
    """Make one leaderboard of what several engines gave for the same task.

    They hold out the same rows, so that their metrics compare.
    """
    first = results[0]
    candidates = [candidate for result in results for candidate in result.candidates]
    return replace(first, candidates=rank(candidates, first.sort_metric))


def rank(candidates: Sequence[Candidate], sort_metric: str) -> list[Candidate]:
    """Sort candidates, best first; a candidate without that metric comes last.

    The cross validation decides, so that the held-out rows tell how good the choice is without
    having been part of it. They decide between equals, and between all where the models of an
    engine have no cross-validated metric.
    """
    known = next(names for names in SORT_METRICS.values() if sort_metric in names)
    sign = -1 if known[sort_metric] else 1
    validated = f"{CROSS_VALIDATED}{sort_metric}"
    comparable = {one.engine for one in candidates if validated in one.metrics}
    order = [sort_metric]
    if comparable == {one.engine for one in candidates}:
        order.insert(0, validated)

    def place(candidate: Candidate) -> list[float]:
        told = (candidate.metrics.get(name) for name in order)
        return [inf if value is None else sign * value for value in told]

    return [
        replace(candidate, rank=number, is_best=number == 1)
        for number, candidate in enumerate(sorted(candidates, key=place), start=1)
    ]
