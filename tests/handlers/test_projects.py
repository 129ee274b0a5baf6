"""The operations of the tag `projects`, one class each."""

import json
import uuid

import pytest

from projects_api.models import project

FIELDS = {
    "id",
    "name",
    "description",
    "status",
    "dataset_count",
    "experiment_count",
    "model_count",
    "created_at",
    "updated_at",
}
UNKNOWN = "0195d3a0-0000-7000-8000-000000000000"


def path(project_id: str) -> str:
    return f"/api/projects/{project_id}"


class TestListProjects:
    def test_lists_whole_projects_in_the_envelope(self, owner, project_id):
        listed = owner.get("/api/projects").json()
        assert set(listed) == {"items", "total", "limit", "offset"}
        assert (listed["total"], listed["limit"], listed["offset"]) == (1, 50, 0)
        (item,) = listed["items"]
        assert item == owner.get(path(project_id)).json()["project"]
        assert set(item) == FIELDS
        assert item["status"] == "active"

    def test_lists_own_and_shared_projects_only(self, owner, other, project_id):
        assert other.get("/api/projects").json() == {
            "items": [],
            "total": 0,
            "limit": 50,
            "offset": 0,
        }
        owner.share(project_id, other, "viewer")
        assert [item["id"] for item in other.get("/api/projects").json()["items"]] == [project_id]

    @pytest.mark.parametrize(
        ("search", "found"),
        [
            ("fraud", {"Fraud", "Second"}),
            ("FRAUD", {"Fraud", "Second"}),
            ("straße", {"STRASSE"}),
            ("STRASSE", {"STRASSE"}),
            ("ΣΊΣΥΦΟΣ", {"σίσυφος"}),
            ("é", {"Cafe\u0301"}),
            ("100%", {"100% sure"}),
            ("a_b", {"a_b"}),
            ("%", {"100% sure"}),
            ("_", {"a_b"}),
            ("\\", {"back\\slash"}),
            ("/", set()),
            ("nothing like it", set()),
            (
                "",
                {"Fraud", "Second", "STRASSE", "σίσυφος", "Cafe\u0301", "100% sure", "a_b"}
                | {"axb", "back\\slash"},
            ),
        ],
    )
    def test_searches_name_and_description_without_case(self, owner, search, found):
        for name in ("Fraud", "STRASSE", "σίσυφος", "Cafe\u0301", "100% sure", "a_b", "axb"):
            owner.create_project(name)
        owner.create_project("back\\slash")
        owner.create_project("Second", "about FRAUD")
        listed = owner.get("/api/projects", params={"search": search}).json()
        assert {item["name"] for item in listed["items"]} == found
        assert listed["total"] == len(found)

    @pytest.mark.parametrize("direction", ["asc", "desc"])
    @pytest.mark.parametrize(
        "field", ["created_at", "name", "dataset_count", "model_count", "experiment_count"]
    )
    def test_sorts_by_every_field_in_both_directions(self, owner, field, direction):
        for name in ("b", "a", "Z", "ä", "a", "_", "B"):
            owner.create_project(name)
        busy = owner.create_project("busy")
        owner.upload(busy)
        parameters = {"sort_field": field, "sort_direction": direction}
        items = owner.get("/api/projects", params=parameters).json()["items"]
        keys = [(item[field], item["id"]) for item in items]
        assert len(keys) == 8
        assert keys == sorted(keys, reverse=direction == "desc")

    def test_newest_first_by_default(self, owner):
        ids = [owner.create_project(str(number)) for number in range(3)]
        items = owner.get("/api/projects").json()["items"]
        assert [item["id"] for item in items] == ids[::-1]

    def test_pages_cover_everything_once(self, owner):
        ids = {owner.create_project("same name") for _ in range(5)}
        pages = [
            owner.get(
                "/api/projects", params={"limit": 2, "offset": offset, "sort_field": "name"}
            ).json()
            for offset in (0, 2, 4, 6)
        ]
        assert [len(page["items"]) for page in pages] == [2, 2, 1, 0]
        assert {page["total"] for page in pages} == {5}
        assert {item["id"] for page in pages for item in page["items"]} == ids

    @pytest.mark.parametrize(
        "query",
        [
            "limit=0",
            "limit=501",
            "limit=ten",
            "limit=",
            "limit=1.5",
            "limit=1&limit=2",
            "limit=%31%30%30%30",
            "offset=-1",
            "offset=99999999999999999999999",
            "sort_field=id",
            "sort_direction=up",
            "search=%00",
            "search=%ff",
            f"search={'x' * 256}",
        ],
    )
    def test_refuses_what_breaks_the_contract(self, owner, problem, query):
        document = problem(owner.get(f"/api/projects?{query}"), 422, "contract-violation")
        assert document["errors"][0]["location"] == "query"

    def test_a_query_has_so_many_parameters_and_no_more(self, owner, problem):
        many = [("limit", "1"), *(("x", str(number)) for number in range(99))]
        assert owner.get("/api/projects", params=many).json()["limit"] == 1
        more = [*many, ("x", "99")]
        problem(owner.get("/api/projects", params=more), 422, "contract-violation", "query")

    def test_ignores_a_content_type_without_body(self, owner):
        answer = owner.get("/api/projects", headers={"Content-Type": "application/json"})
        assert answer.status_code == 200


