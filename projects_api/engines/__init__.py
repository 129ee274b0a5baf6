"""Engines: what trains models on a table, and what makes predictions with them.

A library of its own: no database, no server. Importing it loads no machine learning library, so
the server can ask what is possible here; training and predicting belong into child processes,
because they are slow, need memory, and can crash.
"""

from importlib import import_module
from pathlib import Path

from projects_api.engines.availability import capabilities, join_h2o, why_unavailable
from projects_api.engines.choices import column_faults, config_faults, needed_columns
from projects_api.engines.interface import (
    ENGINES,
    EXECUTION_MODES,
    MODEL_FORMATS,
    PROBLEM_TYPES,
    SORT_METRICS,
    STOP_SIGNAL,
    THRESHOLD,
    Candidate,
    Progress,
    Remote,
    Task,
    TrainingConfig,
    TrainingRefused,
    TrainingResult,
    combine,
)

__all__ = [
    "ENGINES",
    "EXECUTION_MODES",
    "MODEL_FORMATS",
    "PROBLEM_TYPES",
    "SORT_METRICS",
    "STOP_SIGNAL",
    "THRESHOLD",
    "Candidate",
    "Progress",
    "Remote",
    "Task",
    "TrainingConfig",
    "TrainingRefused",
    "TrainingResult",
    "capabilities",
    "column_faults",
    "combine",
    "config_faults",
    "join_h2o",
    "needed_columns",
    "train",
]


def train(engine: str, task: Task, folder: Path, progress: Progress) -> TrainingResult:
    """Train models of a table, and write their files into `folder`, which must exist.

    Works in the calling process and processes that it starts and ends, with as many of them or of
    threads as it may use processors; call it in a child process. The same task gives the same
    leaderboard, however many there are, unless a time limit cuts it short. Raises `TrainingRefused`
    when the table, the task or this machine does not allow it.
    """
    if reason := why_unavailable(engine):
        raise TrainingRefused(reason)
    module = import_module(f"projects_api.engines.{engine}_engine")
    result: TrainingResult = module.train(task, folder, progress)
    return result
