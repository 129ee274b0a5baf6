"""The contract's examples as they stand, sent to the seed: what example-driven testers do."""

import pytest
import requests

from projects_api.contract.resolver import operations
from projects_api.openapi import contract
from tests.contract.documented import OPERATIONS
from tests.handlers.conftest import assert_problem
from tests.support.processes import PATIENCE
from tools.contract_tree import Place, examples, parameters

REFUSED = {
    "import_project": "not-an-export",
    "delete_experiment": "model-deployed",
    "delete_model": "model-deployed",
    "stop_experiment": "experiment-not-running",
    "get_job": "job-not-found",
    "cancel_job": "job-not-found",
    "create_webhook": "address-refused",
    "delete_webhook": "webhook-not-found",
    "list_deliveries": "webhook-not-found",
    "redeliver": "webhook-not-found",
    "give_feedback": "inputs-refused",
    "remove_project_team": "team-not-found",
    **dict.fromkeys(
        (
            *("get_service_account", "delete_service_account", "list_service_account_keys"),
            *("create_service_account_key", "delete_service_account_key"),
        ),
        "service-account-not-found",
    ),
}
"""What no example can do: send a whole archive, delete what is deployed, stop what has ended, ask
for work that nobody gave, remove a team that nobody brought, look at accounts that nobody made,
send to a host that is not there, and know the labels of another model than the documented one."""


def _body_of(operation: Place) -> dict:
    if "requestBody" not in operation:
        return {}
    ((media_type, media),) = operation["requestBody"]["content"].items()
    value = next(examples(media)).value
    if media_type == "application/json":
        return {"json": value}
    fields = {name: one for name, one in value.items() if name != "file"}
    return {"data": fields, "files": {"file": ("example.csv", value["file"])}}


def _asker(operation: Place) -> str:
    return "operator" if operation["x-required-scope"].value == "admin" else "owner"


def send_examples(server, operation: Place) -> requests.Response:
    """Send the first example of the body, and that of every parameter that has one."""
    method, path = operation.path[-1], operation.path[-2]
    places: dict[str, dict[str, str]] = {"path": {}, "query": {}, "header": {}}
    for parameter in parameters(operation):
        for example in examples(parameter):
            named = places[parameter["in"].value]
            named.setdefault(parameter["name"].value, str(example.value))
    return requests.request(
        method,
        server.base_url + path.format(**places["path"]),
        params=places["query"],
        headers={**server.headers(_asker(operation)), **places["header"]},
        timeout=PATIENCE,
        **_body_of(operation),
    )


@pytest.mark.parametrize("operation_id", [one["operationId"] for one in operations(contract())])
def test_the_seed_answers_the_examples(projects_api_server, operation_id):
    operation = OPERATIONS[operation_id]
    answer = send_examples(projects_api_server, operation)
    if operation_id in REFUSED:
        assert_problem(answer, answer.status_code, REFUSED[operation_id])
    else:
        success = next(status for status in operation["responses"].value if status[0] == "2")
        assert answer.status_code == int(success), answer.text
