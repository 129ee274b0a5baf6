"""People who have keys and are members of projects."""

from sqlalchemy import Connection, delete, insert, select
from sqlmodel import Field, SQLModel

from projects_api.models.base import (
    Identifier,
    Timestamp,
    binary_text,
    new_id,
    now,
    rows_of,
    table_of,
)


class User(SQLModel, table=True):
    """A person; the e-mail address is kept in lower case and is unique."""

    __tablename__ = "users"

    id: str = Field(primary_key=True, sa_type=Identifier)
    email: str = Field(unique=True, sa_type=binary_text(254))
    name: str = Field(max_length=255)
    created_at: str = Field(sa_type=Timestamp)


users = table_of(User)


def create(connection: Connection, *, email: str, name: str) -> str:
    """Register a person and return the new id; a known address violates `uq_users_email`."""
    user_id = new_id()
    connection.execute(
        insert(users).values(id=user_id, email=email.lower(), name=name, created_at=now())
    )
    return user_id


def find_id(connection: Connection, email: str) -> str | None:
    """Find the person with this address, in any case of letters."""
    this = users.c.email == email.lower()
    found: str | None = connection.scalar(select(users.c.id).where(this))
    return found


def any_exists(connection: Connection) -> bool:
    """Return whether anybody is registered."""
    return connection.execute(select(users.c.id).limit(1)).first() is not None


def list_all(connection: Connection) -> list[dict[str, str]]:
    """List everybody by address."""
    statement = select(users.c.id, users.c.email, users.c.name).order_by(users.c.email)
    return rows_of(connection.execute(statement))


def remove(connection: Connection, user_id: str) -> None:
    """Remove a person with all keys; foreign keys remove memberships, too."""
    connection.execute(delete(users).where(users.c.id == user_id))
