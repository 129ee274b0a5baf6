"""The contract as a Postman collection: nothing that it says is lost."""

import json

import pytest

from projects_api.openapi import contract
from tools import convert_to_postman, node_tools
from tools.contract_tree import Place, examples, operations, parameters

pytestmark = pytest.mark.skipif(
    bool(node_tools.reason_to_skip()), reason=node_tools.reason_to_skip()
)
TREE = Place(contract())
OPERATIONS = {one["operationId"].value: one for one in operations(TREE)}
KINDS = {"query": "query", "path": "variable"}


@pytest.fixture(scope="module")
def collection():
    return convert_to_postman.convert(convert_to_postman.CONTRACT)


@pytest.fixture(scope="module")
def item_of(collection):
    every = {
        convert_to_postman.place_of(item["request"]): item
        for item in convert_to_postman.items(collection)
    }
    assert len(every) == len(OPERATIONS)
    return lambda operation: every[operation.path[-1], operation.path[-2]]


def test_the_collection_as_a_whole(collection):
    assert collection["info"]["name"] == TREE["info"]["title"].value
    assert collection["info"]["schema"].endswith("/v2.1.0/collection.json")
    assert TREE["info"]["description"].value.strip() in collection["info"]["description"]["content"]
    assert [one["name"] for one in collection["item"]] == [
        tag["name"].value for tag in TREE["tags"].children()
    ]
    assert collection["auth"]["type"] == "bearer"
    assert {"key": "baseUrl", "value": TREE["servers"][0]["url"].value}.items() <= collection[
        "variable"
    ][0].items()


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_an_operation_arrives(item_of, operation):
    item = item_of(operation)
    assert item["name"] == operation["summary"].value
    assert item["request"]["description"]["content"] == operation["description"].value
    is_open = operation.get("security") == []
    assert (item["request"].get("auth") or {}).get("type") == ("noauth" if is_open else None)


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_its_parameters_arrive(item_of, operation):
    request = item_of(operation)["request"]
    for parameter in parameters(operation):
        name, place = parameter["name"].value, parameter["in"].value
        there = request["header"] if place == "header" else request["url"][KINDS[place]]
        (arrived,) = (one for one in there if one["key"] == name)
        assert parameter["description"].value in arrived["description"]["content"]
        assert bool(arrived.get("disabled")) is not parameter.get("required", False)
        for example in examples(parameter):
            assert arrived["value"] == str(example.value)
    declared = {one["name"].value for one in parameters(operation)}
    added = {"Content-Type", "Accept"}
    assert {one["key"] for one in request["header"]} <= declared | added


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_its_body_arrives(item_of, operation):
    body = item_of(operation)["request"].get("body") or {}
    if "requestBody" not in operation:
        assert body == {}
        return
    ((media_type, media),) = operation["requestBody"]["content"].items()
    example = next(examples(media)).value
    if media_type == "application/json":
        assert json.loads(body["raw"]) == example
    else:
        properties = media["schema"]["properties"]
        fields = {one["key"]: one for one in body["formdata"]}
        assert fields.keys() == properties.value.keys()
        for name, field in fields.items():
            assert properties[name]["description"].value in field["description"]["content"]
            is_file = properties[name].get("format") == "binary"
            assert field["type"] == ("file" if is_file else "text")
            assert field.get("disabled", False) is not (is_file or name in example)
            assert is_file or name not in example or field["value"] == example[name]


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_its_answers_arrive(item_of, operation):
    arrived = {}
    for answer in item_of(operation)["response"]:
        headers = {one["key"]: one["value"] for one in answer["header"]}
        arrived.setdefault(str(answer["code"]), []).append((headers, answer.get("body")))
    assert list(arrived) == list(operation["responses"].value)
    for status, response in operation["responses"].items():
        headers = {name: str(one["example"].value) for name, one in response["headers"].items()}
        expected = [
            ({"Content-Type": media_type, **headers}, example.value)
            for media_type, media in (response["content"].items() if "content" in response else ())
            for example in examples(media)
        ]
        found = [
            (headers, body if isinstance(example, str) else json.loads(body))
            for (headers, body), (_, example) in zip(
                arrived[status], expected, strict=bool(expected)
            )
        ]
        assert found == expected
        assert expected or arrived[status][0][0] == headers
