"""The operation of the tag `export`."""

import hashlib
import io
import json
import time
import zipfile

import pytest

from projects_api.app.demo import create_demo_project
from projects_api.archive.reader import verify_archive
from projects_api.models import report as reports

UNKNOWN = "0195d3a0-0000-7000-8000-000000000000"


def path(project_id: str) -> str:
    return f"/api/projects/{project_id}/export"


def opened(answer) -> tuple[zipfile.ZipFile, dict]:
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    return archive, json.loads(archive.read("manifest.json"))


class TestExportProject:
    def test_an_empty_project(self, owner, project_id):
        answer = owner.get(path(project_id))
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/zip"
        assert 'filename="Fraud Detection v2.zip"' in answer.headers["content-disposition"]
        archive, manifest = opened(answer)
        assert archive.namelist() == ["manifest.json"]
        assert manifest["format_version"] == 1
        assert manifest["project"] == owner.get(f"/api/projects/{project_id}").json()["project"]
        assert [member["email"] for member in manifest["members"]] == [owner.email]
        for part in ("datasets", "experiments", "models", "reports", "files"):
            assert manifest[part] == []

    def test_everything(self, server, owner, tmp_path):
        told: list[tuple[str, float]] = []
        project_id = create_demo_project(
            server.services, owner.email, lambda stage, percent: told.append((stage, percent))
        )
        assert told[0] == ("Uploading the table", 0)
        assert max(percent for _, percent in told) > 0
        owner.upload(project_id, b"a,b\n1,2\n", name="../../evil/../name.csv")
        about = {"kind": "project", "entity_id": project_id, "name": "Not yet rendered"}
        with server.services.database.transaction() as connection:
            reports.create(connection, project_id, **about)
        answer = owner.get(path(project_id))
        archive, manifest = opened(answer)
        assert archive.testzip() is None
        (tmp_path / "e.zip").write_bytes(answer.content)
        assert verify_archive(tmp_path / "e.zip") == []
        assert len(manifest["files"]) == 4 + 4
        for file in manifest["files"]:
            content = archive.read(file["path"])
            assert ".." not in file["path"].split("/")
            assert len(content) == file["size_bytes"]
            assert hashlib.sha256(content).hexdigest() == file["sha256"]
        files = {file["path"]: file for file in manifest["files"]}
        first, second = manifest["datasets"]
        assert second["name"] == "breast_cancer.csv"
        assert files[second["versions"][0]["path"]]["media_type"] == "text/csv"
        assert first["name"] == "../../evil/../name.csv"
        assert archive.read(first["versions"][0]["path"]) == b"a,b\n1,2\n"
        assert len(manifest["models"]) == 4
        model = manifest["models"][0]
        assert model["is_best"]
        assert model["metrics"]["auc"] > 0.9
        assert files[model["path"]]["media_type"] == "application/vnd.skops"
        assert archive.getinfo(model["path"]).compress_type == zipfile.ZIP_STORED
        rendered, waiting = manifest["reports"]
        assert b"<h1><bdi>Breast Cancer Diagnosis</bdi></h1>" in archive.read(rendered["path"])
        assert archive.read(rendered["pdf_path"]).startswith(b"%PDF-")
        assert (waiting["status"], waiting["path"], waiting["pdf_path"]) == ("queued", None, None)
        (experiment,) = manifest["experiments"]
        assert model["experiment_id"] == experiment["id"]
        project = manifest["project"]
        assert (project["dataset_count"], project["experiment_count"], project["model_count"]) == (
            2,
            1,
            4,
        )

    @pytest.mark.parametrize(
        "name",
        ["..", "a/b\\c", "naïve 名前", 'quo"te', "line\nbreak", "CON", "x" * 255, "🐟" * 255],
    )
    def test_the_file_name_is_safe(self, owner, name):
        answer = owner.get(path(owner.create_project(name)))
        assert answer.status_code == 200
        header = answer.headers["content-disposition"]
        assert header.startswith("attachment; ")
        assert header.isascii()
        assert not set(header.split("filename=")[1].split(";")[0].strip('"')) & set('/\\\n"')

    @pytest.mark.parametrize("bad", [UNKNOWN, "x"])
    def test_no_such_project(self, owner, problem, bad):
        problem(owner.get(path(bad)), 404, "project-not-found")

    def test_leases_end_with_the_download(self, server, owner, project_id):
        owner.upload(project_id, b"lease,me\n1,2\n")
        owner.get(path(project_id))
        owner.delete(f"/api/projects/{project_id}")
        sha256 = hashlib.sha256(b"lease,me\n1,2\n").hexdigest()
        artifacts = server.services.artifacts
        deadline = time.monotonic() + 10
        # The lease ends when the server has sent the last byte, a moment after it was read here.
        while artifacts.store.contains(sha256):
            assert time.monotonic() < deadline
            artifacts.collect()
