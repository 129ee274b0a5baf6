"""States that the server can be set back to: the seed, and what tests take a snapshot of.

A state is a copy of the database and the names of the contents it needs. The contents are kept
beside the store, each once, for what the live database does not name is collected from the store.
"""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path

from projects_api.contract.problems import NotFound, Problem
from projects_api.database.sqlite import BUSY_SECONDS
from projects_api.files.content import MEBIBYTE, Content, Digest
from projects_api.storage.store import ArtifactStore

MOST_SNAPSHOTS = 20
MOST_BYTES = 1024 * MEBIBYTE
"""Of all contents that snapshots keep, those of the seed apart."""

Position = tuple[datetime, int]
"""Where a repeatable clock stands, and how many ids it has given."""


class TooManySnapshots(Problem):
    """There are as many snapshots as there may be, or they are as large."""

    status = 409
    slug = "too-many-snapshots"
    title = "There is no room for another snapshot"
    detail = (
        f"Delete a snapshot: the server keeps {MOST_SNAPSHOTS}, with "
        f"{MOST_BYTES // MEBIBYTE} MiB of files in all."
    )


@dataclass(frozen=True, slots=True)
class State:
    """What the server can be set back to; `position` is None where time was real."""

    database: Path
    sha256s: frozenset[str]
    position: Position | None


class Snapshots:
    """The states of a server whose database is SQLite; whoever uses them keeps to one at a time."""

    def __init__(self, live: Path, store: ArtifactStore, folder: Path) -> None:
        """Keep states of a database and a store in a folder, which is made."""
        folder.mkdir(parents=True)
        self._live = live
        self._store = store
        self._folder = folder
        self._numbers = count()
        self._contents: dict[str, tuple[Path, Content]] = {}
        self._named: dict[str, State] = {}

    def keep_seed(self, files: Mapping[Path, Content]) -> State:
        """Take the state at the start, whose contents are files that stay where they are."""
        self._contents = {content.sha256: (path, content) for path, content in files.items()}
        self._seed = self._copy_database(frozenset(self._contents), None)
        return self._seed

    def take(self, name: str, position: Position | None) -> State:
        """Take the present state under a name, in the place of another one that has it.

        Raises TooManySnapshots.
        """
        if name not in self._named and len(self._named) >= MOST_SNAPSHOTS:
            raise TooManySnapshots
        present = dict(self._store.list())
        added = sum(size for sha256, size in present.items() if sha256 not in self._contents)
        if added and added + self._kept_bytes() > MOST_BYTES:
            raise TooManySnapshots
        for sha256 in present:
            if sha256 not in self._contents:
                self._contents[sha256] = self._fetch(sha256)
        state = self._copy_database(frozenset(present), position)
        replaced = self._named.pop(name, None)
        self._named[name] = state
        if replaced:
            self._drop(replaced)
        return state

    def find(self, name: str) -> State:
        """Return the state of a name; raises NotFound."""
        if name not in self._named:
            raise NotFound(f"There is no snapshot {name!r}. GET /_ephemeral/snapshots lists them.")
        return self._named[name]

    def remove(self, name: str) -> None:
        """Forget a snapshot; raises NotFound."""
        state = self.find(name)
        del self._named[name]
        self._drop(state)

    def names(self) -> list[str]:
        """List the names, the oldest first."""
        return list(self._named)

    def restore(self, state: State) -> None:
        """Make database and store what they were."""
        copy_database(state.database, self._live)
        present = dict(self._store.list())
        for sha256 in present.keys() - state.sha256s:
            self._store.delete(sha256)
        for sha256 in state.sha256s:
            path, content = self._contents[sha256]
            # A content is never changed, so that one of its size need not be read.
            if present.get(sha256) != content.size:
                self._store.put(content, path)

    def _kept_bytes(self) -> int:
        kept = self._contents.keys() - self._seed.sha256s
        return sum(self._contents[sha256][1].size for sha256 in kept)

    def _fetch(self, sha256: str) -> tuple[Path, Content]:
        path, digest = self._folder / sha256, Digest()
        with path.open("wb") as file:
            for chunk in self._store.read(sha256):
                file.write(chunk)
                digest.update(chunk)
        return path, digest.content()

    def _copy_database(self, sha256s: frozenset[str], position: Position | None) -> State:
        path = self._folder / f"{next(self._numbers)}.db"
        copy_database(self._live, path)
        return State(path, sha256s, position)

    def _drop(self, state: State) -> None:
        state.database.unlink()
        states = [self._seed, *self._named.values()]
        needed = frozenset[str]().union(*(one.sha256s for one in states))
        for sha256 in self._contents.keys() - needed:
            path, _ = self._contents.pop(sha256)
            path.unlink()


def copy_database(source: Path, target: Path) -> None:
    """Make one SQLite database equal to another, for its open connections too."""
    with (
        closing(sqlite3.connect(source)) as origin,
        closing(sqlite3.connect(target, timeout=BUSY_SECONDS)) as copy,
    ):
        # Nobody needs it after a loss of power, and to wait for the disk takes most of the time.
        copy.execute("PRAGMA synchronous = OFF")
        origin.backup(copy, sleep=0.005)
