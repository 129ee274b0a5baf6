"""A project that has everything that a project can have, made without a training."""

from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet
from sqlalchemy import Connection, insert, update

from projects_api.app.services import Services
from projects_api.files.content import Content, describe
from projects_api.models import (
    artifact,
    dataset,
    dataset_version,
    experiment,
    project,
    trained_model,
)
from projects_api.models import deployment as deployments
from projects_api.models import report as reports
from projects_api.models.base import new_id, now
from projects_api.models.dataset import datasets
from projects_api.tables import inspect_table

CSV = "straße;größe\nMüller;1,5\n".encode("latin-1") + b"Meier;2,5\n" * 20
FILES = {
    "first.csv": CSV,
    "second.csv": b"street,size\n" + b"a,1\n" * 30,
    "third.parquet": b"",
    "model.skops": b"PK\x03\x04 a model",
    "other.skops": b"PK\x03\x04 another model",
    "report.html": b"<!doctype html><h1>Report</h1>",
    "report.pdf": b"%PDF-1.7 a report",
}
SIGNATURE = {
    "target": "size",
    "problem_type": "classification",
    "labels": ["1", "2"],
    "positive_label": "1",
    "inputs": [{"name": "street", "kind": "category", "categories": ["Meier", "Müller"]}],
}
REFERENCE = {
    "rows": 21,
    "inputs": {
        "street": {
            "kind": "category",
            "counts": {"Meier": 20, "Müller": 1},
            "other": 0,
            "missing": 0,
        },
        "size": {
            "kind": "number",
            "heaps": [[1.5, 2.5, 20]],
            "sample": [1.5, 2.5],
            "missing": 1,
        },
    },
}
EVALUATION = {
    "rows": 5,
    "class_balance": {"1": 4, "2": 1},
    "confusion": {"labels": ["1", "2"], "matrix": [[4, 0], [0, 1]]},
    "roc": [{"label": "2", "auc": 1.0, "points": [[0.0, 0.0], [0.0, 1.0], [1.0, 1.0]]}],
    "precision_recall": [{"label": "2", "average_precision": 1.0, "points": [[1.0, 1.0]]}],
}
EXPLANATION = {
    "permutation_importance": [{"feature": "street", "importance": 0.25, "deviation": 0.01}],
    "shap": [{"feature": "street", "mean_absolute": 0.5}],
}


