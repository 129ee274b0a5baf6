"""A report in an archive may be anything: none of it is served as if it were the server's own."""

import hashlib

import pytest
from sqlalchemy import select

from projects_api.models.blob import blobs
from tests.archives import first_file, rewrite, told
from tests.handlers.conftest import assert_problem

SCRIPT = b"<!doctype html><script>fetch('https://evil.example')</script>"
PROGRAM = b"MZ" + bytes(100)
SOURCES = {"text/html": (".html", SCRIPT), "application/pdf": (".pdf", PROGRAM)}


@pytest.fixture(params=SOURCES)
def forged(request, server, tmp_path):
    """An export whose report was replaced, and what it was replaced by."""
    suffix, content = SOURCES[request.param]
    alice = server.person("Alice Chen")
    project_id = alice.create_project()
    server.add_report(project_id)
    source = tmp_path / "export.zip"
    source.write_bytes(alice.get(f"/api/projects/{project_id}/export").content)
    name = first_file(source, suffix)
    return rewrite(source, tmp_path / "forged.zip", told(name, content), {name: content}), content


def test_it_is_left_out_and_says_so(server, forged):
    path, content = forged
    eve = server.person("Eve")
    sent = eve.post("/api/projects/import", files={"file": ("e.zip", path.read_bytes())})
    assert sent.status_code == 202, sent.text
    job = server.run_job(sent.json()["job_id"])
    assert job["status"] == "succeeded", job["message"]
    here = {"project_id": job["project_id"]}
    (report,) = eve.get("/api/reports", params=here).json()["items"]
    assert report["status"] == "failed"
    assert "anybody's" in report["message"]
    for form in ("html", "pdf"):
        answer = eve.get(f"/api/reports/{report['id']}/download", params={"format": form})
        assert_problem(answer, 409, "report-not-ready", "Create another one.")
    server.services.artifacts.collect()
    with server.services.database.transaction(writing=False) as connection:
        stored = set(connection.scalars(select(blobs.c.sha256)))
    assert hashlib.sha256(content).hexdigest() not in stored


def test_it_is_made_anew_here(server, forged):
    eve = server.person("Eve")
    sent = eve.post("/api/projects/import", files={"file": ("e.zip", forged[0].read_bytes())})
    project_id = server.run_job(sent.json()["job_id"])["project_id"]
    about = {"project_id": project_id, "kind": "project", "entity_id": project_id}
    asked = eve.post("/api/reports", json=about)
    assert asked.status_code == 201, asked.text
    assert server.run_job(asked.json()["job_id"])["status"] == "succeeded"
    path = f"/api/reports/{asked.json()['report_id']}/download"
    assert eve.get(path, params={"format": "pdf"}).content.startswith(b"%PDF")
