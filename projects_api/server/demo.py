"""A project as it looks after real work: a data set, a training, a model, a report.

Everything is real: the data set comes with scikit-learn, the model is trained on it here, its
metrics are measured on rows that it has not seen, and the report shows them.
"""

import csv
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from projects_api.models import dataset, experiment, project, trained_model, user
from projects_api.server.artifact_store import Content, describe
from projects_api.server.reporting import add_report
from projects_api.server.services import Services
from projects_api.server.tables import inspect_table

TARGET = "diagnosis"
SEED = 42


class UnknownOwnerError(LookupError):
    """Nobody with this address is registered."""


@dataclass(frozen=True, slots=True)
class Training:
    """A trained model on disk, what it scored on unseen rows, and how long it took."""

    path: Path
    metrics: dict[str, float]
    seconds: float


def fill(services: Services, email: str) -> str:
    """Make the project for a registered person and return its id; raises `UnknownOwnerError`."""
    with services.database.transaction(writing=False) as connection:
        owner_id = user.find_id(connection, email)
    if owner_id is None:
        raise UnknownOwnerError(email)
    with tempfile.TemporaryDirectory() as folder:
        table = _write_table(Path(folder) / "breast_cancer.csv")
        training = _train(Path(folder) / "model.skops")
        project_id = _keep(services, owner_id, table, training)
        about = {"kind": "project", "entity_id": project_id, "name": "Breast Cancer Diagnosis"}
        add_report(services, project_id, Path(folder), **about)
        return project_id


def _write_table(path: Path) -> Path:
    bunch = _load()
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*bunch.feature_names, TARGET])
        for row, target in zip(bunch.data.tolist(), bunch.target, strict=True):
            writer.writerow([*row, bunch.target_names[target]])
    return path


def _train(path: Path) -> Training:
    import skops.io  # noqa: PLC0415 - an optional dependency, as scikit-learn is
    from sklearn.ensemble import GradientBoostingClassifier  # noqa: PLC0415
    from sklearn.metrics import accuracy_score, log_loss, roc_auc_score  # noqa: PLC0415
    from sklearn.model_selection import train_test_split  # noqa: PLC0415

    bunch = _load()
    known, unseen, known_target, unseen_target = train_test_split(
        bunch.data, bunch.target, test_size=0.25, random_state=SEED, stratify=bunch.target
    )
    began = time.perf_counter()
    model = GradientBoostingClassifier(random_state=SEED).fit(known, known_target)
    seconds = time.perf_counter() - began
    probability = model.predict_proba(unseen)[:, 1]
    path.write_bytes(skops.io.dumps(model))
    return Training(
        path=path,
        metrics={
            "auc": float(roc_auc_score(unseen_target, probability)),
            "accuracy": float(accuracy_score(unseen_target, probability > 0.5)),  # noqa: PLR2004
            "logloss": float(log_loss(unseen_target, probability)),
        },
        seconds=round(seconds, 3),
    )


def _keep(services: Services, owner_id: str, table: Path, training: Training) -> str:
    contents = {path: describe(path) for path in (table, training.path)}
    facts = inspect_table(table)
    with services.database.connect(writing=True) as connection:
        with services.artifacts.keep(connection, contents):
            made = project.create(
                connection,
                owner_id,
                name="Breast Cancer Diagnosis",
                description="Benign or malignant, from measurements of cell nuclei",
            )
            project_id: str = made["id"]
            ids = dataset.create(
                connection,
                project_id,
                name=table.name,
                description="569 tumours with 30 measurements each",
                sha256=contents[table].sha256,
                **facts.as_columns(),
            )
            assert ids is not None
            _keep_training(
                connection, project_id, ids["dataset_version_id"], training, contents[training.path]
            )
        connection.commit()
    return project_id


def _keep_training(
    connection: Connection,
    project_id: str,
    dataset_version_id: str,
    training: Training,
    content: Content,
) -> None:
    experiment_id = experiment.create(
        connection,
        project_id,
        dataset_version_id=dataset_version_id,
        name="AutoML Run 1",
        status="succeeded",
        target_column=TARGET,
        problem_type="classification",
        best_model_type="GBM",
        duration=training.seconds,
    )
    trained_model.create(
        connection,
        project_id,
        experiment_id,
        name="Gradient boosting",
        model_type="GBM",
        metrics=training.metrics,
        is_best=True,
        training_seconds=training.seconds,
        sha256=content.sha256,
        media_type="application/vnd.skops",
    )


def _load() -> Any:
    from sklearn.datasets import load_breast_cancer  # noqa: PLC0415 - an optional dependency

    return load_breast_cancer()
