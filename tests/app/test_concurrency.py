"""What happens at once, on both databases."""

import hashlib
import io
import json
import threading
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests


def at_once(*actions):
    """Run actions in threads that start together; give their results in order."""
    start = threading.Barrier(len(actions))

    def run(action):
        start.wait()
        return action()

    with ThreadPoolExecutor(len(actions)) as pool:
        return list(pool.map(run, actions))


def roles(person, project_id):
    items = person.get(f"/api/projects/{project_id}/members").json()["items"]
    return {item["user_id"]: item["role"] for item in items}


@pytest.mark.parametrize("_round", range(10))
def test_two_owners_demote_each_other(server, _round):
    first, second = server.person(), server.person()
    project_id = first.create_project()
    first.share(project_id, second, "owner")
    answers = at_once(
        lambda: first.share(project_id, second, "viewer"),
        lambda: second.share(project_id, first, "viewer"),
    )
    assert sorted(answer.status_code for answer in answers) in ([201, 403], [201, 409])
    assert sorted(roles(first, project_id).values()) == ["owner", "viewer"]


@pytest.mark.parametrize("_round", range(10))
def test_two_owners_leave(server, _round):
    first, second = server.person(), server.person()
    project_id = first.create_project()
    first.share(project_id, second, "owner")
    path = f"/api/projects/{project_id}/members"
    answers = at_once(
        lambda: first.delete(f"{path}/{first.user_id}"),
        lambda: second.delete(f"{path}/{second.user_id}"),
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409]


def test_a_person_is_added_twice(server):
    owner, other = server.person(), server.person()
    project_id = owner.create_project()
    answers = at_once(*[lambda: owner_copy(owner).share(project_id, other, "viewer")] * 8)
    assert {answer.status_code for answer in answers} == {201}
    assert len(roles(owner, project_id)) == 2


def owner_copy(person):
    """A session of its own: one session is not made for several threads."""
    return type(person)(person.server, person.user_id, person.email, person.key)


def test_one_if_match_wins(server):
    owner = server.person()
    project_id = owner.create_project()
    path = f"/api/projects/{project_id}"
    tag = owner.get(path).headers["etag"]

    def change(number):
        return lambda: owner_copy(owner).put(
            path, json={"name": f"n{number}"}, headers={"If-Match": tag}
        )

    answers = at_once(*[change(number) for number in range(8)])
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 7


def test_counts_after_many_uploads_and_deletions(server):
    owner = server.person()
    project_id = owner.create_project()

    def upload_and_maybe_delete(number):
        def action():
            me = owner_copy(owner)
            answer = me.upload(project_id, f"a,b\n{number},1\n".encode())
            assert answer.status_code == 201, answer.text
            if number % 2:
                assert me.delete(f"/api/datasets/{answer.json()['id']}").status_code == 200

        return action

    at_once(*[upload_and_maybe_delete(number) for number in range(12)])
    assert owner.get(f"/api/projects/{project_id}").json()["project"]["dataset_count"] == 6
    listed = owner.get("/api/datasets", params={"project_id": project_id}).json()
    assert listed["total"] == 6


def test_exports_are_snapshots_while_uploads_go_on(server):
    owner = server.person()
    project_id = owner.create_project()
    stop = threading.Event()

    def upload():
        me, number = owner_copy(owner), 0
        while not stop.is_set():
            me.upload(project_id, f"a,b\n{number},2\n".encode())
            number += 1

    def delete():
        me = owner_copy(owner)
        while not stop.is_set():
            listed = me.get("/api/datasets", params={"project_id": project_id}).json()
            for item in listed["items"][::2]:
                me.delete(f"/api/datasets/{item['id']}")
            server.services.artifacts.collect()

    with ThreadPoolExecutor(2) as pool:
        workers = [pool.submit(upload), pool.submit(delete)]
        try:
            for _ in range(15):
                answer = owner.get(f"/api/projects/{project_id}/export")
                if answer.status_code == 503:
                    continue
                assert answer.status_code == 200, answer.text
                check_export(answer.content)
        finally:
            stop.set()
        for worker in workers:
            worker.result()


def check_export(content):
    archive = zipfile.ZipFile(io.BytesIO(content))
    manifest = json.loads(archive.read("manifest.json"))
    assert manifest["project"]["dataset_count"] == len(manifest["datasets"])
    assert len(manifest["files"]) == len(manifest["datasets"])
    assert set(archive.namelist()) == {"manifest.json"} | {f["path"] for f in manifest["files"]}
    for file in manifest["files"]:
        assert hashlib.sha256(archive.read(file["path"])).hexdigest() == file["sha256"]


def test_a_project_is_deleted_while_a_file_arrives(server):
    owner = server.person()
    project_id = owner.create_project()
    arrived = threading.Event()
    fields = "".join(
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in {"project_id": project_id, "name": "late.csv"}.items()
    )
    head = fields + '--x\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'

    def pieces():
        yield head.encode() + b"a,b\n1,"
        assert arrived.wait(30)
        yield b"77\n\r\n--x--\r\n"

    def delete():
        assert owner.delete(f"/api/projects/{project_id}").status_code == 200
        arrived.set()

    me = owner_copy(owner)
    answers = at_once(
        lambda: requests.post(
            f"{server.url}/api/datasets/upload",
            data=pieces(),
            headers={
                "Authorization": f"Bearer {me.key}",
                "Content-Type": "multipart/form-data; boundary=x",
            },
            timeout=60,
        ),
        delete,
    )
    assert answers[0].status_code == 404
    assert answers[0].json()["type"] == "urn:projects-api:problem:project-not-found"
    server.services.artifacts.collect()
    sha256 = hashlib.sha256(b"a,b\n1,77\n").hexdigest()
    assert not server.services.artifacts.store.contains(sha256)


def test_a_caller_who_leaves_early_leaves_nothing_behind(server):
    owner = server.person()
    project_id = owner.create_project()
    rows = "\n".join(f"{number},{number * 7}" for number in range(60_000))
    content = f"left,early\n{rows}\n".encode()
    dataset_id = owner.upload(project_id, content).json()["id"]
    path = f"/api/datasets/{dataset_id}/download"
    for parameters in ({}, {"format": "parquet"}):
        with owner.get(path, params=parameters, stream=True) as answer:
            assert answer.status_code == 200
            answer.raw.read(10)
    owner.delete(f"/api/datasets/{dataset_id}")
    artifacts = server.services.artifacts
    sha256 = hashlib.sha256(content).hexdigest()
    deadline = time.monotonic() + 20
    while artifacts.store.contains(sha256) or any(artifacts.store.spool_folder.iterdir()):
        assert time.monotonic() < deadline
        artifacts.collect()
        time.sleep(0.05)
