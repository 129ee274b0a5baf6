"""Everything that the contract documents is found to keep to it, by the judge as by us."""

import asyncio
import base64
import gzip
import json
from urllib.parse import urlencode

import pytest

from projects_api.conformance.exchange import (
    MOST_BODY_BYTES,
    Body,
    Budget,
    Exchange,
    decode_content,
)
from projects_api.conformance.har import NotARecording, read_har
from projects_api.conformance.verdict import REQUEST, RESPONSE
from tests.contract.documented import OPERATIONS
from tools.contract_tree import examples, parameters

KEY = (b"authorization", b"Bearer pak_x")
DOCUMENTED = [
    (operation_id, status, media_type, name)
    for operation_id, operation in OPERATIONS.items()
    for status, response in operation["responses"].items()
    if "content" in response
    for media_type, media in response["content"].items()
    for name in media["examples"].value
]


def body_of(content: bytes) -> Body:
    return Body(bytearray(content), len(content))


def request_of(operation_id: str) -> Exchange:
    """Make the request that the contract documents."""
    operation = OPERATIONS[operation_id]
    path, query, headers = operation.path[-2], {}, [KEY]
    for parameter in parameters(operation):
        for example in examples(parameter):
            if parameter["in"].value == "path":
                path = path.replace(f"{{{parameter['name'].value}}}", str(example.value))
            elif parameter["in"].value == "query":
                query[parameter["name"].value] = example.value
            else:
                name = parameter["name"].value.lower().encode()
                headers.append((name, str(example.value).encode()))
    exchange = Exchange(operation.path[-1].upper(), f"{path}?{urlencode(query)}", headers)
    if "requestBody" in operation:
        ((media_type, media),) = operation["requestBody"]["content"].items()
        value = next(examples(media)).value
        if media_type == "application/json":
            content = json.dumps(value).encode()
        else:
            media_type, content = "multipart/form-data; boundary=x", form(value)
        exchange.headers.append((b"content-type", media_type.encode()))
        exchange.body = body_of(content)
    return exchange


