"""Examples are true: each is sent to, or comes from, a server that holds the documented values."""

import base64
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from hashlib import sha256
from types import SimpleNamespace

import limits.storage.memory
import psycopg
import pytest
import requests
from sqlalchemy import delete, insert, literal, make_url, update

from projects_api.access import places, rate_limit
from projects_api.access.idempotency import Claims, IdempotentRequest
from projects_api.app import maintenance
from projects_api.database import Database
from projects_api.files.content import MEBIBYTE
from projects_api.handlers import dataset_predictions
from projects_api.metrics import metrics
from projects_api.models import (
    api_key,
    artifact,
    audit,
    dataset,
    dataset_version,
    deployment,
    deployment_input,
    experiment,
    job,
    member,
    report,
    user,
)
from projects_api.models import project as projects
from projects_api.models.accounts import service_account
from projects_api.models.base import Timestamp, new_id
from projects_api.models.outside import delivery, webhook
from projects_api.models.teams import project_team, team
from projects_api.processes import turns
from projects_api.settings import Settings
from projects_api.webhooks import destinations
from tests.archives import as_zip, empty_export
from tests.conftest import running
from tests.contract.documented import (
    ANSWERED,
    ASKED,
    OPERATIONS,
    REQUEST_ID,
    TREE,
    World,
    answer_of,
    documented,
    response_of,
)
from tests.support.disks import files_limited_to
from tools.contract_tree import Place, examples, parameters

SUCCESSES = [
    (operation_id, media_type, name)
    for operation_id in OPERATIONS
    for media_type, media in response_of(operation_id)["content"].items()
    for name in media["examples"].value
]
PROBLEMS = {
    name: response
    for response in TREE["components"]["responses"].children()
    for media_type, media in (response["content"].items() if "content" in response else ())
    if media_type == "application/problem+json"
    for name in media["examples"].value
}
HEADERS = {
    "ETag": "get_project/fraud",
    "Location": "create_project/churn",
    "Content-Disposition": "download_dataset/csv",
    "Content-Length": "download_dataset/csv",
    "FileETag": "download_dataset/csv",
    "Accept-Ranges": "download_dataset/csv",
    "WWW-Authenticate": "unauthenticated",
    "Retry-After": "unavailable",
    "Unfinished-Retry-After": "stop_experiment/running",
    "Conflict-Retry-After": "request_running",
    "Idempotent-Replayed": "replay",
}
"""Where a header has the value of its example; `X-Request-Id` has it everywhere."""


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def settings(request, tmp_path_factory):
    """Settings of a database of this module's own, for the documented people are others' too."""
    folder = tmp_path_factory.mktemp("examples")
    url = f"sqlite:///{folder / 'examples.db'}"
    if request.param == "postgresql":
        existing = make_url(request.getfixturevalue("postgresql"))
        with psycopg.connect(
            existing.render_as_string(hide_password=False), autocommit=True
        ) as connection:
            connection.execute("CREATE DATABASE examples")
        url = existing.set(database="examples").render_as_string(hide_password=False)
    return Settings(_env_file=None, database_url=url, data_dir=folder, maintenance_seconds=3600)


@pytest.fixture(scope="module")
def documented_server(settings):
    with pytest.MonkeyPatch.context() as patch, running(settings) as server:
        # When keys were last used is as documented, too.
        patch.setattr(maintenance, "INTERVAL_SECONDS", 3600)
        yield server


@pytest.fixture
def world(documented_server, training):
    with documented(documented_server, training) as world:
        yield world


@pytest.fixture
def at(monkeypatch):
    """Set the clock, and the ids that are given next in each module."""

    def set_to(moment: str, **ids: str) -> None:
        made = (
            projects,
            dataset,
            dataset_version,
            artifact,
            experiment,
            job,
            report,
            deployment,
            api_key,
            user,
            webhook,
            team,
            service_account,
        )
        for module in (*made, member, project_team):
            monkeypatch.setattr(module, "now", lambda: moment)
        for module in (*made, dataset_predictions):
            if identifier := ids.get(module.__name__.rpartition(".")[2]):
                monkeypatch.setattr(module, "new_id", partial(str, identifier))

    return set_to


