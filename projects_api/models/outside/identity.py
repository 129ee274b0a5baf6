"""Identities: who a person is to an issuer of tokens."""

from typing import NamedTuple

from sqlalchemy import Connection, UniqueConstraint, bindparam, insert, select
from sqlmodel import Field, SQLModel

from projects_api.models import user
from projects_api.models.base import Identifier, Timestamp, binary_text, new_id, now, table_of
from projects_api.models.statements import DriverStatement
from projects_api.models.user import users


class Identity(SQLModel, table=True):
    """A person by the names of OpenID Connect: `iss` and `sub`, which no other one ever has."""

    __tablename__ = "identities"
    __table_args__ = (
        UniqueConstraint("issuer", "subject"),
        UniqueConstraint("user_id", "issuer"),
    )

    id: str = Field(primary_key=True, sa_type=Identifier)
    user_id: str = Field(foreign_key="users.id", ondelete="CASCADE", sa_type=Identifier)
    issuer: str = Field(sa_type=binary_text(500))
    subject: str = Field(sa_type=binary_text(255))
    created_at: str = Field(sa_type=Timestamp)


identities = table_of(Identity)

_WORKS = DriverStatement(
    select(identities.c.id)
    .join(users, users.c.id == identities.c.user_id)
    .where(identities.c.id == bindparam("id"), users.c.deactivated_at.is_(None))
)


class Known(NamedTuple):
    """An identity that was found: its id, and whose it is."""

    id: str
    user_id: str


class AlreadyLinked(Exception):
    """The person with this address is somebody else to the issuer."""


def works(connection: Connection, identity_id: str) -> bool:
    """Return whether an identity is there, and its person not deactivated."""
    return _WORKS.first(connection, id=identity_id) is not None


def find(connection: Connection, issuer: str, subject: str) -> Known | None:
    """Find who somebody is."""
    statement = select(identities.c.id, identities.c.user_id).where(
        identities.c.issuer == issuer, identities.c.subject == subject
    )
    row = connection.execute(statement).first()
    return Known(row.id, row.user_id) if row else None


def link(connection: Connection, issuer: str, subject: str, *, email: str, name: str) -> Known:
    """Link an issuer's name to the person with an address, who is registered if need be.

    Raises AlreadyLinked: an address that was given to somebody else is no way to who had it before.
    """
    user_id = user.find_id(connection, email)
    if user_id is None:
        user_id = user.create(connection, email=email, name=name)
    this = select(identities.c.id, identities.c.subject).where(
        identities.c.user_id == user_id, identities.c.issuer == issuer
    )
    if linked := connection.execute(this).first():
        if linked.subject != subject:
            raise AlreadyLinked
        return Known(linked.id, user_id)  # by another request of the same person, just now
    identity_id = new_id()
    connection.execute(
        insert(identities).values(
            id=identity_id, user_id=user_id, issuer=issuer, subject=subject, created_at=now()
        )
    )
    return Known(identity_id, user_id)
