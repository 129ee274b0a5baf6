"""Copies of what changed: a membership is written only where its project's sort keys or texts are.

To set a column makes SQLite write its index anew, even where the value is what it was: so each sort
key has a trigger of its own there, and a new name leaves the indexes of dates and counts alone.
PostgreSQL compares values by itself, and needs one trigger that asks first. A membership that is
inserted with its copies is given none. A later migration that makes `projects` or `members` anew on
SQLite must make the triggers anew too.
"""

from collections.abc import Iterable
from importlib import import_module
from typing import Any

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

before: Any = import_module(
    "projects_api.database.migrations.versions.0006_search_without_an_index"
)
TEXTS = ("name", "name_folded", "description_folded")
ALONE = tuple(key for key in before.SORT_KEYS if key not in TEXTS)
"""Sort keys that are no texts: each changes without the others."""


def _row(name: str, columns: tuple[str, ...]) -> str:
    return f"({', '.join(f'{name}.{column}' for column in columns)})"


def _give(name: str, columns: tuple[str, ...]) -> str:
    """Return SQLite's trigger that copies columns of a project where one of them changed."""
    copies = ", ".join(f"project_{column} = NEW.{column}" for column in columns)
    return f"""
    CREATE TRIGGER projects_give_{name} AFTER UPDATE OF {", ".join(columns)} ON projects
    WHEN {_row("OLD", columns)} IS NOT {_row("NEW", columns)} BEGIN
        UPDATE members SET {copies} WHERE project_id = NEW.id;
    END
    """  # noqa: S608 - these are our own names


LACKS_COPIES = "WHEN (NEW.project_name IS NULL)"
SQLITE_TRIGGERS = {
    "members_take_copies": before.SQLITE_TRIGGERS[0].replace("BEGIN", f"{LACKS_COPIES} BEGIN"),
    "projects_give_texts": _give("texts", TEXTS),
    **{f"projects_give_{key}": _give(key, (key,)) for key in ALONE},
}
TAKING = "CREATE TRIGGER members_take_sort_keys BEFORE INSERT ON members FOR EACH ROW"
TAKE = "EXECUTE FUNCTION members_take_sort_keys()"
KEYS_CHANGED = f"{_row('OLD', before.SORT_KEYS)} IS DISTINCT FROM {_row('NEW', before.SORT_KEYS)}"
POSTGRESQL_TRIGGERS = {
    "members_take_sort_keys ON members": f"{TAKING} {LACKS_COPIES} {TAKE}",
    "projects_give_sort_keys ON projects": f"""{before.ON_SORT_KEYS} FOR EACH ROW
    WHEN ({before.OLD} IS NOT DISTINCT FROM {before.NEW} AND {KEYS_CHANGED})
    EXECUTE FUNCTION projects_give_sort_keys()
    """,
}
SQLITE_BEFORE = ("members_take_copies", "projects_give_sort_keys", "projects_give_texts")


def upgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        _replace(POSTGRESQL_TRIGGERS, POSTGRESQL_TRIGGERS.values())
    else:
        _replace(SQLITE_BEFORE, SQLITE_TRIGGERS.values())


def downgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        _replace(POSTGRESQL_TRIGGERS, [f"{TAKING} {TAKE}", before.POSTGRESQL_TRIGGERS[1]])
    else:
        _replace(SQLITE_TRIGGERS, before.SQLITE_TRIGGERS)


def _replace(names: Iterable[str], statements: Iterable[str]) -> None:
    for name in names:
        op.execute(f"DROP TRIGGER {name}")
    for statement in statements:
        op.execute(statement)
