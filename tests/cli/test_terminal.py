"""What a person at a terminal sees: of a server that starts, and of work that takes long."""

import hashlib
import os
import re
import select
import signal
import subprocess
from contextlib import contextmanager, suppress

import pytest
import requests

from tests.support.processes import COMMAND, PATIENCE, free_port, person_of, wait_until

BROWSER = {"Accept": "text/html"}


class Terminal:
    """A terminal, and what it shows by now."""

    def __init__(self) -> None:
        self.ours, self.theirs = os.openpty()
        self._shown = b""

    def text(self) -> str:
        while select.select([self.ours], [], [], 0)[0]:
            with suppress(OSError):
                if piece := os.read(self.ours, 65_536):
                    self._shown += piece
                    continue
            break
        return re.sub(r"\x1b\[[0-9;]*m", "", self._shown.decode()).replace("\r", "")


@contextmanager
def served(deployment, port, **variables):
    terminal = Terminal()
    command = [COMMAND, "serve", "--port", str(port)]
    process = subprocess.Popen(
        command,
        cwd=deployment.folder,
        env={**deployment.environment, "COLUMNS": "100", **variables},
        stdout=terminal.theirs,
        stderr=terminal.theirs,
    )
    try:
        wait_until(lambda: "Ctrl+C" in terminal.text(), "the server tells how to use it")
        yield terminal, process
    finally:
        process.kill()
        process.wait(PATIENCE)
        os.close(terminal.ours)
        os.close(terminal.theirs)


def test_the_first_start_says_where_to_go_and_with_which_key(local):
    port = free_port()
    with served(local, port) as (terminal, process):
        shown = terminal.text()
        assert shown.startswith("Starting the server")
        for page in ("/", "/docs"):
            assert f" http://localhost:{port}{page}\n" in shown
            found = requests.get(f"http://127.0.0.1:{port}{page}", headers=BROWSER, timeout=60)
            assert found.status_code == 200
        # It ends with what to do, so that no log line hides the key.
        assert shown.rindex("API_KEY=") > shown.rindex("startup complete")
        lines = dict(re.findall(r"^(BASE_URL|API_KEY)=(\S+)$", shown, re.MULTILINE))
        key = {"Authorization": f"Bearer {lines['API_KEY']}"}
        url = f"{lines['BASE_URL']}/api/projects"
        assert requests.get(url, headers=key, timeout=60).status_code == 200
        wait_until(lambda: "/api/projects" in terminal.text(), "the request is in the log")
        assert "{" not in terminal.text()
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0
        assert "Traceback" not in terminal.text()
    with served(local, port) as (terminal, process):
        assert "API_KEY" not in terminal.text()
        assert "Sign in with your key" in terminal.text()


def test_a_log_for_programs_is_had_on_a_terminal_too(local):
    port = free_port()
    with served(local, port, PROJECTS_API_LOG_FORMAT="json") as (terminal, _):
        assert '{"event":"Application startup complete."' in terminal.text()


@contextmanager
def terminal_of_errors():
    terminal = Terminal()
    try:
        yield terminal
    finally:
        os.close(terminal.ours)
        os.close(terminal.theirs)


def finished(deployment, *words: str, errors: int) -> str:
    """Run a command whose errors go to a file; give what it prints otherwise."""
    done = subprocess.run(
        [COMMAND, *words],
        cwd=deployment.folder,
        env={**deployment.environment, "COLUMNS": "100", "TERM": "xterm"},
        stdout=subprocess.PIPE,
        stderr=errors,
        timeout=PATIENCE,
        check=True,
    )
    return done.stdout.decode()


@pytest.fixture
def full(local):
    """An installation with a file of 2 MB, and the project of that file as an archive."""
    rows = "".join(
        f"{hashlib.sha256(bytes([n % 256, n // 256])).hexdigest()}\n" for n in range(30_000)
    )
    with local.serve() as process:
        me = person_of(process)
        project_id = me.create_project()
        me.upload(project_id, f"digest\n{rows}".encode())
        export = me.get(f"/api/projects/{project_id}/export").content
    (local.folder / "export.zip").write_bytes(export)
    return local


WORK = {
    "verify": (["verify", "export.zip"], "Checking the files", "export.zip is whole.\n"),
    "import": (
        ["import", "export.zip", "--owner", "admin@example.com"],
        "Reading the tables",
        "PROJECT_ID=",
    ),
    "backup": (["backup", "copy"], "Copying the files", "copy has the database and 1 files"),
    "doctor": (["doctor", "--verify"], "Reading the files", "ok     settings\n"),
}


@pytest.mark.parametrize("name", WORK)
def test_long_work_shows_how_far_it_is_beside_what_it_prints(full, name):
    words, stage, printed = WORK[name]
    with terminal_of_errors() as terminal:
        output = finished(full, *words, errors=terminal.theirs)
        shown = terminal.text()
    assert output.startswith(printed)
    assert output.count("\n") == 1 or name == "doctor"
    # The last that a bar shows before it is gone: all of it.
    assert re.search(rf"{stage} \S+ 100%", shown), shown


def test_what_is_put_back_shows_how_far_it_is(full, tmp_path):
    finished(full, "backup", str(tmp_path / "copy"), errors=subprocess.DEVNULL)
    place = {"DATABASE_URL": f"sqlite:///{tmp_path}/new.db", "ARTIFACT_URL": str(tmp_path / "new")}
    full.variables |= {f"PROJECTS_API_{name}": value for name, value in place.items()}
    with terminal_of_errors() as terminal:
        finished(full, "restore", str(tmp_path / "copy"), errors=terminal.theirs)
        assert re.search(r"Comparing the files \S+ 100%", terminal.text())


def test_what_moves_shows_how_far_it_is(full, tmp_path):
    to = ("--to", f"sqlite:///{tmp_path}/moved.db", "--artifacts", str(tmp_path / "moved"))
    with terminal_of_errors() as terminal:
        assert "compared with those" in finished(full, "migrate", *to, errors=terminal.theirs)
        assert re.search(r"Copying the rows \S+ ", terminal.text())


@pytest.mark.parametrize("name", WORK)
def test_nothing_is_drawn_where_nobody_looks(full, name):
    words, _, printed = WORK[name]
    with (full.folder / "errors").open("wb") as errors:
        assert finished(full, *words, errors=errors.fileno()).startswith(printed)
    assert (full.folder / "errors").read_text() == ""
