"""What a person at a terminal sees of a server that starts."""

import os
import re
import select
import signal
import subprocess
from contextlib import contextmanager, suppress

import requests

from tests.support.processes import COMMAND, PATIENCE, free_port, wait_until

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
