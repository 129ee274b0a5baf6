"""Schemathesis against running servers: every phase, check and operation, with two people's keys.

In the environment, `FUZZING_EXAMPLES` says how many examples an operation gets, and `FUZZING_SEED`
repeats a run; a failure names its seed. What Schemathesis is told stands in `schemathesis.toml`.
"""

import json
import logging
import os
import random
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import requests
import structlog
from sqlalchemy import update

from projects_api.models import job, user
from projects_api.models.base import new_id
from projects_api.openapi import contract
from projects_api.settings import Settings
from tests.conftest import Person, running
from tests.contract.traffic import drift
from tools import node_tools

ROOT = Path(__file__).parents[2]
EXAMPLES = int(os.environ.get("FUZZING_EXAMPLES", "20"))
LONG = EXAMPLES >= 500
# What gates a change should not fail by chance on another one's fault; `make fuzz` seeks anew.
SEED = int(os.environ.get("FUZZING_SEED", random.randrange(2**32) if LONG else 1))
VIEWER = () if "FUZZING_EXAMPLES" in os.environ else (pytest.mark.sqlite_suffices,)
"""What a viewer may do, the owner does on both; `make fuzz` sends both to both."""
PEOPLE = ("owner", "viewer", "alice", "bob", "stranger")

CERTAIN = {"200", "201", "202", "401", "404", "415", "422"}
"""What a short run reaches already; the others take luck, and a long run."""
LUCKY = {
    "create_deployment",
    "create_experiment",
    "deactivate_deployment",
    "delete_dataset",
    "delete_key",
    "delete_experiment",
    "delete_model",
    "delete_project",
    # Names are looked up, and hardly any generated one stands for something.
    "create_webhook",
    "delete_webhook",
    "list_deliveries",
    "redeliver",
    "give_feedback",
    "predict_dataset_with_deployment",
    "predict_with_deployment",
    "promote_deployment",
    "remove_member",
    "add_project_team",
    "remove_project_team",
    "add_team_person",
    "remove_team_person",
    "get_service_account",
    "delete_service_account",
    "list_service_account_keys",
    "create_service_account_key",
    "delete_service_account_key",
    "update_team",
    "delete_team",
    "rollback_deployment",
    "upload_dataset",
    "upload_dataset_version",
    "download_report",
    "get_key",
}
"""Operations whose success takes luck: the right id, of what is there at that moment."""
LUCKY_FOR = {"owner": LUCKY, "viewer": LUCKY | {"predict_dataset"}}
"""The projects that the viewer may change hold a model only once an archive brought it."""
READS = (
    "analyze_dataset",
    "download_dataset",
    "download_model",
    "explain_experiment",
    "explain_model",
    "get_model_evaluation",
    "export_project",
    "get_dataset",
    "get_deployment",
    "get_drift",
    "get_experiment",
    "get_experiment_logs",
    "get_experiment_status",
    "get_dataset_columns",
    "get_dataset_quality",
    "get_model",
    "get_model_parameters",
    "get_project",
    "get_timeline",
    "list_dataset_versions",
    "list_datasets",
    "list_deployments",
    "list_engine_runs",
    "list_experiments",
    "list_members",
    "list_project_teams",
    "get_team",
    "list_team_people",
    "download_report",
    "get_report",
    "list_reports",
    "list_models",
    "preview_dataset",
)
EVERY = CERTAIN | {"400", "403", "409", "413", "429", "500", "503"}
OUT_OF_REACH = {
    # The server has no limit on requests, and nothing in it fails.
    "*": {"429", "500", "503"},
    # Both keys have all scopes, and everybody may create and list projects.
    "create_project": {"403", "409", "413"},
    "import_project": {"400", "403", "409", "413"},
    "list_projects": {"403"},
    "get_experiment_capabilities": {"403"},
    "get_usage": {"403"},
    "list_keys": {"403"},
    "get_key": {"403"},
    "delete_key": {"403"},
    # Nobody has a hundred keys, and those that ask do not expire.
    "create_key": {"409", "413"},
    # A person's own, and nobody has a hundred keys of them.
    "list_service_accounts": {"403"},
    "create_service_account": {"403", "413"},
    "get_service_account": {"403"},
    "delete_service_account": {"403"},
    "list_service_account_keys": {"403"},
    "create_service_account_key": {"403", "409", "413"},
    "delete_service_account_key": {"403"},
    "list_teams": {"403"},
    "create_team": {"403", "413"},
    "update_team": {"413"},
    # No team has a hundred people, and no generated id is of one who is in it.
    "add_team_person": {"409", "413"},
    "add_project_team": {"413"},
    # A job that the caller may not see is not found.
    "get_job": {"403"},
    # No worker trains anything.
    "stop_experiment": {"202"},
    # A viewer may read everything.
    **{operation: {"403"} for operation in READS},
    # A viewer may ask, too, and the models are sound.
    "predict": {"403", "409", "413"},
    "predict_with_deployment": {"403", "409", "413"},
    "give_feedback": {"403", "409", "413"},
    # As requests come one after the other, none finds another one running.
    "create_deployment": {"409", "413"},
    "promote_deployment": {"409", "413"},
    "deactivate_deployment": {"409"},
    # No generated JSON has a megabyte.
    "create_webhook": {"409", "413"},
    "redeliver": {"409"},
    "add_member": {"413"},
    "create_experiment": {"413"},
    "update_project": {"413"},
    "create_report": {"409", "413"},
    "predict_dataset": {"409", "413"},
    "predict_dataset_with_deployment": {"409", "413"},
    # Forms are well-formed, and as requests come one after the other, none finds another one
    # running with its Idempotency-Key.
    "upload_dataset": {"400", "409"},
    "upload_dataset_version": {"400", "409"},
}


