"""The choice of the executor: this process alone, or a process for each processor.

What is found is the same. Processes take a few seconds to begin, so the first round of a small
table goes without them, and all of it where what is left would take hardly longer than that. So do
trainings that have little time: more of it would go by before there is a model. Where there are
processes here, other machines may have more of them.
"""

from dataclasses import replace
from typing import Self

import joblib
from flaml.automl.task.factory import task_factory

from projects_api.engines.flaml.executor import Executor, Inline
from projects_api.engines.flaml.fitting import measure_threads
from projects_api.engines.flaml.process_pool import ProcessPool
from projects_api.engines.flaml.shared import Shared
from projects_api.engines.interface import Remote

LARGE_CELLS = 100_000
LONG_SECONDS = 20.0
LEAST_SECONDS = 120.0
_LEAST_PROCESSES = 2
_PROCESS_BYTES = 350 << 20
_COPIES = 2  # of the rows to fit on, which a learner makes for itself


class Executors:
    """The executors of a training. To be closed."""

    def __init__(
        self, shared: Shared, learners: int, memory_bytes: int | None, remote: Remote | None = None
    ) -> None:
        """Take the bytes that all processes may hold together, and how many learners there are.

        `remote` has places on other machines.
        """
        calls = learners * max(1, len(shared.data.folds))
        most = min(_processors(), calls)
        self._shared, self._memory_bytes = shared, memory_bytes
        self._size = min(most, _fitting(shared, memory_bytes))
        self._remote, self._remote_size = remote, 0
        # What speaks with other machines holds the rows, too.
        beside = min(most, _fitting(shared, memory_bytes, others=1))
        if remote and beside and (count := min(remote.places, calls - beside)) > 0:
            self._size, self._remote_size = beside, count
        self._executor: Inline | ProcessPool | None = None

    @property
    def processors(self) -> int:
        """How many calls run at once."""
        return self._executor.processors if isinstance(self._executor, ProcessPool) else 1

    def choose(self, work: float, left: float) -> Executor:
        """Choose for a round.

        `work` is for how many seconds one process would work on all that is to do, as far as that
        is known, and `left` how many the training has.
        """
        is_much = self._shared.data.values.size >= LARGE_CELLS or work >= LONG_SECONDS
        is_worth_it = isinstance(self._executor, ProcessPool) or (is_much and left >= LEAST_SECONDS)
        if self._size + self._remote_size >= _LEAST_PROCESSES and is_worth_it:
            if not isinstance(self._executor, ProcessPool):
                self._executor = self._start()
        elif self._executor is None:
            self._executor = Inline(_with_threads(self._shared))
        return self._executor

    def _start(self) -> ProcessPool:
        pool = ProcessPool(self._shared, self._size, _processors() // self._size)
        if self._remote and self._remote_size:
            needed = _needed_bytes(self._shared)
            pool.extend(self._remote, self._remote_size, needed, self._memory_bytes)
        return pool

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


def _fitting(shared: Shared, memory_bytes: int | None, others: int = 0) -> int:
    """Count the processes that the memory is enough for: each is counted with all of the rows.

    So are this one and `others`, which fit nothing.
    """
    if memory_bytes is None:
        return _processors()
    left = memory_bytes - (1 + others) * _own_bytes(shared)
    return max(0, left) // _needed_bytes(shared)


def _own_bytes(shared: Shared) -> int:
    data = shared.data
    folds = sum(one.fitted_values.nbytes + one.validated_values.nbytes for one in data.folds)
    return int(_PROCESS_BYTES + data.values.nbytes + data.held_out.nbytes + folds)


def _needed_bytes(shared: Shared) -> int:
    """Tell how many bytes a process needs that fits."""
    return _own_bytes(shared) + _COPIES * shared.data.values.nbytes
