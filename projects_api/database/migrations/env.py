"""How Alembic reaches the database, and how a new migration writes down this project's types."""

from typing import Any, Literal

from alembic import context
from sqlmodel.sql.sqltypes import AutoString

import projects_api.models  # noqa: F401 - it fills the metadata
from projects_api.models.base import Identifier, Timestamp, metadata


def render_item(kind: str, item: Any, _context: object) -> str | Literal[False]:
    """Write types as SQLAlchemy's own, so that a migration outlives the code it was made from."""
    if kind == "type" and isinstance(item, Identifier):
        return "sa.String(length=36).with_variant(sa.Uuid(), 'postgresql')"
    if kind == "type" and isinstance(item, Timestamp):
        return "sa.String(length=27).with_variant(sa.DateTime(timezone=True), 'postgresql')"
    if kind == "type" and isinstance(item, AutoString):
        return f"sa.String(length={item.length})"
    return False


def run() -> None:
    """Migrate inside the caller's transaction."""
    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=metadata,
        render_item=render_item,
        render_as_batch=True,
    )
    with context.begin_transaction():
        context.run_migrations()


run()
