"""The engine `flaml`: LightGBM, XGBoost and scikit-learn, searched by FLAML.

The search goes in rounds: in each, every learner that has something left to try makes one model,
and what they are made of is worked on at once by as many processes as there are processors, or by
this one alone (`flaml.executors`). A proposal depends on the losses of the same learner before, and
results are taken in the order of the learners, whichever ends first: so the same seed gives the
same leaderboard, whatever the number of processors.

Time limits are the exception. A model that is cut short is smaller than it would have been
(boosters), or is left out (all others); a training that is cut short has fewer models, since no
model begins when the time is over; on large tables the time also tells how many trees a booster
has. Where a limit acts depends on how fast the machine is, and how many models are made at once. A
training may exceed its limit by the time that the evaluation of those takes, and by the tenth that
an ensemble may take in any case.
"""

from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import process_time

import numpy as np
from flaml.automl.task.factory import task_factory
from lightgbm.basic import LightGBMError

from projects_api.engines import data_summary, table
from projects_api.engines.choices import left_by, metric_name
from projects_api.engines.decision import BINARY
from projects_api.engines.ensemble import Choice
from projects_api.engines.evaluation import loss
from projects_api.engines.flaml import devices, ensembling
from projects_api.engines.flaml.executor import Budget
from projects_api.engines.flaml.executors import Executors
from projects_api.engines.flaml.fitting import (
    Clock,
    OutOfTime,
    Stopped,
    interruptible,
    time_limit,
)
from projects_api.engines.flaml.learner import Found, Learner
from projects_api.engines.flaml.process_pool import ProcessLost
from projects_api.engines.flaml.search import LEARNERS, Search
from projects_api.engines.flaml.shared import Shared, tamed_libraries
from projects_api.engines.flaml.stopping import Stopping
from projects_api.engines.flaml.validation import Validated
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
from projects_api.engines.training_data import prepare

_PREPARED = 5  # percent
_SHARE_OF_ENSEMBLE = 0.1
_FAULTS_OF_DATA = (
    ValueError,
    ArithmeticError,
    np.linalg.LinAlgError,
    LightGBMError,
    ProcessLost,
)


