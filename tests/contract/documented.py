"""The values that the contract documents, in a database: two people, a project, what is in it."""

import copy
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, insert

from projects_api.models import (
    artifact,
    blob,
    dataset,
    dataset_version,
    experiment,
    job,
    job_log,
    member,
    report,
    trained_model,
)
from projects_api.models import project as projects
from projects_api.models import user as users
from projects_api.models.base import fold, new_id
from projects_api.server.contract import contract
from tests.conftest import Person, Server
from tools.contract_tree import Place, examples, operations

TREE = Place(contract())
OPERATIONS = {one["operationId"].value: one for one in operations(TREE)}
REQUEST_ID = TREE["components"]["headers"]["X-Request-Id"]["example"].value


def response_of(operation_id: str) -> Place:
    """Give the response of an operation's success."""
    responses = OPERATIONS[operation_id]["responses"]
    return next(place for status, place in responses.items() if str(status).startswith("2"))


def answer_of(operation_id: str) -> Any:
    """Copy the first documented answer of an operation that answers with JSON."""
    return copy.deepcopy(
        next(examples(response_of(operation_id)["content"]["application/json"])).value
    )


@dataclass
class World:
    """The documented project, in which Alice is the owner and Bob an editor."""

    server: Server
    alice: Person
    bob: Person

    @property
    def project_id(self) -> str:
        return answer_of("get_project")["project"]["id"]

    def empty(self) -> None:
        """Take everything out of the project that stands for a file that nobody has."""
        with self.server.services.database.transaction() as connection:
            connection.execute(delete(trained_model.trained_models))
            connection.execute(delete(dataset.datasets))
            connection.execute(delete(artifact.artifacts))


@contextmanager
def documented(server: Server):
    """Keep the documented values in the database while the block runs."""
    project = answer_of("get_project")["project"]
    people = answer_of("list_members")["items"]
    with server.services.database.transaction() as connection:
        _add_project(connection, project, people)
        for each in answer_of("list_datasets")["items"]:
            _add_dataset(connection, each)
        _add_trainings(connection, project)
        connection.execute(insert(report.reports), answer_of("list_reports")["items"])
    try:
        alice, bob = (
            Person(server, one["user_id"], one["email"], server.key(one["user_id"]))
            for one in people
        )
        yield World(server, alice, bob)
    finally:
        with server.services.database.transaction() as connection:
            connection.execute(delete(projects.projects))
            ids = [one["user_id"] for one in people]
            connection.execute(delete(users.users).where(users.users.c.id.in_(ids)))


def _add_project(connection: Connection, project: dict, people: list[dict]) -> None:
    folded = {f"{name}_folded": fold(project[name]) for name in ("name", "description")}
    connection.execute(insert(projects.projects), {**project, **folded})
    for one in people:
        person = {"id": one["user_id"], **{name: one[name] for name in ("email", "name")}}
        role = {name: one[name] for name in ("user_id", "role", "created_at")}
        connection.execute(insert(users.users), {**person, "created_at": one["created_at"]})
        connection.execute(insert(member.members), {**role, "project_id": project["id"]})


def _add_dataset(connection: Connection, one: dict) -> None:
    here, moment = one["project_id"], one["created_at"]
    artifact_id = _add_file(connection, here, moment, one["sha256"], one["size_bytes"])
    connection.execute(
        artifact.artifacts.update()
        .where(artifact.artifacts.c.id == artifact_id)
        .values(id=one["artifact_id"], media_type="application/octet-stream")
    )
    names = ("id", "project_id", "name", "description", "version", "created_at", "updated_at")
    connection.execute(insert(dataset.datasets), {name: one[name] for name in names})
    facts = {name: one[name] for name in ("artifact_id", "format", "rows", "columns", "quality")}
    connection.execute(
        insert(dataset_version.dataset_versions),
        {
            **facts,
            "id": one["dataset_version_id"],
            "dataset_id": one["id"],
            "version": 1,
            # Enough of it: what experiments are started on, has the columns of the example.
            "dialect": {"names": ["amount", "is_fraud"]},
            "created_at": moment,
        },
    )


def _add_trainings(connection: Connection, project: dict) -> None:
    """Add the experiments that are shown, and as many more as the counts tell of."""
    first = answer_of("get_experiment")["experiment"]
    newest = answer_of("list_experiments")["items"]
    between = {**first, "job_id": None, "created_at": "2026-02-20T08:30:00Z"}
    others = project["experiment_count"] - 1 - len(newest)
    rows = [first, *newest, *({**between, "id": new_id()} for _ in range(others))]
    runs = answer_of("list_engine_runs")["items"]
    connection.execute(insert(experiment.experiments), [{**r, "engine_runs": runs} for r in rows])
    _add_job(connection, first, answer_of("get_experiment_logs")["logs"])
    _add_models(connection, project, first)


def _add_job(connection: Connection, one: dict, lines: list[str]) -> None:
    row = {name: one[name] for name in ("project_id", "created_at", "started_at", "finished_at")}
    connection.execute(
        insert(job.jobs),
        {
            **row,
            "id": one["job_id"],
            "user_id": answer_of("list_members")["items"][0]["user_id"],
            "kind": "train",
            "entity_id": one["id"],
            "arguments": {},
            "status": "succeeded",
            "progress": 100.0,
            "attempts": 1,
            "max_runtime_seconds": one["config"]["max_runtime_secs"] + 600.0,
            "cancel_requested": False,
        },
    )
    job_log.append(connection, one["job_id"], lines)


def _add_models(connection: Connection, project: dict, one: dict) -> None:
    best = answer_of("explain_experiment")
    moment = one["finished_at"]
    for number in range(1, project["model_count"] + 1):
        connection.execute(
            insert(trained_model.trained_models),
            {
                "id": best["model_id"] if number == 1 else new_id(),
                "project_id": project["id"],
                "experiment_id": one["id"],
                "artifact_id": _add_file(connection, project["id"], moment, "0" * 64, 1),
                "name": f"{best['model_type']} {number}",
                "model_type": best["model_type"],
                "rank": number,
                "is_best": number == 1,
                "metrics": {},
                "explanation": best["explanation"],
                "created_at": moment,
            },
        )


def _add_file(
    connection: Connection, project_id: str, moment: str, sha256: str, size_bytes: int
) -> str:
    blob.put(connection, sha256=sha256, size_bytes=size_bytes, crc32=0)
    artifact_id = new_id()
    connection.execute(
        insert(artifact.artifacts),
        {
            "id": artifact_id,
            "project_id": project_id,
            "sha256": sha256,
            "media_type": "application/octet-stream",
            "created_at": moment,
        },
    )
    return artifact_id