OPERATORS = {
    operation["operationId"]
    for item in contract()["paths"].values()
    for operation in item.values()
    if isinstance(operation, dict) and operation.get("x-required-scope") == "admin"
}
# These two are no operators.
OUT_OF_REACH |= {operation: EVERY - {"401", "403"} for operation in OPERATORS}
LUCKY_FOR_OPERATORS = {
    *("activate_person", "cancel_job", "create_person_key", "deactivate_person", "delete_key"),
    *("get_any_key", "get_key", "revoke_key", "set_person_quota"),
}


@pytest.fixture(scope="module", autouse=True)
def quiet():
    """Keep errors of the server, and not a line for each of thousands of requests."""
    before = structlog.get_config()
    structlog.configure(
        processors=[structlog.processors.format_exc_info, structlog.dev.ConsoleRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
    )
    yield
    structlog.configure(**before)


@pytest.fixture
def people(server):
    """People with the addresses that schemathesis.toml and the contract's examples name.

    An earlier run's people give their addresses up: what one person may have (twenty teams, twenty
    service accounts, a hundred keys) they may have already.
    """
    registered = {}
    for name in PEOPLE:
        email = f"{name}@example.com"
        with server.services.database.transaction() as connection:
            earlier = update(user.users).where(user.users.c.email == email)
            connection.execute(earlier.values(email=f"{new_id()}@example.com"))
            user_id = user.create(connection, email=email, name=name.title())
        registered[name] = Person(server, user_id, email, server.key(user_id))
    return registered


@pytest.fixture
def shared_projects(server, people, training, monkeypatch):
    """Projects with a data set and an experiment, which the owner shares with the viewer."""
    # No worker takes jobs here: by some seeds a hundred waited before a report was asked for.
    monkeypatch.setattr(job, "MAX_WAITING", 1_000_000)
    owner, viewer = people["owner"], people["viewer"]
    shared = []
    for number in range(5):
        project_id = owner.create_project(f"Shared {number}")
        assert owner.share(project_id, viewer, "viewer").status_code == 201
        uploaded = owner.upload(project_id)
        assert uploaded.status_code == 201, uploaded.text
        version_id = uploaded.json()["dataset_version_id"]
        model_id, deployed = training.keep(server, project_id).model_ids
        body = {"model_id": deployed, "name": "A model", "stage": "production"}
        for _ in range(2):
            created = owner.post(f"/api/mlops/projects/{project_id}/deployments", json=body)
            assert created.status_code == 201, created.text
        shared.append(
            {
                "project_id": project_id,
                "model_id": model_id,
                "deployment_id": created.json()["deployment_id"],
                "dataset_id": uploaded.json()["dataset_id"],
                "dataset_version_id": version_id,
                "experiment_id": server.add_experiment(project_id, version_id),
                "job_id": server.add_job(project_id, owner.user_id),
                "target_column": "a",
                "member_id": owner.user_id,
                "report_id": server.add_report(project_id),
                "team_id": shared_team(owner, viewer),
            }
        )
    return shared


def shared_team(owner, viewer) -> str:
    team_id = owner.post("/api/teams", json={"name": "Shared"}).json()["team_id"]
    taken = owner.post(f"/api/teams/{team_id}/people", json={"email": viewer.email})
    assert taken.status_code == 201, taken.text
    return team_id


@pytest.mark.timeout(0 if "FUZZING_EXAMPLES" in os.environ else 900)
@pytest.mark.parametrize("caller", ["owner", pytest.param("viewer", marks=VIEWER)])
def test_no_request_breaks_the_contract(server, people, shared_projects, caller, tmp_path):
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps(keys_of(caller=people[caller], stranger=people["stranger"])))
    recording = tmp_path / "traffic.har"
    before = count_answers(server)
    options = [] if LONG else [f"--report-har-path={recording}"]
    run = run_schemathesis(
        server, people[caller], keys, *options, FUZZING_SHARED=json.dumps(shared_projects)
    )
    answers = count_answers(server) - before
    title = f"{caller} on {server.kind}, FUZZING_SEED={SEED} FUZZING_EXAMPLES={EXAMPLES}"
    print(f"\n{title}\n{table_of(answers)}")  # noqa: T201 - with -s, what was reached
    if run.returncode:
        pytest.fail(f"{title}\n{shortened(run.stdout)}\n{shortened(run.stderr)}", pytrace=False)
    assert not missed(answers, caller), title
    if recording.exists() and not node_tools.reason_to_skip():
        # A second opinion on every answer; requests are wrong on purpose.
        assert drift(recording, server.url)["response"] == [], title