class TestCreateProject:
    def test_creates(self, owner):
        body = {"name": "Churn Prediction", "description": "Telco customer churn"}
        answer = owner.post("/api/projects", json=body)
        assert answer.status_code == 201
        created = answer.json()
        assert set(created) == {"project_id", "project"}
        project = created["project"]
        assert set(project) == FIELDS
        assert project["id"] == created["project_id"]
        assert uuid.UUID(project["id"]).version == 7
        assert body.items() <= project.items()
        assert project["dataset_count"] == project["experiment_count"] == 0
        assert project["model_count"] == 0
        assert project["created_at"] == project["updated_at"]
        assert project["created_at"].endswith("Z")
        assert answer.headers["location"] == path(project["id"])
        got = owner.get(answer.headers["location"])
        assert got.json() == {"project": project}
        assert got.headers["etag"] == answer.headers["etag"]

    @pytest.mark.parametrize("extra", [{}, {"description": ""}])
    def test_description_is_empty_by_default(self, owner, extra):
        created = owner.post("/api/projects", json={"name": "x", **extra}).json()
        assert created["project"]["description"] == ""

    @pytest.mark.parametrize(
        "name", ["x", "x" * 255, " padded ", "名" * 255, "🐟", "a\nb", "'; --"]
    )
    def test_keeps_every_name_as_it_is(self, owner, name):
        created = owner.post("/api/projects", json={"name": name}).json()
        assert owner.get(path(created["project_id"])).json()["project"]["name"] == name

    @pytest.mark.parametrize(
        ("name", "why"), [("\u200b", "can be seen"), ("a\u202egnp.exe", "U+202E, which turns")]
    )
    def test_a_name_can_be_seen_and_turns_nothing(self, server, owner, problem, name, why):
        problem(owner.post("/api/projects", json={"name": name}), 422, "contract-violation", why)
        # One from before is there and can be read, and is changed like any other.
        with server.services.database.transaction() as connection:
            project_id = project.create(connection, owner.user_id, name=name, description="")["id"]
        assert owner.get(path(project_id)).json()["project"]["name"] == name
        problem(owner.put(path(project_id), json={"name": name}), 422, "contract-violation", why)
        assert owner.put(path(project_id), json={"name": "x"}).status_code == 200

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"name": ""},
            {"name": " \t\n"},
            {"name": "x" * 256},
            {"name": None},
            {"name": 1},
            {"name": "a\x00b"},
            {"name": "x", "description": None},
            {"name": "x", "description": "\x00"},
            {"name": "x", "unknown": 1},
            {"name": json.loads("[" * 900 + "]" * 900)},
            {"name": "x", **{str(n): n for n in range(10_000)}},
            [],
            "text",
            None,
        ],
    )
    def test_refuses_what_breaks_the_contract(self, owner, problem, body):
        problem(owner.post("/api/projects", json=body), *self._refusal(body))
        assert owner.get("/api/projects").json()["total"] == 0

    def _refusal(self, _body) -> tuple[int, str]:
        return 422, "contract-violation"

    def test_tells_where_the_fault_is(self, owner, problem):
        document = problem(
            owner.post("/api/projects", json={"name": "", "description": 5}),
            422,
            "contract-violation",
            "name",
        )
        assert {(e["location"], e["pointer"]) for e in document["errors"]} == {
            ("body", "/name"),
            ("body", "/description"),
        }

    @pytest.mark.parametrize(
        "raw", [b"{", b'{"name": "\xff"}', b'{"name": "\\ud800"}', b"nonsense", b'{"name": NaN}']
    )
    def test_refuses_what_is_no_json(self, owner, problem, raw):
        headers = {"Content-Type": "application/json"}
        problem(owner.post("/api/projects", data=raw, headers=headers), 400, "not-json")

    @pytest.mark.parametrize("media_type", ["text/plain", "application/xml", "multipart/form-data"])
    def test_refuses_other_media_types(self, owner, problem, media_type):
        answer = owner.post(
            "/api/projects", data=b'{"name": "x"}', headers={"Content-Type": media_type}
        )
        problem(answer, 415, "unsupported-media-type", "application/json")

    def test_takes_parameters_of_the_media_type(self, owner):
        headers = {"Content-Type": "Application/JSON; charset=utf-8"}
        answer = owner.post("/api/projects", data=b'{"name": "x"}', headers=headers)
        assert answer.status_code == 201

    def test_refuses_a_missing_body(self, owner, problem):
        headers = {"Content-Type": "application/json"}
        problem(owner.post("/api/projects", headers=headers), 422, "contract-violation")

    def test_refuses_a_huge_body(self, owner, problem):
        body = b'{"name": "' + b"x" * 2_000_000 + b'"}'
        headers = {"Content-Type": "application/json"}
        problem(owner.post("/api/projects", data=body, headers=headers), 413, "too-large")

    def test_takes_a_chunked_body(self, owner):
        headers = {"Content-Type": "application/json"}
        answer = owner.post("/api/projects", data=iter([b'{"na', b'me": "x"}']), headers=headers)
        assert answer.status_code == 201

    def test_refuses_a_huge_chunked_body(self, owner, problem):
        headers = {"Content-Type": "application/json"}
        chunks = (b"x" * 65536 for _ in range(32))
        problem(owner.post("/api/projects", data=chunks, headers=headers), 413, "too-large")