def form(fields: dict) -> bytes:
    parts = [
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    return ("".join(parts) + "--x--\r\n").encode()


def judged(judge, exchange: Exchange):
    return asyncio.run(judge.judge(exchange))


def exchange_of(operation_id: str, status: str, media_type: str, name: str) -> Exchange:
    exchange = request_of(operation_id)
    response = OPERATIONS[operation_id]["responses"][status]
    value = response["content"][media_type]["examples"][name]["value"].value
    exchange.status = int(status)
    exchange.answer_headers = [(b"content-type", media_type.encode())]
    for header, declared in response["headers"].items() if "headers" in response else ():
        first = next(examples(declared)).value
        exchange.answer_headers.append((header.lower().encode(), str(first).encode()))
    is_text = isinstance(value, str)
    exchange.answer = body_of(value.encode() if is_text else json.dumps(value).encode())
    return exchange


def test_every_documented_exchange_keeps_to_the_contract(judge):
    assert len(DOCUMENTED) > 400
    found = {}
    for one in DOCUMENTED:
        verdict = judged(judge, exchange_of(*one))
        assert verdict.operation == one[0]
        if verdict.faults or verdict.not_judged:
            found[one] = [*map(str, verdict.faults), *verdict.not_judged]
    assert found == {}


@pytest.mark.parametrize("operation_id", sorted(OPERATIONS))
def test_no_documented_answer_is_empty_or_another_type(judge, operation_id):
    """Each JSON answer of a success is looked at: with an empty object in its place it fails."""
    for one in DOCUMENTED:
        if one[0] == operation_id and one[1].startswith("2") and one[2] == "application/json":
            exchange = exchange_of(*one)
            exchange.answer = body_of(b"[]")
            (fault, *_) = judged(judge, exchange).faults
            assert (fault.side, fault.location, fault.pointer) == (RESPONSE, "body", "")


def project(**changes) -> Exchange:
    exchange = exchange_of("get_project", "200", "application/json", "fraud")
    for name, value in changes.items():
        setattr(exchange, name, value)
    return exchange


class TestOfHttp:
    @pytest.mark.parametrize(
        ("header", "status"),
        [("range", 206), ("range", 416), ("if-match", 412), ("if-none-match", 304)],
    )
    def test_a_condition_has_its_statuses(self, judge, header, status):
        exchange = exchange_of("list_projects", "200", "application/json", "fraud")
        exchange.status = status
        assert [one.location for one in judged(judge, exchange).faults] == ["status"]
        exchange.headers.append((header.encode(), b'"x"'))
        assert judged(judge, exchange).faults == []

    def test_head_has_no_body_and_the_same_headers(self, judge):
        assert judged(judge, project(method="HEAD", answer=Body())).faults == []
        bare = project(method="HEAD", answer=Body())
        bare.answer_headers = [one for one in bare.answer_headers if one[0] != b"x-request-id"]
        (fault,) = judged(judge, bare).faults
        assert fault.pointer == "/x-request-id"

    def test_options_is_nobodys(self, judge):
        assert judged(judge, project(method="OPTIONS", status=204)).faults == []


class TestRequests:
    @pytest.mark.parametrize(
        ("changes", "location", "pointer"),
        [
            ({"target": "/api/nothing"}, "path", ""),
            ({"target": "/api/projects/17"}, "path", "/project_id"),
            ({"method": "TRACE"}, "method", ""),
            ({"headers": []}, "header", "/authorization"),
            ({"headers": [(b"authorization", b"Basic YTpi")]}, "header", "/authorization"),
        ],
    )
    def test_what_breaks_it(self, judge, changes, location, pointer):
        (fault,) = judged(judge, project(**changes)).faults
        assert (fault.side, fault.location, fault.pointer) == (REQUEST, location, pointer)

    @pytest.mark.parametrize(
        ("content", "media_type", "pointer"),
        [
            (b'{"name": 1}', "application/json", "/name"),
            (b'{"name": "a", "more": 1}', "application/json", ""),
            (b'{"name": ', "application/json", ""),
            (b'{"name": "a"}', "text/plain", ""),
        ],
    )
    def test_json(self, judge, content, media_type, pointer):
        exchange = exchange_of("create_project", "201", "application/json", "churn")
        exchange.body = body_of(content)
        exchange.headers = [KEY, (b"content-type", media_type.encode())]
        (fault,) = judged(judge, exchange).faults
        assert (fault.side, fault.location, fault.pointer) == (REQUEST, "body", pointer)

    def test_a_form(self, judge):
        exchange = request_of("upload_dataset")
        exchange.body = body_of(form({"project_id": "17", "name": "n", "file": "a,b"}))
        exchange.status, exchange.failure = 0, "no answer"
        request, response = judged(judge, exchange).faults
        assert (request.side, request.pointer) == (REQUEST, "/project_id")
        assert str(response) == "response connection: no answer"


def test_a_value_without_pattern_and_format_is_told_once(judge):
    exchange = exchange_of("create_project", "201", "application/json", "churn")
    value = json.loads(exchange.answer.content)
    value["project_id"] = "17"
    exchange.answer = body_of(json.dumps(value).encode())
    (fault,) = judged(judge, exchange).faults
    assert fault.pointer == "/project_id"
    assert "does not match" in fault.message
    del value["project_id"], value["project"]
    exchange.answer = body_of(json.dumps(value).encode())
    assert [one.pointer for one in judged(judge, exchange).faults] == ["", ""]


class TestNotJudged:
    def test_a_body_that_is_too_large(self, judge):
        budget, body = Budget(), Body()
        for _ in range(9):
            body.add(bytes(MOST_BODY_BYTES // 8), budget)
        assert (len(body.content), body.size) == (0, MOST_BODY_BYTES * 9 // 8)
        assert budget.take(Budget()._left)
        verdict = judged(judge, project(answer=body))
        assert verdict.faults == []
        assert verdict.not_judged == ["the body of the response has more than 8388608 bytes"]

    def test_a_body_that_is_too_large_when_it_is_unpacked(self):
        for size, told in ((MOST_BODY_BYTES, ""), (MOST_BODY_BYTES + 1, "has more than")):
            content, unknown = decode_content(body_of(gzip.compress(bytes(size))), "gzip")
            assert unknown.startswith(told)
            assert len(content) == (0 if told else size)
            assert bool(unknown) == bool(told)

    def test_bodies_that_are_too_many(self, judge):
        body, budget = Body(), Budget(10)
        body.add(b"12345678", budget)
        body.add(b"9ab", budget)
        assert budget.take(10)
        (told,) = judged(judge, project(answer=body)).not_judged
        assert told == "the body of the response came while too many others were judged"

    def test_what_a_recording_lacks(self, judge):
        entry = {
            "request": {
                "method": "POST",
                "url": "https://somewhere/ml/api/projects",
                "headers": [{"name": "Content-Type", "value": "application/json"}],
                "postData": {"mimeType": "application/json"},
            },
            "response": {
                "status": 201,
                "headers": exchange_of_headers(),
                "content": {"size": 500, "mimeType": "application/json"},
            },
        }
        har = json.dumps({"log": {"entries": [entry]}}).encode()
        (exchange,) = read_har(har, "https://somewhere/ml")
        verdict = judged(judge, exchange)
        assert verdict.faults == []  # nor is a key missed, of which none was recorded
        assert verdict.not_judged == [
            "the body of the request is not in the recording",
            "the body of the response is not in the recording",
        ]
        assert list(read_har(har, "https://elsewhere")) == []

    @pytest.mark.parametrize("mask", ["[Filtered]", "***", "<redacted>", "REDACTED"])
    def test_what_a_recorder_masks(self, judge, mask):
        exchange = exchange_of("get_project", "401", "application/problem+json", "unauthenticated")
        answer_headers = [
            {"name": name.decode(), "value": mask if name.startswith(b"www") else value.decode()}
            for name, value in exchange.answer_headers
        ]
        entry = {
            "request": {
                "method": "GET",
                "url": f"https://somewhere{exchange.target}",
                "headers": [{"name": "Authorization", "value": mask}],
            },
            "response": {
                "status": 401,
                "headers": answer_headers,
                "content": {
                    "text": base64.b64encode(exchange.answer.content).decode(),
                    "encoding": "base64",
                },
            },
        }
        (found,) = read_har(json.dumps({"log": {"entries": [entry]}}).encode())
        assert judged(judge, found).faults == []
        entry["response"]["headers"][0]["value"] = "text/plain"
        (found,) = read_har(json.dumps({"log": {"entries": [entry]}}).encode())
        assert [one.pointer for one in judged(judge, found).faults] == ["/content-type"]


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"log": {"entries": [{}]}}', b'{"log": 1}'])
def test_what_is_no_recording(text):
    with pytest.raises(NotARecording):
        list(read_har(text))


def exchange_of_headers() -> list[dict[str, str]]:
    headers = exchange_of("create_project", "201", "application/json", "churn").answer_headers
    return [{"name": name.decode(), "value": value.decode()} for name, value in headers]
