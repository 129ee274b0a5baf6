"""Filled databases, each with its artifacts and with what is asked of the servers on it."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from projects_api.settings import Settings
from tools.bench.seed import Facts, seed
from tools.bench.servers import SERVER_CORE, Peer, Server, postgresql, running
from tools.bench.workloads import Workload, workloads


@dataclass(frozen=True)
class Size:
    """How much a database holds."""

    projects: int = 1_000
    events: int = 1_000
    """Of the project with the longest timeline."""
    export_bytes: int = 10**8


@dataclass(frozen=True)
class Site:
    """A filled database with its artifacts, and what is asked of the servers on it."""

    database: str
    folder: Path
    environment: Mapping[str, str]
    facts: Facts
    workloads: list[Workload]

    def run(
        self,
        peer: Peer,
        *,
        workers: int = 1,
        cores: Sequence[int] = (SERVER_CORE,),
        wrapper: Sequence[str] = (),
    ) -> AbstractContextManager[Server]:
        """Run a server on this database while the block runs."""
        probe = httpx.Request(
            "GET",
            f"http://127.0.0.1{self.workloads[0].requests[0].path}",
            headers={"Authorization": f"Bearer {self.facts.key}"},
        )
        return running(peer, self.environment, probe, workers=workers, cores=cores, wrapper=wrapper)

    def artifacts(self) -> set[Path]:
        """Return the files in the artifact store."""
        folder = self.folder / "artifacts" / "sha256"
        return {path for path in folder.rglob("*") if path.is_file()}


@contextmanager
def sites(database: str, *sizes: Size) -> Iterator[list[Site]]:
    """Fill databases of these sizes; they are gone when the block ends."""
    # Under the system's temporary folder, because PostgreSQL opens the folders above its own.
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        urls = [""] * len(sizes)
        if database == "postgresql":
            names = [f"bench_{number}" for number in range(len(sizes))]
            urls = stack.enter_context(postgresql(folder / "postgresql", *names))
        yield [
            _fill(database, folder / f"site-{number}", url, size)
            for number, (size, url) in enumerate(zip(sizes, urls, strict=True))
        ]


def _fill(database: str, folder: Path, url: str, size: Size) -> Site:
    folder.mkdir()
    # No `.env` of the checkout reaches the seeding, and these win over it in the servers.
    settings = Settings(_env_file=None, data_dir=folder, database_url=url)
    facts = seed(
        settings, projects=size.projects, events=size.events, export_bytes=size.export_bytes
    )
    environment = {
        "PROJECTS_API_DATA_DIR": str(folder),
        "PROJECTS_API_DATABASE_URL": url,
    }
    return Site(database, folder, environment, facts, workloads(facts))
