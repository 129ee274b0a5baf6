"""The journal of requests: what is in it, what is not, and how much of it is kept."""

import threading
from contextlib import suppress

import pytest
import requests

from projects_api.ephemeral import journal
from projects_api.ephemeral.journal import Body, Exchange, Journal
from tests.handlers.conftest import assert_problem
from tests.support.processes import PATIENCE

PAGE = "/_ephemeral/requests"


def send(server, method: str, path: str, role: str = "owner", **options) -> requests.Response:
    headers = {**server.headers(role), **options.pop("headers", {})}
    return requests.request(
        method, f"{server.base_url}{path}", headers=headers, timeout=PATIENCE, **options
    )


class TestEntries:
    def test_a_request_is_told_whole(self, projects_api_server):
        server = projects_api_server
        body = {"name": "Été"}
        headers = {"Idempotency-Key": "k", "X-Request-Id": "mine", "Cookie": "secret=1"}
        answer = send(server, "POST", "/api/projects?", "viewer", json=body, headers=headers)
        assert answer.status_code == 201
        (entry,) = server.requests()
        assert entry["method"] == "POST"
        assert entry["path"] == "/api/projects"
        assert entry["operation"] == "create_project"
        assert (entry["role"], entry["status"], entry["fault"]) == ("viewer", 201, None)
        assert entry["request_id"] == "mine"
        assert entry["headers"]["idempotency-key"] == "k"
        assert server.keys["viewer"] not in str(entry)
        assert "secret=1" not in str(entry)
        sent = answer.request.body
        assert entry["request"] == {
            "media_type": "application/json",
            "size": len(sent),
            "text": sent.decode(),
            "is_cut": False,
        }
        assert entry["response"] == {
            "media_type": "application/json",
            "size": len(answer.content),
            "text": answer.text,
            "is_cut": False,
        }
        assert entry["milliseconds"] >= 0
        assert entry["at"].endswith("Z")

    def test_what_is_refused_is_there_with_what_was_answered(self, projects_api_server):
        server = projects_api_server
        url = server.base_url
        requests.get(f"{url}/nowhere?a=b", timeout=PATIENCE)
        requests.get(f"{url}/api/projects", timeout=PATIENCE)
        send(server, "PATCH", "/api/projects")
        send(server, "POST", "/api/projects", json={})
        told = [(one["operation"], one["role"], one["status"]) for one in server.requests()]
        assert told == [
            (None, None, 404),
            ("list_projects", None, 401),
            (None, "owner", 405),
            ("create_project", "owner", 422),
        ]
        assert server.requests()[0]["query"] == "a=b"

    def test_its_own_pages_are_not_in_it(self, projects_api_server):
        server = projects_api_server
        send(server, "GET", PAGE)
        server.reset()
        assert server.requests() == []

    def test_a_body_that_is_no_text_has_a_size(self, projects_api_server):
        server = projects_api_server
        export = send(server, "GET", f"/api/projects/{server.project_id}/export").content
        (entry,) = server.requests()
        told = entry["response"]
        assert (told["size"], told["text"], told["is_cut"]) == (len(export), None, True)

    @pytest.mark.parametrize("way", ["reset", "forget_requests"])
    def test_it_begins_anew(self, projects_api_server, way):
        send(projects_api_server, "GET", "/api/projects")
        assert len(projects_api_server.requests()) == 1
        getattr(projects_api_server, way)()
        assert projects_api_server.requests() == []


class TestQuery:
    @pytest.mark.parametrize(
        ("wanted", "count"),
        [
            ({}, 4),
            ({"operation": "list_projects"}, 3),
            ({"operation": "list_projects", "role": "viewer"}, 1),
            ({"status": 422}, 1),
            ({"operation": "get_project"}, 0),
            ({"method": "POST"}, 1),
            ({"path": "/api/projects"}, 4),
            ({"path": "/api"}, 0),
        ],
    )
    def test_filters(self, projects_api_server, wanted, count):
        server = projects_api_server
        for role in ("owner", "viewer", "editor"):
            send(server, "GET", "/api/projects", role)
        send(server, "POST", "/api/projects", json={})
        assert len(server.requests(**wanted)) == count
        assert send(server, "GET", PAGE, params=wanted).json()["total"] == count

    @pytest.mark.parametrize(
        ("wanted", "detail"),
        [
            ({"operation": "list_project"}, "is it 'list_projects'?"),
            ({"role": "bob"}, "there is no 'bob'"),
            ({"status": 42}, "`status`"),
            ({"wait": 1001}, "`wait`"),
            ({"seconds": 61}, "`seconds`"),
            ({"sum": 1}, "`sum`"),
        ],
    )
    def test_what_nothing_could_meet_is_refused(self, projects_api_server, wanted, detail):
        answer = send(projects_api_server, "GET", PAGE, params=wanted)
        assert_problem(answer, 422, "contract-violation", detail)
        assert answer.json()["errors"][0]["location"] == "query"

    def test_it_waits_until_so_many_have_come(self, projects_api_server):
        server, found = projects_api_server, []

        def wait() -> None:
            found.extend(server.requests(operation="list_projects", wait=3, seconds=60))

        waiting = threading.Thread(target=wait)
        waiting.start()
        for _ in range(3):
            assert waiting.is_alive()
            send(server, "GET", "/api/projects")
        waiting.join(PATIENCE)
        assert len(found) == 3

    def test_it_waits_no_longer_than_asked(self, projects_api_server):
        assert projects_api_server.requests(wait=1, seconds=0.05) == []

    def test_it_takes_the_owners_key(self, projects_api_server):
        for method in ("GET", "DELETE"):
            answer = send(projects_api_server, method, PAGE, "admin")
            assert_problem(answer, 401, "unauthenticated")

    def test_a_usual_server_has_none(self, server):
        assert_problem(server.person().get(PAGE), 404, "not-found")