class Filling:
    """A project on its way; the files are in the store."""

    def __init__(self, connection: Connection, owner_id: str, kept: dict[str, Content]) -> None:
        self.connection = connection
        self.kept = kept
        made = project.create(
            connection, owner_id, name="Everything ✓", description="All that there is"
        )
        self.project_id: str = made["id"]

    def sha256(self, name: str) -> str:
        return self.kept[name].sha256

    def add_datasets(self, facts: dict[str, dict[str, Any]]) -> str:
        """Add two data sets, one of two versions; return the id of a version."""
        made = [
            dataset.create(
                self.connection,
                self.project_id,
                name=name,
                description=f"About {name}",
                sha256=self.sha256(name),
                **facts[name],
            )
            for name in ("first.csv", "third.parquet")
        ]
        assert made[0] is not None
        second = dataset_version.create(
            self.connection,
            self.project_id,
            made[0]["dataset_id"],
            number=2,
            sha256=self.sha256("second.csv"),
            **facts["second.csv"],
        )
        newest = update(datasets).where(datasets.c.id == made[0]["dataset_id"])
        self.connection.execute(newest.values(version=2))
        return second["dataset_version_id"]

    def add_experiment(self, name: str, status: str, **facts: Any) -> str:
        return experiment.create(
            self.connection,
            self.project_id,
            **{
                "name": name,
                "status": status,
                "target_column": "size",
                "problem_type": "classification",
                "config": {"max_models": 2, "exclude_algos": ["GLM"]},
                **facts,
            },
        )

    def add_model(self, experiment_id: str, name: str, rank: int) -> str:
        model_id = new_id()
        file = artifact.create(
            self.connection,
            self.project_id,
            sha256=self.sha256(name),
            media_type="application/vnd.skops",
        )
        self.connection.execute(
            insert(trained_model.trained_models).values(
                id=model_id,
                project_id=self.project_id,
                experiment_id=experiment_id,
                artifact_id=file,
                name=name,
                model_type="GBM",
                rank=rank,
                is_best=rank == 1,
                metrics={"auc": 0.9, "logloss": 0.1},
                parameters={"n_estimators": 7, "learning_rate": 0.1, "booster": None},
                explanation=EXPLANATION,
                evaluation=EVALUATION,
                training_seconds=1.5,
                created_at=now(),
            )
        )
        project.count(self.connection, self.project_id, "model_count", 1)
        return model_id

    def add_report(self, kind: str, entity_id: str, status: str = "succeeded") -> str:
        report_id = reports.create(
            self.connection, self.project_id, kind=kind, entity_id=entity_id, name=f"A {kind}"
        )
        if status == "succeeded":
            contents = {
                "text/html": self.sha256("report.html"),
                "application/pdf": self.sha256("report.pdf"),
            }
            reports.put_documents(self.connection, self.project_id, report_id, contents)
        return report_id

    def add_deployment(
        self, model_id: str, stage: str, status: str, replaced_id: str | None = None
    ) -> str:
        deployment_id, moment = new_id(), now()
        self.connection.execute(
            insert(deployments.deployments).values(
                id=deployment_id,
                project_id=self.project_id,
                model_id=model_id,
                name=f"{stage} {status}",
                stage=stage,
                status=status,
                traffic_percent=50,
                replaced_id=replaced_id,
                threshold=0.25,
                created_at=moment,
                updated_at=moment,
            )
        )
        return deployment_id


def fill(services: Services, owner_id: str, folder: Path) -> str:
    """Make the project; return its id. The folder is for its files."""
    table = BytesIO()
    parquet.write_table(pa.table({"n": [1, 2, None], "text": ["a", "b", "c"]}), table)
    paths = {}
    for name, content in {**FILES, "third.parquet": table.getvalue()}.items():
        paths[name] = folder / name
        paths[name].write_bytes(content)
    kept = {name: describe(path) for name, path in paths.items()}
    tables = {
        name: inspect_table(path).as_columns()
        for name, path in paths.items()
        if path.suffix in {".csv", ".parquet"}
    }
    contents = {paths[name]: content for name, content in kept.items()}
    with services.database.connect(writing=True) as connection:
        with services.artifacts.keep(connection, contents):
            filling = Filling(connection, owner_id, kept)
            _fill(filling, filling.add_datasets(tables))
        connection.commit()
    return filling.project_id


def _fill(filling: Filling, version_id: str) -> None:
    done = filling.add_experiment(
        "AutoML Run 1",
        "succeeded",
        dataset_version_id=version_id,
        best_model_type="GBM",
        duration=12.5,
        signature=SIGNATURE,
        reference=REFERENCE,
        engine_runs=[
            {
                "engine": "flaml",
                "status": "succeeded",
                "model_count": 2,
                "best_model_type": "GBM",
                "duration": 12.5,
                "message": None,
            }
        ],
        started_at=now(),
        finished_at=now(),
    )
    filling.add_experiment("AutoML Run 2", "failed", message="Nothing could be learnt.")
    filling.add_experiment("AutoML Run 3", "running", dataset_version_id=version_id)
    best = filling.add_model(done, "model.skops", 1)
    filling.add_model(done, "other.skops", 2)
    archived = filling.add_deployment(best, "production", "archived", replaced_id=new_id())
    deployed = filling.add_deployment(best, "production", "active", replaced_id=archived)
    filling.add_deployment(best, "staging", "active")
    for kind, entity_id in (
        ("project", filling.project_id),
        ("experiment", done),
        ("model", best),
        ("deployment", deployed),
    ):
        filling.add_report(kind, entity_id)
    filling.add_report("model", new_id(), "queued")
