"""Faults that a header or a rule asks for, as callers meet them."""

import json
import time
from http.client import HTTPConnection, IncompleteRead, RemoteDisconnected
from urllib.parse import urlsplit

import pytest
import requests

from projects_api.contract.resolver import operations
from projects_api.ephemeral.fault_rules import MOST_RULES
from projects_api.ephemeral.faults import GATEWAYS, PROBLEMS, UnknownFault
from projects_api.ephemeral.pages import MOST_BODY_BYTES
from projects_api.openapi import contract
from tests.handlers.conftest import assert_problem
from tests.support.processes import PATIENCE

PAGE = "/_ephemeral/faults"


def send(server, method: str, path: str, role: str = "owner", **options) -> requests.Response:
    headers = {**server.headers(role), **options.pop("headers", {})}
    return requests.request(
        method, f"{server.base_url}{path}", headers=headers, timeout=PATIENCE, **options
    )


def listed(server) -> list[dict]:
    return send(server, "GET", "/api/projects").json()["items"]


class TestHeader:
    def test_too_many_requests(self, projects_api_server):
        fault = {"X-Inject-Fault": "429"}
        answer = send(projects_api_server, "GET", "/api/projects", headers=fault)
        assert_problem(answer, 429, "rate-limited")
        assert answer.headers["Retry-After"] == "1"

    def test_unavailable_and_nothing_done(self, projects_api_server):
        before = listed(projects_api_server)
        fault = {"X-Inject-Fault": "503"}
        body = {"name": "Never"}
        answer = send(projects_api_server, "POST", "/api/projects", headers=fault, json=body)
        assert_problem(answer, 503, "unavailable")
        assert answer.headers["Retry-After"] == "5"
        assert listed(projects_api_server) == before

    def test_slow(self, projects_api_server):
        began = time.monotonic()
        fault = {"X-Inject-Fault": "slow:0.3"}
        answer = send(projects_api_server, "GET", "/api/projects", headers=fault)
        assert answer.status_code == 200
        assert time.monotonic() - began >= 0.3

    @pytest.mark.parametrize(
        "fault", ["418", "429:1", "drop:1", "slow", "slow:-1", "slow:nan", "slow:61"]
    )
    def test_no_other_one(self, projects_api_server, fault):
        headers = {"X-Inject-Fault": fault}
        answer = send(projects_api_server, "GET", "/api/projects", headers=headers)
        assert_problem(answer, 400, "unknown-fault", "slow:SECONDS")

    def test_health_is_not_concerned(self, projects_api_server):
        url = f"{projects_api_server.base_url}/health/live"
        answer = requests.get(url, headers={"X-Inject-Fault": "429"}, timeout=PATIENCE)
        assert answer.status_code == 200

    def test_every_operation_declares_them(self):
        concerned = [
            operation
            for path, item in contract()["paths"].items()
            if path.startswith("/api/")
            for operation in item.values()
            if isinstance(operation, dict) and "operationId" in operation
        ]
        assert len(concerned) == len(list(operations(contract()))) - 2
        for operation in concerned:
            assert set(PROBLEMS) <= set(operation["responses"])

    @pytest.mark.parametrize(
        ("status", "slug"),
        [("401", "unauthenticated"), ("500", "internal-error"), ("503", "unavailable")],
    )
    def test_a_problem_says_that_it_was_asked_for(self, projects_api_server, status, slug):
        before = listed(projects_api_server)
        answer = send(
            projects_api_server,
            "POST",
            "/api/projects",
            headers={"X-Inject-Fault": status},
            json={"name": "Never"},
        )
        assert_problem(answer, int(status), slug, "asked for")
        assert listed(projects_api_server) == before

    @pytest.mark.parametrize("status", sorted(GATEWAYS))
    def test_a_gateway_answers_with_a_page(self, projects_api_server, status):
        headers = {"X-Inject-Fault": status}
        answer = send(projects_api_server, "GET", "/api/projects", headers=headers)
        assert answer.status_code == int(status)
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert f"<h1>{status} {GATEWAYS[status]}</h1>" in answer.text

    def test_the_text_of_the_refusal_names_all(self):
        for name in (*PROBLEMS, *GATEWAYS, "drop", "drop-after", "truncate", "slow:SECONDS"):
            assert f"{name}," in UnknownFault.detail or f"{name} with" in UnknownFault.detail

    @pytest.mark.parametrize("fault", ["429", "503", "drop", "truncate", "nonsense"])
    def test_a_usual_server_makes_none(self, server, fault):
        answer = server.person().get("/api/projects", headers={"X-Inject-Fault": fault})
        assert answer.status_code == 200


