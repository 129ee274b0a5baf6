"""The operations of the tag `datasets`, one class each."""

import csv
import hashlib
import io
import uuid

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

UNKNOWN = "0195d3a0-0000-7000-8000-000000000000"
CSV = b"city,population\nParis,2100000\nRome,2800000\nOslo,700000\n"
FIELDS = {
    "id",
    "project_id",
    "name",
    "description",
    "format",
    "rows",
    "columns",
    "size_bytes",
    "sha256",
    "dataset_version_id",
    "artifact_id",
    "version",
    "quality",
    "created_at",
    "updated_at",
}


def parquet_of(**columns) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


def path(dataset_id: str) -> str:
    return f"/api/datasets/{dataset_id}"


def stored_files(server) -> set[str]:
    server.services.artifacts.collect()
    return {sha256 for sha256, _ in server.services.artifacts.store.list()}


def spooled_files(server) -> list:
    return list(server.services.artifacts.store.spool_folder.iterdir())


@pytest.fixture
def dataset_id(owner, project_id):
    return owner.upload(project_id, CSV, name="cities.csv", description="Some").json()["id"]


class TestUploadDataset:
    def test_uploads_csv(self, owner, project_id):
        answer = owner.upload(project_id, CSV, name="cities.csv", description="Some cities")
        assert answer.status_code == 201
        uploaded = answer.json()
        assert set(uploaded) == {
            "id",
            "dataset_id",
            "dataset_version_id",
            "artifact_id",
            "quality",
        }
        assert uploaded["id"] == uploaded["dataset_id"]
        for field in ("id", "dataset_version_id", "artifact_id"):
            assert uuid.UUID(uploaded[field]).version == 7
        assert uploaded["quality"] == {"overall_score": 100.0, "issues": []}
        assert answer.headers["location"] == path(uploaded["id"])
        dataset = owner.get(answer.headers["location"]).json()["dataset"]
        assert set(dataset) == FIELDS
        assert (dataset["rows"], dataset["columns"], dataset["format"]) == (3, 2, "csv")
        assert (dataset["name"], dataset["description"]) == ("cities.csv", "Some cities")
        assert dataset["size_bytes"] == len(CSV)
        assert dataset["sha256"] == hashlib.sha256(CSV).hexdigest()
        assert owner.get(f"/api/projects/{project_id}").json()["project"]["dataset_count"] == 1

    def test_uploads_parquet(self, owner, project_id):
        content = parquet_of(a=[1, 2, 3], b=["x", None, "z"], c=[1.5, 2.5, None])
        uploaded = owner.upload(project_id, content, name="t.parquet").json()
        dataset = owner.get(path(uploaded["id"])).json()["dataset"]
        assert (dataset["rows"], dataset["columns"], dataset["format"]) == (3, 3, "parquet")
        assert dataset["quality"]["overall_score"] < 100
        assert {issue["column"] for issue in dataset["quality"]["issues"]} == {"b", "c"}
        assert dataset["description"] == ""

    @pytest.mark.parametrize(
        ("content", "rows", "columns"),
        [
            (b"a;b\n1,5;2\n3,5;4\n", 2, 2),
            (b"a\tb\tc\n1\t2\t3\n", 1, 3),
            (b"\xef\xbb\xbfa,b\n1,2\n", 1, 2),
            ("name,town\nJosé,Málaga\n".encode("latin-1"), 1, 2),
            (b'a,b\n"1\n2",3\n', 1, 2),
            (b"a,b\r\n1,2\r\n", 1, 2),
            (b"a,b\n", 0, 2),
        ],
    )
    def test_detects_how_a_csv_is_written(self, owner, project_id, content, rows, columns):
        uploaded = owner.upload(project_id, content)
        assert uploaded.status_code == 201, uploaded.text
        dataset = owner.get(path(uploaded.json()["id"])).json()["dataset"]
        assert (dataset["rows"], dataset["columns"]) == (rows, columns)

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"   \n\n",
            b"\x89PNG\r\n\x1a\n" + bytes(64),
            b"PAR1" + bytes(32) + b"PAR1",
            b"a,b\n1,2\n1,2,3,4\n",
            b"\x00\x01\x02,\x00\n",
        ],
    )
    def test_refuses_what_is_no_table(self, server, owner, problem, project_id, content):
        before = stored_files(server)
        problem(owner.upload(project_id, content), 422, "not-a-table")
        assert stored_files(server) == before
        assert spooled_files(server) == []
        assert owner.get(f"/api/projects/{project_id}").json()["project"]["dataset_count"] == 0

    @pytest.mark.parametrize("chunked", [False, True])
    def test_refuses_a_file_above_the_limit(self, server, owner, problem, project_id, chunked):
        before = stored_files(server)
        content = b"a,b\n" + b"1,2\n" * 500_000
        if chunked:
            head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
            pieces = iter([head, *(content[i : i + 65536] for i in range(0, len(content), 65536))])
            headers = {"Content-Type": "multipart/form-data; boundary=x"}
            answer = owner.post("/api/datasets/upload", data=pieces, headers=headers)
        else:
            answer = owner.upload(project_id, content)
        problem(answer, 413, "too-large", str(server.settings.max_upload_bytes))
        assert stored_files(server) == before
        assert spooled_files(server) == []

    @pytest.mark.parametrize("missing", ["project_id", "name", "file"])
    def test_refuses_a_form_without_a_part(self, owner, problem, project_id, missing):
        parts = {
            "project_id": (None, project_id),
            "name": (None, "x"),
            "file": ("f.csv", CSV),
        }
        del parts[missing]
        answer = owner.post("/api/datasets/upload", files=parts)
        document = problem(answer, 422, "contract-violation")
        assert missing in document["detail"]

    @pytest.mark.parametrize(
        "parts",
        [
            {"name": (None, "")},
            {"name": (None, " ")},
            {"name": (None, "a\x00b")},
            {"description": (None, "\x00")},
            {"project_id": (None, "not-a-uuid")},
            {"unknown": (None, "x")},
            {"unknown": ("f", b"x")},
            {"name": ("f.txt", b"a file")},
            {"file": (None, "no file")},
        ],
    )
    def test_refuses_what_breaks_the_contract(self, owner, problem, project_id, parts):
        whole = {"project_id": (None, project_id), "name": (None, "x"), "file": ("f.csv", CSV)}
        answer = owner.post("/api/datasets/upload", files={**whole, **parts})
        problem(answer, 422, "contract-violation")

    @pytest.mark.parametrize(
        ("media_type", "body", "status", "slug"),
        [
            ("multipart/form-data", b"--x\r\n\r\n--x--", 400, "malformed-body"),
            ("multipart/form-data; boundary=x", b"no multipart", 400, "malformed-body"),
            ("multipart/form-data; boundary=x", b"--x\r\nCont", 400, "malformed-body"),
            (
                "multipart/form-data; boundary=x",
                b'--x\r\nContent-Disposition: form-data; name="name"\r\n\r\n\xff\r\n--x--\r\n',
                400,
                "malformed-body",
            ),
            ("application/json", b"{}", 415, "unsupported-media-type"),
            ("text/csv", CSV, 415, "unsupported-media-type"),
            ("multipart/form-data; boundary=x", b"", 422, "contract-violation"),
        ],
    )
    def test_refuses_other_bodies(self, owner, problem, media_type, body, status, slug):
        headers = {"Content-Type": media_type}
        answer = owner.post("/api/datasets/upload", data=body, headers=headers)
        problem(answer, status, slug)

    def test_no_such_project(self, server, owner, problem):
        before = stored_files(server)
        problem(owner.upload(UNKNOWN, b"x,y\n9,8\n"), 404, "project-not-found")
        assert stored_files(server) == before

    def test_equal_files_share_their_bytes_but_not_their_ids(self, server, owner, project_id):
        content = b"shared,bytes\n1,2\n"
        before = stored_files(server)
        first, second = (owner.upload(project_id, content).json() for _ in range(2))
        assert first["artifact_id"] != second["artifact_id"]
        assert len(stored_files(server) - before) == 1
        owner.delete(path(first["id"]))
        assert len(stored_files(server) - before) == 1
        assert owner.get(f"{path(second['id'])}/download").content == content
        owner.delete(path(second["id"]))
        assert stored_files(server) == before


