"""Make the archive that a server for tests starts with, from the documented example values.

The project is filled by the functions that requests use, and exported as anybody's would be. Run
`python -m tools.make_seed`, with the extra `ml` installed, where the archive's format, the tables
or the documented values change.
"""

import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from sqlalchemy import Connection

from projects_api.app.services import Services
from projects_api.database.schema import upgrade
from projects_api.engines import Candidate, TrainingResult
from projects_api.ephemeral.seed import DEMO
from projects_api.files.content import describe
from projects_api.handlers.export import export_project
from projects_api.jobs import report_facts
from projects_api.jobs.repeatable import RepeatableOrigin
from projects_api.models import (
    blob,
    dataset,
    dataset_version,
    deployment,
    experiment,
    member,
    project,
    report,
    trained_model,
    user,
)
from projects_api.models.base import origin, to_text
from projects_api.rendering import render
from projects_api.settings import Settings
from projects_api.tables import inspect_table
from tools import seed_content as content

CLOCK = RepeatableOrigin(datetime.fromisoformat("2026-02-10T09:00:00Z"))
MEMBERS = {
    "bob@example.com": ("Bob Smith", "editor", "2026-02-11T10:15:00Z"),
    "carol@example.com": ("Carol Jones", "admin", "2026-02-11T10:20:00Z"),
    "dave@example.com": ("Dave Miller", "viewer", "2026-02-11T10:25:00Z"),
}
USER_IDS = {"bob@example.com": ["019c46b9-aee0-7f63-b2d4-8c1a5e7f9b03"]}
DATASETS = {
    "transactions.csv": (
        "Card payments with a fraud label",
        "2026-02-10T09:12:00Z",
        "019c46d2-6700-7a94-8e5b-2f6d0c9a1e37",
        "019c46d2-6701-7d4a-8b93-6c5f1e0a7d29",
        "019c46d2-6701-7c38-a1f6-9e4b7d2c0a58",
    ),
    "merchants.csv": (
        "Merchants and their categories",
        "2026-02-12T16:05:00Z",
        "019c5299-3be0-7d82-a5f3-6e1b0c9d7a24",
        "019c5299-3be1-7b58-8e09-c4a7f2d61b35",
        "019c5299-3be1-7a17-92c6-5f8d3e0b1a46",
    ),
    "chargebacks.parquet": (
        "",
        "2026-02-19T11:20:00Z",
        "019c75a0-d300-7b6f-9c81-0d5e2a7f4c13",
        "019c75a0-d301-7f9c-83d7-2b4e6a1c5f08",
        "019c75a0-d301-7e05-b4a2-71c8d9f06e3b",
    ),
}
# Four models belong to each of the first three.
EXPERIMENTS: dict[str, tuple[str, float | None, str]] = {
    "AutoML Run 1": ("completed", 342.0, "2026-02-10T09:40:00Z"),
    "AutoML Run 2": ("succeeded", 518.5, "2026-02-13T08:00:00Z"),
    "AutoML Run 3": ("succeeded", 611.0, "2026-02-20T08:30:00Z"),
    "AutoML Run 4": ("failed", 12.5, "2026-02-21T08:30:00Z"),
    "AutoML Run 5": ("cancelled", None, "2026-02-21T09:00:00Z"),
}
# Of an experiment, of its best model and that one's file, and of the model after it.
EXPERIMENT_IDS = {
    "AutoML Run 1": [
        "019c46ec-0980-7e17-9b2c-4a8d6f3e5c70",
        "019c46f1-4460-7b29-8c5d-0e7a3f6b9d14",
        "019c46f1-4460-7b29-8c5d-0e7a3f6b9d15",
        "019c46f1-4460-7c3a-9d6e-1f8b4a7c0e25",
    ],
    "AutoML Run 4": ["019c7f51-e740-7c83-b5d1-4e9a6f0c2b78"],
    "AutoML Run 5": ["019c7f6d-5e80-7a41-9c6e-2f8d0b5a7e13"],
}
# Beside what all have.
EXPERIMENT_FACTS: dict[str, dict[str, Any]] = {
    "AutoML Run 4": {
        "config": {"max_runtime_secs": 5},
        "message": (
            "No model was trained in the 5 seconds that `max_runtime_secs` allows. Allow more."
        ),
    },
    "AutoML Run 5": {
        "config": {"max_runtime_secs": 600},
        "message": "Somebody cancelled it.",
        "started_at": None,
        "finished_at": "2026-02-21T09:00:20Z",
    },
}