def send(person, operation_id: str, headers=None, **options) -> requests.Response:
    """Send an operation with every example that its parameters and its body have."""
    operation = OPERATIONS[operation_id]
    method, path = operation.path[-1], operation.path[-2]
    query, sent = {}, {"X-Request-Id": REQUEST_ID}
    for parameter in parameters(operation):
        for example in examples(parameter):
            if parameter["in"].value == "path":
                path = path.replace(f"{{{parameter['name'].value}}}", str(example.value))
            elif parameter["in"].value == "header":
                sent[parameter["name"].value] = example.value
            else:
                query[parameter["name"].value] = example.value
    if "requestBody" in operation and not options.keys() & {"json", "data", "files"}:
        options |= _body(operation["requestBody"]["content"])
    options["params"] = query | options.get("params", {})
    return person.send(method.upper(), path, headers={**sent, **(headers or {})}, **options)


def _body(content: Place) -> dict:
    ((media_type, media),) = content.items()
    body = next(examples(media)).value
    if media_type == "application/json":
        return {"json": body}
    fields = {name: value for name, value in body.items() if name != "file"}
    return {"data": fields, "files": {"file": ("transactions.csv", body["file"])}}


def check_headers(answer: requests.Response, response: Place, case: str) -> None:
    """Compare the headers with what the contract declares, and with the examples of this case."""
    for name, header in response["headers"].items():
        value = answer.headers.get(name)
        assert value is not None or not header.get("required"), name
        if header.path[-1] == "X-Request-Id" or HEADERS[header.path[-1]] == case:
            assert value == str(header["example"].value), name


def upload_the_example(world: World, at) -> requests.Response:
    """Upload the documented file in place of all files that nobody has."""
    uploaded = answer_of("upload_dataset")
    at(
        answer_of("get_dataset")["dataset"]["created_at"],
        dataset=uploaded["dataset_id"],
        dataset_version=uploaded["dataset_version_id"],
        artifact=uploaded["artifact_id"],
    )
    world.empty()
    return send(world.alice, "upload_dataset")


def laptop(world: World):
    """Give Alice with the documented key, which is her only one, and an operator's."""
    shown, keys = answer_of("get_key")["key"], api_key.api_keys
    text = world.server.key(world.alice.user_id, tuple(shown["scopes"]))
    told = {name: shown[name] for name in ("id", "name", "created_at", "last_used_at")}
    with world.server.services.database.transaction() as connection:
        hers = keys.c.user_id == world.alice.user_id
        this = keys.c.lookup == text.split("_")[1]
        connection.execute(delete(keys).where(hers, ~this))
        connection.execute(update(keys).where(this).values(**told))
    return replace(world.alice, key=text)


