"""Who may do what: every operation for every kind of caller, on both databases."""

import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from projects_api.contract.resolver import operations
from projects_api.models import api_key, job
from projects_api.models.accounts import service_account
from projects_api.models.base import to_text
from projects_api.models.outside import delivery
from projects_api.models.teams import team
from projects_api.openapi import contract
from tests.archives import empty_export

ROLES = ("viewer", "editor", "admin", "owner")
CALLERS = (
    *("no key", "unknown key", "expired key", "revoked key", "wrong scope"),
    *("stranger", *ROLES, "operator"),
)
ACCOUNTS = "/api/service-accounts"
CSV = ("t.csv", b"a,b\n1,2\n")
ROW = {"inputs": {"amount": 12.5, "country": "DE"}}

# What the contract's callers may rely on: the least role that succeeds. `anybody` has a
# key, and an `operator` one with the scope `admin`.
LEAST_ROLE = {
    "list_projects": "anybody",
    "create_project": "anybody",
    "get_project": "viewer",
    "update_project": "editor",
    "delete_project": "owner",
    "list_members": "viewer",
    "add_member": "owner",
    "remove_member": "owner",
    "list_project_teams": "viewer",
    "add_project_team": "owner",
    "remove_project_team": "owner",
    "get_timeline": "viewer",
    "export_project": "viewer",
    "import_project": "anybody",
    "upload_dataset": "editor",
    "list_datasets": "viewer",
    "get_dataset": "viewer",
    "delete_dataset": "admin",
    "list_dataset_versions": "viewer",
    "upload_dataset_version": "editor",
    "get_dataset_quality": "viewer",
    "get_dataset_columns": "viewer",
    "analyze_dataset": "viewer",
    "preview_dataset": "viewer",
    "download_dataset": "viewer",
    "create_experiment": "editor",
    "list_experiments": "viewer",
    "get_experiment_capabilities": "anybody",
    "get_experiment": "viewer",
    "delete_experiment": "editor",
    "get_experiment_status": "viewer",
    "stop_experiment": "editor",
    "get_experiment_logs": "viewer",
    "explain_experiment": "viewer",
    "list_engine_runs": "viewer",
    "list_models": "viewer",
    "get_model": "viewer",
    "delete_model": "admin",
    "explain_model": "viewer",
    "get_model_evaluation": "viewer",
    "get_model_parameters": "viewer",
    "predict": "viewer",
    "predict_dataset": "editor",
    "download_model": "viewer",
    "get_job": "viewer",
    "list_jobs": "operator",
    "cancel_job": "operator",
    "create_report": "editor",
    "list_reports": "viewer",
    "get_report": "viewer",
    "download_report": "viewer",
    "list_deployments": "viewer",
    "create_deployment": "editor",
    "get_deployment": "viewer",
    "predict_with_deployment": "viewer",
    "predict_dataset_with_deployment": "editor",
    "give_feedback": "viewer",
    "promote_deployment": "editor",
    "rollback_deployment": "editor",
    "deactivate_deployment": "editor",
    "get_drift": "viewer",
    "list_webhooks": "admin",
    "create_webhook": "admin",
    "delete_webhook": "admin",
    "list_deliveries": "admin",
    "redeliver": "admin",
    "get_usage": "anybody",
    "list_audit_entries": "owner",
    "list_all_audit_entries": "operator",
    "list_teams": "anybody",
    "create_team": "anybody",
    "get_team": "anybody",
    "update_team": "anybody",
    "delete_team": "anybody",
    "list_team_people": "anybody",
    "add_team_person": "anybody",
    "remove_team_person": "anybody",
    "list_service_accounts": "anybody",
    "create_service_account": "anybody",
    "get_service_account": "anybody",
    "delete_service_account": "anybody",
    "list_service_account_keys": "anybody",
    "create_service_account_key": "anybody",
    "delete_service_account_key": "anybody",
    "list_keys": "anybody",
    "create_key": "anybody",
    "get_key": "anybody",
    "delete_key": "anybody",
    "list_all_keys": "operator",
    "get_any_key": "operator",
    "revoke_key": "operator",
    "list_people": "operator",
    "create_person": "operator",
    "get_person": "operator",
    "deactivate_person": "operator",
    "activate_person": "operator",
    "set_person_quota": "operator",
    "create_person_key": "operator",
    "check_liveness": "nobody",
    "check_readiness": "nobody",
}
READS = {
    name
    for name in LEAST_ROLE
    if name.startswith(("list", "get", "analyze", "preview", "export", "download", "explain"))
}
CREATES = {
    "create_project",
    "add_member",
    "add_project_team",
    "create_team",
    "add_team_person",
    "create_service_account",
    "create_service_account_key",
    "upload_dataset",
    "upload_dataset_version",
    "create_experiment",
    "create_report",
    "create_deployment",
    "create_webhook",
    "create_key",
    "create_person",
    "create_person_key",
}
OWN = {
    **dict.fromkeys(("get_key", "delete_key"), "key"),
    **dict.fromkeys(("get_team", "update_team", "delete_team", "list_team_people"), "team"),
    **dict.fromkeys(("add_team_person", "remove_team_person"), "team"),
    **dict.fromkeys(("get_service_account", "delete_service_account"), "service-account"),
    "list_service_account_keys": "service-account",
    "create_service_account_key": "service-account",
    "delete_service_account_key": "service-account",
}
"""What is found by whose it is alone: here the owner's."""
STARTS = {
    "import_project",
    "predict_dataset",
    "predict_dataset_with_deployment",
    "stop_experiment",
    "redeliver",
}