class TestAssertCalled:
    def test_it_counts(self, projects_api_server):
        server = projects_api_server
        server.assert_called("list_projects", times=0)
        for role in ("owner", "owner", "viewer"):
            send(server, "GET", "/api/projects", role)
        assert len(server.assert_called("list_projects")) == 3
        server.assert_called("list_projects", times=2, role="owner")
        server.assert_called("list_projects", times=0, status=403)

    @pytest.mark.parametrize(
        ("times", "status", "told"),
        [
            (2, None, "list_projects: 1 calls instead of 2 times."),
            (0, None, "list_projects: 1 calls instead of 0 times."),
            (None, 503, "list_projects, status 503: 0 calls instead of at least once."),
        ],
    )
    def test_it_fails_and_shows_what_came(self, projects_api_server, times, status, told):
        server = projects_api_server
        send(server, "GET", "/api/projects?limit=1", "viewer")
        with pytest.raises(pytest.fail.Exception) as failed:
            server.assert_called("list_projects", times=times, status=status)
        assert told in str(failed.value)
        assert "GET /api/projects?limit=1 200 (list_projects, viewer)" in str(failed.value)

    def test_a_misspelt_operation_is_no_pass(self, projects_api_server):
        with pytest.raises(ValueError, match="is it 'list_projects'"):
            projects_api_server.assert_called("list_project", times=0)


def exchange(path: str = "/", *, text: bytes = b"", headers=()) -> Exchange:
    scope = {"method": "GET", "path": path, "query_string": b"", "headers": list(headers)}
    made = Exchange(scope, None)
    made.response.add(text)
    return made


class TestBounds:
    def test_the_oldest_are_forgotten_and_counted(self, monkeypatch):
        monkeypatch.setattr(journal, "MOST_ENTRIES", 3)
        kept = Journal()
        for number in range(5):
            kept.note(exchange(f"/{number}"))
        assert [one["path"] for one in kept.find({})] == ["/2", "/3", "/4"]
        assert kept.forgotten == 2
        kept.clear()
        assert (kept.find({}), kept.forgotten) == ([], 0)

    def test_bytes_are_bounded_whatever_holds_them(self, monkeypatch):
        monkeypatch.setattr(journal, "MOST_BYTES", 100_000)
        kept = Journal()
        for _ in range(100):
            kept.note(exchange("/" + "p" * 5000))
            kept.note(exchange(text=b"t" * 5000))
            kept.note(exchange(headers=[(b"x-long", b"h" * 5000)]))
        assert 10 < len(kept.find({})) < 20
        assert kept.forgotten + len(kept.find({})) == 300

    def test_of_a_body_the_beginning_is_kept(self):
        body = Body()
        for _ in range(3):
            body.add(b"x" * (journal.MOST_BODY_BYTES - 1))
        told = body.document("text/plain")
        assert told["size"] == 3 * (journal.MOST_BODY_BYTES - 1)
        assert (len(told["text"]), told["is_cut"]) == (journal.MOST_BODY_BYTES, True)

    @pytest.mark.parametrize("character", ["é", "€", "😀"])
    def test_a_cut_goes_through_no_character(self, character):
        body = Body()
        body.add(b"x" + character.encode() * journal.MOST_BODY_BYTES)
        told = body.document("text/plain")
        assert set(told["text"][1:]) == {character}
        assert journal.MOST_BODY_BYTES - len(told["text"].encode()) < 4

    def test_an_answer_that_never_came_is_there(self, projects_api_server):
        server = projects_api_server
        fault = {"X-Inject-Fault": "slow:2"}
        url = f"{server.base_url}/api/projects"
        with suppress(requests.Timeout):
            requests.get(url, headers={**server.headers(), **fault}, timeout=0.2)
        (entry,) = server.requests(wait=1, seconds=60)
        assert entry["operation"] == "list_projects"
