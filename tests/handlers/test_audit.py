"""The operations of the tag `audit`."""

from sqlalchemy import func, select

from projects_api.access.idempotency import IdempotentRequest
from projects_api.models.api_key import api_keys
from projects_api.models.audit import audit_entries
from tests.handlers.conftest import assert_problem
from tests.support.processes import wait_until

TABLE = b"a,b\n1,2\n"
SECRET = "Zq8-never-to-be-kept"


def log_of(person, project_id: str, **page: int) -> list[dict]:
    answer = person.get(f"/api/projects/{project_id}/audit", params=page)
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


def wait_for_log(person, project_id: str, length: int) -> list[dict]:
    """Refusals are written a moment after they are answered."""
    wait_until(lambda: len(log_of(person, project_id)) >= length, f"{length} entries")
    return log_of(person, project_id)


def what(entries: list[dict]) -> list[tuple[str, int]]:
    return [(one["operation"], one["status"]) for one in reversed(entries)]


class TestListAuditEntries:
    def test_who_changed_what_when_and_from_where(self, server, owner, project_id):
        path = f"/api/projects/{project_id}"
        answer = owner.put(path, json={"name": "New"}, headers={"X-Request-Id": "of-this-test"})
        assert answer.status_code == 200
        newest, oldest = log_of(owner, project_id)
        assert (oldest["operation"], oldest["status"]) == ("create_project", 201)
        assert oldest["resource_id"] == project_id
        made = owner.get(path).json()["project"]
        assert made["created_at"] <= oldest["created_at"] <= newest["created_at"]
        with server.services.database.transaction(writing=False) as connection:
            keys = select(api_keys.c.id).where(api_keys.c.user_id == owner.user_id)
            key_id = connection.scalar(keys)
        assert {**newest, "id": "", "created_at": ""} == {
            "id": "",
            "created_at": "",
            "operation": "update_project",
            "status": 200,
            "project_id": project_id,
            "user_id": owner.user_id,
            "key_id": key_id,
            "resource_id": project_id,
            "request_id": "of-this-test",
            "client": "127.0.0.1",
            "request_count": 1,
        }

    def test_every_kind_of_change(self, owner, other, project_id):
        dataset_id = owner.upload(project_id, TABLE).json()["dataset_id"]
        assert owner.upload_version(dataset_id, TABLE).status_code == 201
        assert owner.share(project_id, other, "viewer").status_code == 201
        assert owner.delete(f"/api/projects/{project_id}/members/{other.user_id}").ok
        assert owner.post("/api/reports", json={"project_id": project_id, "kind": "project"}).ok
        assert owner.delete(f"/api/datasets/{dataset_id}").ok
        entries = log_of(owner, project_id)
        assert what(entries) == [
            ("create_project", 201),
            ("upload_dataset", 201),
            ("upload_dataset_version", 201),
            ("add_member", 201),
            ("remove_member", 200),
            ("create_report", 201),
            ("delete_dataset", 200),
        ]
        of = {one["operation"]: one["resource_id"] for one in entries}
        assert of["upload_dataset"] == of["delete_dataset"] == dataset_id
        assert of["remove_member"] == other.user_id

    def test_what_only_looks_is_not_in_it(self, owner, project_id):
        assert owner.get(f"/api/projects/{project_id}").ok
        assert owner.get(f"/api/projects/{project_id}/export").ok
        assert owner.get("/api/datasets", params={"project_id": project_id}).ok
        assert what(log_of(owner, project_id)) == [("create_project", 201)]

    def test_a_repetition_changes_nothing_and_is_not_in_it(self, owner):
        headers = {"Idempotency-Key": "once"}
        answers = [
            owner.post("/api/projects", json={"name": "Once"}, headers=headers) for _ in range(2)
        ]
        project_id = answers[1].json()["project_id"]
        assert what(log_of(owner, project_id)) == [("create_project", 201)]

    def test_who_was_refused(self, owner, other, project_id):
        assert owner.share(project_id, other, "viewer").status_code == 201
        path = f"/api/projects/{project_id}"
        assert other.delete(path).status_code == 403
        assert owner.put(path, json={}).status_code == 422
        assert owner.put(path, json={"name": "N"}, headers={"If-Match": '"x"'}).status_code == 412
        assert other.get(f"{path}/audit").status_code == 403
        entries = wait_for_log(owner, project_id, 6)
        assert what(entries)[2:] == [
            ("delete_project", 403),
            ("update_project", 422),
            ("update_project", 412),
            ("list_audit_entries", 403),
        ]
        assert [one["user_id"] for one in reversed(entries)][2:] == [
            other.user_id,
            owner.user_id,
            owner.user_id,
            other.user_id,
        ]

    def test_attempts_of_strangers_and_without_a_key(self, server, owner, other, project_id):
        path = f"/api/projects/{project_id}"
        assert other.delete(path).status_code == 404
        assert server.anonymous().delete(path).status_code == 401
        entries = wait_for_log(owner, project_id, 3)
        assert what(entries)[1:] == [("delete_project", 404), ("delete_project", 401)]
        assert [one["user_id"] for one in entries[:2]] == [None, other.user_id]
        assert entries[0]["key_id"] is None

    def test_what_a_failed_change_leaves(self, owner, project_id, monkeypatch):
        """A change and its entry are one transaction: neither is there without the other."""

        def fail(*_arguments, **_options):
            raise RuntimeError("a bug behind the change")

        monkeypatch.setattr("projects_api.access.rules.audit.add", fail)
        answer = owner.put(f"/api/projects/{project_id}", json={"name": "Unseen"})
        assert answer.status_code == 500
        monkeypatch.undo()
        assert owner.get(f"/api/projects/{project_id}").json()["project"]["name"] != "Unseen"
        assert what(log_of(owner, project_id)) == [("create_project", 201)]

    def test_what_a_change_leaves_that_fails_behind_its_entry(self, owner, project_id, monkeypatch):
        def fail(*_arguments):
            raise RuntimeError("a bug behind the entry")

        monkeypatch.setattr(IdempotentRequest, "keep", fail)
        headers = {"Idempotency-Key": "fails"}
        path, body = f"/api/projects/{project_id}/members", {"email": owner.email, "role": "owner"}
        assert owner.post(path, json=body, headers=headers).status_code == 500
        assert what(log_of(owner, project_id)) == [("create_project", 201)]

    def test_pages(self, owner, project_id):
        for number in range(3):
            assert owner.put(f"/api/projects/{project_id}", json={"name": str(number)}).ok
        path = f"/api/projects/{project_id}/audit"
        pages = [owner.get(path, params={"limit": 3, "offset": offset}).json() for offset in (0, 3)]
        assert [(page["total"], len(page["items"])) for page in pages] == [(4, 3), (4, 1)]
        ids = [one["id"] for page in pages for one in page["items"]]
        assert ids == sorted(ids, reverse=True)

    def test_nothing_of_what_was_sent(self, server, owner, project_id):
        key = server.key(owner.user_id)
        owner.session.headers["Authorization"] = f"Bearer {key}"
        path = f"/api/projects/{project_id}"
        owner.put(path, json={"name": SECRET, "description": SECRET})
        owner.put(path, json={SECRET: SECRET}, params={"search": SECRET})
        owner.upload(project_id, SECRET.encode() + b",b\n1,2\n", name=SECRET)
        wait_for_log(owner, project_id, 4)
        with server.services.database.transaction(writing=False) as connection:
            mine = select(audit_entries).where(audit_entries.c.project_id == project_id)
            text = str(connection.execute(mine).all())
        assert SECRET not in text
        assert key.split("_", 2)[2] not in text

    def test_it_stays_where_it_is(self, server, owner, other, project_id):
        """An export does not hold it, an import brings none, and it outlives its project."""
        exported = owner.get(f"/api/projects/{project_id}/export").content
        assert b"audit" not in exported
        sent = other.post("/api/projects/import", files={"file": ("e.zip", exported)})
        made = server.run_job(sent.json()["job_id"])["project_id"]
        (entry,) = log_of(other, made)
        assert (entry["operation"], entry["status"]) == ("import_project", 201)
        assert (entry["user_id"], entry["resource_id"]) == (other.user_id, sent.json()["job_id"])
        assert owner.delete(f"/api/projects/{project_id}").status_code == 200
        answer = owner.get(f"/api/projects/{project_id}/audit")
        assert_problem(answer, 404, "project-not-found")
        with server.services.database.transaction(writing=False) as connection:
            here = audit_entries.c.project_id == project_id
            count = connection.scalar(select(func.count()).where(here))
            entry = connection.execute(
                select(audit_entries).where(here, audit_entries.c.operation == "delete_project")
            ).one()
        assert count == 2
        assert (entry.status, entry.user_id) == (200, owner.user_id)


