"""Coverage of the contract: what counts as exercised, and how it is reported."""

import json
import os
import subprocess
from xml.etree import ElementTree as ET

import orjson
import pytest
import requests
from starlette.datastructures import Headers

from projects_api.ephemeral import coverage_report
from projects_api.ephemeral.coverage import KINDS, Coverage, declared_operations
from projects_api.ephemeral.coverage_report import Report
from projects_api.ephemeral.journal import MOST_PASSING_BYTES, Body, Exchange
from tests.contract.documented import OPERATIONS, answer_of
from tests.handlers.conftest import assert_problem
from tests.support.processes import COMMAND, PATIENCE

PAGE = "/_ephemeral/coverage"
JSON = {"content-type": "application/json"}


def send(server, method: str, path: str, role: str = "owner", **options) -> requests.Response:
    headers = {**server.headers(role), **options.pop("headers", {})}
    return requests.request(
        method, f"{server.base_url}{path}", headers=headers, timeout=PATIENCE, **options
    )


def exchange(operation: str, status: int, answer: object, asked: object = None) -> Exchange:
    """Make what passes when an operation is called with JSON."""
    scope = {"contract.operation": operation, "query_string": b"", "headers": []}
    made = Exchange(scope, None, status=status, headers=Headers(JSON))
    made.response.add(orjson.dumps(answer))
    if asked is not None:
        scope["headers"] = Headers(JSON).raw
        made.request.add(orjson.dumps(asked))
    return made


class TestDeclared:
    def test_every_operation_is_there(self):
        assert set(declared_operations()) == set(OPERATIONS)

    def test_properties_are_named_as_deep_as_the_contract_does(self):
        declared = declared_operations()["list_projects"]
        assert (declared.method, declared.path) == ("GET", "/api/projects")
        assert {"items", "items[]/id", "items[]/name", "total"} <= declared.names["response"]
        assert {"limit", "offset"} <= declared.names["parameters"]
        assert {"200", "401", "422", "429", "500", "503"} <= declared.names["statuses"]
        created = declared_operations()["create_project"].names
        assert created["request"] == {"name", "description"}
        assert "idempotency-key" in created["parameters"]

    def test_each_documented_answer_is_recorded_as_it_stands(self):
        concerned = [name for name, one in declared_operations().items() if one.names["response"]]
        assert len(concerned) > 40
        for name in concerned:
            kept, answer = Coverage(), answer_of(name)
            kept.note(exchange(name, 200, answer))
            found = {one for one in kept.of(name).names["response"] if "/" not in one}
            assert found == set(answer), name


class TestRecord:
    def test_what_passed_is_recorded(self, projects_api_server):
        server = projects_api_server
        assert send(server, "DELETE", PAGE).status_code == 204
        answer = send(server, "GET", "/api/projects?limit=-1&unknown=1")
        assert answer.status_code == 422
        headers = {"Idempotency-Key": "k"}
        send(server, "POST", "/api/projects", json={"name": "A"}, headers=headers)
        send(server, "GET", "/api/projects")
        server.inject_fault("503")
        send(server, "GET", "/api/projects")
        server.inject_fault("drop")
        with pytest.raises(requests.ConnectionError):
            send(server, "GET", "/api/projects")
        server.reset()
        requests.get(f"{server.base_url}/nowhere", timeout=PATIENCE)
        told = server.coverage()["operations"]
        assert set(told) == {"list_projects", "create_project"}
        found, created = told["list_projects"], told["create_project"]
        assert found["calls"] == 4
        assert found["statuses"] == {"422": 1, "200": 1, "503": 1}
        assert found["parameters"] == ["limit"]
        assert {"items[]/name", "total"} <= set(found["response"])
        assert created["statuses"] == {"201": 1}
        assert created["request"] == ["name"]
        assert created["parameters"] == ["idempotency-key"]
        assert "project/name" in created["response"]

    def test_it_takes_the_owners_key(self, projects_api_server):
        assert_problem(send(projects_api_server, "GET", PAGE, "admin"), 401, "unauthenticated")

    def test_nothing_that_is_not_declared_takes_room(self):
        kept = Coverage()
        many = {f"made-up-{number}": {"name": 1} for number in range(100)}
        kept.note(
            exchange("create_project", 201, {**many, "project": {"odd": 1, "name": ""}}, many)
        )
        kept.note(exchange("no_operation", 200, {}))
        told = kept.document()["operations"]
        assert set(told) == {"create_project"}
        assert told["create_project"]["response"] == ["project", "project/name"]
        assert told["create_project"]["request"] == []

    def test_a_body_that_was_cut_or_is_no_json_counts_for_nothing(self):
        kept = Coverage()
        large = exchange("list_projects", 200, {"total": 1, "items": "x" * MOST_PASSING_BYTES})
        kept.note(large)
        broken = exchange("list_projects", 200, {"total": 1})
        broken.response = Body()
        broken.response.add(b'{"total": 1')
        kept.note(broken)
        (told,) = kept.document()["operations"].values()
        assert (told["calls"], told["response"]) == (2, [])

    def test_a_body_that_passes_is_bounded(self):
        body = Body()
        for _ in range(5):
            body.add(b"x" * MOST_PASSING_BYTES)
        assert (len(body.kept), body.size) == (MOST_PASSING_BYTES, 5 * MOST_PASSING_BYTES)