class TestListDatasets:
    def test_lists_newest_first(self, owner, project_id):
        ids = [owner.upload(project_id, f"a,b\n{n},1\n".encode()).json()["id"] for n in range(3)]
        answer = owner.get("/api/datasets", params={"project_id": project_id})
        assert answer.status_code == 200
        listed = answer.json()
        assert [item["id"] for item in listed["items"]] == ids[::-1]
        assert (listed["total"], listed["limit"], listed["offset"]) == (3, 50, 0)
        assert set(listed["items"][0]) == FIELDS
        page = owner.get(
            "/api/datasets", params={"project_id": project_id, "limit": 1, "offset": 1}
        ).json()
        assert [item["id"] for item in page["items"]] == [ids[1]]

    @pytest.mark.parametrize("query", ["", "project_id=x", "project_id=", "limit=0"])
    def test_refuses_what_breaks_the_contract(self, owner, problem, project_id, query):
        query = f"{query}&project_id={project_id}" if "limit" in query else query
        problem(owner.get(f"/api/datasets?{query}"), 422, "contract-violation")

    def test_no_such_project(self, owner, problem):
        answer = owner.get("/api/datasets", params={"project_id": UNKNOWN})
        problem(answer, 404, "project-not-found")


class TestGetDataset:
    def test_gets(self, owner, project_id, dataset_id):
        answer = owner.get(path(dataset_id))
        assert answer.status_code == 200
        assert set(answer.json()) == {"dataset"}
        dataset = answer.json()["dataset"]
        assert set(dataset) == FIELDS
        assert (dataset["id"], dataset["project_id"]) == (dataset_id, project_id)
        assert dataset["version"] == 1

    @pytest.mark.parametrize("bad", [UNKNOWN, "x"])
    def test_no_such_dataset(self, owner, problem, bad):
        problem(owner.get(path(bad)), 404, "dataset-not-found")

    def test_a_strangers_looks_like_none(self, other, problem, dataset_id):
        problem(other.get(path(dataset_id)), 404, "dataset-not-found")


