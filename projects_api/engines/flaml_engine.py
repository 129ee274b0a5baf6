"""The engine `flaml`: LightGBM, XGBoost and scikit-learn, searched by FLAML.

The learners take turns, one model each, so that the order of what is tried depends on nothing but
the task: the same seed gives the same leaderboard. Time limits are the exception. A model that is
cut short is smaller than it would have been (boosters), or is left out (all others), and a training
that is cut short has fewer models; where a limit acts depends on how fast the machine is. A
training may exceed its limit by the time that the evaluation of its last model takes.
"""

import logging
import warnings
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
from flaml.automl.task.factory import task_factory
from lightgbm.basic import LightGBMError
from threadpoolctl import threadpool_limits

from projects_api.engines import data_summary, model_files, table
from projects_api.engines.calibration import Answers
from projects_api.engines.choices import left_by, metric_name
from projects_api.engines.decision import BINARY
from projects_api.engines.ensemble import Choice, Ensemble, EnsembleOfLabels, combine, select
from projects_api.engines.evaluation import loss
from projects_api.engines.flaml import candidates
from projects_api.engines.flaml.fitting import (
    Clock,
    OutOfTime,
    Stopped,
    affordable,
    fit,
    interruptible,
    measure_threads,
    predict,
    trees,
)
from projects_api.engines.flaml.search import LEARNERS, Search
from projects_api.engines.flaml.stopping import Stopping
from projects_api.engines.flaml.validation import Validated, judge
from projects_api.engines.interface import (
    ENSEMBLE,
    Candidate,
    Progress,
    Task,
    TrainingConfig,
    TrainingRefused,
    TrainingResult,
    rank,
)
from projects_api.engines.training_data import TrainingData, prepare

_PREPARED = 5  # percent
_CELLS_TO_MEASURE = 500_000
_MEASURED_SHARE = 0.1
_FIRST_TREES = 4
_MOST_FAILURES = 3  # of one learner in a row
_LEAST_OF_ENSEMBLE = 2
_MOST_BYTES_OF_ENSEMBLE = 1 << 29


def train(task: Task, folder: Path, progress: Progress) -> TrainingResult:
    """Train models; see `engines.train`."""
    logging.getLogger("flaml").setLevel(logging.ERROR)
    sort_metric, stopping_metric = _metrics(task)
    learners = _choose_learners(task)
    clock = Clock(task.config.max_runtime_secs)
    with (
        warnings.catch_warnings(),
        sklearn.config_context(skip_parameter_validation=True),
        # Its threads wait for each other at every step of a small optimisation: twenty times as
        # long for the two numbers of a calibration. Boosters and forests have threads of their own.
        threadpool_limits(1, user_api="blas"),
    ):
        warnings.simplefilter("ignore")
        progress.report(0, stage="reading the table", seconds_left=clock.left())
        data = table.read(task, progress)
        progress.report(2, stage="preparing the columns", seconds_left=clock.left())
        signature = data_summary.signature(data, task)
        prepared = prepare(data, task.config)
        training = _Training(task.config, prepared, folder, progress, clock, sort_metric, signature)
        found = training.run(learners, Stopping(task.config, stopping_metric))
    progress.report(100, stage="done", seconds_left=0)
    return TrainingResult(
        candidates=rank(found, sort_metric),
        signature=signature,
        reference=data_summary.reference(data, task.config.seed),
        sort_metric=sort_metric,
    )


def _metrics(task: Task) -> tuple[str, str]:
    by = metric_name(task.config.sort_metric, task.problem_type)
    if task.config.stopping_metric.upper() == "AUTO":
        return by, by
    return by, metric_name(task.config.stopping_metric, task.problem_type)


def _choose_learners(task: Task) -> dict[str, str]:
    learners = LEARNERS[task.problem_type]
    chosen = {kind: learners[kind] for kind in left_by(task.config.exclude_algos, "flaml")}
    if not chosen:
        raise TrainingRefused(f"exclude_algos leaves no algorithm; there are {', '.join(learners)}")
    return chosen