class TestGetProject:
    def test_gets(self, owner, project_id):
        answer = owner.get(path(project_id))
        assert answer.status_code == 200
        assert set(answer.json()) == {"project"}
        assert set(answer.json()["project"]) == FIELDS
        assert answer.headers["etag"].startswith('"')

    def test_takes_upper_case_ids(self, owner, project_id):
        assert owner.get(path(project_id.upper())).json()["project"]["id"] == project_id

    @pytest.mark.parametrize("bad", [UNKNOWN, "not-a-uuid", "1", "%00", "a%2Fb", "é"])
    def test_no_such_project(self, owner, problem, bad):
        problem(owner.get(path(bad)), 404, "project-not-found")

    def test_a_strangers_project_looks_like_none(self, other, problem, project_id):
        foreign = problem(other.get(path(project_id)), 404, "project-not-found")
        missing = problem(other.get(path(UNKNOWN)), 404, "project-not-found")
        del foreign["request_id"], missing["request_id"]
        assert foreign == missing

    @pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', "*"])
    def test_not_modified(self, owner, project_id, form):
        tag = owner.get(path(project_id)).headers["etag"]
        answer = owner.get(path(project_id), headers={"If-None-Match": form.format(tag)})
        assert answer.status_code == 304
        assert answer.content == b""
        assert answer.headers["etag"] == tag

    def test_modified(self, owner, project_id):
        tag = owner.get(path(project_id)).headers["etag"]
        owner.upload(project_id)
        answer = owner.get(path(project_id), headers={"If-None-Match": tag})
        assert answer.status_code == 200
        assert answer.headers["etag"] != tag
        assert answer.json()["project"]["dataset_count"] == 1


