"""What Schemathesis is told beyond the contract: real files, live projects, keys used once."""

import csv
import gc
import io
import itertools
import json
import os
import re
import tempfile
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pyarrow as pa
import schemathesis
from hypothesis import strategies as st
from pyarrow import parquet
from schemathesis import GenerationMode
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation.meta import ComponentInfo
from schemathesis.openapi.checks import (
    EnsureResourceAvailability,
    ObjectLevelAuthorizationViolation,
    RejectedPositiveData,
)
from schemathesis.transport.serialization import Binary

from projects_api.archive.reader import verify_archive
from projects_api.contract.checker import Checker
from projects_api.contract.visible import cleaned, fault
from projects_api.models.base import in_utc
from projects_api.openapi import contract
from tests.archives import empty_export

# What Schemathesis and this have loaded by now stays; nobody needs to look through it for garbage.
gc.freeze()

UPLOADS = {"operation_id": ["upload_dataset", "upload_dataset_version", "import_project"]}
NO_ID = str(UUID(int=0))
REPORT_KINDS = ("project", "experiment", "model", "deployment")
START = {"operation_id": "create_experiment"}
_ID = re.compile("[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_names = Checker(contract()["components"]["schemas"]["Name"])
_target_columns = Checker(contract()["components"]["schemas"]["TargetColumn"])
ABOVE_THE_LIMIT = b"number,square\n" + b"".join(b"%d,%d\n" % (n, n * n) for n in range(70_000))

SHARED = json.loads(os.environ.get("FUZZING_SHARED", "[]"))
"""Projects that both callers are members of: the ids of each and of one of each kind in it."""

_projects: dict[str, None] = {}
_members: dict[tuple[str, str], None] = {}
_datasets: dict[str, str] = {}
_reports: dict[str, str] = {}
_experiments: dict[str, str] = {}
_jobs: dict[str, str] = {}
_gone: set[str] = set()
_of_the_stranger: set[str] = set()
"""Projects of the one who must see nothing, who may have made the other one a member of them."""
"""What went with its project, which Schemathesis does not know of."""
_models: dict[str, str] = {}
_deployments: dict[str, str] = {}
_webhooks: dict[str, str] = {}
_keys: set[str] = set()
_teams: dict[str, None] = {}
_accounts: dict[str, None] = {}
_account_keys: dict[tuple[str, str], None] = {}
_project_teams: dict[tuple[str, str], None] = {}
_team_people: dict[tuple[str, str], None] = {}
_numbers = itertools.count()


# --- what the tested server has: learnt from its answers, as a client would ---


OWN_KEY = os.environ.get("FUZZING_OWN_KEY", "")
"""The id of the key that asks, without which there would be nothing more to ask."""


def _spare_the_own_key(case):
    path = case.path_parameters or {}
    if case.method == "DELETE" and str(path.get("key_id", "")).lower() == OWN_KEY:
        path["key_id"] = NO_ID


@schemathesis.hook
def after_call(context, case, response):
    """Learn which projects, members and data sets there are."""
    operation = case.operation.definition.raw["operationId"]
    if response.status_code == 200 and case.method == "DELETE" and "key_id" in case.path_parameters:
        _gone.add(str(case.path_parameters["key_id"]).lower())  # which has more than one path
    if response.status_code not in {200, 201} or operation not in _LEARN:
        return
    if operation == "create_project" and case.auth_identity == "stranger":
        _of_the_stranger.add(response.json()["project_id"])
    path = {name: str(value).lower() for name, value in case.path_parameters.items()}
    _LEARN[operation](path, case, response.json())


def _created_project(_path, _case, answer):
    _projects[answer["project_id"]] = None


def _listed_projects(_path, _case, answer):
    _projects.update(dict.fromkeys(item["id"] for item in answer["items"]))


def _deleted_project(path, _case, _answer):
    _projects.pop(path["project_id"], None)
    for known in (_datasets, _experiments, _jobs, _reports, _models, _deployments, _webhooks):
        for gone in [one for one, owner in known.items() if owner == path["project_id"]]:
            del known[gone]
            _gone.add(gone)
    for pairs in (_members, _project_teams):
        for pair in [pair for pair in pairs if pair[0] == path["project_id"]]:
            del pairs[pair]


def _added_member(path, _case, answer):
    _members[path["project_id"], answer["member"]["user_id"]] = None


def _listed_members(path, _case, answer):
    for item in answer["items"][:1]:  # the first is mostly the caller, whom hardly anybody adds
        _members[path["project_id"], item["user_id"]] = None


def _removed_member(path, _case, _answer):
    _members.pop((path["project_id"], path["member_id"]), None)


def _created_team(_path, _case, answer):
    _teams[answer["team_id"]] = None


def _listed_teams(_path, _case, answer):
    _teams.update(dict.fromkeys(item["id"] for item in answer["items"]))


def _deleted_team(path, _case, _answer):
    _teams.pop(path["team_id"], None)
    for pair in [pair for pair in _project_teams if pair[1] == path["team_id"]]:
        del _project_teams[pair]
    for pair in [pair for pair in _team_people if pair[0] == path["team_id"]]:
        del _team_people[pair]


def _added_project_team(path, _case, answer):
    _project_teams[path["project_id"], answer["team"]["team_id"]] = None


def _removed_project_team(path, _case, _answer):
    _project_teams.pop((path["project_id"], path["team_id"]), None)


def _added_team_person(path, _case, answer):
    _team_people[path["team_id"], answer["person"]["user_id"]] = None


def _removed_team_person(path, _case, _answer):
    _team_people.pop((path["team_id"], path["user_id"]), None)


def _created_account(_path, _case, answer):
    _accounts[answer["account_id"]] = None


def _listed_accounts(_path, _case, answer):
    _accounts.update(dict.fromkeys(item["id"] for item in answer["items"]))


def _deleted_account(path, _case, _answer):
    _accounts.pop(path["account_id"], None)
    for pair in [pair for pair in _account_keys if pair[0] == path["account_id"]]:
        del _account_keys[pair]


def _created_account_key(path, _case, answer):
    _account_keys[path["account_id"], answer["key_id"]] = None


def _deleted_account_key(path, _case, _answer):
    _account_keys.pop((path["account_id"], path["key_id"]), None)


def _uploaded_dataset(_path, case, answer):
    _datasets[answer["dataset_id"]] = str(case.body["project_id"]).lower()


def _listed_datasets(_path, _case, answer):
    _datasets.update({item["id"]: item["project_id"] for item in answer["items"]})


def _deleted_dataset(path, _case, _answer):
    _datasets.pop(path["dataset_id"], None)


def _created_experiment(_path, _case, answer):
    _experiments[answer["experiment_id"]] = answer["experiment"]["project_id"]
    _jobs[answer["job_id"]] = answer["experiment"]["project_id"]


def _listed_experiments(_path, _case, answer):
    _experiments.update({item["id"]: item["project_id"] for item in answer["items"]})


def _deleted_experiment(path, _case, _answer):
    _experiments.pop(path["experiment_id"], None)


def _created_report(_path, _case, answer):
    _reports[answer["report_id"]] = answer["report"]["project_id"]
    _jobs[answer["job_id"]] = answer["report"]["project_id"]


def _listed_reports(_path, _case, answer):
    _reports.update({item["id"]: item["project_id"] for item in answer["items"]})


def _listed_models(_path, _case, answer):
    _models.update({item["id"]: item["project_id"] for item in answer["items"]})


def _deleted_model(path, _case, _answer):
    _models.pop(path["model_id"], None)


def _created_webhook(_path, _case, answer):
    _webhooks[answer["webhook_id"]] = answer["webhook"]["project_id"]


def _listed_webhooks(_path, _case, answer):
    _webhooks.update({item["id"]: item["project_id"] for item in answer["items"]})


def _deleted_webhook(path, _case, _answer):
    _webhooks.pop(path["webhook_id"], None)


def _created_deployment(_path, _case, answer):
    _deployments[answer["deployment_id"]] = answer["deployment"]["project_id"]


def _listed_deployments(_path, _case, answer):
    _deployments.update({item["id"]: item["project_id"] for item in answer["items"]})


_LEARN = {
    "create_project": _created_project,
    "list_projects": _listed_projects,
    "delete_project": _deleted_project,
    "add_member": _added_member,
    "list_members": _listed_members,
    "remove_member": _removed_member,
    "create_service_account": _created_account,
    "list_service_accounts": _listed_accounts,
    "delete_service_account": _deleted_account,
    "create_service_account_key": _created_account_key,
    "delete_service_account_key": _deleted_account_key,
    "create_team": _created_team,
    "list_teams": _listed_teams,
    "delete_team": _deleted_team,
    "add_project_team": _added_project_team,
    "remove_project_team": _removed_project_team,
    "add_team_person": _added_team_person,
    "remove_team_person": _removed_team_person,
    "upload_dataset": _uploaded_dataset,
    "list_datasets": _listed_datasets,
    "delete_dataset": _deleted_dataset,
    "create_report": _created_report,
    "list_reports": _listed_reports,
    "create_experiment": _created_experiment,
    "list_experiments": _listed_experiments,
    "delete_experiment": _deleted_experiment,
    "list_models": _listed_models,
    "delete_model": _deleted_model,
    "create_webhook": _created_webhook,
    "list_webhooks": _listed_webhooks,
    "delete_webhook": _deleted_webhook,
    "create_deployment": _created_deployment,
    "list_deployments": _listed_deployments,
}


def _live(generated, name, others, choice=None):
    """Put what lives in place of a generated id; the id decides on it, unless a choice was drawn.

    Of sixteen ids one stays, four give a shared project and what is in it, the others something
    else. Hypothesis repeats what it has drawn before: were it one in four that stays, an operation
    might never be asked about what there is.
    """
    if not _is_id(generated):
        return {}
    number, choice = divmod(UUID(generated).int if choice is None else choice, 16)
    if choice == 15 or not SHARED:
        return {}
    if choice % 4 == 1 or not others:
        return SHARED[number % len(SHARED)]
    return {name: list(others)[number % len(others)]}


def _is_id(value):
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def _filled(generated, live):
    """Put what lives where something was generated that would do; what is wrong stays wrong."""
    return {
        name: live[name] if name in live and _would_do(name, value) else value
        for name, value in generated.items()
    }


def _would_do(name, value):
    if name.endswith("_id"):
        return _is_id(value)
    return name != "target_column" or _target_columns.accepts(value)


_KNOWN = {
    "dataset_id": _datasets,
    "experiment_id": _experiments,
    "job_id": _jobs,
    "report_id": _reports,
    "model_id": _models,
    "deployment_id": _deployments,
    "webhook_id": _webhooks,
    "team_id": _teams,
    "account_id": _accounts,
    "project_id": _projects,
}
"""What there is, by the name of its id; that of a project last, for others are in one."""


_PAIRS = {
    ("project_id", "member_id"): _members,
    ("project_id", "team_id"): _project_teams,
    ("team_id", "user_id"): _team_people,
    ("account_id", "key_id"): _account_keys,
}
"""What there is of a thing in another one, by the names of both ids."""


@schemathesis.hook("flatmap_path_parameters")
@schemathesis.hook("flatmap_query")
def with_live_ids(context, parameters):
    """Name what exists, whatever id was generated: the same one comes again and again.

    Schemathesis can learn ids by itself, but a strategy that changes while it is drawn from makes
    Hypothesis end an operation early, without a word: so that is off, in schemathesis.toml.
    """
    if not parameters:
        return st.just(parameters)
    return _choices.map(lambda choice: _with_live_ids(parameters, choice))


_choices = st.sampled_from(range(4096))


def _with_live_ids(parameters, choice):
    live = {}
    if pairs := next(
        (one for one in _PAIRS if one[1] in parameters and one[0] in parameters), None
    ):
        live = _live(parameters[pairs[1]], "pair", _PAIRS[pairs], choice)
        if pair := live.get("pair"):
            live = dict(zip(pairs, pair, strict=True))
    elif name := next((one for one in _KNOWN if one in parameters), None):
        live = _live(parameters[name], name, _KNOWN[name], choice)
    version = parameters.get("version")
    if isinstance(version, int) and version > 0 and version % 2 == 0:
        live = {**live, "version": 1}  # which every data set has
    return _filled(parameters, live)


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """Look for what was just deleted: it must be gone. For callers this is no step worth a link."""
    done = raw_schema["components"]["responses"]["Acknowledged"]
    for resource in ("project", "dataset", "experiment", "model"):
        name = f"{resource}_id"
        link = {
            "operationId": f"get_{resource}",
            "parameters": {name: f"$request.path.{name}"},
        }
        operation = raw_schema["paths"][f"/api/{resource}s/{{{name}}}"]["delete"]
        operation["responses"]["200"] = {**done, "links": {"look_for_it": link}}


# --- experiments ---


@schemathesis.hook("map_body").apply_to(**START)
def with_a_live_version(context, form):
    """Start experiments on what exists; what is wrong about a body stays wrong."""
    body = getattr(form, "body", form)
    if not isinstance(body, dict):
        return form
    live = _live(body.get("dataset_version_id"), "dataset_version_id", {})
    return _rebuilt(form, _filled(body, live))


# --- teams ---


@schemathesis.hook("map_body").apply_to(operation_id="add_project_team")
def with_a_live_team(context, form):
    """Bring teams that there are; what is wrong about a body stays wrong."""
    body = getattr(form, "body", form)
    if not isinstance(body, dict):
        return form
    live = _live(body.get("team_id"), "team_id", _teams)
    return _rebuilt(form, _filled(body, live))


# --- keys ---


@schemathesis.hook("map_body").apply_to(
    operation_id=["create_key", "create_person_key", "create_service_account_key"]
)
def with_an_end_to_come(context, form):
    """Have keys expire when keys may, which a schema cannot say; what is no moment stays so."""
    body = getattr(form, "body", form)
    if not isinstance(body, dict) or not isinstance(body.get("expires_at"), str):
        return form
    try:
        in_utc(body["expires_at"])
    except ValueError:
        return form
    return _rebuilt(form, {**body, "expires_at": "2090-01-01T00:00:00Z"})


# --- names ---


@schemathesis.hook("map_body")
def with_a_name_that_can_be_seen(context, form):
    """Give names what a schema cannot ask for: letters that can be seen; what is none stays so."""
    body = getattr(form, "body", form)
    name = body.get("name") if isinstance(body, dict) else None
    if not isinstance(name, str) or not _names.accepts(name) or fault(name) is None:
        return form
    return _rebuilt(form, {**body, "name": f"{cleaned(name)[:200]}name"})


# --- reports ---


@schemathesis.hook("map_body").apply_to(operation_id="create_report")
def about_what_exists(context, form):
    """Ask for reports about what exists; what is wrong about a body stays wrong."""
    body = getattr(form, "body", form)
    if not isinstance(body, dict) or body.get("kind") not in REPORT_KINDS:
        return form
    if not _is_id(body.get("entity_id", NO_ID)):
        return form
    live = _live(body.get("project_id"), "project_id", _projects)
    kind = body["kind"]
    if "entity_id" not in body or (live and f"{kind}_id" not in live):
        kind = "project"  # of which alone it is known that it is there
    live = {**live, "kind": kind, "entity_id": live.get(f"{kind}_id", body.get("entity_id"))}
    return _rebuilt(form, _filled(body, live))


# --- predictions ---

_rows = st.fixed_dictionaries(
    {"amount": st.one_of(st.none(), st.integers(0, 2000), st.floats(0, 2000))},
    optional={
        "country": st.one_of(st.none(), st.sampled_from(["DE", "FR", "Elsewhere"])),
        "unknown": st.none() | st.booleans(),
    },
)


@schemathesis.hook("flatmap_body").apply_to(operation_id=["predict", "predict_with_deployment"])
def with_real_rows(context, form):
    """Ask about rows that the shared models know, mostly; what is wrong elsewhere stays wrong."""
    body = getattr(form, "body", form)
    if not isinstance(body, dict) or "inputs" not in body:
        return st.just(form)
    inputs = st.one_of(st.just(body["inputs"]), _rows, st.lists(_rows, min_size=1, max_size=5))
    return inputs.map(lambda value: _rebuilt(form, {**body, "inputs": value}))


@schemathesis.hook("map_body").apply_to(operation_id="give_feedback")
def with_real_labels(context, form):
    """Tell labels that the shared models know; what is wrong elsewhere stays wrong."""
    body = getattr(form, "body", form)
    truths = body.get("truths") if isinstance(body, dict) else None
    if not isinstance(truths, list):
        return form
    told = [
        {**one, "truth": "yes"} if isinstance(one, dict) and "truth" in one else one
        for one in truths
    ]
    return _rebuilt(form, {**body, "truths": told})


@schemathesis.hook("map_body").apply_to(operation_id="create_deployment")
def with_live_models(context, form):
    """Deploy models that there are; what is wrong about a body stays wrong."""
    body = getattr(form, "body", form)
    if not isinstance(body, dict):
        return form
    live = _live(body.get("model_id"), "model_id", _models)
    return _rebuilt(form, _filled(body, live))


@schemathesis.hook("map_case").apply_to(operation_id="predict_dataset")
def with_rows_of_its_project(context, case):
    """Ask a shared model about a table beside it, whose columns it does not all know."""
    body, model_id = case.body, case.path_parameters.get("model_id")
    if not isinstance(body, dict) or not _is_id(body.get("dataset_version_id")):
        return case
    beside = {one["model_id"]: one["dataset_version_id"] for one in SHARED}
    if model_id in beside or model_id in _models:
        asked = model_id if model_id in beside else min(beside)
        case.path_parameters = {**case.path_parameters, "model_id": asked}
        case.body = {**body, "dataset_version_id": beside[asked]}
    return case


def _rebuilt(form, filled):
    return replace(form, body=filled) if hasattr(form, "body") else filled


# --- uploads ---

_cells = st.one_of(
    st.integers().map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(str),
    st.booleans().map(str),
    st.dates().map(str),
    st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20),
)
_columns = st.lists(
    st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=12),
    min_size=2,
    max_size=5,
    unique=True,
)