def broken_off(server, fault: str, method: str, path: str, **body) -> tuple[int | None, bytes]:
    """Send a request whose connection breaks; return the status and what came of the body."""
    connection = HTTPConnection(urlsplit(server.base_url).netloc, timeout=PATIENCE)
    headers = {
        **server.headers(),
        "X-Inject-Fault": fault,
        "Content-Type": "application/json",
        "Idempotency-Key": "once",
    }
    try:
        connection.request(method, path, json.dumps(body) if body else None, headers)
        with connection.getresponse() as answer:
            try:
                answer.read()
            except IncompleteRead as cut:
                return answer.status, cut.partial
    except RemoteDisconnected:
        return None, b""
    finally:
        connection.close()
    pytest.fail("the answer is whole")


class TestConnection:
    def test_it_is_dropped_before_the_work(self, projects_api_server):
        server = projects_api_server
        assert broken_off(server, "drop", "POST", "/api/projects", name="A") == (None, b"")
        assert len(listed(server)) == 1
        (entry,) = server.requests(operation="create_project")
        assert (entry["status"], entry["fault"]) == (None, "drop")

    def test_it_is_dropped_after_the_work(self, projects_api_server):
        server = projects_api_server
        assert broken_off(server, "drop-after", "POST", "/api/projects", name="A") == (None, b"")
        assert sorted(one["name"] for one in listed(server)) == ["A", "Fraud Detection v2"]
        (entry,) = server.requests(operation="create_project")
        assert (entry["status"], entry["fault"]) == (None, "drop-after")
        headers = {"Idempotency-Key": "once"}
        again = send(server, "POST", "/api/projects", headers=headers, json={"name": "A"})
        assert again.headers["Idempotent-Replayed"] == "true"
        assert len(listed(server)) == 2

    def test_half_of_an_answer_comes(self, projects_api_server):
        server = projects_api_server
        whole = send(server, "GET", "/api/projects").content
        status, part = broken_off(server, "truncate", "GET", "/api/projects")
        assert (status, part) == (200, whole[: len(whole) // 2])
        entry = server.requests()[-1]
        assert (entry["status"], entry["response"]["size"]) == (200, len(part))

    def test_a_part_of_a_file_comes(self, projects_api_server):
        server = projects_api_server
        path = f"/api/projects/{server.project_id}/export"
        status, part = broken_off(server, "truncate", "GET", path)
        assert status == 200
        assert part[:2] == b"PK"

    @pytest.mark.parametrize("fault", ["drop-after", "truncate"])
    def test_a_refusal_breaks_off_too(self, projects_api_server, fault):
        status, _ = broken_off(projects_api_server, fault, "POST", "/api/projects", wrong=1)
        assert status == (422 if fault == "truncate" else None)

    @pytest.mark.parametrize("fault", ["drop", "drop-after", "truncate"])
    def test_an_answer_without_a_body_is_dropped(self, projects_api_server, fault):
        server = projects_api_server
        assert broken_off(server, fault, "HEAD", "/api/projects") == (None, b"")

    def test_the_next_connection_is_served(self, projects_api_server):
        for _ in range(3):
            broken_off(projects_api_server, "truncate", "GET", "/api/projects")
        assert len(listed(projects_api_server)) == 1


def statuses(server, count: int, role: str = "owner", path: str = "/api/projects") -> list[int]:
    return [send(server, "GET", path, role).status_code for _ in range(count)]


class TestRules:
    def test_so_many_requests_fail(self, projects_api_server):
        projects_api_server.inject_fault("503", times=2)
        assert statuses(projects_api_server, 4) == [503, 503, 200, 200]

    def test_one_is_for_an_operation_and_a_role(self, projects_api_server):
        server = projects_api_server
        server.inject_fault("500", operation="list_projects", role="viewer", times=None)
        path = f"/api/projects/{server.project_id}"
        assert statuses(server, 2, "viewer", path) == [200, 200]
        assert statuses(server, 2, "owner") == [200, 200]
        assert statuses(server, 3, "viewer") == [500, 500, 500]
        (entry, *_) = server.requests(role="viewer", status=500)
        assert (entry["operation"], entry["fault"]) == ("list_projects", "500")

    def test_the_first_that_is_left_decides(self, projects_api_server):
        server = projects_api_server
        server.inject_fault("429")
        server.inject_fault("502", operation="list_projects")
        server.inject_fault("504")
        assert statuses(server, 4) == [429, 502, 504, 200]

    def test_a_header_goes_before_and_uses_none_up(self, projects_api_server):
        server = projects_api_server
        server.inject_fault("503")
        headers = {"X-Inject-Fault": "429"}
        assert send(server, "GET", "/api/projects", headers=headers).status_code == 429
        assert statuses(server, 2) == [503, 200]

    def test_a_connection_breaks_by_one(self, projects_api_server):
        projects_api_server.inject_fault("drop")
        with pytest.raises(requests.ConnectionError):
            send(projects_api_server, "GET", "/api/projects")
        projects_api_server.inject_fault("truncate")
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            send(projects_api_server, "GET", "/api/projects")
        assert statuses(projects_api_server, 1) == [200]

    def test_they_are_listed_and_removed(self, projects_api_server):
        server = projects_api_server
        rule = {"fault": "503", "operation": "list_projects", "role": "owner", "times": 5}
        made = send(server, "POST", PAGE, json=rule)
        assert made.status_code == 201
        assert made.json() == {"id": made.json()["id"], **rule, "made": 0}
        send(server, "POST", PAGE, json={"fault": "slow:0"})
        assert statuses(server, 2) == [503, 503]
        first, second = send(server, "GET", PAGE).json()["items"]
        assert first == {**made.json(), "made": 2}
        unlimited = {"operation": None, "role": None}
        assert second == {
            "id": first["id"] + 1,
            "fault": "slow:0",
            **unlimited,
            "times": 1,
            "made": 0,
        }
        one = f"{PAGE}/{first['id']}"
        assert send(server, "DELETE", one).status_code == 204
        assert_problem(send(server, "DELETE", one), 404, "not-found")
        assert statuses(server, 1) == [200]
        assert send(server, "DELETE", PAGE).status_code == 204
        assert send(server, "GET", PAGE).json() == {"items": []}

    def test_a_reset_removes_them(self, projects_api_server):
        projects_api_server.inject_fault("503", times=None)
        projects_api_server.reset()
        assert statuses(projects_api_server, 1) == [200]
        assert send(projects_api_server, "GET", PAGE).json() == {"items": []}

    @pytest.mark.parametrize(
        ("rule", "pointer"),
        [
            ({}, "/fault"),
            ({"fault": "418"}, "/fault"),
            ({"fault": 503}, "/fault"),
            ({"fault": "503", "operation": "list_project"}, "/operation"),
            ({"fault": "503", "operation": "get_liveness"}, "/operation"),
            ({"fault": "503", "role": "nobody"}, "/role"),
            ({"fault": "503", "times": 0}, "/times"),
            ({"fault": "503", "path": "/"}, "/path"),
        ],
    )
    def test_one_that_could_never_be_met_is_refused(self, projects_api_server, rule, pointer):
        answer = send(projects_api_server, "POST", PAGE, json=rule)
        assert_problem(answer, 422, "contract-violation")
        assert [one["pointer"] for one in answer.json()["errors"]] == [pointer]
        assert answer.json()["errors"][0]["location"] == "body"

    @pytest.mark.parametrize("body", [b"", b"{", b"[]", b"1"])
    def test_what_is_no_object_is_refused(self, projects_api_server, body):
        answer = send(projects_api_server, "POST", PAGE, data=body)
        assert_problem(answer, 400, "not-json", "JSON object")

    def test_a_large_one_is_refused(self, projects_api_server):
        body = b'{"fault": "' + b"x" * MOST_BODY_BYTES + b'"}'
        assert_problem(send(projects_api_server, "POST", PAGE, data=body), 413, "too-large")

    def test_there_are_only_so_many(self, projects_api_server):
        server = projects_api_server
        for _ in range(MOST_RULES):
            server.inject_fault("slow:0")
        answer = send(server, "POST", PAGE, json={"fault": "503"})
        assert_problem(answer, 409, "too-many-fault-rules")
        assert statuses(server, 1) == [200]

    def test_they_take_the_owners_key(self, projects_api_server):
        for method in ("GET", "POST", "DELETE"):
            answer = send(projects_api_server, method, PAGE, "admin", json={"fault": "503"})
            assert_problem(answer, 401, "unauthenticated")

    def test_the_clock_goes_on_under_them(self, projects_api_server):
        server = projects_api_server
        server.reset(clock="2026-03-01T00:00:00Z")
        server.inject_fault("503")
        body = {"name": "Churn Prediction"}
        assert send(server, "POST", "/api/projects", json=body).status_code == 503
        made = send(server, "POST", "/api/projects", json=body).json()
        assert made["project"]["created_at"] == "2026-03-01T00:00:01Z"
