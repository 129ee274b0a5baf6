"""Convert the contract to a Postman collection, with all that it says.

`python -m tools.convert_to_postman [FILE]` writes the collection, by default to
`build/postman_collection.json`. The converter that Postman itself imports with leaves out what is
filled in here: that an operation needs no key, the fields of a form, and of the answers the values
of headers, every example after the first and every media type after the first.
"""

import copy
import json
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from projects_api.contract.checker import parse_yaml
from tools import node_tools
from tools.contract_tree import Place, examples, operations

CONTRACT = node_tools.ROOT / "openapi.yaml"

_OPTIONS = "folderStrategy=Tags,parametersResolution=Example,enableOptionalParameters=false"


def convert(contract: Path) -> dict[str, Any]:
    """Convert a contract to a collection of the format 2.1; raises `RuntimeError`."""
    tree = {_place(operation): operation for operation in _operations(contract)}
    collection = _convert_by_npm(contract)
    for item in items(collection):
        operation = tree[place_of(item["request"])]
        if operation.get("security") == []:
            item["request"]["auth"] = {"type": "noauth"}
        if "requestBody" in operation:
            _fill_form(item["request"].get("body", {}), operation["requestBody"])
        first = {answer["code"]: answer for answer in item["response"]}
        item["response"] = [
            answer
            for status, response in operation["responses"].items()
            for answer in _answers(first[int(status)], response)
        ]
    return collection


def items(collection: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the requests of a collection, each with its saved answers."""
    for item in collection["item"]:
        if "request" in item:
            yield item
        else:
            yield from items(item)


def place_of(request: dict[str, Any]) -> tuple[str, str]:
    """Give method and path of a request as the contract writes them."""
    path = "/" + "/".join(request["url"]["path"])
    return request["method"].lower(), re.sub(r":(\w+)", r"{\1}", path)


def _operations(contract: Path) -> Iterator[Place]:
    return operations(Place(parse_yaml(contract.read_bytes())))


def _place(operation: Place) -> tuple[str, str]:
    return str(operation.path[-1]), str(operation.path[-2])


def _convert_by_npm(contract: Path) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "collection.json"
        arguments = ("-s", contract, "-o", target, "-i", "v2", "-O", _OPTIONS)
        run = node_tools.run("openapi2postmanv2", *arguments)
        if not target.exists():
            raise RuntimeError(f"the converter failed: {run.stdout}{run.stderr}")
        collection: dict[str, Any] = json.loads(target.read_text())
    return collection


def _fill_form(body: dict[str, Any], declared: Place) -> None:
    for media in declared["content"].children():
        values = next(examples(media)).value
        for field in body.get("formdata", ()):
            if field["type"] == "text" and field["key"] in values:
                field["value"] = values[field["key"]]
            elif field["type"] == "text":  # which the example leaves out
                field["disabled"] = True


def _answers(first: dict[str, Any], response: Place) -> Iterator[dict[str, Any]]:
    """Return an answer for each example of a response, or one without a body."""
    headers = [
        {
            "key": name,
            "value": str(header["example"].value),
            "description": header["description"].value,
        }
        for name, header in (response["headers"].items() if "headers" in response else ())
    ]
    if "content" not in response:
        yield {**first, "header": headers}
    for media_type, media in response["content"].items() if "content" in response else ():
        for name, example in media["examples"].items():
            answer = copy.deepcopy(first)
            answer["id"] = str(uuid5(NAMESPACE_URL, f"{first['id']}/{media_type}/{name}"))
            answer["name"] = f"{first['name']} {example['summary'].value}."
            answer["header"] = [{"key": "Content-Type", "value": media_type}, *headers]
            answer["body"] = _text(example["value"].value)
            yield answer


def _text(example: Any) -> str:
    return example if isinstance(example, str) else json.dumps(example, indent=2)


def main() -> None:
    """Write the collection of this checkout's contract."""
    build = node_tools.ROOT / "build" / "postman_collection.json"
    target = Path(sys.argv[1]) if sys.argv[1:] else build
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(convert(CONTRACT), indent=2))
    print(target)


if __name__ == "__main__":
    main()
