"""Artifacts on their way: received, kept, read, and collected when nothing needs them.

A content's row is committed before its bytes are stored, and its bytes are removed before its row
is. So whatever is in the store has a row that leads to it, and a crash leaves no orphan.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from projects_api.contract.responses import File
from projects_api.database import Database
from projects_api.files.content import Content
from projects_api.files.spool import Spool
from projects_api.models import artifact, blob
from projects_api.storage.quotas import Claim, Quotas
from projects_api.storage.store import ArtifactStore

NO_QUOTAS = Quotas()
_BATCH = 100


class Artifacts:
    """The artifact store together with the rows that say what is in it."""

    def __init__(
        self, database: Database, store: ArtifactStore, quotas: Quotas = NO_QUOTAS
    ) -> None:
        self._database = database
        self.store = store
        self.quotas = quotas

    def spool(self, max_bytes: int | None = None) -> Spool:
        """Make a place for a file of so many bytes, removed when its block ends."""
        return Spool(self.store.spool_folder, max_bytes)

    @contextmanager
    def keep(
        self,
        connection: Connection,
        contents: Mapping[Path, Content],
        claim: Claim | None = None,
    ) -> Iterator[None]:
        """Store contents, then run the block that refers to them through `connection`.

        The connection must not have begun a transaction; the block's end leaves it open. Until
        then a lease keeps the contents from collection. Where they are somebody's, quotas are
        checked before anything is stored, and behind the block, which holds the project. Raises
        QuotaExceeded, and then nothing stays.
        """
        with self._database.transaction() as own:
            if claim and contents:
                size = sum(content.size for content in contents.values())
                self.quotas.check(own, claim, max(size, claim.coming_bytes))
            for content in contents.values():
                blob.put(own, sha256=content.sha256, size_bytes=content.size, crc32=content.crc32)
            lease = blob.lease(own, {content.sha256 for content in contents.values()})
        try:
            for source, content in contents.items():
                self.store.put(content, source)
            yield
            if claim and contents:
                self.quotas.confirm(connection, claim)
            blob.release(connection, lease)
        except BaseException:
            connection.rollback()
            self.release(lease)
            self.collect()
            raise

    def release(self, lease: str) -> None:
        """End a lease that was taken for reading."""
        # A lease that cannot be released now runs out by itself.
        with suppress(SQLAlchemyError), self._database.transaction() as connection:
            blob.release(connection, lease)

    def read(self, sha256: str) -> Iterator[bytes]:
        """Read a content in pieces of constant size; raises as `ArtifactStore.read` does."""
        return self.store.read(sha256)

    def fetch(self, sha256: str, target: Path) -> None:
        """Write a content to a file."""
        with target.open("wb") as file:
            file.writelines(self.read(sha256))

    @contextmanager
    def fetched(self, sha256: str) -> Iterator[Path]:
        """Return a content as a file, which is gone when the block ends."""
        with self.spool() as spool:
            for chunk in self.read(sha256):
                spool.write(chunk)
            spool.content()
            yield spool.path

    def collect(self) -> int:
        """Remove every content that nothing refers to and no lease keeps; return how many."""
        self.store.clean_spool(blob.LEASE_TIME)
        removed = 0
        while unused := self._list_unused():
            before = removed
            removed += sum(self._remove(sha256) for sha256 in unused)
            if removed == before:
                break
        return removed

    def _list_unused(self) -> list[str]:
        with self._database.transaction(writing=False) as connection:
            return artifact.list_unused_contents(connection, limit=_BATCH)

    def _remove(self, sha256: str) -> bool:
        try:
            with self._database.transaction() as connection:
                if not artifact.remove_unused_content(connection, sha256):
                    return False
                self.store.delete(sha256)
        except IntegrityError:
            return False  # Somebody began to use it meanwhile.
        return True

    def lease(self, connection: Connection, contents: Iterable[str]) -> str:
        """Keep contents from collection while a transaction has ended and they are still read."""
        return blob.lease(connection, contents)


def stored_file(
    connection: Connection,
    artifacts: Artifacts,
    content: Mapping[str, Any],
    *,
    media_type: str,
    name: str,
) -> File:
    """Answer with a stored content, `sha256` and `size_bytes`, which stays until it is sent."""
    lease = artifacts.lease(connection, [content["sha256"]])
    return File(
        artifacts.read(content["sha256"]),
        media_type=media_type,
        name=name,
        finish=lambda: artifacts.release(lease),
        size=content["size_bytes"],
        sha256=content["sha256"],
    )
