"""Trainings that are small and alike, with what each of them finds on this machine alone."""

from collections import Counter
from dataclasses import dataclass, field
from itertools import cycle, islice, product

import pytest
from sqlalchemy import func, select

from projects_api.models.job import FINAL, jobs
from tests.conftest import Server
from tests.jobs.test_training import Lab, tiny_table

CONFIG = {"max_runtime_secs": 600, "max_models": 2, "nfolds": 0}
SEEDS = (1, 2)
BOARD = (
    *("rank", "name", "model_type", "engine", "is_best"),
    *("metrics", "parameters", "explanation", "evaluation"),
)
"""What of a model depends on its table and its seed alone."""
PAGE = {"limit": 100}


def words_table() -> bytes:
    """Make a table that asks for another kind of model than `tiny_table`."""
    lines = (f"{one},{one % 7},{'high' if one % 10 > 4 else 'low'}" for one in range(60))
    return "\n".join(["x,z,y", *lines]).encode()


@dataclass(frozen=True)
class Asked:
    """A training that was asked for."""

    lab: Lab
    seed: int
    job_id: str
    experiment_id: str

    def board(self) -> list[dict]:
        models = self.lab.models(self.experiment_id)
        return [{name: one[name] for name in BOARD} for one in models]


@dataclass
class Trainings:
    """Trainings on two tables and with two seeds, in turn."""

    server: Server
    labs: tuple[Lab, Lab]
    expected: dict[tuple[Lab, int], list[dict]] = field(default_factory=dict)
    """What one process on this machine finds, by table and seed."""

    def start(self, count: int) -> dict[str, Asked]:
        """Ask for so many; give them by the ids of their jobs."""
        asked = {}
        for number, (seed, lab) in enumerate(islice(cycle(product(SEEDS, self.labs)), count)):
            answer = lab.start({**CONFIG, "seed": seed}, name=f"Run {number}")
            asked[answer["job_id"]] = Asked(lab, seed, answer["job_id"], answer["experiment_id"])
        return asked

    def count_ended(self, asked: dict[str, Asked]) -> int:
        ended = jobs.c.id.in_(asked), jobs.c.status.in_(FINAL)
        with self.server.services.database.transaction(writing=False) as connection:
            found = select(func.count()).select_from(jobs).where(*ended)
            return connection.execute(found).scalar_one()

    def assert_done_once(self, asked: dict[str, Asked]) -> None:
        """Compare each with what this machine finds alone, and look for what is there twice."""
        told: Counter[str] = Counter()
        for lab in self.labs:
            project = f"/api/projects/{lab.project_id}"
            events = lab.owner.get(f"{project}/timeline", params=PAGE).json()["events"]
            entries = lab.owner.get(f"{project}/audit", params=PAGE).json()["items"]
            told.update(one["id"] for one in events)
            told.update(one["resource_id"] for one in entries)
        for job_id, one in asked.items():
            job = self.server.job(job_id)
            assert (job["status"], job["message"]) == ("succeeded", None)
            (run,) = one.lab.ask(one.experiment_id, "/engine-runs")["items"]
            assert run["status"] == "succeeded"
            assert one.board() == self.expected[one.lab, one.seed]
            assert told[one.experiment_id] == len(("event", "entry"))


def train_here(server: Server) -> Trainings:
    """Have each of them trained once without Ray, with one processor as on a node."""
    labs = (
        Lab(server, tiny_table(), "y", "regression"),
        Lab(server, words_table(), "y", "classification"),
    )
    trainings = Trainings(server, labs)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("LOKY_MAX_CPU_COUNT", "OMP_NUM_THREADS"):
            patch.setenv(name, "1")
        for job_id, one in trainings.start(len(SEEDS) * len(labs)).items():
            assert server.run_job(job_id)["status"] == "succeeded"
            trainings.expected[one.lab, one.seed] = one.board()
    assert all(trainings.expected.values())
    return trainings