@dataclass(slots=True)
class _Training:
    """The search of one training, over all learners."""

    config: TrainingConfig
    data: TrainingData
    folder: Path
    progress: Progress
    clock: Clock
    sort_metric: str
    signature: dict[str, Any]
    threads: int | None = None
    found: list[Candidate] = field(default_factory=list)
    choice: Choice = field(default_factory=Choice)
    failure: str = "no model was ready in time: allow more, or exclude slow algorithms"

    def run(self, learners: dict[str, str], stopping: Stopping) -> list[Candidate]:
        """Let the learners take turns until a limit is reached. Raises `TrainingRefused`."""
        kind = {0: "regression", BINARY: "binary"}.get(self.data.label_count, "multiclass")
        task = task_factory(kind)
        self.threads = measure_threads(task, self.data.values, self.data.target, self.config.seed)
        turns = [_Learner(self, kind, name, task) for kind, name in learners.items()]
        most = self.config.max_models
        reserved = int(self._has_room_for_ensemble(len(learners)))
        is_stale = self._search(turns, stopping, most - reserved)
        found = self.found
        if not found:
            raise TrainingRefused(self.failure)
        if reserved and not self.progress.is_to_stop() and not self._add_ensemble():
            is_stale = is_stale or self._search(turns, stopping, most)
        if is_stale:
            self.progress.log(f"stopped: {stopping.metric} gets no better")
        if self.progress.is_to_stop():
            self.progress.log(f"stopped early, as was asked for: {len(found)} of {most} models")
        return found

    def _has_room_for_ensemble(self, learners: int) -> bool:
        """Tell whether the last place is left for an ensemble: each learner has its turn before."""
        excluded = {name.lower() for name in self.config.exclude_algos}
        is_wanted = ENSEMBLE.lower() not in excluded and learners >= _LEAST_OF_ENSEMBLE
        return is_wanted and self.config.max_models > learners

    def _search(self, turns: list["_Learner"], stopping: Stopping, most: int) -> bool:
        """Let the learners take turns until there are so many; tell whether it was of no use."""
        found, learners = self.found, len(turns)
        while not self._is_over(turns, most):
            for learner in list(turns):
                if self._is_over(turns, most):
                    break
                self._tell(learner.model_type, found)
                candidate = self._try(learner, stopping, self._share(found, learners))
                if candidate is not None:
                    self._keep(candidate)
                elif learner.is_done:
                    turns.remove(learner)
            if not self._is_over(turns, most) and stopping.end_round():
                return True
        return False

    def _keep(self, candidate: Candidate) -> None:
        self.found.append(candidate)
        self.progress.count(len(self.found))

    def _add_ensemble(self) -> bool:
        """Make an ensemble of the best, where the cross validation likes it better than each."""
        models = self.choice.models
        if len(models) < _LEAST_OF_ENSEMBLE:
            return False
        self._tell(ENSEMBLE, self.found)
        answers = [said for _, said in models]
        by = self.sort_metric

        def validate(said: Answers) -> Validated:
            return judge(said, self.data, {by}, mends=False)

        weights = select(answers, lambda said: loss(by, validate(said).scores.get(by)))
        validated = validate(combine(answers, weights))
        if not loss(by, validated.scores.get(by)) < self.choice.lowest:
            self.progress.log(f"no ensemble: none has a better {by} than the best model")
            return False
        chosen = [place for place, weight in enumerate(weights) if weight]
        named = {one.name: one for one in self.found}
        members = [named[models[place][0]] for place in chosen]
        try:
            self._keep(self._ensemble(members, weights[chosen], validated))
        except model_files.ModelRefused as refused:
            self.progress.log(f"no ensemble: {refused}")
            return False
        return True

    def _ensemble(
        self, members: list[Candidate], weights: np.ndarray, validated: Validated
    ) -> Candidate:
        """Make an ensemble of models as their files hold them. Raises `ModelRefused`."""
        if sum(one.path.stat().st_size for one in members) > _MOST_BYTES_OF_ENSEMBLE:
            raise model_files.ModelRefused("its models would be too large together")
        models = [model_files.load(one.path).steps[-1][1] for one in members]
        shares = [
            {"name": one.name, "weight": float(weight)}
            for one, weight in zip(members, weights, strict=True)
        ]
        return self.make(
            (EnsembleOfLabels if self.data.label_count else Ensemble)(models, weights),
            validated,
            name=f"{ENSEMBLE}_1",
            model_type=ENSEMBLE,
            parameters={"models": shares},
            seconds=sum(one.training_seconds for one in members),
        )

    def make(self, model: Any, validated: Validated, **about: Any) -> Candidate:
        """Make a candidate of a fitted model, and tell of it; `about` is for `candidates.make`."""
        by = self.sort_metric
        measured = validated.scores.get(by)
        candidate = candidates.make(
            model,
            self.data,
            self.folder,
            sort_metric=by,
            validated=measured,
            calibration_error=validated.calibration_error,
            decision=validated.decision,
            seed=self.config.seed,
            signature=self.signature,
            **about,
        )
        told = "unknown" if measured is None else f"{measured:.5g}"
        mended = validated.calibration.told() if validated.calibration else ""
        self.progress.log(f"{candidate.name}: {by} {told}, cross-validated{mended}")
        return candidate

    def interruptible(self) -> AbstractContextManager[None]:
        """Let a block be interrupted where the training is to stop and has a model."""
        return interruptible(self.progress.is_to_stop) if self.found else nullcontext()

    def _try(self, learner: "_Learner", stopping: Stopping, seconds: float) -> Candidate | None:
        try:
            return learner.try_next(stopping, seconds)
        except OutOfTime:
            self.progress.log(f"left out a {learner.model_type}: it was not ready in time")
        except Stopped:
            self.progress.log(f"left out a {learner.model_type}: the training was to stop")
        except (ValueError, ArithmeticError, np.linalg.LinAlgError, LightGBMError) as reason:
            self.failure = f"no model could be trained; the last reason: {reason}"
            self.progress.log(f"left out a {learner.model_type}: {reason}")
        return None

    def _is_over(self, turns: list["_Learner"], most: int) -> bool:
        is_to_stop = self.found and self.progress.is_to_stop()
        is_full = len(self.found) >= most
        return not turns or is_full or is_to_stop or self.clock.left() <= 0

    def _share(self, found: list[Candidate], learners: int) -> float:
        """Seconds for the next model: in the first round each learner gets a part of the time."""
        share = self.clock.left() / max(1, learners - len(found))
        return min(share, self.config.max_runtime_secs_per_model or share)

    def _tell(self, model_type: str, found: list[Candidate]) -> None:
        done = len(found) / self.config.max_models
        spent = self.clock.spent() / self.config.max_runtime_secs
        left = self.clock.left()
        if found:
            left = min(left, self.clock.spent() * (1 - done) / done)
        percent = _PREPARED + (99 - _PREPARED) * min(1.0, max(done, spent))
        stage = f"{model_type}, model {len(found) + 1} of at most {self.config.max_models}"
        self.progress.report(percent, stage=stage, seconds_left=max(0.0, left))