class TestDeleteDataset:
    def test_deletes_once(self, server, owner, problem, project_id):
        dataset_id = owner.upload(project_id, b"nobody,else\nhas,this\n").json()["id"]
        sha256 = owner.get(path(dataset_id)).json()["dataset"]["sha256"]
        answer = owner.delete(path(dataset_id))
        assert answer.status_code == 200
        assert answer.json() == {"ok": True}
        problem(owner.delete(path(dataset_id)), 404, "dataset-not-found")
        problem(owner.get(path(dataset_id)), 404, "dataset-not-found")
        assert owner.get(f"/api/projects/{project_id}").json()["project"]["dataset_count"] == 0
        assert sha256 not in stored_files(server)

    @pytest.mark.parametrize("bad", [UNKNOWN, "x"])
    def test_no_such_dataset(self, owner, problem, bad):
        problem(owner.delete(path(bad)), 404, "dataset-not-found")


class TestDownloadDataset:
    def test_as_uploaded(self, owner, dataset_id):
        answer = owner.get(f"{path(dataset_id)}/download")
        assert answer.status_code == 200
        assert answer.content == CSV
        assert answer.headers["content-type"] == "text/csv"
        assert answer.headers["content-length"] == str(len(CSV))
        assert 'filename="cities.csv"' in answer.headers["content-disposition"]

    def test_csv_as_parquet(self, owner, dataset_id):
        answer = owner.get(f"{path(dataset_id)}/download", params={"format": "parquet"})
        assert answer.headers["content-type"] == "application/vnd.apache.parquet"
        table = pq.read_table(io.BytesIO(answer.content))
        assert table.column_names == ["city", "population"]
        assert table.column("population").to_pylist() == [2100000, 2800000, 700000]

    def test_parquet_as_csv(self, owner, project_id):
        content = parquet_of(a=[1, None], b=["x,y", 'say "hi"'])
        dataset_id = owner.upload(project_id, content, name="t.parquet").json()["id"]
        answer = owner.get(f"{path(dataset_id)}/download", params={"format": "csv"})
        assert list(csv.reader(io.StringIO(answer.text))) == [
            ["a", "b"],
            ["1", "x,y"],
            ["", 'say "hi"'],
        ]
        as_uploaded = owner.get(f"{path(dataset_id)}/download", params={"format": "parquet"})
        assert as_uploaded.content == content

    def test_leaves_nothing_behind(self, server, owner, dataset_id):
        owner.get(f"{path(dataset_id)}/download", params={"format": "parquet"})
        assert spooled_files(server) == []

    def test_refuses_another_format(self, owner, problem, dataset_id):
        answer = owner.get(f"{path(dataset_id)}/download", params={"format": "xlsx"})
        problem(answer, 422, "contract-violation")

    @pytest.mark.parametrize("bad", [UNKNOWN, "x"])
    def test_no_such_dataset(self, owner, problem, bad):
        problem(owner.get(f"{path(bad)}/download"), 404, "dataset-not-found")
