"""The choice of the executor: this process alone, or a process for each processor.

What is found is the same. Processes take a few seconds to begin, so the first round of a small
table goes without them, and all of it where what is left would take hardly longer than that. So do
trainings that have little time: more of it would go by before there is a model.
"""

from dataclasses import replace
from typing import Self

import joblib
from flaml.automl.task.factory import task_factory

from projects_api.engines.flaml.executor import Executor, Inline
from projects_api.engines.flaml.fitting import measure_threads
from projects_api.engines.flaml.process_pool import ProcessPool
from projects_api.engines.flaml.shared import Shared

LARGE_CELLS = 100_000
LONG_SECONDS = 20.0
LEAST_SECONDS = 120.0
_LEAST_PROCESSES = 2
_PROCESS_BYTES = 350 << 20
_COPIES = 2  # of the rows to fit on, which a learner makes for itself


class Executors:
    """The executors of a training. To be closed."""

    def __init__(self, shared: Shared, learners: int, memory_bytes: int | None) -> None:
        """Take the bytes that all processes may hold together, and how many learners there are."""
        calls = learners * max(1, len(shared.data.folds))
        self._shared = shared
        self._size = min(_processors(), calls, _fitting(shared, memory_bytes))
        self._executor: Inline | ProcessPool | None = None

    @property
    def processors(self) -> int:
        """How many calls run at once."""
        return self._size if isinstance(self._executor, ProcessPool) else 1

    def choose(self, work: float, left: float) -> Executor:
        """Choose for a round.

        `work` is for how many seconds one process would work on all that is to do, as far as that
        is known, and `left` how many the training has.
        """
        is_much = self._shared.data.values.size >= LARGE_CELLS or work >= LONG_SECONDS
        is_worth_it = isinstance(self._executor, ProcessPool) or (is_much and left >= LEAST_SECONDS)
        if self._size >= _LEAST_PROCESSES and is_worth_it:
            if not isinstance(self._executor, ProcessPool):
                threads = _processors() // self._size
                self._executor = ProcessPool(self._shared, self._size, threads)
        elif self._executor is None:
            self._executor = Inline(_with_threads(self._shared))
        return self._executor

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._executor:
            self._executor.close()


def _processors() -> int:
    return int(joblib.cpu_count())


def _with_threads(shared: Shared) -> Shared:
    data = shared.data
    task = task_factory(shared.kind)
    return replace(shared, threads=measure_threads(task, data.values, data.target, shared.seed))


def _fitting(shared: Shared, memory_bytes: int | None) -> int:
    """Count the processes that the memory is enough for: each is counted with all of the rows."""
    if memory_bytes is None:
        return _processors()
    data = shared.data
    folds = sum(one.fitted_values.nbytes + one.validated_values.nbytes for one in data.folds)
    own = _PROCESS_BYTES + data.values.nbytes + data.held_out.nbytes + folds
    return max(0, memory_bytes - own) // (own + _COPIES * data.values.nbytes)
