"""What all trials of a training share, and how its processes treat the libraries."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sklearn
from threadpoolctl import threadpool_limits

from projects_api.engines.training_data import TrainingData


@dataclass(frozen=True, slots=True)
class Shared:
    """The rows, how models are measured, and the folder for their files.

    `kind` is FLAML's name of the problem. `threads` bounds those of a booster; a process has as
    many as it may use processors where that is None.
    """

    data: TrainingData
    kind: str
    folder: Path
    sort_metric: str
    signature: dict[str, Any]
    seed: int
    threads: int | None = None


@contextmanager
def tamed_libraries() -> Iterator[None]:
    """Let libraries neither warn nor check what is known nor start threads that wait."""
    logging.getLogger("flaml").setLevel(logging.ERROR)
    with (
        warnings.catch_warnings(),
        sklearn.config_context(skip_parameter_validation=True),
        # Its threads wait for each other at every step of a small optimisation: twenty times as
        # long for the two numbers of a calibration. Boosters and forests have threads of their own.
        threadpool_limits(1, user_api="blas"),
    ):
        warnings.simplefilter("ignore")
        yield