@st.composite
def csv_files(draw):
    """CSV files with every delimiter, encoding and line end that the server says it knows."""
    columns = draw(_columns)
    rows = draw(st.lists(st.tuples(*[_cells] * len(columns)), min_size=1, max_size=6))
    file = io.StringIO()
    writer = csv.writer(
        file,
        delimiter=draw(st.sampled_from(",;\t|")),
        lineterminator=draw(st.sampled_from(["\n", "\r\n"])),
        quoting=draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])),
    )
    writer.writerow(columns)
    writer.writerows(rows)
    return file.getvalue().encode(draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16"])))


_parquet_columns = st.one_of(
    st.tuples(st.just(pa.int64()), st.just(st.integers(-(2**63), 2**63 - 1))),
    st.tuples(st.just(pa.float64()), st.just(st.floats())),
    st.tuples(st.just(pa.string()), st.just(st.text(st.characters(codec="utf-8")))),
    st.tuples(st.just(pa.bool_()), st.just(st.booleans())),
    st.tuples(st.just(pa.date32()), st.just(st.dates())),
)


@st.composite
def parquet_files(draw):
    """Parquet files with columns of several types, nulls among them."""
    names = draw(_columns)
    rows = draw(st.integers(0, 5))
    arrays = []
    for _ in names:
        kind, values = draw(_parquet_columns)
        column = draw(st.lists(st.none() | values, min_size=rows, max_size=rows))
        arrays.append(pa.array(column, kind))
    file = io.BytesIO()
    parquet.write_table(pa.table(arrays, names), file)
    return file.getvalue()


_tables = st.one_of(csv_files(), csv_files(), parquet_files(), st.just(ABOVE_THE_LIMIT))
_archives = st.one_of(
    st.text(max_size=20).map(empty_export),
    st.just(empty_export()),
    st.binary(max_size=100).map(lambda content: empty_export()[:-22] + content),
)


@schemathesis.hook("flatmap_body").apply_to(**UPLOADS)
def with_real_files(context, form):
    """Put real files in most places of random bytes; what is wrong about a form stays wrong."""
    body = getattr(form, "body", form)
    if not isinstance(body, dict):
        return st.just(form)
    live = _live(body.get("project_id"), "project_id", _projects)
    body = _filled(body, live)
    files = st.just(body.get("file"))
    if isinstance(body.get("file"), (Binary, bytes)):
        is_import = context.operation.definition.raw["operationId"] == "import_project"
        # As Schemathesis itself wraps bytes, to check them like a text.
        real = (_archives if is_import else _tables).map(Binary)
        files = st.one_of(files, real, real, real)

    def rebuild(file):
        filled = {**body, "file": file} if "file" in body else body
        return _rebuilt(form, filled)

    return files.map(rebuild)


@schemathesis.hook("before_call").apply_to(**UPLOADS)
def judge_forms_as_sent(context, case, kwargs):
    """Take a form for valid that is valid as it is sent.

    A form has texts only: what was made wrong by its type, such as an object for a name, is a text
    on its way. A link may put a live id in the place of the only fault. And Schemathesis cannot
    check a form again that has bytes in it, and takes it for invalid.
    """
    if not isinstance(case.body, dict):
        return
    case.body = {
        name: value if isinstance(value, (str, bytes, Binary)) else json.dumps(value)
        for name, value in case.body.items()
        if value is not None
    }
    operation = case.operation.definition.raw["operationId"]
    if case.meta and _is_valid(operation, case.body):
        components = case.meta.components
        components[ParameterLocation.BODY] = ComponentInfo(mode=GenerationMode.POSITIVE)
        if all(part.mode is GenerationMode.POSITIVE for part in components.values()):
            case.meta.generation.mode = GenerationMode.POSITIVE


_forms = {
    operation: Checker(
        {
            "$ref": f"#/components/schemas/{form}",
            "components": {"schemas": contract()["components"]["schemas"]},
        }
    )
    for operation, form in (
        ("upload_dataset", "DatasetUploadForm"),
        ("import_project", "ProjectImportForm"),
        ("upload_dataset_version", "DatasetVersionUploadForm"),
    )
}


def _is_valid(operation, form):
    texts = {name: value for name, value in form.items() if name != "file"}
    are_texts = all(isinstance(value, str) for value in texts.values())
    has_file = isinstance(form.get("file"), (Binary, bytes))
    return are_texts and has_file and _forms[operation].accepts({**texts, "file": ""})


ACCEPTED = {
    # No schema tells bytes that are a table from those that are none.
    ("upload_dataset", RejectedPositiveData): "not-a-table",
    # Nor a name that is a column of this table, or a metric of this problem type, from others.
    ("create_experiment", RejectedPositiveData): "unknown-column|config-refused",
    ("import_project", RejectedPositiveData): "not-an-export",
    ("upload_dataset_version", RejectedPositiveData): "not-a-table",
    # Only the model knows what its inputs are.
    ("predict", RejectedPositiveData): "inputs-refused",
    ("predict_with_deployment", RejectedPositiveData): "inputs-refused",
    ("give_feedback", RejectedPositiveData): "inputs-refused",
    # Only a look at the network tells which hosts there are.
    ("create_webhook", RejectedPositiveData): "address-refused",
    # What is not found is the person, and not the project that was just created.
    ("add_member", EnsureResourceAvailability): "user-not-registered",
    ("add_team_person", EnsureResourceAvailability): "user-not-registered",
    ("add_project_team", EnsureResourceAvailability): "team-not-found",
}
"""Of an operation and a check, the kinds of problems that the documented facts ask for."""


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Keep every failure, unless it is one that is accepted for this one operation and check."""
    if isinstance(failure, EnsureResourceAvailability) and not _gone.isdisjoint(
        str(value).lower() for value in case.path_parameters.values()
    ):
        return False
    if isinstance(failure, ObjectLevelAuthorizationViolation) and any(
        project_id in response.text for project_id in _of_the_stranger
    ):
        return False
    operation = context.operation.definition.raw["operationId"]
    kind = ACCEPTED.get((operation, type(failure)))
    return kind is None or response.json()["type"].rpartition(":")[2] not in kind.split("|")


# --- waiting ---


@schemathesis.hook("before_call").apply_to(operation_id=["get_job", "get_experiment_status"])
def wait_shortly(context, case, kwargs):
    """Wait a second where more may be asked: no worker takes these jobs. What is wrong stays."""
    wait = (case.query or {}).get("wait")
    if re.fullmatch("[1-5]?[0-9]|60", str(wait)) and int(wait) > 1:
        case.query["wait"] = 1


# --- headers ---


@schemathesis.hook
def before_call(context, case, kwargs):
    """Use an Idempotency-Key once: with another request it must be refused, as the contract says.

    A key that breaks the contract stays as it is, and so does one that was not used before.
    """
    _spare_the_own_key(case)
    key = case.headers.get("Idempotency-Key")
    if not isinstance(key, str) or not re.fullmatch(r"[!-~]{1,255}", key):
        return
    while key in _keys:
        key = f"{key[:240]}-{next(_numbers)}"
    _keys.add(key)
    case.headers["Idempotency-Key"] = key


# --- answers that are files ---


@schemathesis.deserializer("application/zip")
def read_archive(context, response):
    """Compare an export with its manifest."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "export.zip"
        path.write_bytes(response.content)
        if faults := verify_archive(path):
            raise ValueError("; ".join(faults))
    return "an archive"


@schemathesis.deserializer("application/vnd.apache.parquet")
def read_parquet(context, response):
    """Read a download as Parquet."""
    parquet.read_table(io.BytesIO(response.content))
    return "a table"


@schemathesis.deserializer("application/octet-stream")
def read_model(context, response):
    """Take a model for a file that has the size it should; some here were never trained."""
    assert len(response.content) == int(response.headers["content-length"][0])
    return "a model"


@schemathesis.deserializer("text/csv")
def read_csv(context, response):
    """Take a download for text; it has whatever encoding was uploaded."""
    return response.content.decode("latin-1")


@schemathesis.deserializer("text/html", "application/pdf")
def read_report(context, response):
    """Take a report for what it is; its own tests look into it."""
    return response.content.decode("latin-1")
