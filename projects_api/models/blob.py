"""Contents of files, known by their SHA-256, and leases that keep them from collection.

A content's row exists before its bytes reach the store and outlives them there, so that no object
in the store is ever without a row that leads to it, whatever crashes when.
"""

from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy import BigInteger, Connection, delete, insert, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Field, SQLModel

from projects_api.models.base import Identifier, Timestamp, new_id, present, table_of, to_text

LEASE_TIME = timedelta(hours=6)
"""Longer than any upload or download: only a lease that a crash left behind ever expires."""


class Blob(SQLModel, table=True):
    """A content in the artifact store: size in bytes, CRC-32 for archives."""

    __tablename__ = "blobs"

    sha256: str = Field(primary_key=True, max_length=64)
    size_bytes: int = Field(sa_type=BigInteger)
    crc32: int = Field(sa_type=BigInteger)


class BlobLease(SQLModel, table=True):
    """A use of a content by a request that is under way."""

    __tablename__ = "blob_leases"

    id: str = Field(primary_key=True, sa_type=Identifier)
    sha256: str = Field(primary_key=True, foreign_key="blobs.sha256", index=True, max_length=64)
    expires_at: str = Field(sa_type=Timestamp)


blobs = table_of(Blob)
blob_leases = table_of(BlobLease)


def put(connection: Connection, *, sha256: str, size_bytes: int, crc32: int) -> None:
    """Make sure that a content has its row."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(blobs).values(sha256=sha256, size_bytes=size_bytes, crc32=crc32)
    connection.execute(statement.on_conflict_do_nothing())


def lease(connection: Connection, contents: Iterable[str]) -> str:
    """Keep contents from collection until the lease is released; return its id."""
    lease_id = new_id()
    expires_at = to_text(present() + LEASE_TIME)
    rows = [{"id": lease_id, "sha256": sha256, "expires_at": expires_at} for sha256 in contents]
    if rows:
        connection.execute(insert(blob_leases), rows)
    return lease_id


def renew(connection: Connection, lease_id: str) -> None:
    """Let a lease last as long from now as it did from its beginning."""
    later = to_text(present() + LEASE_TIME)
    connection.execute(
        update(blob_leases).where(blob_leases.c.id == lease_id).values(expires_at=later)
    )


def release(connection: Connection, lease_id: str) -> None:
    """End a lease."""
    connection.execute(delete(blob_leases).where(blob_leases.c.id == lease_id))
