"""A file that was kept is on the disk, and so is its name."""

import os
from pathlib import Path

import pytest

from projects_api.files.content import describe
from projects_api.storage.store import ArtifactStore
from tests.support.flushing import outcomes_on_deaf_disk


def test_no_file_is_kept_before_the_disk_confirms_it(tmp_path):
    outcomes = outcomes_on_deaf_disk(tmp_path)
    assert (outcomes["put"], outcomes["contained"]) == ("StorageUnavailable", "False")


@pytest.fixture
def flushed(monkeypatch):
    """Note what is flushed to the disk, and whether anything had its final name by then."""
    noted: list[tuple[Path, bool]] = []
    flush = os.fsync

    def note(descriptor: int) -> None:
        flush(descriptor)
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        noted.append((path, any(path.parents[1].glob("sha256/??/*"))))

    monkeypatch.setattr(os, "fsync", note)
    return noted


def test_first_the_bytes_then_the_name_and_the_names_of_new_folders(tmp_path, flushed):
    root = tmp_path.resolve() / "store"
    store = ArtifactStore(str(root))
    file = tmp_path / "file"
    file.write_bytes(b"a content")
    content = describe(file)
    store.put(content, file)
    (bytes_of_it, was_named), *folders = flushed
    assert (bytes_of_it.parent, was_named) == (store.spool_folder, False)
    place = root / "sha256" / content.sha256[:2]
    assert {path for path, _ in folders} >= {place, place.parent, root}
