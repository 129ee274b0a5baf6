"""The operation of the tag `usage`."""

TABLE = b"a,b\n1,2\n"
DEFAULTS = {"person": 100 * 1024**3, "project": 50 * 1024**3}


def usage_of(person, **page: int) -> dict:
    answer = person.get("/api/usage", params=page)
    assert answer.status_code == 200, answer.text
    return answer.json()


class TestGetUsage:
    def test_of_somebody_who_has_nothing(self, owner):
        assert usage_of(owner) == {
            "stored_bytes": 0,
            "file_count": 0,
            "quota_bytes": DEFAULTS["person"],
            "left_bytes": DEFAULTS["person"],
            "items": [],
            "total": 0,
            "limit": 50,
            "offset": 0,
        }

    def test_every_file_counts_wherever_it_stands(self, owner, project_id):
        another = owner.create_project("Another")
        long = TABLE + b"3,4\n" * 1000
        dataset_id = owner.upload(project_id, TABLE).json()["dataset_id"]
        assert owner.upload(another, TABLE).status_code == 201
        assert owner.upload_version(dataset_id, long).status_code == 201
        found = usage_of(owner)
        assert (found["stored_bytes"], found["file_count"]) == (2 * len(TABLE) + len(long), 3)
        assert found["left_bytes"] == DEFAULTS["person"] - found["stored_bytes"]
        assert found["items"] == [
            {
                "project_id": one,
                "name": name,
                "stored_bytes": size,
                "file_count": count,
                "quota_bytes": DEFAULTS["project"],
                "left_bytes": DEFAULTS["project"] - size,
            }
            for one, name, size, count in (
                (project_id, "Fraud Detection v2", len(TABLE) + len(long), 2),
                (another, "Another", len(TABLE), 1),
            )
        ]

    def test_what_is_deleted_counts_no_more(self, owner, project_id):
        dataset_id = owner.upload(project_id, TABLE).json()["dataset_id"]
        assert owner.upload(project_id, TABLE + b"5,6\n").status_code == 201
        assert owner.delete(f"/api/datasets/{dataset_id}").status_code == 200
        assert usage_of(owner)["stored_bytes"] == len(TABLE) + 4
        assert owner.delete(f"/api/projects/{project_id}").status_code == 200
        assert usage_of(owner)["stored_bytes"] == 0

    def test_a_file_counts_for_who_brought_it(self, owner, other, project_id):
        assert owner.share(project_id, other, "editor").status_code == 201
        assert other.upload(project_id, TABLE).status_code == 201
        theirs, mine = usage_of(other), usage_of(owner)
        assert (theirs["stored_bytes"], theirs["items"]) == (len(TABLE), [])
        assert (mine["stored_bytes"], mine["items"][0]["stored_bytes"]) == (0, len(TABLE))

    def test_reports_count_for_who_asked(self, server, owner, other, project_id):
        assert owner.share(project_id, other, "editor").status_code == 201
        about = {"project_id": project_id, "kind": "project"}
        asked = other.post("/api/reports", json=about).json()
        assert server.run_job(asked["job_id"])["status"] == "succeeded"
        path = f"/api/reports/{asked['report_id']}/download"
        documents = [other.get(path, params={"format": form}).content for form in ("html", "pdf")]
        assert usage_of(other)["stored_bytes"] == sum(map(len, documents))
        assert usage_of(owner)["stored_bytes"] == 0

    def test_pages(self, owner):
        made = [owner.create_project(str(number)) for number in range(3)]
        assert owner.upload(made[1], TABLE).status_code == 201
        pages = [usage_of(owner, limit=1, offset=offset) for offset in range(4)]
        assert [page["total"] for page in pages] == [3] * 4
        ids = [one["project_id"] for page in pages for one in page["items"]]
        assert ids == [made[1], made[0], made[2]]

    def test_nobody_else_sees_it(self, owner, other, project_id):
        assert owner.upload(project_id, TABLE).status_code == 201
        answer = other.get("/api/usage", params={"user_id": owner.user_id})
        assert (answer.json()["stored_bytes"], answer.json()["items"]) == (0, [])
