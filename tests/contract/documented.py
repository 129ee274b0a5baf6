"""The values that the contract documents, in a database: two people, a project, what is in it."""

import copy
import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from projects_api.files.content import describe
from projects_api.models import (
    api_key,
    artifact,
    blob,
    dataset,
    dataset_version,
    deployment,
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
from projects_api.models.outside import delivery, webhook
from projects_api.models.teams import project_team, team
from projects_api.openapi import contract
from tests.conftest import Person, Server
from tests.training import Training
from tools.contract_tree import Place, examples, operations

TREE = Place(contract())
OPERATIONS = {one["operationId"].value: one for one in operations(TREE)}
REQUEST_ID = TREE["components"]["headers"]["X-Request-Id"]["example"].value


REFERENCE = {
    "rows": 40_000,
    "inputs": {
        "amount": {
            "kind": "number",
            "heaps": [[low, low + 248, 10_000] for low in (0, 250, 500, 750)],
            "sample": [2 * number for number in range(500)],
            "missing": 0,
        },
        "country": {
            "kind": "category",
            "counts": {"DE": 20_000, "FR": 12_000, "IT": 8_000},
            "other": 0,
            "missing": 0,
        },
    },
}
"""What the documented models were trained on."""
ASKED = [
    {"amount": 600 + number % 400, "country": ("DE", "DE", "DE", "FR", "IT")[number % 5]}
    for number in range(300)
]
"""What the documented deployment was asked about."""
ANSWERED = [{"prediction": 1.0, "probabilities": [0.0, 1.0]}] * 2
"""What it answered, since answers are kept."""


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
    training: Training

    @property
    def project_id(self) -> str:
        return answer_of("get_project")["project"]["id"]

    def train(self) -> None:
        """Give the documented model a file that was really trained, in the place of none."""
        (candidate,) = (
            each for each in self.training.result.candidates if each.model_type == "DRF"
        )
        content = describe(candidate.path)
        services = self.server.services
        with (
            services.database.connect(writing=True) as connection,
            services.artifacts.keep(connection, {candidate.path: content}),
        ):
            model_id = answer_of("get_model")["model"]["id"]
            models = trained_model.trained_models
            file = select(models.c.artifact_id).where(models.c.id == model_id).scalar_subquery()
            connection.execute(
                update(artifact.artifacts)
                .where(artifact.artifacts.c.id == file)
                .values(sha256=content.sha256)
            )
            connection.commit()

    def replay_deployments(
        self, *, production: str | None = None, staging: str | None = None
    ) -> None:
        """Go back to a time when there were only these deployments, active in their stages."""
        rows = deployment.deployments
        kept = {"staging": staging, "production": production}
        left = {stage: one for stage, one in kept.items() if one}
        with self.server.services.database.transaction() as connection:
            connection.execute(delete(rows).where(rows.c.id.not_in(list(left.values()))))
            for stage, one in left.items():
                changed = update(rows).where(rows.c.id == one)
                connection.execute(changed.values(stage=stage, status="active", replaced_id=None))

    def empty(self) -> None:
        """Take everything out of the project that stands for a file that nobody has."""
        with self.server.services.database.transaction() as connection:
            connection.execute(delete(trained_model.trained_models))
            connection.execute(delete(dataset.datasets))
            connection.execute(delete(artifact.artifacts))


@contextmanager
def documented(server: Server, training: Training):
    """Keep the documented values in the database while the block runs."""
    project = answer_of("get_project")["project"]
    people = answer_of("list_members")["items"]
    with server.services.database.transaction() as connection:
        _add_project(connection, project, people)
        for each in answer_of("list_datasets")["items"]:
            _add_dataset(connection, each)
        _add_trainings(connection, project)
        connection.execute(insert(report.reports), answer_of("list_reports")["items"])
        _add_deployments(connection)
        _add_webhooks(connection)
        _add_teams(connection, project["id"])
        _add_account(connection, people[0]["user_id"])
    try:
        alice, bob = (
            Person(server, one["user_id"], one["email"], server.key(one["user_id"]))
            for one in people
        )
        yield World(server, alice, bob, training)
    finally:
        with server.services.database.transaction() as connection:
            connection.execute(delete(projects.projects))
            connection.execute(delete(team.teams))
            ids = [one["user_id"] for one in people]
            ids += connection.scalars(select(users.service_accounts.c.user_id))
            connection.execute(delete(users.users).where(users.users.c.id.in_(ids)))


def _add_project(connection: Connection, project: dict, people: list[dict]) -> None:
    folded = {f"{name}_folded": fold(project[name]) for name in ("name", "description")}
    connection.execute(insert(projects.projects), {**project, **folded})
    for one in people:
        person = {"id": one["user_id"], **{name: one[name] for name in ("email", "name")}}
        role = {name: one[name] for name in ("user_id", "role", "created_at")}
        connection.execute(insert(users.users), {**person, "created_at": one["created_at"]})
        given = {"direct_role": one["through"]["direct"], "team_role": one["through"]["teams"]}
        roles = {**role, **given, "project_id": project["id"]}
        connection.execute(insert(member.members), roles)


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
    facts = {
        name: one[name]
        for name in ("artifact_id", "format", "rows", "columns", "quality", "reading")
    }
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
    known = {
        "engine_runs": answer_of("list_engine_runs")["items"],
        "signature": answer_of("get_model")["signature"],
        "reference": REFERENCE,
    }
    connection.execute(insert(experiment.experiments), [{**row, **known} for row in rows])
    _add_job(connection, first, answer_of("get_experiment_logs")["logs"])
    _add_models(connection, project, others=rows[-1]["id"])


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


def _add_models(connection: Connection, project: dict, others: str) -> None:
    """Add the models that are shown, and as many more, of another experiment, as are counted."""
    best, *following = answer_of("list_models")["items"]
    explained = {
        "explanation": answer_of("explain_model")["explanation"],
        "evaluation": answer_of("get_model_evaluation")["evaluation"],
        "parameters": answer_of("get_model_parameters")["parameters"],
    }
    _add_model(connection, {**best, **explained})
    for each in following:
        _add_model(connection, each)
    for _ in range(1 + len(following), project["model_count"]):
        _add_model(connection, {**best, "id": new_id(), "experiment_id": others})


def _add_model(connection: Connection, one: dict) -> None:
    file = [one.pop(name) for name in ("sha256", "size_bytes")]
    artifact_id = _add_file(connection, one["project_id"], one["created_at"], *file)
    connection.execute(insert(trained_model.trained_models).values(artifact_id=artifact_id, **one))


def _add_deployments(connection: Connection) -> None:
    for each in answer_of("list_deployments")["items"]:
        connection.execute(insert(deployment.deployments), each)


def _add_webhooks(connection: Connection) -> None:
    for one in answer_of("list_webhooks")["items"]:
        connection.execute(insert(webhook.webhooks), {**one, "secret": "whsec_AAAA"})
    for one in answer_of("list_deliveries")["items"]:
        body = json.dumps(one.pop("event"))
        connection.execute(insert(delivery.deliveries), {**one, "body": body})


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
            "size_bytes": size_bytes,
            "media_type": "application/octet-stream",
            "user_id": answer_of("list_members")["items"][0]["user_id"],
            "created_at": moment,
        },
    )
    return artifact_id


