"""`make migration` writes the next one, which does nothing where nothing has changed."""

from shutil import copytree

from projects_api.database import schema
from tools import make_migration


def test_the_next_migration_is_a_draft_of_what_has_changed(monkeypatch, tmp_path):
    folder = copytree(schema._MIGRATIONS, tmp_path / "migrations")
    monkeypatch.setattr(schema, "_MIGRATIONS", folder)
    before, last = set(folder.glob("versions/*.py")), schema.head()
    make_migration.main("Add  a column")
    [made] = set(folder.glob("versions/*.py")) - before
    assert made.name == f"{int(last) + 1:04}_add_a_column.py"
    text = made.read_text(encoding="utf-8")
    assert f"down_revision = '{last}'" in text
    assert "op." not in text.partition("def upgrade")[2]
