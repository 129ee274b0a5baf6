"""Learners: each proposes trials of one kind of model, one after the other."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from projects_api.engines.evaluation import loss
from projects_api.engines.flaml import trial
from projects_api.engines.flaml.executor import Budget, Call, Step, Trial
from projects_api.engines.flaml.search import Search
from projects_api.engines.flaml.shared import Shared
from projects_api.engines.flaml.stopping import Stopping
from projects_api.engines.flaml.validation import Validated, judge
from projects_api.engines.interface import Candidate

_MOST_FAILURES = 3  # in a row


@dataclass(frozen=True, slots=True)
class Found:
    """A candidate, and what its cross validation told."""

    candidate: Candidate
    validated: Validated


class Learner:
    """One learner's trials: propose, validate, fit, measure."""

    def __init__(
        self, model_type: str, name: str, search: Search, shared: Shared, mends: bool
    ) -> None:
        """Take its name for callers and FLAML's; `mends` allows to calibrate probabilities."""
        self.model_type, self._name, self._search = model_type, name, search
        self._shared, self._mends = shared, mends
        self._failures = self._count = 0
        self.is_done = False

    def try_next(self, stopping: Stopping, begin: Callable[[str], Budget]) -> Trial:
        """Make the next model; returns what was `Found`, None when there is nothing left to try.

        Raises what a fit raises. `is_done` tells that it has nothing left or fails again and again.
        `begin` hears of the model's type when the trial begins, and gives it a budget.
        """
        budget = begin(self.model_type)
        config = self._search.propose()
        self._failures += 1
        self.is_done = config is None or self._failures >= _MOST_FAILURES
        if config is None:
            return None
        data, by = self._shared.data, self._shared.sort_metric
        try:
            if trial.is_measured(config, data):
                (config,) = yield Step([Call(trial.measure, (self._name, config))], budget)
            calls = [
                Call(trial.validate, (self._name, config, number))
                for number in range(len(data.folds))
            ]
            said = (yield Step(calls, budget, more=1)) if calls else []
            validated = self._judge(said, {by, stopping.metric})
        except BaseException:
            self._search.tell(float("inf"))
            raise
        self._search.tell(loss(by, validated.scores.get(by)))
        stopping.take(loss(stopping.metric, validated.scores.get(stopping.metric)))
        # What it said of each row is no part of the model.
        brief = replace(validated, answers=())
        named = trial.Named(f"{self.model_type}_{self._count + 1}", self.model_type, brief)
        (candidate,) = yield Step([Call(trial.finish, (self._name, config, named))], budget)
        self._failures = 0
        self._count += 1
        return Found(candidate, validated)

    def _judge(self, said: list[np.ndarray], metrics: set[str]) -> Validated:
        data = self._shared.data
        answers = [
            (data.target[fold.validated], predicted)
            for fold, predicted in zip(data.folds, said, strict=True)
        ]
        return judge(answers, data, metrics, mends=self._mends)