@contextmanager
def random_parts(secret: str):
    """Have the next key be this one."""
    _, lookup, rest = secret.split("_", 2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(api_key.secrets, "token_hex", lambda _: lookup)
        patch.setattr(api_key.secrets, "token_urlsafe", lambda _: rest)
        yield


def create_key(world: World, at, _media_type: str) -> requests.Response:
    person, made = laptop(world), answer_of("create_key")
    at(made["key"]["created_at"], api_key=made["key_id"])
    with random_parts(made["secret"]):
        return send(person, "create_key")


def list_all_keys(world: World, at, _media_type: str) -> requests.Response:
    return send(laptop(world), "list_all_keys", params={"user_id": world.alice.user_id})


def create_person(world: World, at, _media_type: str) -> requests.Response:
    person, made = laptop(world), answer_of("create_person")
    with world.server.services.database.transaction() as connection:
        connection.execute(delete(user.users).where(user.users.c.id == made["person_id"]))
    at(made["person"]["created_at"], user=made["person_id"])
    return send(person, "create_person")


def deactivate_person(world: World, at, _media_type: str) -> requests.Response:
    person = laptop(world)
    at(answer_of("deactivate_person")["person"]["deactivated_at"])
    return send(person, "deactivate_person")


def create_person_key(world: World, at, _media_type: str) -> requests.Response:
    person, made = laptop(world), answer_of("create_person_key")
    at(made["key"]["created_at"], api_key=made["key_id"])
    with random_parts(made["secret"]):
        return send(person, "create_person_key")


def cancel_job(world: World, at, _media_type: str) -> requests.Response:
    person, ended = laptop(world), answer_of("cancel_job")["job"]
    waits = {name: ended[name] for name in ("attempts", "progress", "started_at")}
    with world.server.services.database.transaction() as connection:
        mine = update(job.jobs).where(job.jobs.c.id == ended["id"])
        connection.execute(mine.values(**waits, status="queued", finished_at=None))
    at(ended["finished_at"])
    return send(person, "cancel_job")


def create_project(world: World, at, _media_type: str) -> requests.Response:
    project = answer_of("create_project")["project"]
    at(project["created_at"], project=project["id"])
    return send(world.alice, "create_project")


def update_project(world: World, at, _media_type: str) -> requests.Response:
    at(answer_of("update_project")["project"]["updated_at"])
    return send(world.alice, "update_project")


def add_member(world: World, at, _media_type: str) -> requests.Response:
    assert send(world.alice, "remove_member").status_code == 200
    at(answer_of("add_member")["member"]["created_at"])
    return send(world.alice, "add_member")


def add_project_team(world: World, at, _media_type: str) -> requests.Response:
    assert send(world.alice, "remove_project_team").status_code == 200
    at(answer_of("add_project_team")["team"]["created_at"])
    return send(world.alice, "add_project_team")


def create_team(world: World, at, _media_type: str) -> requests.Response:
    made = answer_of("create_team")
    at(made["team"]["created_at"], team=made["team_id"])
    return send(world.alice, "create_team")


def add_team_person(world: World, at, _media_type: str) -> requests.Response:
    assert send(world.alice, "remove_team_person").status_code == 200
    at(answer_of("add_team_person")["person"]["created_at"])
    return send(world.alice, "add_team_person")


def create_service_account(world: World, at, _media_type: str) -> requests.Response:
    made = answer_of("create_service_account")
    assert send(world.alice, "delete_service_account").status_code == 200
    at(made["account"]["created_at"], service_account=made["account_id"])
    return send(world.alice, "create_service_account")


def create_service_account_key(world: World, at, _media_type: str) -> requests.Response:
    made = answer_of("create_service_account_key")
    at(made["key"]["created_at"], api_key=made["key_id"])
    with random_parts(made["secret"]):
        return send(world.alice, "create_service_account_key")


def upload_dataset(world: World, at, _media_type: str) -> requests.Response:
    return upload_the_example(world, at)


def download_dataset(world: World, at, media_type: str) -> requests.Response:
    assert upload_the_example(world, at).status_code == 201
    wanted = {"text/csv": "csv", "application/vnd.apache.parquet": "parquet"}[media_type]
    return send(world.alice, "download_dataset", params={"format": wanted})


def upload_dataset_version(world: World, at, _media_type: str) -> requests.Response:
    assert upload_the_example(world, at).status_code == 201
    uploaded = answer_of("upload_dataset_version")
    at(
        answer_of("get_dataset")["dataset"]["created_at"],
        dataset_version=uploaded["dataset_version_id"],
        artifact=uploaded["artifact_id"],
    )
    return send(world.alice, "upload_dataset_version")


def get_dataset_columns(world: World, at, _media_type: str) -> requests.Response:
    assert upload_the_example(world, at).status_code == 201
    return send(world.alice, "get_dataset_columns")


def analyze_dataset(world: World, at, _media_type: str) -> requests.Response:
    assert upload_the_example(world, at).status_code == 201
    return send(world.alice, "analyze_dataset")


def preview_dataset(world: World, at, _media_type: str) -> requests.Response:
    assert upload_the_example(world, at).status_code == 201
    return send(world.alice, "preview_dataset")


def predict(world: World, at, _media_type: str) -> requests.Response:
    world.train()
    return send(world.alice, "predict")


def download_model(world: World, at, _media_type: str) -> requests.Response:
    world.train()
    return send(world.alice, "download_model")


def create_deployment(world: World, at, _media_type: str) -> requests.Response:
    created = answer_of("create_deployment")["deployment"]
    world.replay_deployments(production=created["replaced_id"])
    at(created["created_at"], deployment=created["id"])
    return send(world.alice, "create_deployment")


def predict_with_deployment(world: World, at, _media_type: str) -> requests.Response:
    world.train()
    return send(world.alice, "predict_with_deployment")


def give_feedback(world: World, at, _media_type: str) -> requests.Response:
    world.train()
    assert send(world.alice, "predict_with_deployment").status_code == 200
    return send(world.alice, "give_feedback")


def promote_deployment(world: World, at, _media_type: str) -> requests.Response:
    promoted = answer_of("promote_deployment")["deployment"]
    world.replay_deployments(production=promoted["replaced_id"], staging=promoted["id"])
    at(promoted["updated_at"])
    return send(world.alice, "promote_deployment")


def rollback_deployment(world: World, at, _media_type: str) -> requests.Response:
    at(answer_of("rollback_deployment")["deployment"]["updated_at"])
    return send(world.alice, "rollback_deployment")


def deactivate_deployment(world: World, at, _media_type: str) -> requests.Response:
    at(answer_of("deactivate_deployment")["deployment"]["updated_at"])
    return send(world.alice, "deactivate_deployment")


def get_drift(world: World, at, _media_type: str) -> requests.Response:
    with world.server.services.database.transaction() as connection:
        asked = answer_of("get_drift")["deployment_id"]
        assert deployment_input.keep(connection, asked, ASKED, ANSWERED)
    return send(world.alice, "get_drift")


def delete_model(world: World, at, _media_type: str) -> requests.Response:
    world.replay_deployments()
    return send(world.alice, "delete_model")


def delete_experiment(world: World, at, _media_type: str) -> requests.Response:
    world.replay_deployments()
    return send(world.alice, "delete_experiment")


def export_project(world: World, at, _media_type: str) -> requests.Response:
    assert upload_the_example(world, at).status_code == 201
    return send(world.alice, "export_project")


def get_experiment_capabilities(world: World, _at, _media_type: str) -> requests.Response:
    has = answer_of("get_experiment_capabilities")["cluster"]
    seen = datetime.fromisoformat(has["seen_at"]).timestamp()
    made = metrics()
    gauges = (made.ray_nodes, made.ray_cpus, made.ray_memory, made.ray_gpus, made.ray_seen)
    for gauge, name in zip(gauges, ("nodes", "cpus", "memory_bytes", "gpus"), strict=False):
        gauge.labels("auto").set(has[name])
    made.ray_seen.labels("auto").set(seen)
    try:
        return send(world.alice, "get_experiment_capabilities")
    finally:
        for gauge in gauges:
            gauge.clear()


def create_experiment(world: World, at, _media_type: str) -> requests.Response:
    created = answer_of("create_experiment")
    moment = created["experiment"]["created_at"]
    at(moment, experiment=created["experiment_id"], job=created["job_id"])
    return send(world.alice, "create_experiment")


def stop_experiment(world: World, at, _media_type: str) -> requests.Response:
    runs = answer_of("stop_experiment")
    told = {name: runs[name] for name in ("status", "progress", "stage", "seconds_left")}
    with world.server.services.database.transaction() as connection:
        experiment.change(connection, runs["experiment_id"], status="running", message=None)
        mine = update(job.jobs).where(job.jobs.c.id == runs["job_id"])
        connection.execute(mine.values(**told, results=8))
    return send(world.alice, "stop_experiment")


def create_report(world: World, at, _media_type: str) -> requests.Response:
    made = answer_of("create_report")
    at(made["report"]["created_at"], report=made["report_id"], job=made["job_id"])
    return send(world.alice, "create_report")


def predict_dataset(world: World, at, _media_type: str) -> requests.Response:
    made = answer_of("predict_dataset")
    at("2026-02-26T16:31:00Z", dataset_predictions=made["dataset_id"], job=made["job_id"])
    return send(world.alice, "predict_dataset")


def predict_dataset_with_deployment(world: World, at, _media_type: str) -> requests.Response:
    made = answer_of("predict_dataset_with_deployment")
    at("2026-02-26T16:31:00Z", dataset_predictions=made["dataset_id"], job=made["job_id"])
    return send(world.alice, "predict_dataset_with_deployment")


def download_report(world: World, at, media_type: str) -> requests.Response:
    report_id = answer_of("get_report")["report"]["id"]
    world.server.put_documents(world.project_id, report_id, media_type)
    wanted = {"text/html": "html", "application/pdf": "pdf"}[media_type]
    return send(world.alice, "download_report", params={"format": wanted})


def list_audit_entries(world: World, at, _media_type: str) -> requests.Response:
    with world.server.services.database.transaction() as connection:
        connection.execute(delete(audit.audit_entries))
        entries = answer_of("list_audit_entries")["items"]
        here = {"project_id": world.project_id}
        connection.execute(insert(audit.audit_entries), [{**one, **here} for one in entries])
    return send(world.alice, "list_audit_entries")


def list_all_audit_entries(world: World, at, _media_type: str) -> requests.Response:
    person = laptop(world)
    with world.server.services.database.transaction() as connection:
        connection.execute(delete(audit.audit_entries))
        entries = answer_of("list_audit_entries")["items"]
        connection.execute(insert(audit.audit_entries), entries)
    return send(person, "list_all_audit_entries")


def create_webhook(world: World, at, _media_type: str) -> requests.Response:
    made = answer_of("create_webhook")
    with world.server.services.database.transaction() as connection:
        connection.execute(delete(webhook.webhooks))
    at(made["webhook"]["created_at"], webhook=made["webhook_id"])
    secret = base64.b64decode(made["secret"].removeprefix(webhook.SECRET_PREFIX))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(webhook.secrets, "token_bytes", lambda _: secret)
        patch.setattr(destinations, "_addresses", lambda _host, _port: ["8.8.8.8"])
        return send(world.alice, "create_webhook")


def redeliver(world: World, at, _media_type: str) -> requests.Response:
    then = literal(answer_of("redeliver")["delivery"]["next_attempt_at"], Timestamp)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delivery, "shared_moment", lambda *_: then)
        return send(world.alice, "redeliver")


