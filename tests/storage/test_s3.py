"""The whole way of files with an S3-speaking store, over HTTP and on both databases."""

import hashlib
import io
import json
import zipfile

import boto3
import pytest

from projects_api.app.doctor import examine
from projects_api.archive.reader import verify_archive
from projects_api.settings import Settings
from projects_api.storage.store import REQUEST_BYTES
from tests.conftest import running
from tests.support.fixtures import REGION

SMALL = b"a,b\n1,2\n"
# More than one request moves.
LARGE = b"n,text\n" + b"".join(b"%d,some text\n" % n for n in range(1_000_000))


@pytest.fixture
def server(s3_server, new_database_url, tmp_path):
    settings = Settings(
        _env_file=None,
        database_url=new_database_url,
        data_dir=tmp_path,
        artifact_url=s3_server.new_bucket_url(),
        maintenance_seconds=3600,
    )
    with running(settings) as server:
        yield server


def objects(s3_server, settings: Settings) -> dict[str, int]:
    """List what is in the bucket, by another client than the server's."""
    bucket = settings.artifacts.removeprefix("s3://").partition("/")[0]
    client = boto3.client("s3", endpoint_url=s3_server.endpoint, region_name=REGION)
    listed = client.list_objects_v2(Bucket=bucket).get("Contents", [])
    assert client.list_multipart_uploads(Bucket=bucket).get("Uploads", []) == []
    return {entry["Key"].rpartition("/")[2]: entry["Size"] for entry in listed}


def test_upload_export_delete_and_collection(s3_server, server, tmp_path):
    assert len(LARGE) > REQUEST_BYTES
    owner = server.person()
    project_id = owner.create_project()
    assert server.anonymous().get("/health/ready").status_code == 200

    uploads = {content: owner.upload(project_id, content) for content in (SMALL, LARGE)}
    ids = {content: answer.json()["id"] for content, answer in uploads.items()}
    kept = {hashlib.sha256(content).hexdigest(): len(content) for content in ids}
    assert objects(s3_server, server.settings) == kept
    assert not (tmp_path / "artifacts").exists()
    for content, dataset_id in ids.items():
        assert owner.get(f"/api/datasets/{dataset_id}/download").content == content

    export = owner.get(f"/api/projects/{project_id}/export")
    (tmp_path / "e.zip").write_bytes(export.content)
    assert verify_archive(tmp_path / "e.zip") == []
    archive = zipfile.ZipFile(io.BytesIO(export.content))
    files = json.loads(archive.read("manifest.json"))["files"]
    assert {file["sha256"]: file["size_bytes"] for file in files} == kept
    assert not [fault for _, faults in examine(server.settings) for fault in faults]

    assert owner.delete(f"/api/datasets/{ids[SMALL]}").status_code == 200
    assert server.services.artifacts.collect() == 1
    assert list(objects(s3_server, server.settings)) == [hashlib.sha256(LARGE).hexdigest()]
    assert owner.delete(f"/api/projects/{project_id}").status_code == 200
    assert server.services.artifacts.collect() == 1
    assert objects(s3_server, server.settings) == {}


def test_a_file_that_is_refused_leaves_nothing(s3_server, server):
    owner = server.person()
    project_id = owner.create_project()
    assert owner.upload(project_id, b"\x89PNG\r\n\x1a\n" + bytes(64)).status_code == 422
    assert owner.upload("0195d3a0-0000-7000-8000-000000000000").status_code == 404
    server.services.artifacts.collect()
    assert objects(s3_server, server.settings) == {}


def test_a_bucket_that_goes_away(s3_server, server):
    """Faults of the store are told as such, and the database goes on."""
    owner = server.person()
    project_id = owner.create_project()
    dataset_id = owner.upload(project_id, SMALL).json()["id"]
    bucket = server.settings.artifacts.removeprefix("s3://").partition("/")[0]
    client = boto3.client("s3", endpoint_url=s3_server.endpoint, region_name=REGION)
    for entry in client.list_objects_v2(Bucket=bucket)["Contents"]:
        client.delete_object(Bucket=bucket, Key=entry["Key"])
    client.delete_bucket(Bucket=bucket)
    for answer in (
        server.anonymous().get("/health/ready"),
        owner.get(f"/api/datasets/{dataset_id}/download"),
        owner.upload(project_id, b"c,d\n3,4\n"),
    ):
        assert answer.status_code == 503, answer.text
        assert answer.json()["type"] == "urn:projects-api:problem:unavailable"
        assert int(answer.headers["retry-after"]) > 0
    listed = owner.get("/api/datasets", params={"project_id": project_id}).json()
    assert [item["id"] for item in listed["items"]] == [dataset_id]
    assert owner.get(f"/api/projects/{project_id}").json()["project"]["dataset_count"] == 1