DEPLOYMENTS = {
    "Fraud check 1": (
        "019c46f1-4460-7c3a-9d6e-1f8b4a7c0e25",
        "2026-02-10T10:13:06Z",
        "019c470a-8c60-7d1f-9b4e-6a2c8f0d3e71",
    ),
    "Fraud check 2": (
        "019c46f1-4460-7b29-8c5d-0e7a3f6b9d14",
        "2026-02-10T10:22:00Z",
        "019c4712-b200-7e36-8f5a-4c0d9b7e2a18",
    ),
}
"""The model of each, its moment and its id; the second takes the place of the first."""
PROJECT_REPORT = "019c8e3a-7180-7a52-9f06-3c81d5e7b240"


@contextmanager
def at(moment: str, *ids: str) -> Iterator[None]:
    """Run a block at a moment, with these ids and then others that follow from the moment."""
    CLOCK.start_at(datetime.fromisoformat(moment))
    given = chain(ids, iter(CLOCK.identifier, None))
    origin.identifier = lambda: next(given)
    yield


class Filling:
    """The project on its way into a database of its own."""

    def __init__(self, services: Services, connection: Connection) -> None:
        self.services = services
        self.connection = connection

    def keep(self, path: Path) -> str:
        """Store a file and return its SHA-256."""
        described = describe(path)
        facts = {"size_bytes": described.size, "crc32": described.crc32}
        blob.put(self.connection, sha256=described.sha256, **facts)
        self.services.artifacts.store.put(described, path)
        return described.sha256

    def add_project(self) -> str:
        """Create the project and its members; return its id."""
        with at("2026-02-10T08:30:00Z", "019c46ab-f340-7d21-a6c8-3b7e9f1d2c45"):
            owner_id = user.create(self.connection, email="alice@example.com", name="Alice Chen")
        with at("2026-02-10T09:00:00Z", "019c46c7-6a80-7b1e-9d3a-5f0c8e2a4b16"):
            made = project.create(
                self.connection,
                owner_id,
                name="Fraud Detection v2",
                description="Credit card fraud classification",
            )
        for email, (name, role, moment) in MEMBERS.items():
            with at(moment, *USER_IDS.get(email, [])):
                user_id = user.create(self.connection, email=email, name=name)
                member.put(self.connection, made["id"], user_id, role)
        return str(made["id"])

    def add_dataset(self, project_id: str, path: Path) -> str:
        """Keep a table; return the id of its version."""
        description, moment, *ids = DATASETS[path.name]
        with at(moment, *ids):
            made = dataset.create(
                self.connection,
                project_id,
                name=path.name,
                description=description,
                sha256=self.keep(path),
                **inspect_table(path).as_columns(),
            )
        assert made is not None
        return made["dataset_version_id"]

    def add_experiments(
        self, project_id: str, version_id: str, trainings: list[TrainingResult]
    ) -> str:
        """Keep the experiments with their models; return the best model's id of the first."""
        first = ""
        for (name, (_, _, moment)), trained in zip_longest(EXPERIMENTS.items(), trainings):
            with at(moment, *EXPERIMENT_IDS.get(name, [])):
                experiment_id = experiment.create(
                    self.connection,
                    project_id,
                    dataset_version_id=version_id,
                    name=name,
                    target_column=content.TARGET,
                    problem_type="classification",
                    **facts_of(name, trained),
                )
                for one in trained.candidates if trained else ():
                    model_id = self.add_model(project_id, experiment_id, one)
                    first = first or model_id
        return first

    def add_model(self, project_id: str, experiment_id: str, model: Candidate) -> str:
        """Keep a model; return its id."""
        return trained_model.create(
            self.connection,
            project_id,
            experiment_id,
            sha256=self.keep(model.path),
            **model.as_columns(),
        )

    def add_deployments(self, project_id: str) -> None:
        """Put the documented models into production, one after the other."""
        for name, (model_id, moment, deployment_id) in DEPLOYMENTS.items():
            with at(moment, deployment_id):
                deployment.create(
                    self.connection,
                    project_id,
                    model_id=model_id,
                    name=name,
                    stage="production",
                    traffic_percent=100,
                )

    def add_report(self, project_id: str, folder: Path, **about: Any) -> None:
        """Render a report about something in the project, and keep it."""
        report_id = report.create(self.connection, project_id, **about)
        facts = report_facts.gather(self.connection, report_id)
        assert facts is not None
        sha256_of = {
            media_type: self.keep(path) for media_type, path in render(facts, folder).items()
        }
        report.put_documents(self.connection, project_id, report_id, sha256_of)