def import_project(world: World, at, _media_type: str) -> requests.Response:
    at("2026-02-28T15:00:00Z", job=answer_of("import_project")["job_id"])
    # The documented archive is cut short.
    return send(world.alice, "import_project", files={"file": ("export.zip", empty_export())})


PREPARED = {
    one.__name__: one
    for one in (
        create_project,
        update_project,
        add_member,
        add_project_team,
        create_team,
        add_team_person,
        create_service_account,
        create_service_account_key,
        upload_dataset,
        upload_dataset_version,
        get_dataset_columns,
        analyze_dataset,
        preview_dataset,
        download_dataset,
        export_project,
        create_report,
        predict_dataset,
        download_report,
        get_experiment_capabilities,
        create_experiment,
        stop_experiment,
        import_project,
        create_webhook,
        redeliver,
        list_audit_entries,
        list_all_audit_entries,
        cancel_job,
        create_key,
        list_all_keys,
        create_person,
        deactivate_person,
        create_person_key,
        predict,
        download_model,
        delete_model,
        delete_experiment,
        create_deployment,
        predict_with_deployment,
        predict_dataset_with_deployment,
        give_feedback,
        promote_deployment,
        rollback_deployment,
        deactivate_deployment,
        get_drift,
    )
}
"""The operations that need more than the documented values and the documented request."""