class _Learner:
    """One learner's turns: propose, validate, fit, measure."""

    def __init__(self, training: _Training, model_type: str, name: str, task: Any) -> None:
        self._training, self._data, self._config = training, training.data, training.config
        self.model_type, self._name, self._task = model_type, name, task
        self._failures = 0
        self.is_done = False
        self._search = Search(name, task, self._data.values, self._data.target, self._config.seed)
        self._count = 0

    def try_next(self, stopping: Stopping, seconds: float) -> Candidate | None:
        """Make the next model within a time; None when there is nothing left to try.

        Raises what a fit raises. `is_done` tells that it has nothing left or fails again and again.
        """
        proposal = self._search.propose()
        self._failures += 1
        self.is_done = proposal is None or self._failures >= _MOST_FAILURES
        if proposal is None:
            return None
        clock = Clock(seconds)
        interruptible = self._training.interruptible
        try:
            with interruptible():
                proposal = self._measured(proposal, clock)
                validated = self._validate(proposal, stopping.metric, clock)
        except BaseException:
            self._search.tell(float("inf"))
            raise
        by = self._training.sort_metric
        self._search.tell(loss(by, validated.scores.get(by)))
        stopping.take(loss(stopping.metric, validated.scores.get(stopping.metric)))
        fitting = Clock(0)
        with interruptible():
            model = self._fit(proposal, self._data.values, slice(None), clock.left())
        self._failures = 0
        seconds = fitting.spent()
        if validated.calibration:
            model = validated.calibration.of(model)
        self._count += 1
        candidate = self._training.make(
            model,
            validated,
            name=f"{self.model_type}_{self._count}",
            model_type=self.model_type,
            parameters=proposal,
            seconds=seconds,
        )
        value = loss(by, validated.scores.get(by))
        self._training.choice.take(candidate.name, self.model_type, value, validated.answers)
        return candidate

    def _measured(self, proposal: dict[str, Any], clock: Clock) -> dict[str, Any]:
        """Find by a part of the time what of a booster's settings there is time for.

        A fit that this cuts short tells how many trees all others will have; settings that it does
        not cut are left as they are. Where time is no matter, nothing is measured.
        """
        is_small = self._data.values.size < _CELLS_TO_MEASURE
        if "learning_rate" not in proposal or is_small or not self._data.folds:
            return proposal
        fold = self._data.folds[0]
        begun = clock.left()
        self._fit({**proposal, "n_estimators": 1}, fold.fitted_values, fold.fitted, begun)
        first = begun - clock.left()  # what is done once, whatever trees follow
        model = self._fit(
            proposal,
            fold.fitted_values,
            fold.fitted,
            max(_MEASURED_SHARE * begun, _FIRST_TREES * first),
        )
        ready = trees(model)
        if ready is None or ready >= proposal["n_estimators"]:
            return proposal
        each = max(begun - clock.left() - 2 * first, 0) / max(ready - 1, 1)
        left = clock.left() / (len(self._data.folds) + 1) - first
        possible = 1 + int(left / each) if each else proposal["n_estimators"]
        return affordable(proposal, possible) if possible < proposal["n_estimators"] else proposal

    def _validate(self, proposal: dict[str, Any], stopping_metric: str, clock: Clock) -> Validated:
        """Ask models about the rows of each fold that they have not seen, and judge the answers."""
        answers: list[tuple[np.ndarray, np.ndarray]] = []
        folds = self._data.folds
        for number, fold in enumerate(folds):
            seconds = clock.left() / (len(folds) - number + 1)
            model = self._fit(proposal, fold.fitted_values, fold.fitted, seconds)
            predicted = predict(model, fold.validated_values, self._data.label_count)
            answers.append((self._data.target[fold.validated], predicted))
        names = {self._training.sort_metric, stopping_metric}
        # Labels that are balanced on purpose have no probabilities to be mended.
        return judge(answers, self._data, names, mends=not self._config.balance_classes)

    def _fit(
        self,
        proposal: dict[str, Any],
        values: np.ndarray,
        rows: np.ndarray | slice,
        seconds: float,
    ) -> Any:
        weights = self._data.weights
        return fit(
            self._name,
            task=self._task,
            config=proposal,
            values=values,
            target=self._data.target[rows],
            weights=None if weights is None else weights[rows],
            seed=self._config.seed,
            seconds=seconds,
            most_threads=self._training.threads,
        )