class TestListAllAuditEntries:
    def test_by_each_of_what_entries_have(self, server, owner, other, project_id):
        operator = server.person("Olga", ("admin",))
        assert owner.share(project_id, other, "viewer").status_code == 201
        assert other.put(f"/api/projects/{project_id}", json={"name": "N"}).status_code == 403
        wait_for_log(owner, project_id, 3)

        def found(**wanted) -> list[tuple[str, int]]:
            query = {"project_id": project_id, **wanted}
            answer = operator.get("/api/admin/audit", params=query)
            assert answer.status_code == 200, answer.text
            assert answer.json()["total"] == len(answer.json()["items"])
            return what(answer.json()["items"])

        every = [("create_project", 201), ("add_member", 201), ("update_project", 403)]
        assert found() == every
        assert found(user_id=other.user_id.upper()) == every[2:]
        assert found(operation="add_member") == every[1:2]
        assert found(status=201) == every[:2]
        assert found(status=201, user_id=other.user_id) == []
        second = log_of(owner, project_id)[1]["created_at"]
        assert found(since=second) == every[1:]
        assert found(since=second.replace("Z", "+00:00")) == every[1:]
        assert found(since="0001-01-01T00:00:00+14:00") == every
        assert found(since="9999-12-31T23:59:59-14:00") == []
        # All that RFC 3339 calls a moment: leap seconds, and the year before the first.
        assert found(since="2016-12-31T23:59:60Z") == every
        assert found(since="9999-12-31T23:59:60Z") == []
        assert found(since="0000-01-01T00:00:00Z") == every
        page = operator.get(
            "/api/admin/audit", params={"project_id": project_id, "limit": 1, "offset": 1}
        ).json()
        assert (what(page["items"]), page["total"]) == (every[1:2], 3)
        assert page["items"][0] == log_of(owner, project_id)[1]

    def test_of_whoever_is_no_operator(self, owner):
        assert_problem(owner.get("/api/admin/audit"), 403, "insufficient-scope", "`admin`")
