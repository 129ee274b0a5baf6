"""What a start imports, and what it keeps on the disk for the next."""

import os
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from projects_api.contract.checker import parse_yaml
from projects_api.database import Database, schema
from projects_api.ephemeral.new_database import migrated
from projects_api.files import cache
from projects_api.openapi import contract_text

UNUSED = {
    *("alembic", "httpcore", "h11", "limits", "psycopg", "stream_zip", "Crypto"),
    *("requests", "httpx", "jinja2", "flask", "starlette.testclient"),
    *("rich", "pygments"),
}
"""Libraries for what this start does not do."""


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "projects-api"


def printed_by(program: str, home: Path) -> str:
    environment = os.environ | {"XDG_CACHE_HOME": str(home)}
    command = [sys.executable, "-c", program]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


START = f"""
import sys
from projects_api.app.run import assemble
from projects_api.ephemeral import server as ephemeral, run
from projects_api.ephemeral.seed import DEMO
with ephemeral.EphemeralServer.temporary(DEMO) as server:
    assemble(server.settings, layers=[server.layer], routes=server.routes)
    print(*sorted({UNUSED!r} & set(sys.modules)))
"""


def test_the_second_start_imports_nothing_that_it_does_not_use(tmp_path):
    assert "alembic" in printed_by(START, tmp_path)
    assert printed_by(START, tmp_path) == "\n"


def test_a_command_that_serves_leaves_rich_to_those_that_draw(tmp_path):
    told = printed_by(
        "import sys\n"
        "from projects_api.cli.common import settings_or_end\n"
        "settings_or_end()\n"
        "import projects_api.storage.store, projects_api.app.run, structlog\n"
        "print(*sorted({'rich', 'pygments'} & set(sys.modules)), structlog.dev.rich)\n"
        "from rich.progress import Progress\n"
        "print(Progress.__module__)\n",
        tmp_path,
    )
    assert told == "None\nrich.progress\n"


def test_who_has_imported_rich_keeps_it(tmp_path):
    told = printed_by(
        "import sys, rich\nimport projects_api.logs, structlog\n"
        "print(sys.modules['rich'] is rich is structlog.dev.rich)\n",
        tmp_path,
    )
    assert told == "True\n"


def test_a_stand_in_becomes_the_real_library_when_it_is_used(tmp_path):
    told = printed_by(
        "from projects_api.contract import lean_connexion\n"
        "import connexion.json_schema, connexion.security, connexion.apps.abstract\n"
        "import httpx, requests, starlette.testclient, jinja2, connexion.spec\n"
        "print(connexion.json_schema.requests.Session is requests.Session)\n"
        "print(connexion.security.httpx.AsyncClient is httpx.AsyncClient)\n"
        "print(connexion.spec.jinja2.Template is jinja2.Template)\n"
        "made = connexion.apps.abstract.TestClient(None)\n"
        "print(type(made) is starlette.testclient.TestClient)\n",
        tmp_path,
    )
    assert told == "True\n" * 4


def test_only_one_module_imports_connexion():
    root = Path(cache.__file__).parents[1]
    found = [path.name for path in root.rglob("*.py") if "from connexion" in path.read_text()]
    assert found == ["lean_connexion.py"]


def test_what_is_kept_is_what_is_made(folder):
    made = []

    def make() -> bytes:
        made.append(1)
        return b"content"

    assert [cache.kept("name", make) for _ in range(3)] == [b"content"] * 3
    assert len(made) == 1
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("text", [b"", b"x", b"\0" * 32 + b"content", b"content"])
def test_what_is_not_what_was_kept_is_made_anew(folder, text):
    cache.kept("name", lambda: b"content")
    (folder / "name").write_bytes(text)
    assert cache.kept("name", lambda: b"new") == b"new"
    assert cache.kept("name", lambda: b"newer") == b"new"


@pytest.mark.parametrize("mode", [0o777, 0o750, 0o702])
def test_a_folder_that_others_can_enter_is_left_alone(folder, mode):
    folder.mkdir()
    folder.chmod(mode)
    assert cache.kept("name", lambda: b"content") == b"content"
    assert list(folder.iterdir()) == []


def test_a_link_is_no_folder_of_ones_own(folder, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(0o700)
    folder.symlink_to(elsewhere)
    assert cache.kept("name", lambda: b"content") == b"content"
    assert list(elsewhere.iterdir()) == []


def test_without_a_folder_everything_is_made(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert cache.kept("name", lambda: b"content") == b"content"


def test_as_much_is_kept_as_there_may_be(folder):
    for number in range(cache.MOST_FILES + 3):
        cache.kept(f"name{number}", lambda: b"content")
        os.utime(folder / f"name{number}", (number, number))
    assert len(list(folder.iterdir())) == cache.MOST_FILES
    assert cache.kept("large", lambda: bytes(cache.MOST_BYTES + 1)) == bytes(cache.MOST_BYTES + 1)
    assert not (folder / "large").exists()


def test_the_contract_is_the_same_from_the_disk(tmp_path):
    program = (
        "import sys, orjson\nfrom projects_api.openapi import contract\n"
        "sys.stdout.write(orjson.dumps(contract()).decode())\n"
    )
    told = [printed_by(program, tmp_path) for _ in range(2)]
    assert [orjson.loads(text) for text in told] == [parse_yaml(contract_text())] * 2


def test_the_kept_database_is_what_the_migrations_make(tmp_path):
    (tmp_path / "kept.db").write_bytes(migrated())
    schemas = []
    for name in ("kept.db", "new.db"):
        database = Database(f"sqlite:///{tmp_path / name}")
        schema.upgrade(database)
        with database.transaction() as connection:
            found = connection.exec_driver_sql("SELECT type, name, sql FROM sqlite_master")
            # The constraints of a table that was made anew come in any order.
            schemas.append({(kind, name): sorted(lines(sql)) for kind, name, sql in found})
            assert schema.is_current(connection)
        database.close()
    assert schemas[0] == schemas[1]
    assert schemas[0]


def lines(sql: str | None) -> list[str]:
    return [line.strip(" \t,") for line in (sql or "").splitlines()]


def test_the_head_is_the_one_that_alembic_finds():
    assert schema.head() == schema.scripts().get_current_head()