def facts_of(name: str, trained: TrainingResult | None) -> dict[str, Any]:
    """Return the columns of an experiment that say how it went."""
    status, duration, moment = EXPERIMENTS[name]
    began = datetime.fromisoformat(moment) + timedelta(seconds=1)
    best = trained.candidates[0].model_type if trained else None
    run = {
        "engine": "flaml",
        "status": "succeeded" if trained else status,
        "model_count": len(trained.candidates) if trained else 0,
        "best_model_type": best,
        "duration": duration,
        "message": None,
    }
    facts = {
        "status": status,
        "duration": duration,
        "config": content.CONFIG,
        "best_model_type": best,
        "engine_runs": [run],
        "signature": trained.signature if trained else None,
        "reference": trained.reference if trained else None,
        "started_at": to_text(began),
        "finished_at": to_text(began + timedelta(seconds=duration or 0)),
    }
    return facts | EXPERIMENT_FACTS.get(name, {})


def fill(filling: Filling, folder: Path) -> str:
    """Make the content and the project that has it; return the project's id."""
    random_numbers = random.Random(2026)  # noqa: S311 - repeatable on purpose
    transactions = content.make_transactions(random_numbers)
    merchants = content.make_merchants(random_numbers)
    table = content.write_csv(folder / "transactions.csv", content.COLUMNS, transactions)
    project_id = filling.add_project()
    version_id = filling.add_dataset(project_id, table)
    more = [
        content.write_csv(folder / "merchants.csv", content.MERCHANT_COLUMNS, merchants),
        content.write_parquet(folder / "chargebacks.parquet", table),
    ]
    for path in more:
        filling.add_dataset(project_id, path)
    version = dataset_version.find_in_project(filling.connection, project_id, version_id)
    assert version is not None
    trainings = [content.train(folder, table, version, run) for run in range(3)]
    model_id = filling.add_experiments(project_id, version_id, trainings)
    with at("2026-02-10T09:50:00Z"):
        about = {"kind": "model", "entity_id": model_id, "name": "Model report"}
        filling.add_report(project_id, folder, **about)
    filling.add_deployments(project_id)
    with at("2026-02-24T10:00:00Z", PROJECT_REPORT):
        about = {"kind": "project", "entity_id": project_id, "name": "Fraud Detection v2"}
        filling.add_report(project_id, folder, **about)
    return project_id


def repack(source: Path, target: Path) -> None:
    """Write an archive once more, as small as it gets: it is packaged."""
    with ZipFile(source) as export, ZipFile(target, "w", ZIP_DEFLATED, compresslevel=9) as packed:
        for entry in export.infolist():
            with export.open(entry) as content:
                packed.writestr(ZipInfo(entry.filename), content.read(), ZIP_DEFLATED, 9)


def main() -> None:
    """Write the seed."""
    with tempfile.TemporaryDirectory() as name, CLOCK.in_charge():
        folder = Path(name)
        services = Services.from_settings(Settings(data_dir=folder / "data"))
        upgrade(services.database)
        with services.database.connect(writing=True) as connection:
            project_id = fill(Filling(services, connection), folder)
            owner_id = user.find_id(connection, "alice@example.com")
            assert owner_id is not None
            found = project.find_for_member(connection, project_id, owner_id)
            assert found is not None
            with at("2026-03-01T00:00:00Z"):
                file = export_project(connection, found[0], services.artifacts)
                connection.commit()
            export = folder / "export.zip"
            export.write_bytes(b"".join(file.chunks))
        services.close()
        repack(export, DEMO)
    print(f"{DEMO}: {DEMO.stat().st_size} bytes")


if __name__ == "__main__":
    main()
