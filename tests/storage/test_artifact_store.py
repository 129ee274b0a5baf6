"""The artifact store on a local folder and on a real S3-speaking server."""

import hashlib
import os
import socket
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from time import time

import pytest

from projects_api.files.content import CHUNK_BYTES, Content, describe
from projects_api.files.spool import Spool, StorageFull, TooLarge
from projects_api.storage.store import (
    REQUEST_BYTES,
    ArtifactStore,
    ContentMissing,
    StorageUnavailable,
)
from tests.support.disks import files_limited_to

ABSENT = "0" * 64


@pytest.fixture(params=["folder", "s3"])
def url(request, tmp_path) -> str:
    if request.param == "folder":
        return str(tmp_path / "artifacts")
    return request.getfixturevalue("s3_server").new_bucket_url()


@pytest.fixture
def store(url, tmp_path) -> ArtifactStore:
    return ArtifactStore(url, tmp_path / "spool")


@pytest.fixture
def folder_store(tmp_path) -> ArtifactStore:
    return ArtifactStore(str(tmp_path / "artifacts"))


def file_of(folder: Path, data: bytes) -> Path:
    path = folder / hashlib.sha256(data).hexdigest()[:16]
    path.write_bytes(data)
    return path


def put(store: ArtifactStore, folder: Path, data: bytes) -> Content:
    source = file_of(folder, data)
    content = describe(source)
    store.put(content, source)
    return content


def read(store: ArtifactStore, content: Content) -> bytes:
    return b"".join(store.read(content.sha256))


def unused_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


class TestContents:
    @pytest.mark.parametrize(
        "size",
        [0, 1, CHUNK_BYTES, REQUEST_BYTES, REQUEST_BYTES + 1, 3 * REQUEST_BYTES - 1],
    )
    def test_what_was_put_is_read(self, store, tmp_path, size):
        data = os.urandom(size)
        content = put(store, tmp_path, data)
        chunks = list(store.read(content.sha256))
        assert b"".join(chunks) == data
        assert all(0 < len(chunk) <= CHUNK_BYTES for chunk in chunks)
        assert content == Content(hashlib.sha256(data).hexdigest(), size, zlib.crc32(data))

    def test_a_spooled_body_is_stored(self, store):
        with Spool(store.spool_folder) as spool:
            spool.write(b"a,b\n")
            spool.write(b"1,2\n")
            content = spool.content()
            store.put(content, spool.path)
            assert spool.path.read_bytes() == b"a,b\n1,2\n"
        assert read(store, content) == b"a,b\n1,2\n"
        assert list(store.spool_folder.iterdir()) == []

    def test_they_are_listed_with_their_sizes(self, store, tmp_path):
        assert list(store.list()) == []
        contents = [put(store, tmp_path, b"x" * size) for size in range(20)]
        assert sorted(store.list()) == sorted((one.sha256, one.size) for one in contents)

    def test_the_list_keeps_to_contents(self, folder_store, tmp_path):
        content = put(folder_store, tmp_path, b"content")
        (tmp_path / "artifacts" / "sha256" / "README").write_text("not one")
        assert list(folder_store.list()) == [(content.sha256, content.size)]

    def test_deletion(self, store, tmp_path):
        kept, content = put(store, tmp_path, b"kept"), put(store, tmp_path, b"removed")
        assert store.contains(content.sha256)
        store.delete(content.sha256)
        store.delete(content.sha256)
        assert not store.contains(content.sha256)
        assert store.contains(kept.sha256)
        with pytest.raises(ContentMissing):
            next(store.read(content.sha256))

    def test_a_second_put_changes_nothing(self, folder_store, tmp_path):
        content = put(folder_store, tmp_path, b"content")
        (stored,) = (tmp_path / "artifacts" / "sha256").glob("*/*")
        before = stored.stat()
        put(folder_store, tmp_path, b"content")
        assert stored.stat() == before
        assert read(folder_store, content) == b"content"

    def test_a_put_mends_a_truncated_content(self, folder_store, tmp_path):
        content = put(folder_store, tmp_path, b"content")
        (stored,) = (tmp_path / "artifacts" / "sha256").glob("*/*")
        stored.write_bytes(b"con")
        put(folder_store, tmp_path, b"content")
        assert read(folder_store, content) == b"content"

    def test_a_file_that_changed_since_is_refused(self, store, tmp_path):
        source = file_of(tmp_path, b"before")
        content = describe(source)
        source.write_bytes(b"something else")
        with pytest.raises(ValueError, match="not the file"):
            store.put(content, source)
        assert not store.contains(content.sha256)

    @pytest.mark.parametrize(
        "sha256", ["", "../../etc/passwd", "A" * 64, "0" * 63, "0" * 64 + "\n"]
    )
    def test_only_a_sha256_is_a_name(self, store, tmp_path, sha256):
        source = file_of(tmp_path, b"x")
        for use in (
            store.read,
            store.delete,
            store.contains,
            lambda name: store.put(Content(name, 1, 0), source),
        ):
            with pytest.raises(ValueError, match="not a SHA-256"):
                use(sha256)


