"""Whatever a request names, the same rule holds for the name."""

from projects_api.contract.resolver import operations, resolved
from projects_api.openapi import contract


def test_every_name_of_a_request_must_be_visible():
    found = {}
    for operation in operations(contract()):
        for media in operation.get("requestBody", {}).get("content", {}).values():
            schema = resolved(contract(), media["schema"])
            for part in (schema, *(resolved(contract(), one) for one in schema.get("allOf", ()))):
                if name := part.get("properties", {}).get("name"):
                    inner = name.get("allOf", [name])[0]
                    found[operation["operationId"]] = resolved(contract(), inner).get("x-visible")
    assert {"create_project", "create_team", "upload_dataset", "create_deployment"} <= found.keys()
    assert set(found.values()) == {True}, found