@pytest.mark.timeout(0 if "FUZZING_EXAMPLES" in os.environ else 900)
def test_no_request_of_an_operator_breaks_the_contract(new_database_url, tmp_path):
    """On a server apart, for it takes away the keys of others, and makes people."""
    settings = Settings(_env_file=None, database_url=new_database_url, data_dir=tmp_path / "data")
    with running(settings) as server:
        operator = server.person("Olga", ("admin",))
        stranger = server.person("Sam")
        for _ in range(10):
            server.add_job(None, server.person().user_id)
        keys = tmp_path / "keys.json"
        keys.write_text(json.dumps(keys_of(caller=operator, stranger=stranger)))
        before = count_answers(server)
        run = run_schemathesis(server, operator, keys, "--include-path-regex=^/api/(admin|keys)")
        answers = count_answers(server) - before
    title = f"operator on {new_database_url}, FUZZING_SEED={SEED} FUZZING_EXAMPLES={EXAMPLES}"
    print(f"\n{title}\n{table_of(answers)}")  # noqa: T201 - with -s, what was reached
    if run.returncode:
        pytest.fail(f"{title}\n{shortened(run.stdout)}\n{shortened(run.stderr)}", pytrace=False)
    certain = {
        (operation, status)
        for operation, status in declared_answers()
        if operation in OPERATORS | {"list_keys", "get_key", "create_key", "delete_key"}
        and status in CERTAIN
        and not (status[0] == "2" and operation in LUCKY_FOR_OPERATORS)
    }
    assert sorted(certain - set(answers)) == []


def run_schemathesis(server, caller: Person, keys: Path, *options: str, **environment: str):
    """Run Schemathesis against a server, with the keys in a file."""
    return subprocess.run(
        [
            Path(sys.executable).with_name("schemathesis"),
            "run",
            f"{server.url}/openapi.json",
            "--checks=all",
            f"--max-examples={EXAMPLES}",
            f"--seed={SEED}",
            *options,
            "--no-color",
        ],
        cwd=ROOT,
        env={
            **os.environ,
            "FUZZING_KEYS": str(keys),
            "FUZZING_OWN_KEY": caller.get("/api/keys").json()["caller"]["key_id"],
            # Or requests looks through all variables for proxies, twice for each request.
            "no_proxy": "127.0.0.1",
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
    )


def keys_of(**people: Person) -> dict:
    """Write keys in the form that Schemathesis reads (Web Fuzzing Commons)."""
    return {
        "auth": [
            {
                "name": name,
                "fixedHeaders": [{"name": "Authorization", "value": f"Bearer {person.key}"}],
            }
            for name, person in people.items()
        ]
    }


def count_answers(server) -> Counter[tuple[str, str]]:
    """Ask the server how often each operation gave each status."""
    metrics = requests.get(f"{server.url}/metrics", timeout=10).text
    pattern = r'^projects_api_requests_total\{operation="(\w+)",status="(\d+)"\} (\S+)$'
    found = re.findall(pattern, metrics, re.MULTILINE)
    return Counter({(operation, status): int(float(count)) for operation, status, count in found})


def table_of(answers: Counter[tuple[str, str]]) -> str:
    lines: dict[str, list[str]] = {}
    for (operation, status), count in sorted(answers.items()):
        lines.setdefault(operation, []).append(f"{status}: {count}")
    return "\n".join(f"{operation:18}{', '.join(counts)}" for operation, counts in lines.items())


def missed(answers: Counter[tuple[str, str]], caller: str) -> list[tuple[str, str]]:
    """Name each status that the contract declares and that no request got, although one could."""
    return sorted(
        (operation, status)
        for operation, status in declared_answers() - set(answers)
        if status not in OUT_OF_REACH["*"] | OUT_OF_REACH.get(operation, set())
        and (
            LONG
            or (status in CERTAIN and not (status[0] == "2" and operation in LUCKY_FOR[caller]))
        )
        and (caller, status) != ("owner", "403")
    )


def declared_answers() -> set[tuple[str, str]]:
    """Name each status that the contract declares, with its operation."""
    return {
        (operation["operationId"], status)
        for path in contract()["paths"].values()
        for method, operation in path.items()
        if method != "parameters"
        for status in operation["responses"]
    }


def shortened(output: str) -> str:
    """Leave out progress, and what no terminal shows of a line."""
    begin = re.search(r"^=+ (ERRORS|FAILURES) =+$", output, re.MULTILINE)
    lines = output[begin.start() if begin else 0 :].splitlines()
    return "\n".join(line[:2000] for line in lines)