def _add_teams(connection: Connection, project_id: str) -> None:
    one = answer_of("get_team")["team"]
    people = answer_of("list_team_people")["items"]
    made = {name: one[name] for name in ("id", "name", "created_at")}
    connection.execute(insert(team.teams), {**made, "made_by": people[0]["user_id"]})
    for each in people:
        person = {name: each[name] for name in ("user_id", "role", "created_at")}
        connection.execute(insert(team.team_people), {**person, "team_id": one["id"]})
    for each in answer_of("list_project_teams")["items"]:
        given = {name: each[name] for name in ("team_id", "role", "created_at")}
        connection.execute(insert(project_team.project_teams), {**given, "project_id": project_id})


def _add_account(connection: Connection, owner_id: str) -> None:
    (one,) = answer_of("list_service_accounts")["items"]
    (key,) = answer_of("list_service_account_keys")["items"]
    connection.execute(insert(users.users), one)
    account = {"user_id": one["id"], "owner_id": owner_id, "created_at": one["created_at"]}
    connection.execute(insert(users.service_accounts), account)
    made = {name: key[name] for name in ("user_id", "name", "expires_at")}
    api_key.make(connection, key_id=key["id"], scopes=tuple(key["scopes"]), **made)
    moments = {name: key[name] for name in ("created_at", "last_used_at")}
    this = update(api_key.api_keys).where(api_key.api_keys.c.id == key["id"])
    connection.execute(this.values(moments))
