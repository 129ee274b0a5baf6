"""Jobs: long work, taken by worker processes on any machine and kept until its project goes."""

from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, Float, Index, Text
from sqlmodel import Field, SQLModel

from projects_api.models.base import Identifier, Timestamp, one_of, table_of

STATUSES = ("queued", "running", "succeeded", "failed", "cancelled")
FINAL = ("succeeded", "failed", "cancelled")


class Job(SQLModel, table=True):
    """A piece of work; `kind` names the module that does it, `entity_id` what it is about.

    `user_id` is who asked for it; `project_id` is null while a project is still to be made.
    `input_sha256` is a stored content that the job needs until it ends, such as an archive.
    `owner` is the worker that has it until `lease_expires_at`, which the worker moves on while it
    lives. `progress` is in percent, times are in seconds, memory is in bytes.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        one_of("status", STATUSES),
        Index(None, "status", "created_at", "id"),
    )

    id: str = Field(primary_key=True, sa_type=Identifier)
    user_id: str = Field(foreign_key="users.id", ondelete="CASCADE", index=True, sa_type=Identifier)
    project_id: str | None = Field(
        default=None, foreign_key="projects.id", ondelete="CASCADE", index=True, sa_type=Identifier
    )
    kind: str = Field(max_length=32)
    entity_id: str = Field(index=True, sa_type=Identifier)
    arguments: dict[str, Any] = Field(sa_type=JSON)
    input_sha256: str | None = Field(
        default=None, foreign_key="blobs.sha256", index=True, max_length=64
    )
    status: str = Field(max_length=16)
    progress: float = Field(sa_type=Float)
    stage: str | None = Field(default=None, max_length=255)
    seconds_left: float | None = Field(default=None, sa_type=Float)
    message: str | None = Field(default=None, sa_type=Text)
    attempts: int = Field(sa_type=BigInteger)
    max_runtime_seconds: float = Field(sa_type=Float)
    max_memory_bytes: int = Field(sa_type=BigInteger)
    cancel_requested: bool = Field(sa_type=Boolean)
    owner: str | None = Field(default=None, sa_type=Identifier)
    lease_expires_at: str | None = Field(default=None, sa_type=Timestamp)
    created_at: str = Field(sa_type=Timestamp)
    started_at: str | None = Field(default=None, sa_type=Timestamp)
    finished_at: str | None = Field(default=None, sa_type=Timestamp)


jobs = table_of(Job)