@dataclass
class World:
    """A project with a member of each role, one more member, and something of each kind."""

    project_id: str
    dataset_id: str
    version_id: str
    experiment_id: str
    job_id: str
    report_id: str
    model_id: str
    deployment_id: str
    running_id: str
    other_id: str
    other_email: str
    key_id: str
    waiting_id: str
    webhook_id: str
    delivery_id: str
    team_id: str
    account_id: str
    account_key_id: str


REQUESTS: dict[str, Callable[[World], tuple[str, str, dict[str, Any]]]] = {
    "list_projects": lambda w: ("GET", "/api/projects", {}),
    "create_project": lambda w: ("POST", "/api/projects", {"json": {"name": "New"}}),
    "get_project": lambda w: ("GET", f"/api/projects/{w.project_id}", {}),
    "update_project": lambda w: ("PUT", f"/api/projects/{w.project_id}", {"json": {"name": "N"}}),
    "delete_project": lambda w: ("DELETE", f"/api/projects/{w.project_id}", {}),
    "list_members": lambda w: ("GET", f"/api/projects/{w.project_id}/members", {}),
    "add_member": lambda w: (
        "POST",
        f"/api/projects/{w.project_id}/members",
        {"json": {"email": w.other_email, "role": "editor"}},
    ),
    "remove_member": lambda w: (
        "DELETE",
        f"/api/projects/{w.project_id}/members/{w.other_id}",
        {},
    ),
    "list_project_teams": lambda w: ("GET", f"/api/projects/{w.project_id}/teams", {}),
    "add_project_team": lambda w: (
        "POST",
        f"/api/projects/{w.project_id}/teams",
        {"json": {"team_id": w.team_id, "role": "editor"}},
    ),
    "remove_project_team": lambda w: (
        "DELETE",
        f"/api/projects/{w.project_id}/teams/{w.team_id}",
        {},
    ),
    "get_timeline": lambda w: ("GET", f"/api/projects/{w.project_id}/timeline", {}),
    "export_project": lambda w: ("GET", f"/api/projects/{w.project_id}/export", {}),
    "import_project": lambda w: (
        "POST",
        "/api/projects/import",
        {"files": {"file": ("export.zip", empty_export())}},
    ),
    "upload_dataset": lambda w: (
        "POST",
        "/api/datasets/upload",
        {"data": {"project_id": w.project_id, "name": "t"}, "files": {"file": CSV}},
    ),
    "list_datasets": lambda w: ("GET", "/api/datasets", {"params": {"project_id": w.project_id}}),
    "get_dataset": lambda w: ("GET", f"/api/datasets/{w.dataset_id}", {}),
    "delete_dataset": lambda w: ("DELETE", f"/api/datasets/{w.dataset_id}", {}),
    "list_dataset_versions": lambda w: ("GET", f"/api/datasets/{w.dataset_id}/versions", {}),
    "upload_dataset_version": lambda w: (
        "POST",
        f"/api/datasets/{w.dataset_id}/versions",
        {"files": {"file": CSV}},
    ),
    "get_dataset_quality": lambda w: ("GET", f"/api/datasets/{w.dataset_id}/quality", {}),
    "get_dataset_columns": lambda w: ("GET", f"/api/datasets/{w.dataset_id}/columns", {}),
    "analyze_dataset": lambda w: ("GET", f"/api/datasets/{w.dataset_id}/analyze", {}),
    "preview_dataset": lambda w: ("GET", f"/api/datasets/{w.dataset_id}/rows", {}),
    "download_dataset": lambda w: ("GET", f"/api/datasets/{w.dataset_id}/download", {}),
    "create_experiment": lambda w: (
        "POST",
        "/api/experiments",
        {
            "json": {
                "project_id": w.project_id,
                "dataset_version_id": w.version_id,
                "name": "AutoML Run 2",
                "target_column": "b",
                "problem_type": "regression",
            }
        },
    ),
    "list_experiments": lambda w: (
        "GET",
        "/api/experiments",
        {"params": {"project_id": w.project_id}},
    ),
    "get_experiment_capabilities": lambda w: ("GET", "/api/experiments/capabilities", {}),
    "get_experiment": lambda w: ("GET", f"/api/experiments/{w.experiment_id}", {}),
    "delete_experiment": lambda w: ("DELETE", f"/api/experiments/{w.experiment_id}", {}),
    "get_experiment_status": lambda w: ("GET", f"/api/experiments/{w.experiment_id}/status", {}),
    "stop_experiment": lambda w: ("POST", f"/api/experiments/{w.running_id}/stop", {}),
    "get_experiment_logs": lambda w: ("GET", f"/api/experiments/{w.experiment_id}/logs", {}),
    "explain_experiment": lambda w: ("GET", f"/api/experiments/{w.experiment_id}/explain", {}),
    "list_engine_runs": lambda w: ("GET", f"/api/experiments/{w.experiment_id}/engine-runs", {}),
    "list_models": lambda w: ("GET", "/api/models", {"params": {"project_id": w.project_id}}),
    "get_model": lambda w: ("GET", f"/api/models/{w.model_id}", {}),
    "delete_model": lambda w: ("DELETE", f"/api/models/{w.model_id}", {}),
    "explain_model": lambda w: ("GET", f"/api/models/{w.model_id}/explain", {}),
    "get_model_evaluation": lambda w: ("GET", f"/api/models/{w.model_id}/evaluation", {}),
    "get_model_parameters": lambda w: ("GET", f"/api/models/{w.model_id}/parameters", {}),
    "predict": lambda w: ("POST", f"/api/models/{w.model_id}/predict", {"json": ROW}),
    "predict_dataset": lambda w: (
        "POST",
        f"/api/models/{w.model_id}/predictions",
        {"json": {"dataset_version_id": w.version_id}},
    ),
    "download_model": lambda w: ("GET", f"/api/models/{w.model_id}/download", {}),
    "get_job": lambda w: ("GET", f"/api/jobs/{w.job_id}", {}),
    "list_jobs": lambda w: ("GET", "/api/admin/jobs", {}),
    "cancel_job": lambda w: ("POST", f"/api/admin/jobs/{w.waiting_id}/cancel", {}),
    "create_report": lambda w: (
        "POST",
        "/api/reports",
        {"json": {"project_id": w.project_id, "kind": "project"}},
    ),
    "list_reports": lambda w: ("GET", "/api/reports", {"params": {"project_id": w.project_id}}),
    "get_report": lambda w: ("GET", f"/api/reports/{w.report_id}", {}),
    "download_report": lambda w: ("GET", f"/api/reports/{w.report_id}/download", {}),
    "list_deployments": lambda w: (
        "GET",
        f"/api/mlops/projects/{w.project_id}/deployments",
        {},
    ),
    "create_deployment": lambda w: (
        "POST",
        f"/api/mlops/projects/{w.project_id}/deployments",
        {"json": {"model_id": w.model_id, "name": "Another"}},
    ),
    "get_deployment": lambda w: ("GET", f"/api/mlops/deployments/{w.deployment_id}", {}),
    "predict_with_deployment": lambda w: (
        "POST",
        f"/api/mlops/deployments/{w.deployment_id}/predict",
        {"json": ROW},
    ),
    "predict_dataset_with_deployment": lambda w: (
        "POST",
        f"/api/mlops/deployments/{w.deployment_id}/predictions",
        {"json": {"dataset_version_id": w.version_id}},
    ),
    "give_feedback": lambda w: (
        "POST",
        f"/api/mlops/deployments/{w.deployment_id}/feedback",
        {"json": {"truths": [{"row_id": 1, "truth": "yes"}]}},
    ),
    "promote_deployment": lambda w: (
        "POST",
        f"/api/mlops/deployments/{w.deployment_id}/promote",
        {"json": {"to_stage": "staging"}},
    ),
    "rollback_deployment": lambda w: (
        "POST",
        f"/api/mlops/deployments/{w.deployment_id}/rollback",
        {},
    ),
    "deactivate_deployment": lambda w: (
        "POST",
        f"/api/mlops/deployments/{w.deployment_id}/deactivate",
        {},
    ),
    "get_drift": lambda w: ("GET", f"/api/mlops/deployments/{w.deployment_id}/drift", {}),
    "list_webhooks": lambda w: ("GET", f"/api/projects/{w.project_id}/webhooks", {}),
    "create_webhook": lambda w: (
        "POST",
        f"/api/projects/{w.project_id}/webhooks",
        {"json": {"url": "https://8.8.8.8/", "events": ["report.ended"]}},
    ),
    "delete_webhook": lambda w: ("DELETE", f"/api/webhooks/{w.webhook_id}", {}),
    "list_deliveries": lambda w: ("GET", f"/api/webhooks/{w.webhook_id}/deliveries", {}),
    "redeliver": lambda w: (
        "POST",
        f"/api/webhooks/{w.webhook_id}/deliveries/{w.delivery_id}/redeliver",
        {},
    ),
    "get_usage": lambda w: ("GET", "/api/usage", {}),
    "list_audit_entries": lambda w: ("GET", f"/api/projects/{w.project_id}/audit", {}),
    "list_all_audit_entries": lambda w: ("GET", "/api/admin/audit", {}),
    "list_teams": lambda w: ("GET", "/api/teams", {}),
    "create_team": lambda w: ("POST", "/api/teams", {"json": {"name": "T"}}),
    "get_team": lambda w: ("GET", f"/api/teams/{w.team_id}", {}),
    "update_team": lambda w: ("PUT", f"/api/teams/{w.team_id}", {"json": {"name": "T"}}),
    "delete_team": lambda w: ("DELETE", f"/api/teams/{w.team_id}", {}),
    "list_team_people": lambda w: ("GET", f"/api/teams/{w.team_id}/people", {}),
    "add_team_person": lambda w: (
        "POST",
        f"/api/teams/{w.team_id}/people",
        {"json": {"email": w.other_email}},
    ),
    "remove_team_person": lambda w: (
        "DELETE",
        f"/api/teams/{w.team_id}/people/{w.other_id}",
        {},
    ),
    "list_service_accounts": lambda w: ("GET", ACCOUNTS, {}),
    "create_service_account": lambda w: ("POST", ACCOUNTS, {"json": {"name": "A"}}),
    "get_service_account": lambda w: ("GET", f"{ACCOUNTS}/{w.account_id}", {}),
    "delete_service_account": lambda w: ("DELETE", f"{ACCOUNTS}/{w.account_id}", {}),
    "list_service_account_keys": lambda w: ("GET", f"{ACCOUNTS}/{w.account_id}/keys", {}),
    "create_service_account_key": lambda w: (
        "POST",
        f"{ACCOUNTS}/{w.account_id}/keys",
        {"json": {"name": "K", "scopes": ["write"]}},
    ),
    "delete_service_account_key": lambda w: (
        "DELETE",
        f"{ACCOUNTS}/{w.account_id}/keys/{w.account_key_id}",
        {},
    ),
    "list_keys": lambda w: ("GET", "/api/keys", {}),
    "create_key": lambda w: ("POST", "/api/keys", {"json": {"name": "K", "scopes": ["write"]}}),
    "get_key": lambda w: ("GET", f"/api/keys/{w.key_id}", {}),
    "delete_key": lambda w: ("DELETE", f"/api/keys/{w.key_id}", {}),
    "list_all_keys": lambda w: ("GET", "/api/admin/keys", {}),
    "get_any_key": lambda w: ("GET", f"/api/admin/keys/{w.key_id}", {}),
    "revoke_key": lambda w: ("DELETE", f"/api/admin/keys/{w.key_id}", {}),
    "list_people": lambda w: ("GET", "/api/admin/people", {}),
    "create_person": lambda w: (
        "POST",
        "/api/admin/people",
        {"json": {"email": f"{uuid4().hex}@example.com"}},
    ),
    "get_person": lambda w: ("GET", f"/api/admin/people/{w.other_id}", {}),
    "deactivate_person": lambda w: (
        "POST",
        f"/api/admin/people/{w.other_id}/deactivate",
        {},
    ),
    "activate_person": lambda w: ("POST", f"/api/admin/people/{w.other_id}/activate", {}),
    "set_person_quota": lambda w: (
        "PUT",
        f"/api/admin/people/{w.other_id}/quota",
        {"json": {"quota_bytes": None}},
    ),
    "create_person_key": lambda w: (
        "POST",
        f"/api/admin/people/{w.other_id}/keys",
        {"json": {"name": "K", "scopes": ["write"]}},
    ),
    "check_liveness": lambda w: ("GET", "/health/live", {}),
    "check_readiness": lambda w: ("GET", "/health/ready", {}),
}


