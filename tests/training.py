"""A training that tests share: real models of a small table, and how to put them into a project."""

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import update

from projects_api.engines import Task, TrainingConfig, TrainingResult, train
from projects_api.files.content import describe
from projects_api.models import experiment, trained_model
from tests.conftest import Server

COUNTRIES = ("DE", "FR", "IT")


class Silence:
    """Takes what a training tells of itself."""

    def report(
        self, percent: float, *, stage: str | None = None, seconds_left: float | None = None
    ) -> None: ...

    def log(self, message: str) -> None: ...

    def count(self, candidates: int) -> None: ...

    def is_to_stop(self) -> bool:
        return False


@dataclass(frozen=True)
class Kept:
    """Where a training is kept: its experiment, and its models by their rank."""

    experiment_id: str
    model_ids: list[str]


@dataclass(frozen=True)
class Training:
    """Models that tell frauds, which have large amounts, from other payments."""

    result: TrainingResult

    def keep(self, server: Server, project_id: str, **changed: Any) -> Kept:
        """Put the experiment and its models into a project, with changed columns if wanted."""
        candidates = self.result.candidates
        contents = {each.path: describe(each.path) for each in candidates}
        facts = {
            "name": "AutoML Run 1",
            "status": "succeeded",
            "target_column": "is_fraud",
            "problem_type": "classification",
            "best_model_type": candidates[0].model_type,
            "duration": 1.5,
            "signature": self.result.signature,
            "reference": self.result.reference,
        }
        with (
            server.services.database.connect(writing=True) as connection,
            server.services.artifacts.keep(connection, contents),
        ):
            experiment_id = experiment.create(connection, project_id, **{**facts, **changed})
            model_ids = [
                trained_model.create(
                    connection,
                    project_id,
                    experiment_id,
                    sha256=contents[each.path].sha256,
                    **each.as_columns(),
                )
                for each in candidates
            ]
            connection.commit()
        return Kept(experiment_id, model_ids)


def change_engine(server: Server, model_id: str, engine: str) -> None:
    """Say of a kept model that another engine made it."""
    columns = trained_model.trained_models.c
    with server.services.database.transaction() as connection:
        connection.execute(
            update(trained_model.trained_models).where(columns.id == model_id).values(engine=engine)
        )


ALL_BUT_FORESTS = ("GBM", "XGBoost", "GLM")


def train_on_payments(folder: Path, excluded: tuple[str, ...] = ALL_BUT_FORESTS) -> Training:
    """Train two models on 300 payments, forests unless told otherwise; takes a few seconds."""
    chance = random.Random(1)
    amounts = [round(chance.uniform(0, 1000), 2) for _ in range(300)]
    table = pa.table(
        {
            "amount": amounts,
            "country": [chance.choice(COUNTRIES) for _ in amounts],
            "is_fraud": ["yes" if amount > 500 else "no" for amount in amounts],
        }
    )
    path = folder / "payments.parquet"
    pq.write_table(table, path)
    config = TrainingConfig(max_runtime_secs=20, max_models=2, nfolds=2, exclude_algos=excluded)
    task = Task(path, "is_fraud", "classification", config)
    return Training(train("flaml", task, folder, Silence()))