class TestSharing:
    def test_a_spooled_file_is_not_copied(self, folder_store, tmp_path):
        with Spool(folder_store.spool_folder) as spool:
            spool.write(b"content")
            folder_store.put(spool.content(), spool.path)
            (stored,) = (tmp_path / "artifacts" / "sha256").glob("*/*")
            assert stored.samefile(spool.path)

    def test_any_other_file_may_change_afterwards(self, store, tmp_path):
        source = file_of(tmp_path, b"content")
        content = describe(source)
        store.put(content, source)
        with source.open("r+b") as file:
            file.write(b"CHANGED")
        assert read(store, content) == b"content"

    def test_parallel_puts_of_one_content(self, store, tmp_path):
        data = os.urandom(2 * CHUNK_BYTES)
        source = file_of(tmp_path, data)
        content = describe(source)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: store.put(content, source), range(16)))
        assert read(store, content) == data
        assert list(store.list()) == [(content.sha256, content.size)]

    def test_nobody_sees_a_part(self, store, tmp_path):
        source = file_of(tmp_path, os.urandom(3 * REQUEST_BYTES))
        content = describe(source)
        seen = set()
        writer = threading.Thread(target=store.put, args=(content, source))
        writer.start()
        while writer.is_alive():
            seen.update(size for _, size in store.list())
        writer.join()
        assert seen | {size for _, size in store.list()} == {content.size}


class TestFaults:
    def test_a_missing_content(self, store):
        with pytest.raises(ContentMissing):
            next(store.read(ABSENT))

    def test_a_content_that_goes_away_while_it_is_read(self, s3_server, tmp_path):
        store = ArtifactStore(s3_server.new_bucket_url())
        content = put(store, tmp_path, os.urandom(2 * REQUEST_BYTES))
        chunks = store.read(content.sha256)
        next(chunks)
        store.delete(content.sha256)
        with pytest.raises(ContentMissing):
            list(chunks)

    def test_a_folder_that_went_away(self, folder_store, tmp_path):
        folder_store.check()
        source = file_of(tmp_path, b"x")
        for path in (folder_store.spool_folder, tmp_path / "artifacts"):
            path.rmdir()
        with pytest.raises(StorageUnavailable):
            folder_store.check()
        with pytest.raises(StorageUnavailable):
            folder_store.put(describe(source), source)

    def test_a_folder_that_is_a_file(self, tmp_path):
        with pytest.raises(StorageUnavailable):
            ArtifactStore(str(file_of(tmp_path, b"x")))

    @pytest.mark.parametrize("fault", ["no such bucket", "no server"])
    def test_an_s3_store_that_does_not_work(self, s3_server, tmp_path, fault):
        url = s3_server.url("no-such-bucket")
        if fault == "no server":
            url = f"s3://bucket?endpoint=http://127.0.0.1:{unused_port()}&region=us-east-1"
        store = ArtifactStore(url)
        source = file_of(tmp_path, b"x")
        for use in (
            store.check,
            lambda: list(store.list()),
            lambda: store.put(describe(source), source),
            lambda: store.delete(ABSENT),
            lambda: next(store.read(ABSENT)),
        ):
            with pytest.raises(StorageUnavailable) as caught:
                use()
            assert "\n" not in str(caught.value)

    def test_a_store_that_works_passes_its_check(self, store):
        store.check()
        assert list(store.list()) == []
        assert list(store.spool_folder.iterdir()) == []