@pytest.mark.parametrize(("operation_id", "media_type", "name"), SUCCESSES)
def test_a_success_is_its_example(world, at, operation_id, media_type, name):
    if operation_id in PREPARED:
        answer = PREPARED[operation_id](world, at, media_type)
    else:
        operation = OPERATIONS[operation_id]
        of_keys = operation["tags"].value == ["keys"]
        is_operators = operation["x-required-scope"].value == "admin"
        answer = send(laptop(world) if of_keys or is_operators else world.alice, operation_id)
    assert answer.headers["content-type"] == media_type, answer.text
    response = response_of(operation_id)
    example = response["content"][media_type]["examples"][name]["value"].value
    if media_type == "application/json":
        assert answer.json() == example
    elif media_type == "text/csv":
        assert answer.text == example
    else:  # A binary file, of which the example is the beginning.
        assert answer.content.startswith(example.encode())
    check_headers(answer, response, f"{operation_id}/{name}")


def test_a_repetition_says_so(world, at):
    for _ in range(2):
        at(answer_of("create_project")["project"]["created_at"])
        answer = send(world.alice, "create_project", headers={"Idempotency-Key": "one"})
        assert answer.status_code == 201
    check_headers(answer, response_of("create_project"), "replay")


def test_not_modified(world):
    tag = TREE["components"]["headers"]["ETag"]["example"].value
    answer = send(world.alice, "get_project", headers={"If-None-Match": tag})
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["etag"] == tag


