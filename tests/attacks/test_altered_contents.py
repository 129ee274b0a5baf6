"""Bytes altered behind the server's back, at their old length: never served, named, and mended."""

import hashlib
import json
from pathlib import Path

import boto3
import pytest
import requests

from projects_api.app.doctor import examine
from projects_api.settings import Settings
from projects_api.storage.store import REQUEST_BYTES, ArtifactStore, ContentWrong
from tests.conftest import Server, running
from tests.handlers.conftest import assert_problem
from tests.support.fixtures import REGION
from tests.support.processes import person_of

SMALL = b"a,b\n1,2\n3,4\n"
LARGE = b"n,text\n" + b"".join(b"%d,some text\n" % n for n in range(600_000))


@pytest.fixture(params=["folder", "s3"])
def server(request, new_database_url, tmp_path):
    url = ""
    if request.param == "s3":
        url = request.getfixturevalue("s3_server").new_bucket_url()
    settings = Settings(
        _env_file=None,
        database_url=new_database_url,
        data_dir=tmp_path,
        artifact_url=url,
        maintenance_seconds=3600,
    )
    with running(settings) as server:
        yield server


def alter(settings: Settings, content: bytes) -> str:
    """Change the last byte of what is stored; give its name."""
    sha256 = hashlib.sha256(content).hexdigest()
    key, wrong = f"sha256/{sha256[:2]}/{sha256}", content[:-1] + b"9"
    if not settings.artifacts.startswith("s3:"):
        Path(settings.artifacts, key).write_bytes(wrong)
        return sha256
    place, _, query = settings.artifacts.removeprefix("s3://").partition("?")
    bucket, _, prefix = place.partition("/")
    endpoint = query.partition("endpoint=")[2].partition("&")[0]
    client = boto3.client("s3", endpoint_url=endpoint, region_name=REGION)
    client.put_object(Bucket=bucket, Key=f"{prefix}/{key}", Body=wrong)
    return sha256


def faults(server: Server, *, verify: bool = True) -> list[str]:
    return [one for _, found in examine(server.settings, verify=verify) for one in found]


def test_a_small_file_is_refused_and_an_upload_mends_it(server):
    me = server.person()
    project_id = me.create_project()
    path = f"/api/datasets/{me.upload(project_id, SMALL).json()['id']}/download"
    alter(server.settings, SMALL)
    for _ in range(2):
        problem = assert_problem(me.get(path), 503, "unavailable")
        assert "missing or damaged" in problem["detail"]
    # What is made of it, too, is made of nothing else.
    assert me.get(path, params={"format": "parquet"}).status_code == 503
    assert me.upload(project_id, SMALL).status_code == 201
    assert me.get(path).content == SMALL
    assert faults(server) == []


def test_a_large_file_breaks_off_once(server):
    assert len(LARGE) > REQUEST_BYTES / 2
    me = server.person()
    project_id = me.create_project()
    path = f"/api/datasets/{me.upload(project_id, LARGE).json()['id']}/download"
    alter(server.settings, LARGE)
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        me.get(path)
    assert_problem(me.get(path), 503, "unavailable")
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        me.get(f"/api/projects/{project_id}/export")
    me.upload(project_id, LARGE)
    assert me.get(path).content == LARGE


def test_nobody_must_have_noticed_for_an_upload_to_mend(server):
    me = server.person()
    project_id = me.create_project()
    path = f"/api/datasets/{me.upload(project_id, SMALL).json()['id']}/download"
    alter(server.settings, SMALL)
    me.upload(project_id, SMALL)
    assert me.get(path).content == SMALL


def test_the_doctor_reads_all_when_it_is_told_to(server):
    me = server.person()
    project_id = me.create_project()
    me.upload(project_id, SMALL)
    me.upload(project_id, LARGE)
    assert faults(server) == []
    sha256 = alter(server.settings, LARGE)
    assert faults(server, verify=False) == []
    assert faults(server) == [f"content {sha256} has other bytes than were stored"]


def test_a_file_that_is_right_again_is_read_again(server, tmp_path):
    """Where an operator restored it, or the disk had misread it."""
    source = tmp_path / "source"
    source.write_bytes(SMALL)
    me = server.person()
    me.upload(me.create_project(), SMALL)
    store = ArtifactStore(server.settings.artifacts)
    sha256 = alter(server.settings, SMALL)
    for target in (tmp_path / "a", tmp_path / "b"):
        with pytest.raises(ContentWrong):
            server.services.artifacts.fetch(sha256, target)
    key = f"sha256/{sha256[:2]}/{sha256}"
    if server.settings.artifacts.startswith("s3:"):
        store._store.put(key, SMALL)
    else:
        Path(server.settings.artifacts, key).write_bytes(SMALL)
    assert b"".join(store.read(sha256)) == SMALL
    assert not store._is_marked(sha256)


def test_the_log_and_the_command_tell(local):
    with local.serve() as process:
        me = person_of(process)
        path = f"/api/datasets/{me.upload(me.create_project(), LARGE).json()['id']}/download"
        sha256 = alter(process.server.settings, LARGE)
        request_id = {"X-Request-Id": "broken-off"}
        with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
            me.get(path, headers=request_id)
        (wrong,) = process.lines("content_wrong")
        (broken,) = process.lines("answer_broke_off")
        assert wrong["sha256"] == sha256
        assert broken["request_id"] == "broken-off"
        assert sha256 in json.dumps(broken)
    assert "FAULT" not in local.run("doctor")
    printed = local.run("doctor", "--verify", status=1)
    assert "FAULT  contents are what they were" in printed
    assert sha256 in printed