def train(task: Task, folder: Path, progress: Progress) -> TrainingResult:
    """Train models; see `engines.train`."""
    sort_metric, stopping_metric = _metrics(task)
    learners = _choose_learners(task)
    config, clock = task.config, Clock(task.config.max_runtime_secs)
    with tamed_libraries():
        progress.report(0, stage="reading the table", seconds_left=clock.left())
        data = table.read(task, progress)
        progress.report(2, stage="preparing the columns", seconds_left=clock.left())
        signature = data_summary.signature(data, task)
        prepared = prepare(data, config)
        kind = {0: "regression", BINARY: "binary"}.get(prepared.label_count, "multiclass")
        shared = Shared(prepared, kind, folder, sort_metric, signature, config.seed)
        if task.use_gpu:
            shared = replace(shared, devices=devices.find())
            progress.log(devices.told(shared.devices))
        # Other machines' places have no graphics processor, and would learn slowly what this one
        # learns fast, and other digits.
        places = (len(learners), task.memory_bytes, None if shared.devices else task.remote)
        with Executors(shared, *places) as executors:
            training = _Training(config, shared, progress, clock, executors)
            found = training.run(learners, Stopping(config, stopping_metric))
    progress.report(100, stage="done", seconds_left=0)
    return TrainingResult(
        candidates=rank(found, sort_metric),
        signature=signature,
        reference=data_summary.reference(data, config.seed),
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


def _ensemble_seconds(left: float, whole: float) -> float:
    """Tell how long an ensemble may take: a search that used its time leaves it a part more."""
    return max(left, _SHARE_OF_ENSEMBLE * whole)


@dataclass(slots=True)
class _Training:
    """The search of one training, over all learners."""

    config: TrainingConfig
    shared: Shared
    progress: Progress
    clock: Clock
    executors: Executors
    found: list[Candidate] = field(default_factory=list)
    choice: Choice = field(default_factory=Choice)
    failure: str = "no model was ready in time: allow more, or exclude slow algorithms"
    since: float = field(default_factory=process_time)
    learners: int = 0
    begun: int = 0
    ended: int = 0

    def run(self, learners: dict[str, str], stopping: Stopping) -> list[Candidate]:
        """Let the learners make models until a limit is reached. Raises `TrainingRefused`."""
        turns = [self._learner(model_type, name) for model_type, name in learners.items()]
        self.learners = len(turns)
        most = self.config.max_models
        reserved = int(ensembling.is_wanted(self.config, self.learners))
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

    def is_over(self) -> bool:
        """Return whether no other model is to begin."""
        return self.clock.left() <= 0 or (self.has_models() and self.progress.is_to_stop())

    def has_models(self) -> bool:
        """Return whether there are models to end with."""
        return bool(self.found)

    def is_to_stop(self) -> bool:
        """Return whether to end with the models that there are."""
        return self.progress.is_to_stop()

    def _learner(self, model_type: str, name: str) -> Learner:
        data, task = self.shared.data, task_factory(self.shared.kind)
        search = Search(name, task, data.values, data.target, self.shared.seed)
        # Labels that are balanced on purpose have no probabilities to be mended.
        mends = not self.config.balance_classes
        return Learner(model_type, name, search, self.shared, mends)

    def _search(self, turns: list[Learner], stopping: Stopping, most: int) -> bool:
        """Go on by rounds until there are so many models; tell whether it was of no use."""
        while turns and len(self.found) < most and not self.is_over():
            self._round(turns, stopping, most)
            is_full = len(self.found) >= most
            if turns and not is_full and not self.is_over() and stopping.end_round():
                return True
        return False

    def _round(self, turns: list[Learner], stopping: Stopping, most: int) -> None:
        """Let every learner try one model, as far as there is room; forget those that are done.

        Where one fails and there was no room for all, another one takes its place.
        """
        waiting = deque(turns)
        while waiting and (room := most - len(self.found)) > 0 and not self.is_over():
            batch = [waiting.popleft() for _ in range(min(room, len(waiting)))]
            executor = self.executors.choose(self._work(most), self.clock.left())
            trials = [learner.try_next(stopping, self._begin) for learner in batch]
            for learner, outcome in zip(batch, executor.run(trials, self), strict=False):
                self.ended += 1
                made = self._result(learner.model_type, outcome)
                if made is not None:
                    self._take(made)
                elif learner.is_done:
                    turns.remove(learner)

    def _result(self, model_type: str, outcome: Future[Found | None]) -> Found | None:
        try:
            return outcome.result()
        except OutOfTime:
            self.progress.log(f"left out a {model_type}: it was not ready in time")
        except Stopped:
            self.progress.log(f"left out a {model_type}: the training was to stop")
        except _FAULTS_OF_DATA as reason:
            self.failure = f"no model could be trained; the last reason: {reason}"
            self.progress.log(f"left out a {model_type}: {reason}")
        return None

    def _take(self, made: Found) -> None:
        candidate, validated = made.candidate, made.validated
        self._keep(candidate, validated)
        value = loss(self.shared.sort_metric, validated.scores.get(self.shared.sort_metric))
        self.choice.take(candidate.name, candidate.model_type, value, validated.answers)

    def _keep(self, candidate: Candidate, validated: Validated) -> None:
        by = self.shared.sort_metric
        told = f"{validated.scores[by]:.5g}" if by in validated.scores else "unknown"
        mended = validated.calibration.told() if validated.calibration else ""
        self.progress.log(f"{candidate.name}: {by} {told}, cross-validated{mended}")
        self.found.append(candidate)
        self.progress.count(len(self.found))

    def _add_ensemble(self) -> bool:
        """Make an ensemble of the best, where the cross validation likes it better than each."""
        if len(self.choice.models) < ensembling.LEAST_MODELS:
            return False
        self._tell(ENSEMBLE)
        seconds = _ensemble_seconds(self.clock.left(), self.config.max_runtime_secs)
        try:
            with interruptible(self.progress.is_to_stop), time_limit(seconds):
                candidate, validated = ensembling.make(self.choice, self.found, self.shared)
        except ensembling.NoEnsemble as reason:
            self.progress.log(f"no ensemble: {reason}")
        except OutOfTime:
            self.progress.log("no ensemble: it was not ready in time")
        except Stopped:
            self.progress.log("no ensemble: the training was to stop")
        else:
            self._keep(candidate, validated)
            return True
        return False

    def _begin(self, model_type: str) -> Budget:
        """Hear that a model begins; give its time: in the first round each has a part of it."""
        self._tell(model_type)
        left, others = self.clock.left(), max(1, self.learners - self.begun)
        self.begun += 1
        share = min(left, left * self.executors.processors / others)
        return Budget(min(share, self.config.max_runtime_secs_per_model or share), self.clock)

    def _work(self, most: int) -> float:
        """Guess how long this process would work on all that is left; 0 before there is a model.

        By its processor time, lest the work of others make much of little.
        """
        models = len(self.found)
        each = (process_time() - self.since) / models if models else 0.0
        return each * (most - models)

    def _tell(self, model_type: str) -> None:
        models, most = len(self.found), self.config.max_models
        done = models / most
        spent = self.clock.spent() / self.config.max_runtime_secs
        left = self.clock.left()
        if models:
            left = min(left, self.clock.spent() * (1 - done) / done)
        percent = _PREPARED + (99 - _PREPARED) * min(1.0, max(done, spent))
        number = min(most, models + 1 + self.begun - self.ended)
        stage = f"{model_type}, model {number} of at most {most}"
        self.progress.report(percent, stage=stage, seconds_left=max(0.0, left))