class Provoke:
    """What makes the server answer with each documented problem, by the example's name."""

    def __init__(self, world: World, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        self.world = world
        self.alice = world.alice
        self.settings = settings
        self.monkeypatch = monkeypatch

    def not_json(self):
        return self._create(b'{"name": "Churn Prediction"')

    def malformed_body(self):
        form = requests.Request(
            "POST", "http://server", files={"file": ("transactions.csv", b"amount,is_fraud\n")}
        ).prepare()
        cut_short = form.body[: form.body.rindex(b"--")]
        headers = {"Content-Type": form.headers["Content-Type"]}
        return send(self.alice, "upload_dataset", headers=headers, data=cut_short)

    def unauthenticated(self):
        return send(self.world.server.anonymous(), "list_projects")

    def insufficient_scope(self):
        key = self.world.server.key(self.alice.user_id, scopes=("read",))
        return self._create(b"{}", headers={"Authorization": f"Bearer {key}"})

    def insufficient_role(self):
        return send(self.world.bob, "delete_project")

    def project_not_found(self):
        return send(self.world.server.person(), "get_project")

    def dataset_not_found(self):
        return send(self.world.server.person(), "get_dataset")

    def dataset_version_not_found(self):
        return self._start(dataset_version_id=answer_of("get_project")["project"]["id"])

    def experiment_not_found(self):
        return send(self.world.server.person(), "get_experiment")

    def job_not_found(self):
        return send(self.world.server.person(), "get_job")

    def report_not_found(self):
        return send(self.world.server.person(), "get_report")

    def report_not_ready(self):
        made = send(self.alice, "create_report").json()
        path = f"/api/reports/{made['report_id']}/download"
        return self.alice.get(path, headers={"X-Request-Id": REQUEST_ID})

    def model_not_found(self):
        return send(self.world.server.person(), "get_model")

    def deployment_not_found(self):
        return send(self.world.server.person(), "get_deployment")

    def model_deployed(self):
        return send(self.alice, "delete_model")

    def deployment_inactive(self):
        assert send(self.alice, "deactivate_deployment").status_code == 200
        return send(self.alice, "predict_with_deployment")

    def nothing_to_roll_back(self):
        assert send(self.alice, "rollback_deployment").status_code == 200
        return send(self.alice, "rollback_deployment")

    def model_unusable(self):
        self.world.train()
        folder = self.settings.data_dir / "artifacts"
        model = self.alice.get(f"/api/models/{answer_of('get_model')['model']['id']}").json()
        (file,) = folder.rglob(model["model"]["sha256"])
        content = file.read_bytes()
        file.write_bytes(content[:-1])
        try:
            with running(self._changed(), migrate=False) as server:
                return self._predict(server)
        finally:
            file.write_bytes(content)

    def key_not_found(self):
        return send(self.world.bob, "get_key")

    def person_not_found(self):
        path = f"/api/admin/people/{new_id()}"
        return laptop(self.world).get(path, headers={"X-Request-Id": REQUEST_ID})

    def webhook_not_found(self):
        assert send(self.alice, "delete_webhook").status_code == 200
        return send(self.alice, "delete_webhook")

    def delivery_not_found(self):
        with self.world.server.services.database.transaction() as connection:
            connection.execute(delete(delivery.deliveries))
        return send(self.alice, "redeliver")

    def too_many_webhooks(self):
        self.monkeypatch.setattr(webhook, "MOST_OF_PROJECT", 1)
        body = {"url": "https://8.8.8.8/", "events": ["report.ended"]}
        return send(self.alice, "create_webhook", json=body)

    def address_refused(self):
        body = {"url": "https://127.0.0.1/", "events": ["report.ended"]}
        return send(self.alice, "create_webhook", json=body)

    def too_many_keys(self):
        self.monkeypatch.setattr(api_key, "MAX_LIVE", 1)
        return send(laptop(self.world), "create_key")

    def key_outlives(self):
        ends = answer_of("create_key")["key"]["expires_at"]
        key = self.world.server.key(self.alice.user_id, expires_at=ends)
        body = {"name": "Nightly build", "scopes": ["read"]}
        return send(replace(self.alice, key=key), "create_key", json=body)

    def expiry_refused(self):
        body = {"name": "K", "scopes": ["read"], "expires_at": "2020-01-01T00:00:00Z"}
        return send(self.alice, "create_key", json=body)

    def address_taken(self):
        return send(laptop(self.world), "create_person", json={"email": self.world.bob.email})

    def own_account(self):
        path = f"/api/admin/people/{self.alice.user_id}/deactivate"
        return laptop(self.world).post(path, headers={"X-Request-Id": REQUEST_ID})

    def job_ended(self):
        return send(laptop(self.world), "cancel_job")

    def service_account_not_found(self):
        return send(self.world.server.person(), "get_service_account")

    def too_many_service_accounts(self):
        self.monkeypatch.setattr(service_account, "MOST_OF_PERSON", 1)
        return send(self.alice, "create_service_account")

    def not_for_service_accounts(self):
        account_id = answer_of("get_service_account")["account"]["id"]
        program = replace(self.alice, key=self.world.server.key(account_id))
        return send(program, "create_service_account")

    def team_not_found(self):
        return send(self.world.server.person(), "get_team")

    def team_person_not_found(self):
        assert send(self.alice, "remove_team_person").status_code == 200
        return send(self.alice, "remove_team_person")

    def member_through_team(self):
        assert send(self.alice, "remove_member").status_code == 200
        return send(self.alice, "remove_member")

    def owner_deactivated(self):
        account_id = answer_of("get_service_account")["account"]["id"]
        operator = laptop(self.world)
        other_id = self.world.server.person().user_id
        with self.world.server.services.database.transaction() as connection:
            service_account.hand_over(connection, self.alice.user_id, other_id)
            user.deactivate(connection, other_id)
        return self._of_operator(operator.post, account_id, "activate")

    def quota_of_owner(self):
        account_id = answer_of("get_service_account")["account"]["id"]
        body = {"quota_bytes": 1}
        return self._of_operator(laptop(self.world).put, account_id, "quota", json=body)

    def _of_operator(self, ask, user_id, what, **options):
        headers = {"X-Request-Id": REQUEST_ID}
        return ask(f"/api/admin/people/{user_id}/{what}", headers=headers, **options)

    def person_deactivated(self):
        somebody = self.world.server.person()
        with self.world.server.services.database.transaction() as connection:
            user.deactivate(connection, somebody.user_id)
        body = {"email": somebody.email, "role": "maintainer"}
        return send(self.alice, "add_team_person", json=body)

    def last_maintainer(self):
        body = {"email": self.alice.email, "role": "member"}
        return send(self.alice, "add_team_person", json=body)

    def too_many_teams(self):
        self.monkeypatch.setattr(team, "MOST_OF_PERSON", 1)
        return send(self.alice, "create_team")

    def team_full(self):
        self.monkeypatch.setattr(team, "MOST_PEOPLE", 2)
        body = {"email": self.world.server.person().email}
        return send(self.alice, "add_team_person", json=body)

    def too_many_project_teams(self):
        self.monkeypatch.setattr(project_team, "MOST_OF_PROJECT", 1)
        made = self.alice.post("/api/teams", json={"name": "Another"}).json()
        body = {"team_id": made["team_id"], "role": "viewer"}
        return send(self.alice, "add_project_team", json=body)

    def too_many_team_projects(self):
        self.monkeypatch.setattr(project_team, "MOST_OF_TEAM", 1)
        body = {"team_id": answer_of("get_team")["team"]["id"], "role": "viewer"}
        return self.alice.post(
            f"/api/projects/{self.alice.create_project()}/teams",
            json=body,
            headers={"X-Request-Id": REQUEST_ID},
        )

    def member_not_found(self):
        assert send(self.alice, "remove_project_team").status_code == 200
        assert send(self.alice, "remove_member").status_code == 200
        return send(self.alice, "remove_member")

    def user_not_registered(self):
        return send(self.alice, "add_member", json={"email": "nobody@example.com"})

    def last_owner(self):
        return send(self.alice, "add_member", json={"email": self.alice.email, "role": "viewer"})

    def engine_unavailable(self):
        return self._start(engine="h2o")

    def experiment_not_running(self):
        return send(self.alice, "stop_experiment")

    def no_model_yet(self):
        created = self._start().json()
        return self.alice.get(
            f"/api/experiments/{created['experiment_id']}/explain",
            headers={"X-Request-Id": REQUEST_ID},
        )

    def request_running(self):
        body = b'{"name": "Churn Prediction"}'
        claims = Claims(self.world.server.services.database)
        identity = ("create_project", "/api/projects", sha256(body).hexdigest())
        same = IdempotentRequest(claims, self.alice.user_id, "key", *identity)
        return same.run(lambda: self._create(body, headers={"Idempotency-Key": "key"}))

    def precondition_failed(self):
        return send(self.alice, "update_project", headers={"If-Match": '"another"'})

    def too_large(self):
        return self._create(iter([b" " * 1024 * 1024, b"{}"]))

    def quota_exceeded(self):
        with running(self._changed(person_quota_bytes=52), migrate=False) as server:
            form = {"project_id": self.world.project_id, "name": "transactions.csv"}
            table = ("transactions.csv", b"amount,is_fraud\n" + b"1,0\n" * 9 + b"\n")
            bob = replace(self.world.bob, server=server)
            return send(bob, "upload_dataset", data=form, files={"file": table})

    def compression_ratio_exceeded(self):
        archive = bytearray(as_zip(**{"manifest.json": b"{}"}))
        place = archive.index(b"PK\x01\x02") + 24  # of the size that a member is said to have
        archive[place : place + 4] = (20_000_000).to_bytes(4, "little")
        form = {"files": {"file": ("export.zip", bytes(archive))}}
        return send(self.alice, "import_project", **form)

    def unsupported_media_type(self):
        return self._create(b"name=Churn", headers={"Content-Type": "text/plain"})

    def contract_violation(self):
        return self._create(b"{}")

    def not_a_table(self):
        return send(
            self.alice,
            "upload_dataset",
            data={"project_id": self.world.project_id, "name": "transactions.csv"},
            files={"file": ("transactions.csv", b"")},
        )

    def unknown_column(self):
        return self._start(target_column="fraud")

    def config_refused(self):
        return self._start(problem_type="regression", config={"sort_metric": "auc"})

    def not_an_export(self):
        archive = ("export.zip", as_zip(readme=b"no manifest"))
        return send(self.alice, "import_project", files={"file": archive})

    def inputs_refused(self):
        rows = [{"amount": "many"}]
        return send(self.alice, "predict", json={"inputs": rows})

    def idempotency_key_reused(self):
        first, second = (
            self._create(body, headers={"Idempotency-Key": "key"})
            for body in (b'{"name": "First"}', b'{"name": "Second"}')
        )
        assert first.status_code == 201
        return second

    def rate_limited(self):
        clock = SimpleNamespace(time=lambda: 1_000_000.0)
        for module in (limits.storage.memory, rate_limit):
            self.monkeypatch.setattr(module, "time", clock)
        with running(self._changed(rate_limit="600/minute"), migrate=False) as server:
            for _ in range(600):
                answer = self.alice.session.get(f"{server.url}/api/projects", timeout=60)
                assert answer.status_code == 200
            clock.time = lambda: 1_000_048.0
            return self._ask(server, "/api/projects")

    def too_many_jobs(self):
        waiting = {"user_id": self.alice.user_id, "project_id": None, "kind": "train"}
        work = {"entity_id": new_id(), "arguments": {}, "max_runtime_seconds": 1}
        with Database(self.settings.database).transaction() as connection:  # noqa: SIM117 - what was made stays
            with suppress(job.TooManyWaiting):
                while True:
                    job.create(connection, **waiting, **work)
        return send(self.alice, "create_report")

    def too_many_at_once(self):
        self.monkeypatch.setattr(places, "MAX_WAITING_OF_ONE", 0)
        self.monkeypatch.setattr(turns.Turns, "_enter", lambda *_: False)
        dataset_id = answer_of("list_datasets")["items"][0]["id"]
        with running(self._changed(), migrate=False) as server:
            return self._ask(server, f"/api/datasets/{dataset_id}/columns")

    def internal_error(self):
        def fail(*_arguments, **_options):
            raise RuntimeError("a bug")

        self.monkeypatch.setattr(projects, "list_for_member", fail)
        return send(self.alice, "list_projects")

    def unavailable(self):
        folder = self.settings.data_dir / "elsewhere"
        with running(self._changed(artifact_url=str(folder)), migrate=False) as server:
            for path in sorted(folder.rglob("*"), reverse=True):
                path.rmdir()
            folder.rmdir()
            folder.write_bytes(b"")
            try:
                return self._ask(server, "/health/ready")
            finally:
                folder.unlink()

    def full(self):
        form = {"project_id": self.world.project_id, "name": "transactions.csv"}
        table = ("transactions.csv", b"amount,is_fraud\n" + b"1,0\n" * 1_000_000)
        with files_limited_to(MEBIBYTE):
            return send(self.alice, "upload_dataset", data=form, files={"file": table})

    def _start(self, **changes):
        content = OPERATIONS["create_experiment"]["requestBody"]["content"]
        return send(self.alice, "create_experiment", json={**_body(content)["json"], **changes})

    def _predict(self, server):
        return send(replace(self.alice, server=server), "predict")

    def _create(self, body, headers=None):
        options = {"headers": {"Content-Type": "application/json", **(headers or {})}}
        return send(self.alice, "create_project", data=body, **options)

    def _ask(self, server, path):
        headers = {"X-Request-Id": REQUEST_ID}
        return self.alice.session.get(f"{server.url}{path}", headers=headers, timeout=60)

    def _changed(self, **changes):
        return self.settings.model_copy(update=changes)


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_problem_is_its_example(world, settings, monkeypatch, name):
    answer = getattr(Provoke(world, settings, monkeypatch), name)()
    response = PROBLEMS[name]
    media = response["content"]["application/problem+json"]
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == media["examples"][name]["value"].value
    assert answer.status_code == answer.json()["status"]
    check_headers(answer, response, name)


def test_every_header_example_is_compared_somewhere():
    shown = {name for name, one in TREE["components"]["headers"].items() if "example" in one}
    assert shown == {*HEADERS, "X-Request-Id"}
    successes = {f"{operation_id}/{name}" for operation_id, _, name in SUCCESSES}
    assert set(HEADERS.values()) <= {*successes, *PROBLEMS, "replay"}
