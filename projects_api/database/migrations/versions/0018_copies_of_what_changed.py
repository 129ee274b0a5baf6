"""Copies of what changed: a membership is written only where its project's sort keys or texts are.

To set a column makes SQLite write its index anew, even where the value is what it was: so each sort
key has a trigger of its own there, and a new name leaves the indexes of dates and counts alone.
PostgreSQL compares values by itself, and needs one trigger that asks first. A later migration that
makes `projects` or `members` anew on SQLite must make the triggers anew too.
"""

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


SQLITE_TRIGGERS = (_give("texts", TEXTS), *(_give(key, (key,)) for key in ALONE))
KEYS_CHANGED = f"{_row('OLD', before.SORT_KEYS)} IS DISTINCT FROM {_row('NEW', before.SORT_KEYS)}"
ON_SORT_KEYS = f"""{before.ON_SORT_KEYS} FOR EACH ROW
    WHEN ({before.OLD} IS NOT DISTINCT FROM {before.NEW} AND {KEYS_CHANGED})
    EXECUTE FUNCTION projects_give_sort_keys()
"""


def upgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        _replace(["sort_keys"], [ON_SORT_KEYS])
    else:
        _replace(["sort_keys", "texts"], SQLITE_TRIGGERS)


def downgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        _replace(["sort_keys"], [before.POSTGRESQL_TRIGGERS[1]])
    else:
        _replace(["texts", *ALONE], before.SQLITE_TRIGGERS[1:])


def _replace(names: Any, statements: Any) -> None:
    on_projects = " ON projects" if op.get_context().dialect.name == "postgresql" else ""
    for name in names:
        op.execute(f"DROP TRIGGER projects_give_{name}{on_projects}")
    for statement in statements:
        op.execute(statement)