def small(monkeypatch) -> Coverage:
    """Make a record of two operations, of which one was called."""
    names = ("create_project", "delete_project")
    declared = {name: declared_operations()[name] for name in names}
    monkeypatch.setattr(coverage_report, "declared_operations", lambda: declared)
    kept = Coverage()
    kept.note(exchange("create_project", 201, {}, {"name": "A"}))
    kept.note(exchange("create_project", 502, {}))
    return kept


class TestReport:
    def test_it_counts(self, monkeypatch):
        report = Report(small(monkeypatch))
        assert report.count("operations") == (1, 2)
        assert report.count("request") == (1, 2)
        statuses = sum(len(OPERATIONS[one]["responses"].value) for one in SMALL)
        assert report.count("statuses") == (1, statuses)
        covered, declared = report.count()
        assert covered == 3
        assert report.percent == pytest.approx(100 * 3 / declared)
        assert Report(small(monkeypatch), ["operations"]).percent == 50

    def test_its_text_says_what_is_missing(self, monkeypatch):
        text = Report(small(monkeypatch)).text()
        assert "operations     1 of     2   50.0 %" in text
        assert "not called: delete_project" in text
        assert "create_project, request missing: description" in text

    def test_its_xml_has_a_case_for_each(self, monkeypatch):
        report = Report(small(monkeypatch), ["operations", "request"])
        suites = ET.fromstring(report.junit(60))
        cases = {
            (case.get("classname"), case.get("name")): [one.tag for one in case]
            for case in suites.iter("testcase")
        }
        assert cases == {
            ("create_project.operations", "create_project"): [],
            ("create_project.request", "name"): [],
            ("create_project.request", "description"): ["skipped"],
            ("delete_project.operations", "delete_project"): ["skipped"],
            ("limit", "at least 60 %"): ["failure"],
        }
        first, *_, last = suites.iter("testsuite")
        assert (first.get("tests"), first.get("skipped")) == ("3", "1")
        assert (last.get("tests"), last.get("failures")) == ("1", "1")
        assert next(ET.fromstring(report.junit(50)).iter("failure"), None) is None

    def test_its_page_needs_nothing_else(self, monkeypatch):
        page = Report(small(monkeypatch)).html()
        assert "<td><code>create_project</code></td><td>request</td><td>1 of 2</td>" in page
        assert "http" not in page.replace("<!doctype html>", "").replace("html", "")


SMALL = ("create_project", "delete_project")


def run(*options: object, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, "coverage", *map(str, options)],
        env={"PATH": os.environ["PATH"], **variables},
        capture_output=True,
        timeout=PATIENCE,
        check=False,
        text=True,
    )


class TestCommand:
    def test_it_asks_a_server_and_fails_below_a_limit(self, projects_api_server, tmp_path):
        server = projects_api_server
        send(server, "DELETE", PAGE)
        send(server, "GET", "/api/projects")
        variables = {"BASE_URL": server.base_url, "API_KEY": server.api_key}
        files = ["--html", tmp_path / "c.html", "--junit", tmp_path / "c.xml"]
        done = run("--kind", "operations", "--fail-under", "50", *files, **variables)
        share = 100 / len(OPERATIONS)
        assert done.returncode == 1
        assert f"operations     1 of {len(OPERATIONS):5}" in done.stdout
        assert f"{share:.1f} % are less than 50 %" in done.stderr
        assert f"{share:.1f} %" in (tmp_path / "c.html").read_text()
        assert len(list(ET.parse(tmp_path / "c.xml").iter("failure"))) == 1
        assert run("--fail-under", "0.1", **variables).returncode == 0

    def test_it_adds_records_up(self, tmp_path):
        for name, operation in {"gw0": "create_project", "gw1": "list_projects"}.items():
            kept = Coverage()
            kept.note(exchange(operation, 200, {}))
            (tmp_path / f"coverage-{name}.json").write_text(json.dumps(kept.document()))
        done = run(tmp_path)
        assert done.returncode == 0, done.stderr
        assert "operations     2 of" in done.stdout

    @pytest.mark.parametrize(
        ("options", "status", "reason"),
        [
            ([], 2, "BASE_URL and API_KEY"),
            (["--url", "ftp://x", "--key", "k"], 2, "is no address of a server"),
            (["--url", "http://127.0.0.1:9", "--key", "k"], 1, "does not tell its coverage"),
            (["--kind", "lines"], 2, "operations, statuses, parameters, request, response"),
            (["nothing.json"], 1, "nothing.json"),
            (["{folder}"], 1, "there are no records"),
            (["{folder}/wrong.json"], 1, "is no record"),
        ],
    )
    def test_it_says_what_it_refuses(self, tmp_path, options, status, reason):
        (tmp_path / "wrong.json").write_text('{"operations": {"a": 1}}')
        done = run(*(one.format(folder=tmp_path) for one in options))
        assert done.returncode == status
        assert reason in done.stderr
        assert "Traceback" not in done.stderr


def test_all_kinds_are_in_a_record():
    kept = Coverage()
    kept.note(exchange("list_projects", 200, {}))
    (told,) = kept.document()["operations"].values()
    assert set(told) == {"calls", *KINDS} - {"operations"}