class TestUpdateProject:
    def test_updates(self, owner, project_id):
        before = owner.get(path(project_id)).json()["project"]
        answer = owner.put(path(project_id), json={"name": "New", "description": "Other"})
        assert answer.status_code == 200
        after = answer.json()["project"]
        assert after == {
            **before,
            "name": "New",
            "description": "Other",
            "updated_at": after["updated_at"],
        }
        assert after["updated_at"] > before["updated_at"]
        got = owner.get(path(project_id))
        assert got.json()["project"] == after
        assert got.headers["etag"] == answer.headers["etag"]

    def test_a_weak_tag_is_told_why_it_cannot_match(self, owner, problem, project_id):
        tag = owner.get(path(project_id)).headers["etag"]
        weak = owner.put(path(project_id), json={"name": "N"}, headers={"If-Match": f"W/{tag}"})
        problem(weak, 412, "precondition-failed", "no weak tag (`W/`), which a proxy")
        other = owner.put(path(project_id), json={"name": "N"}, headers={"If-Match": 'W/"x"'})
        problem(other, 412, "precondition-failed", "Get it again")
        got = owner.get(path(project_id), headers={"If-Match": f"W/{tag}"})
        problem(got, 412, "condition-unmet", "no weak tag")
        assert owner.get(path(project_id), headers={"If-Match": tag}).status_code == 200

    def test_if_none_match(self, owner, problem, project_id):
        tag = owner.get(path(project_id)).headers["etag"]
        for condition in ("*", tag, f'"x", W/{tag}'):
            headers = {"If-None-Match": condition}
            answer = owner.put(path(project_id), json={"name": "N"}, headers=headers)
            problem(answer, 412, "condition-unmet", "without If-None-Match")
        assert owner.get(path(project_id)).headers["etag"] == tag
        headers = {"If-None-Match": '"x"'}
        assert owner.put(path(project_id), json={"name": "N"}, headers=headers).status_code == 200

    def test_keeps_the_description_without_one(self, owner, project_id):
        after = owner.put(path(project_id), json={"name": "New"}).json()["project"]
        assert after["description"] == "Credit card fraud classification"

    def test_empties_the_description(self, owner, project_id):
        after = owner.put(path(project_id), json={"name": "New", "description": ""}).json()
        assert after["project"]["description"] == ""

    def test_search_follows(self, owner, project_id):
        owner.put(path(project_id), json={"name": "Renamed", "description": ""})
        assert owner.get("/api/projects", params={"search": "fraud"}).json()["total"] == 0
        assert owner.get("/api/projects", params={"search": "RENAMED"}).json()["total"] == 1

    def test_if_match(self, owner, problem, project_id):
        tag = owner.get(path(project_id)).headers["etag"]
        body = {"name": "First"}
        first = owner.put(path(project_id), json=body, headers={"If-Match": tag})
        assert first.status_code == 200
        second = owner.put(path(project_id), json={"name": "2"}, headers={"If-Match": tag})
        problem(second, 412, "precondition-failed")
        assert owner.get(path(project_id)).json()["project"]["name"] == "First"
        weak = {"If-Match": f"W/{first.headers['etag']}"}
        problem(owner.put(path(project_id), json=body, headers=weak), 412, "precondition-failed")
        star = owner.put(path(project_id), json=body, headers={"If-Match": "*"})
        assert star.status_code == 200

    @pytest.mark.parametrize(
        "body", [{}, {"name": ""}, {"description": "x"}, {"name": "x", "y": 1}]
    )
    def test_refuses_what_breaks_the_contract(self, owner, problem, project_id, body):
        before = owner.get(path(project_id)).json()
        problem(owner.put(path(project_id), json=body), 422, "contract-violation")
        assert owner.get(path(project_id)).json() == before

    def test_no_such_project(self, owner, problem):
        problem(owner.put(path(UNKNOWN), json={"name": "x"}), 404, "project-not-found")


class TestDeleteProject:
    def test_deletes_once(self, owner, problem, project_id):
        answer = owner.delete(path(project_id), headers={"Content-Type": "application/json"})
        assert answer.status_code == 200
        assert answer.json() == {"ok": True}
        problem(owner.delete(path(project_id)), 404, "project-not-found")
        problem(owner.get(path(project_id)), 404, "project-not-found")
        assert owner.get("/api/projects").json()["total"] == 0

    def test_deletes_what_belongs_to_it(self, owner, problem, project_id):
        kept = owner.create_project("Kept")
        lost_id = owner.upload(project_id, b"a,b\n5,6\n").json()["dataset_id"]
        kept_id = owner.upload(kept, b"a,b\n7,8\n").json()["dataset_id"]
        owner.delete(path(project_id))
        problem(owner.get(f"/api/datasets/{lost_id}"), 404, "dataset-not-found")
        assert owner.get(f"/api/datasets/{kept_id}/download").content == b"a,b\n7,8\n"

    def test_its_files_are_collected(self, server, owner, project_id):
        owner.upload(project_id, b"only,here\n1,2\n")
        sha256 = owner.get("/api/datasets", params={"project_id": project_id}).json()["items"][0][
            "sha256"
        ]
        artifacts = server.services.artifacts
        artifacts.collect()
        assert artifacts.store.contains(sha256)
        owner.delete(path(project_id))
        artifacts.collect()
        assert not artifacts.store.contains(sha256)

    def test_if_match(self, owner, problem, project_id):
        tag = owner.get(path(project_id)).headers["etag"]
        owner.put(path(project_id), json={"name": "Changed"})
        stale = owner.delete(path(project_id), headers={"If-Match": tag})
        problem(stale, 412, "precondition-failed")
        fresh = owner.get(path(project_id)).headers["etag"]
        assert owner.delete(path(project_id), headers={"If-Match": fresh}).status_code == 200

    @pytest.mark.parametrize("bad", [UNKNOWN, "not-a-uuid"])
    def test_no_such_project(self, owner, problem, bad):
        problem(owner.delete(path(bad)), 404, "project-not-found")
