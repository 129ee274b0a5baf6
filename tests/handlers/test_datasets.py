"""The operations of the tag `datasets`, one class each."""

import csv
import hashlib
import io
import json
import uuid
import zipfile
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from projects_api.archive.reader import verify_archive
from projects_api.models import dataset_version
from projects_api.processes.turns import Turns
from projects_api.storage import profiles
from projects_api.tables import NotATable, describe_table

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
    "reading",
    "created_at",
    "updated_at",
}
VERSION_FIELDS = {
    "id",
    "dataset_id",
    "version",
    "format",
    "rows",
    "columns",
    "size_bytes",
    "sha256",
    "artifact_id",
    "quality",
    "reading",
    "created_at",
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
            "reading",
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


class TestListDatasetVersions:
    def test_lists_newest_first(self, owner, dataset_id):
        second = owner.upload_version(dataset_id, b"a\n1\n2\n").json()
        answer = owner.get(f"{path(dataset_id)}/versions")
        assert answer.status_code == 200
        listed = answer.json()
        assert (listed["total"], listed["limit"], listed["offset"]) == (2, 50, 0)
        assert set(listed["items"][0]) == VERSION_FIELDS
        assert [one["version"] for one in listed["items"]] == [2, 1]
        assert listed["items"][0]["id"] == second["dataset_version_id"]
        assert [one["columns"] for one in listed["items"]] == [1, 2]
        assert listed["items"][1]["sha256"] == hashlib.sha256(CSV).hexdigest()
        page = owner.get(f"{path(dataset_id)}/versions", params={"limit": 1, "offset": 1}).json()
        assert [one["version"] for one in page["items"]] == [1]

    @pytest.mark.parametrize("bad", [UNKNOWN, "x"])
    def test_no_such_dataset(self, owner, problem, bad):
        problem(owner.get(f"{path(bad)}/versions"), 404, "dataset-not-found")


class TestUploadDatasetVersion:
    def test_makes_the_newest_version(self, owner, project_id, dataset_id):
        before = owner.get(path(dataset_id)).json()["dataset"]
        content = parquet_of(a=[1, 2], b=["x", None])
        answer = owner.upload_version(dataset_id, content)
        assert answer.status_code == 201, answer.text
        made = answer.json()
        assert set(made) == {
            "id",
            "dataset_id",
            "dataset_version_id",
            "artifact_id",
            "version",
            "quality",
            "reading",
        }
        assert (made["id"], made["dataset_id"], made["version"]) == (dataset_id, dataset_id, 2)
        assert answer.headers["location"] == path(dataset_id)
        now = owner.get(path(dataset_id)).json()["dataset"]
        assert now["dataset_version_id"] == made["dataset_version_id"]
        assert (now["version"], now["format"], now["rows"]) == (2, "parquet", 2)
        assert now["quality"] == made["quality"] != before["quality"]
        assert now["reading"] == made["reading"] == {}
        assert before["reading"]["delimiter"] == ","
        assert now["updated_at"] > before["updated_at"] == now["created_at"]
        assert owner.get(f"/api/projects/{project_id}").json()["project"]["dataset_count"] == 1
        (event,) = owner.get(f"/api/projects/{project_id}/timeline").json()["events"]
        assert (event["id"], event["rows"]) == (dataset_id, 2)

    def test_is_read_as_its_sender_says_and_says_so(self, owner, dataset_id):
        content = "Nom#Prix\nÉté#1,5\nnul#2,5\nx#1#2\n".encode("cp850")
        said = {
            "encoding": "cp850",
            "delimiter": "#",
            "decimal": ",",
            "header": "false",
            "skip_lines": "1",
            "missing": "nul",
            "malformed": "leave_out",
        }
        made = owner.upload_version(dataset_id, content, data=said).json()
        assert made["reading"] == {
            **{name: said[name] for name in ("encoding", "delimiter", "decimal", "malformed")},
            "quote": '"',
            "header": False,
            "skip_lines": 1,
            "missing": ["", "nul"],
            "short_rows": 0,
            "repaired_rows": 0,
            "left_out_rows": 1,
            "given": list(said),
        }
        assert [one["kind"] for one in made["quality"]["issues"]] == [
            "left_out_rows",
            "missing_values",
        ]
        dataset = owner.get(path(dataset_id)).json()["dataset"]
        version = owner.get(f"{path(dataset_id)}/versions").json()["items"][0]
        assert dataset["reading"] == version["reading"] == made["reading"]
        table = owner.get(f"{path(dataset_id)}/download", params={"format": "parquet"}).content
        assert pq.read_table(io.BytesIO(table)).to_pylist() == [
            {"column_1": "Été", "column_2": 1.5},
            {"column_1": None, "column_2": 2.5},
        ]

    @pytest.mark.parametrize(
        ("field", "value", "kind"),
        [
            ("encoding", "no-such-encoding", "not-a-table"),
            ("encoding", "base64", "not-a-table"),
            ("encoding", "unicode_escape", "not-a-table"),
            ("encoding", "", "contract-violation"),
            ("delimiter", "ab", "contract-violation"),
            ("delimiter", '"', "contract-violation"),
            ("decimal", ";", "contract-violation"),
            ("header", "yes", "contract-violation"),
            ("skip_lines", "-1", "contract-violation"),
            ("skip_lines", "99", "not-a-table"),
            ("malformed", "ignore", "contract-violation"),
        ],
    )
    def test_refuses_what_its_sender_cannot_say(
        self, owner, problem, dataset_id, field, value, kind
    ):
        answer = owner.upload_version(dataset_id, CSV, data={field: value})
        problem(answer, 422, kind)

    @pytest.mark.parametrize(
        ("content", "delimiter"), [(b"a\x01b\n1\x012\n", "\x01"), (b"a, b\n1, 2\n", ", ")]
    )
    def test_a_delimiter_that_is_shown_can_be_sent(self, owner, dataset_id, content, delimiter):
        for said in ({}, {"delimiter": delimiter}):
            answer = owner.upload_version(dataset_id, content, data=said)
            assert answer.status_code == 201
            assert answer.json()["reading"]["delimiter"] == delimiter

    def test_versions_at_once_get_numbers_of_their_own(self, owner, dataset_id):
        with ThreadPoolExecutor(4) as threads:
            contents = [f"a,b\n{number},1\n".encode() for number in range(8)]
            answers = list(threads.map(lambda one: owner.upload_version(dataset_id, one), contents))
        assert [answer.status_code for answer in answers] == [201] * 8
        pairs = zip(answers, contents, strict=True)
        made = {one.json()["version"]: content for one, content in pairs}
        assert sorted(made) == list(range(2, 10))
        for version, content in made.items():
            answer = owner.get(f"{path(dataset_id)}/download", params={"version": version})
            assert answer.content == content

    def test_is_done_once_with_an_idempotency_key(self, owner, dataset_id):
        headers = {"Idempotency-Key": dataset_id}
        first, second = (
            owner.upload_version(dataset_id, CSV, headers=headers).json() for _ in range(2)
        )
        assert first == second
        assert owner.get(path(dataset_id)).json()["dataset"]["version"] == 2

    def test_goes_with_its_project_and_its_files_with_it(self, server, owner, project_id):
        before = stored_files(server)
        dataset_id = owner.upload(project_id, b"one,two\nx,3\n").json()["id"]
        assert owner.upload_version(dataset_id, b"one,two\nx,4\n").status_code == 201
        assert len(stored_files(server) - before) == 2
        assert owner.delete(path(dataset_id)).status_code == 200
        assert stored_files(server) == before

    def test_is_exported_beside_the_others(self, owner, project_id, dataset_id, tmp_path):
        owner.upload_version(dataset_id, b"a;b\n1;2\n")
        owner.get(f"{path(dataset_id)}/columns")
        export = owner.get(f"/api/projects/{project_id}/export").content
        (tmp_path / "export.zip").write_bytes(export)
        assert verify_archive(tmp_path / "export.zip") == []
        with zipfile.ZipFile(io.BytesIO(export)) as archive:
            manifest = json.loads(archive.read("manifest.json"))
            versions = manifest["datasets"][0]["versions"]
            contents = [archive.read(one["path"]) for one in versions]
        assert [one["version"] for one in versions] == [1, 2]
        assert contents == [CSV, b"a;b\n1;2\n"]
        assert not any("profile" in one for one in versions)

    def test_refuses_what_is_no_table(self, server, owner, problem, dataset_id):
        before = stored_files(server)
        problem(owner.upload_version(dataset_id, b"a,b\n1,2,3\n"), 422, "not-a-table")
        assert stored_files(server) == before
        assert spooled_files(server) == []
        assert owner.get(path(dataset_id)).json()["dataset"]["version"] == 1

    def test_refuses_a_form_with_more_than_a_file(self, owner, problem, dataset_id):
        answer = owner.upload_version(dataset_id, CSV, data={"name": "another"})
        problem(answer, 422, "contract-violation")

    def test_refuses_a_file_above_the_limit(self, owner, problem, dataset_id):
        answer = owner.upload_version(dataset_id, b"a,b\n" + b"1,2\n" * 500_000)
        problem(answer, 413, "too-large")

    @pytest.mark.parametrize("bad", [UNKNOWN, "x"])
    def test_no_such_dataset(self, server, owner, problem, bad):
        before = stored_files(server)
        problem(owner.upload_version(bad, b"no,such\n1,2\n"), 404, "dataset-not-found")
        assert stored_files(server) == before


class TestGetDatasetQuality:
    def test_is_what_the_upload_said(self, owner, project_id):
        rows = "".join(f"{number},{'no' if number else 'yes'}\n" for number in range(60))
        uploaded = owner.upload(project_id, f"n,label\n{rows}9999,no\n".encode()).json()
        answer = owner.get(f"{path(uploaded['id'])}/quality")
        assert answer.status_code == 200
        assert answer.json() == {
            "dataset_version_id": uploaded["dataset_version_id"],
            "version": 1,
            "quality": uploaded["quality"],
        }
        kinds = {issue["kind"]: issue["column"] for issue in uploaded["quality"]["issues"]}
        assert kinds == {"outliers": "n", "class_imbalance": "label"}
        assert uploaded["quality"]["overall_score"] == 90.0

    def test_of_each_version(self, owner, problem, dataset_id):
        owner.upload_version(dataset_id, b"a,b\n1,\n2,3\n")
        url = f"{path(dataset_id)}/quality"
        scores = [
            owner.get(url, params=params).json()["quality"]["overall_score"]
            for params in ({}, {"version": 1}, {"version": 2})
        ]
        assert scores == [75.0, 100.0, 75.0]
        problem(owner.get(url, params={"version": 3}), 404, "dataset-version-not-found")
        problem(owner.get(url, params={"version": 0}), 422, "contract-violation")

    @pytest.mark.parametrize("bad", [UNKNOWN, "x"])
    def test_no_such_dataset(self, owner, problem, bad):
        problem(owner.get(f"{path(bad)}/quality"), 404, "dataset-not-found")


class TestGetDatasetColumns:
    def test_gets_types_and_statistics(self, owner, project_id):
        content = (
            "name;born;score;member;seen\nAnn;2001-02-03;1,5;true;2024-01-02 03:04:05\n"
            "Bob;;2.5;false;2024-01-03 00:00:00\nAnn;1999-12-31;NA;true;\n"
        )
        uploaded = owner.upload(project_id, content.replace("1,5", "1.5").encode()).json()
        answer = owner.get(f"{path(uploaded['id'])}/columns")
        assert answer.status_code == 200, answer.text
        found = answer.json()
        assert (found["version"], found["rows"]) == (1, 3)
        assert found["dataset_version_id"] == uploaded["dataset_version_id"]
        columns = {one["name"]: one for one in found["columns"]}
        assert {name: one["type"] for name, one in columns.items()} == {
            "name": "text",
            "born": "date",
            "score": "number",
            "member": "boolean",
            "seen": "datetime",
        }
        assert [one["missing_count"] for one in found["columns"]] == [0, 1, 1, 0, 1]
        assert [one["distinct_count"] for one in found["columns"]] == [2, 2, 2, 2, 2]
        assert [one["nullable"] for one in found["columns"]] == [False, True, True, False, True]
        score, born = columns["score"], columns["born"]
        assert (score["min"], score["max"], score["mean"]) == (1.5, 2.5, 2.0)
        assert score["standard_deviation"] == pytest.approx(0.5**0.5)
        assert (born["earliest"], born["latest"]) == (
            "1999-12-31T00:00:00Z",
            "2001-02-03T00:00:00Z",
        )
        assert columns["seen"]["latest"] == "2024-01-03T00:00:00Z"
        assert columns["name"]["top_values"] == [
            {"value": "Ann", "count": 2},
            {"value": "Bob", "count": 1},
        ]
        assert columns["member"]["top_values"][0] == {"value": "true", "count": 2}

    def test_of_each_version(self, owner, problem, dataset_id):
        url = f"{path(dataset_id)}/columns"
        first = owner.get(url).json()
        owner.upload_version(dataset_id, parquet_of(x=[[1], None]))
        second = owner.get(url).json()
        assert [one["name"] for one in first["columns"]] == ["city", "population"]
        assert [(one["name"], one["type"]) for one in second["columns"]] == [("x", "other")]
        assert owner.get(url, params={"version": 1}).json() == first
        assert (first["version"], second["version"]) == (1, 2)
        problem(owner.get(url, params={"version": 3}), 404, "dataset-version-not-found")

    def test_is_computed_once(self, server, owner, dataset_id, monkeypatch):
        calls = []

        def counted(*arguments):
            calls.append(arguments)
            return describe_table(*arguments)

        monkeypatch.setattr(profiles, "describe_table", counted)
        with ThreadPoolExecutor(4) as threads:
            urls = [f"{path(dataset_id)}/{name}" for name in ("columns", "analyze")] * 2
            answers = list(threads.map(lambda url: owner.get(url).json(), urls))
        assert answers[0] == answers[2]
        assert answers[1] == answers[3]
        assert len(calls) == 1
        assert spooled_files(server) == []

    def test_all_see_the_one_that_was_kept_first(self, server, owner, dataset_id, monkeypatch):
        found = owner.get(path(dataset_id)).json()["dataset"]

        def slow(source, dialect):
            with server.services.database.transaction() as connection:
                other = {"columns": [], "distributions": [], "correlations": []}
                dataset_version.keep_profile(connection, found["dataset_version_id"], other)
            return describe_table(source, dialect)

        monkeypatch.setattr(profiles, "describe_table", slow)
        assert owner.get(f"{path(dataset_id)}/columns").json()["columns"] == []

    def test_of_what_is_deleted_meanwhile(self, server, owner, problem, dataset_id, monkeypatch):
        def late(source, dialect):
            described = describe_table(source, dialect)
            assert owner.delete(path(dataset_id)).status_code == 200
            return described

        monkeypatch.setattr(profiles, "describe_table", late)
        answer = owner.get(f"{path(dataset_id)}/columns")
        problem(answer, 404, "dataset-version-not-found")
        monkeypatch.undo()
        assert spooled_files(server) == []

    def test_what_takes_too_much_is_refused(self, owner, problem, dataset_id, monkeypatch):
        def refuse(*_arguments):
            raise NotATable("Reading the table takes more than 120 seconds.")

        monkeypatch.setattr(profiles, "describe_table", refuse)
        problem(owner.get(f"{path(dataset_id)}/columns"), 422, "not-a-table", "120 seconds")
        monkeypatch.undo()
        assert owner.get(f"{path(dataset_id)}/columns").status_code == 200

    def test_too_many_at_once_are_asked_to_come_later(
        self, owner, problem, dataset_id, monkeypatch
    ):
        monkeypatch.setattr(profiles, "_looks", Turns(1))
        profiles._looks.enter("somebody")
        answer = owner.get(f"{path(dataset_id)}/columns")
        problem(answer, 503, "unavailable", "Too many tables")
        assert answer.headers["retry-after"] == "5"
        profiles._looks.leave("somebody")
        assert owner.get(f"{path(dataset_id)}/columns").status_code == 200

    @pytest.mark.parametrize("bad", [UNKNOWN, "x"])
    def test_no_such_dataset(self, owner, problem, bad):
        problem(owner.get(f"{path(bad)}/columns"), 404, "dataset-not-found")


class TestAnalyzeDataset:
    def test_gets_distributions_and_correlations(self, owner, project_id):
        rows = "".join(f"{n},{-2 * n},{'even' if n % 2 == 0 else 'odd'}\n" for n in range(100))
        dataset_id = owner.upload(project_id, f"a,b,kind\n{rows}".encode()).json()["id"]
        answer = owner.get(f"{path(dataset_id)}/analyze")
        assert answer.status_code == 200, answer.text
        found = answer.json()
        assert (found["version"], found["rows"], found["columns"]) == (1, 100, 3)
        a, _, kind = found["distributions"]
        assert [one["count"] for one in a["bins"]] == [5] * 20
        assert (a["bins"][0]["lower"], a["bins"][-1]["upper"]) == (0, 99)
        assert (a["top_values"], a["periods"], a["other_count"]) == ([], [], 100)
        assert kind["top_values"] == [
            {"value": "even", "count": 50},
            {"value": "odd", "count": 50},
        ]
        assert (kind["bins"], kind["other_count"]) == ([], 0)
        (correlation,) = found["correlations"]
        assert (correlation["first"], correlation["second"]) == ("a", "b")
        assert correlation["coefficient"] == pytest.approx(-1)

    def test_no_rows(self, owner, project_id):
        dataset_id = owner.upload(project_id, b"a,b\n").json()["id"]
        found = owner.get(f"{path(dataset_id)}/analyze").json()
        assert (found["rows"], found["columns"], found["correlations"]) == (0, 2, [])

    @pytest.mark.parametrize("bad", [UNKNOWN, "x"])
    def test_no_such_dataset(self, owner, problem, bad):
        problem(owner.get(f"{path(bad)}/analyze"), 404, "dataset-not-found")


class TestPreviewDataset:
    def test_gives_what_csv_reads(self, owner, project_id):
        content = (
            "name;born;score;member;seen;big;long\n"
            "Ann;2001-02-03;1.5;true;2024-01-02 03:04:05;9007199254740993;"
            + "x" * 1500
            + "\n\u05d0\u05d1;;-2.25;false;;7;\n"
            + "".join(f"n{n};1999-12-31;{n};;;{n};y\n" for n in range(200))
        )
        dataset_id = owner.upload(project_id, content.encode()).json()["id"]
        answer = owner.get(f"{path(dataset_id)}/rows")
        assert answer.status_code == 200, answer.text
        found = answer.json()
        assert (found["version"], found["total_rows"], found["total_columns"]) == (1, 202, 7)
        types = ["text", "date", "number", "boolean", "datetime", "integer", "text"]
        assert [one["type"] for one in found["columns"]] == types
        head, *lines = csv.reader(io.StringIO(content), delimiter=";")
        assert [one["name"] for one in found["columns"]] == head
        assert len(found["rows"]) == 100
        as_value = {
            "number": float,
            "boolean": lambda text: text == "true",
            "integer": lambda text: int(text) if int(text) < 2**53 else text,
        }
        for shown, line in zip(found["rows"], lines, strict=False):
            assert shown == [
                as_value.get(kind, str)(text[:1000]) if text else None
                for kind, text in zip(types, line, strict=True)
            ]

    def test_gives_what_pyarrow_reads(self, owner, project_id):
        columns = {
            "whole": [1, None, -(2**62)],
            "real": [0.1, float("nan"), float("-inf")],
            "exact": pa.array([Decimal("1.50"), None, Decimal("12345678901234567.89")]),
            "day": [date(2020, 2, 29), None, date(1, 1, 1)],
            "parts": [[1, 2], None, []],
            "flag": [True, None, False],
        }
        content = parquet_of(**columns)
        dataset_id = owner.upload(project_id, content, name="t.parquet").json()["id"]
        found = owner.get(f"{path(dataset_id)}/rows").json()
        read = pq.read_table(io.BytesIO(content)).to_pylist()
        assert [one["name"] for one in found["columns"]] == list(read[0])
        assert found["rows"][0] == [1, 0.1, 1.5, "2020-02-29", "[1, 2]", True]
        assert found["rows"][1] == [None] * 6
        assert found["rows"][2] == [
            str(read[2]["whole"]),
            str(read[2]["real"]),
            str(read[2]["exact"]),
            read[2]["day"].isoformat(),
            "[]",
            False,
        ]

    def test_of_each_version_and_no_more_than_asked_for(self, owner, problem, dataset_id):
        url = f"{path(dataset_id)}/rows"
        owner.upload_version(dataset_id, b"x\n1\n2\n")
        assert owner.get(url, params={"limit": 1}).json()["rows"] == [[1]]
        first = owner.get(url, params={"limit": 2, "version": 1}).json()
        assert (first["version"], first["total_rows"]) == (1, 3)
        assert first["rows"] == [["Paris", 2100000], ["Rome", 2800000]]
        for bad in (0, 101, "x"):
            problem(owner.get(url, params={"limit": bad}), 422, "contract-violation")
        problem(owner.get(url, params={"version": 3}), 404, "dataset-version-not-found")

    def test_no_rows_and_many_columns(self, owner, project_id):
        head = ",".join(f"c{n}" for n in range(150))
        dataset_id = owner.upload(project_id, f"{head}\n".encode()).json()["id"]
        found = owner.get(f"{path(dataset_id)}/rows").json()
        assert (found["rows"], found["total_columns"], len(found["columns"])) == ([], 150, 100)

    def test_leaves_nothing_behind(self, server, owner, dataset_id):
        assert owner.get(f"{path(dataset_id)}/rows").status_code == 200
        assert spooled_files(server) == []

    @pytest.mark.parametrize("bad", [UNKNOWN, "x"])
    def test_no_such_dataset(self, owner, problem, bad):
        problem(owner.get(f"{path(bad)}/rows"), 404, "dataset-not-found")


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

    def test_of_each_version(self, owner, problem, dataset_id):
        content = parquet_of(a=[1, 2])
        owner.upload_version(dataset_id, content)
        url = f"{path(dataset_id)}/download"
        assert owner.get(url).content == content
        assert owner.get(url, params={"version": 1}).content == CSV
        assert owner.get(url, params={"version": 2, "format": "csv"}).text == "a\n1\n2\n"
        problem(owner.get(url, params={"version": 3}), 404, "dataset-version-not-found")

    def test_leaves_nothing_behind(self, server, owner, dataset_id):
        owner.get(f"{path(dataset_id)}/download", params={"format": "parquet"})
        assert spooled_files(server) == []

    def test_refuses_another_format(self, owner, problem, dataset_id):
        answer = owner.get(f"{path(dataset_id)}/download", params={"format": "xlsx"})
        problem(answer, 422, "contract-violation")

    @pytest.mark.parametrize("bad", [UNKNOWN, "x"])
    def test_no_such_dataset(self, owner, problem, bad):
        problem(owner.get(f"{path(bad)}/download"), 404, "dataset-not-found")
