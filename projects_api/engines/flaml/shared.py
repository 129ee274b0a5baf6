"""What all trials of a training share, and how its processes treat the libraries."""

import logging
import pickle
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import sklearn
from threadpoolctl import threadpool_limits

from projects_api.engines.flaml.devices import Device
from projects_api.engines.training_data import TrainingData


@dataclass(frozen=True, slots=True)
class Shared:
    """The rows, how models are measured, and the folder for their files.

    `kind` is FLAML's name of the problem. `threads` bounds those of a booster; a process has as
    many as it may use processors where that is None. `devices` are the settings by which learners
    use a graphics processor.
    """

    data: TrainingData
    kind: str
    folder: Path
    sort_metric: str
    signature: dict[str, Any]
    seed: int
    threads: int | None = None
    devices: Mapping[str, Device] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        """Write all of it to a file, of which `mapped` reads only what is needed."""
        # What prepares rows becomes a part of models, whose files hold no arrays of other files.
        preparation: Any = pickle.dumps(self.data.preparation)
        joblib.dump(replace(self, data=replace(self.data, preparation=preparation)), path)


def mapped(path: Path, folder: Path) -> Shared:
    """Read what was written, to write files of models into `folder`.

    The rows stay in the file, which all processes have in common.
    """
    shared: Shared = joblib.load(path, mmap_mode="r")
    data: Any = shared.data
    data = replace(
        data,
        preparation=pickle.loads(data.preparation),  # noqa: S301 - our own
        folds=[replace(fold, **_arrays(fold)) for fold in data.folds],
        **_arrays(data),
    )
    return replace(shared, data=data, folder=folder)


def _arrays(of: Any) -> dict[str, np.ndarray]:
    """Give arrays of a file as plain ones, without copies: what libraries make of them is plain."""
    found = {one.name: getattr(of, one.name) for one in fields(of)}
    return {name: value.view(np.ndarray) for name, value in found.items() if _is_mapped(value)}


def _is_mapped(value: Any) -> bool:
    return isinstance(value, np.memmap)


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
