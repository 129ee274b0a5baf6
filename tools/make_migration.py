"""`make migration NAME='add a column'`: write down how the schema becomes what the models say.

What comes out is a draft: read it, and try it on both databases by
`tests/models/test_migrations.py`.
"""

import re
import tempfile
from pathlib import Path
from typing import Annotated

import typer

import projects_api.models  # noqa: F401 - it fills the metadata
from projects_api.database import Database, schema


def main(name: Annotated[str, typer.Argument(help="What it does, in a few words.")]) -> None:
    """Write the next migration."""
    number = int(schema.head() or 0) + 1
    slug = re.sub(r"\W+", "_", name.strip().lower())
    if not slug:
        raise typer.BadParameter("say in a few words what it does: NAME='add a column'")
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{Path(folder) / 'empty.db'}")
        schema.upgrade(database)
        schema.make_revision(database, slug, f"{number:04}")
        database.close()


if __name__ == "__main__":
    typer.run(main)