class TestUrl:
    @pytest.mark.parametrize("prefix", ["", "file://"])
    def test_a_folder(self, tmp_path, prefix):
        folder = tmp_path / "some" / "folder of mine"
        path = str(folder).replace(" ", "%20") if prefix else str(folder)
        content = put(ArtifactStore(prefix + path), tmp_path, b"content")
        key = f"sha256/{content.sha256[:2]}/{content.sha256}"
        assert (folder / key).read_bytes() == b"content"

    def test_a_relative_folder_stays_where_it_is(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        store = ArtifactStore("artifacts")
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        content = put(store, tmp_path, b"content")
        assert store.contains(content.sha256)
        assert (tmp_path / "artifacts" / "sha256").is_dir()

    @pytest.mark.parametrize(
        ("url", "fault"),
        [
            ("https://example.com/bucket", "is a folder"),
            ("file://host/folder", "is a folder"),
            ("s3://", "is a folder"),
            (
                "s3://bucket?endpont=http://localhost",
                "unknown in the artifact store's URL: endpont",
            ),
            ("s3://bucket?endpoint", "bad query"),
        ],
    )
    def test_one_that_cannot_be_understood(self, url, fault):
        with pytest.raises(ValueError, match=fault):
            ArtifactStore(url)


class TestSpool:
    def test_it_describes_what_it_holds(self, tmp_path):
        with Spool(tmp_path) as spool:
            assert spool.content() == Content(hashlib.sha256().hexdigest(), 0, 0)
            spool.write(b"one")
            spool.write(b"two")
            assert spool.path.parent == tmp_path
            assert spool.content() == describe(spool.path)
            assert spool.path.read_bytes() == b"onetwo"

    def test_it_holds_the_most_it_may_and_no_more(self, tmp_path):
        with Spool(tmp_path, max_bytes=6) as spool:
            spool.write(b"onetwo")
            with pytest.raises(TooLarge) as caught:
                spool.write(b"3")
            assert caught.value.max_bytes == 6
            assert spool.content().size == 6

    def test_nobody_else_may_read_it(self, tmp_path):
        with Spool(tmp_path) as spool:
            assert spool.path.stat().st_mode & 0o077 == 0

    def test_it_is_gone_after_an_error(self, tmp_path):
        with pytest.raises(TooLarge), Spool(tmp_path, max_bytes=1) as spool:
            spool.write(b"12")
        assert list(tmp_path.iterdir()) == []

    def test_a_full_disk(self, tmp_path):
        with files_limited_to(CHUNK_BYTES):
            with Spool(tmp_path) as spool, pytest.raises(StorageFull):
                spool.write(bytes(3 * CHUNK_BYTES))
            with Spool(tmp_path) as spool:
                spool.write(bytes(CHUNK_BYTES))
                spool.write(b"still in a buffer")
                with pytest.raises(StorageFull):
                    spool.content()
        assert list(tmp_path.iterdir()) == []

    def test_a_folder_that_is_missing(self, tmp_path):
        with pytest.raises(StorageUnavailable), Spool(tmp_path / "missing"):
            pass

    def test_what_a_killed_process_left_is_cleaned(self, store):
        old = Spool(store.spool_folder)
        old.__enter__().write(b"left behind")
        long_ago = time() - 7200
        os.utime(old.path, (long_ago, long_ago))
        other = store.spool_folder / "not-ours"
        other.touch()
        os.utime(other, (long_ago, long_ago))
        with Spool(store.spool_folder) as running:
            assert store.clean_spool(timedelta(hours=1)) == 1
            assert set(store.spool_folder.iterdir()) == {running.path, other}
        assert store.clean_spool(timedelta(hours=1)) == 0