def expected(operation: str, caller: str) -> tuple[int, str | None]:
    """Give the status, and the problem's slug, that the rules promise."""
    least = LEAST_ROLE[operation]
    success = 201 if operation in CREATES else 200
    if operation in STARTS:
        success = 202
    if least == "nobody":
        return success, None
    if caller in {"no key", "unknown key", "expired key", "revoked key"}:
        return 401, "unauthenticated"
    if caller == "wrong scope":
        return 403, "insufficient-scope"
    if least == "operator":
        return (success, None) if caller == "operator" else (403, "insufficient-scope")
    if kind := OWN.get(operation):
        return (success, None) if caller == "owner" else (404, f"{kind}-not-found")
    if least == "anybody":
        return success, None
    if caller in {"stranger", "operator"}:  # who operates the server is no member for that
        named = re.search(r"\{(\w+)_id\}", paths()[operation])
        return 404, f"{named[1] if named else 'project'}-not-found"
    if ROLES.index(caller) < ROLES.index(least):
        return 403, "insufficient-role"
    return success, None


def paths() -> dict[str, str]:
    return {
        part["operationId"]: path
        for path, item in contract()["paths"].items()
        for part in item.values()
        if isinstance(part, dict) and "operationId" in part
    }


@pytest.fixture(scope="module", autouse=True)
def much_of_each():
    """Let these few people have a key and a job for each case."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(api_key, "MAX_LIVE", 100_000)
        patch.setattr(job, "MAX_WAITING", 100_000)
        patch.setattr(team, "MOST_OF_PERSON", 100_000)
        patch.setattr(service_account, "MOST_OF_PERSON", 100_000)
        yield


@pytest.fixture(scope="module")
def people(server):
    known = {name: server.person(name) for name in ("stranger", "other", *ROLES)}
    return {**known, "operator": server.person("operator", ("admin",))}


@pytest.fixture(scope="module")
def shared_world(server, people, training) -> World:
    """The world of the calls that change nothing, as each of them proves to those behind it."""
    return make_world(server, people, training)


def make_world(server, people, training) -> World:
    owner = people["owner"]
    project_id = owner.create_project("Shared")
    for role in ("viewer", "editor", "admin"):
        assert owner.share(project_id, people[role], role).status_code == 201
    assert owner.share(project_id, people["other"], "viewer").status_code == 201
    uploaded = owner.upload(project_id).json()
    deployed, model_id = training.keep(server, project_id).model_ids
    body = {"model_id": deployed, "name": "A model", "stage": "production"}
    for _ in range(2):
        created = owner.post(f"/api/mlops/projects/{project_id}/deployments", json=body)
        deployment_id = created.json()["deployment_id"]
    return World(
        project_id,
        uploaded["dataset_id"],
        uploaded["dataset_version_id"],
        server.add_experiment(project_id, uploaded["dataset_version_id"]),
        server.add_job(project_id, owner.user_id),
        server.add_report(project_id),
        model_id,
        deployment_id,
        server.add_running_experiment(project_id, uploaded["dataset_version_id"], owner.user_id),
        people["other"].user_id,
        people["other"].email,
        owner.post("/api/keys", json={"name": "K", "scopes": ["read"]}).json()["key_id"],
        server.add_job(None, people["other"].user_id),
        *add_delivery(server, owner, project_id),
        add_team(owner, people["other"], project_id),
        *add_account(owner),
    )


def add_account(owner) -> tuple[str, str]:
    """Make a service account with a key; give the ids of both."""
    account_id = owner.post(ACCOUNTS, json={"name": "A program"}).json()["account_id"]
    body = {"name": "K", "scopes": ["read"]}
    made = owner.post(f"{ACCOUNTS}/{account_id}/keys", json=body).json()
    return account_id, made["key_id"]


def add_team(owner, other, project_id: str) -> str:
    """Bring a team of the two into the project; give its id."""
    team_id = owner.post("/api/teams", json={"name": "A team"}).json()["team_id"]
    owner.post(f"/api/teams/{team_id}/people", json={"email": other.email})
    body = {"team_id": team_id, "role": "viewer"}
    assert owner.post(f"/api/projects/{project_id}/teams", json=body).status_code == 201
    return team_id


def add_delivery(server, owner, project_id: str) -> tuple[str, str]:
    """Register a webhook and keep a delivery; give the ids of both."""
    body = {"url": "https://8.8.8.8/", "events": ["dataset.deleted"]}
    made = owner.post(f"/api/projects/{project_id}/webhooks", json=body).json()
    with server.services.database.transaction() as connection:
        delivery.emit(connection, project_id, "dataset.deleted", dataset_id=made["webhook_id"])
        items, _ = delivery.list_page(connection, made["webhook_id"], limit=1, offset=0)
    return made["webhook_id"], items[0]["id"]


@pytest.fixture
def key_of(server, people) -> Callable[[str, str], str | None]:
    owner = people["owner"]

    def key(caller: str, operation: str) -> str | None:
        if caller == "no key":
            return None
        if caller == "unknown key":
            return owner.key[:-4] + "AAAA"
        if caller == "expired key":
            past = to_text(datetime.now(UTC) - timedelta(seconds=1))
            return server.key(owner.user_id, ("read", "write"), expires_at=past)
        if caller == "revoked key":
            return revoked_key(server, owner)
        if caller == "wrong scope":
            return server.key(owner.user_id, ("write",) if operation in READS else ("read",))
        return people[caller].key

    return key


def revoked_key(server, owner) -> str:
    key = server.key(owner.user_id)
    with server.services.database.transaction() as connection:
        newest = [k for k in api_key.list_all(connection) if k["email"] == owner.email][-1]
        assert api_key.revoke(connection, newest["id"])
    return key


def test_the_table_names_every_operation():
    names = [operation["operationId"] for operation in operations(contract())]
    assert list(LEAST_ROLE) == names
    assert list(REQUESTS) == names


@pytest.mark.parametrize(("operation", "caller"), list(itertools.product(LEAST_ROLE, CALLERS)))
@pytest.mark.sampled_on_postgresql
def test_access(server, people, training, shared_world, key_of, operation, caller):
    status, slug = expected(operation, caller)
    changes = slug is None and operation not in READS
    world = make_world(server, people, training) if changes else shared_world
    method, path, options = REQUESTS[operation](world)
    key = key_of(caller, operation)
    sender = server.anonymous()
    if key:
        sender.session.headers["Authorization"] = f"Bearer {key}"
    answer = sender.send(method, path, **options)
    assert answer.status_code == status, answer.text
    if slug:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["type"] == f"urn:projects-api:problem:{slug}"
    if status == 401:
        assert answer.headers["www-authenticate"].startswith("Bearer")


def allowed(people, operation: str):
    """Give who may call an operation."""
    return people["operator" if LEAST_ROLE[operation] == "operator" else "owner"]


@pytest.mark.parametrize("operation", [name for name in REQUESTS if name in READS])
def test_head_is_get_without_its_body(people, shared_world, operation):
    method, path, options = REQUESTS[operation](shared_world)
    if method != "GET":
        pytest.skip("it is a POST")
    person = allowed(people, operation)
    got, told = person.get(path, **options), person.send("HEAD", path, **options)
    if person.get(path, **options).content != got.content:  # when a key was used, was noted
        got, told = person.get(path, **options), person.send("HEAD", path, **options)
    assert (told.status_code, told.content) == (got.status_code, b"")
    # Of an answer whose length is not known ahead only the body says how it is cut up.
    apart = {"Date", "X-Request-Id", "Transfer-Encoding"}
    for answer in (got, told):
        for name in apart:
            answer.headers.pop(name, None)
    assert told.headers == got.headers


GUARDED = {"update_project", "delete_project"}


@pytest.mark.parametrize("operation", list(REQUESTS))
@pytest.mark.parametrize("condition", ["If-Match", "If-None-Match"])
def test_no_precondition_is_passed_over(people, shared_world, operation, condition):
    """Nothing that is changed has this tag, all is there, and what is read with 412 was not."""
    method, path, options = REQUESTS[operation](shared_world)
    sent = {"If-Match": '"another"', "If-None-Match": "*"}[condition]
    headers = {**options.pop("headers", {}), condition: sent}
    answer = allowed(people, operation).send(method, path, headers=headers, **options)
    if method == "GET" and condition == "If-None-Match":
        assert (answer.status_code, answer.content) == (304, b"")
        return
    assert answer.status_code == 412, answer.text
    is_guarded = operation in GUARDED and condition == "If-Match"
    slug = "precondition-failed" if is_guarded else "condition-unmet"
    assert answer.json()["type"] == f"urn:projects-api:problem:{slug}"


def test_what_a_precondition_kept_is_still_there(people, shared_world):
    """The deletions above deleted nothing, and `*` holds of what is there."""
    for operation, request in REQUESTS.items():
        method, path, options = request(shared_world)
        if method == "GET":
            headers = {"If-Match": "*", "If-None-Match": '"another"'}
            answer = allowed(people, operation).get(path, headers=headers, **options)
            assert answer.status_code == 200, operation
