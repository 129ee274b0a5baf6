"""`make soak`: serve for many minutes, let things go wrong, and compare with what was told."""

import os
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path

from tests.soak import checks
from tests.soak.caller import Caller
from tests.soak.client import Client
from tests.soak.faults import Faults
from tests.soak.figures import Figures
from tests.soak.growth import Watch
from tests.soak.installation import Installation

CLIENTS = 16
MOST_MINUTES = 24 * 60.0
KEY_SECONDS = 30.0
TELLING = ("_failed", "_postponed", "_broke", "_broke_off", "_unavailable", "_not_written")
"""How the events end that tell of faults."""


def main() -> int:
    minutes = min(float(os.environ.get("SOAK_MINUTES", "30")), MOST_MINUTES)
    database = os.environ.get("SOAK_DATABASE", "postgresql")
    folder = Path(tempfile.mkdtemp(prefix="projects-api-soak-"))
    installation = Installation(folder, database)
    try:
        installation.start()
        print(f"soaking for {minutes:g} minutes on {database}, in {folder}", flush=True)
        faults = soak(installation, 60 * minutes)
    finally:
        installation.end()
    print("\n".join(f"FAULT  {one}" for one in faults) or "Nothing was lost, and nothing failed.")
    if faults:
        print(f"The logs are kept in {folder}.")
        return 1
    shutil.rmtree(folder)
    return 0


def soak(installation: Installation, seconds: float) -> list[str]:
    """Work while faults come and go; print the figures; give what is wrong."""
    figures, over, watched = Figures(), threading.Event(), threading.Event()
    people = installation.people
    clients = [Client(Caller(people.person(), figures), one, over) for one in range(CLIENTS)]
    watch = Watch(installation, watched)
    for thread in (*clients, watch):
        thread.start()
    Faults(installation, figures, over).run(seconds)
    over.set()
    for client in clients:
        client.join()
    watched.set()
    return examine(installation, clients, figures, watch)


def examine(
    installation: Installation, clients: list[Client], figures: Figures, watch: Watch
) -> list[str]:
    began = time.monotonic()
    finishing = [threading.Thread(target=one.finish, args=(KEY_SECONDS,)) for one in clients]
    for thread in finishing:
        thread.start()
    for thread in finishing:
        thread.join()
    statuses, faults = checks.await_jobs(clients)
    faults += checks.threads(installation)
    faults += checks.compare(clients)
    faults += checks.stop(installation)
    told, unwell = checks.doctor(installation)
    events, broken = checks.logs(installation.server_log, installation.worker_log)
    faults += unwell + broken + watch.judge()
    print("\n".join([*figures.table(), *watch.table()]))
    print(f"jobs by their end: {dict(statuses)}")
    projects = [project for client in clients for project in client.ledger.projects.values()]
    versions = sum(len(one) for project in projects for one in project.datasets.values())
    deleted = sum(len(client.ledger.deleted) for client in clients)
    print(f"compared: {len(projects)} projects, {versions} versions, {deleted} deleted projects")
    print()
    faulty = {one: events[one] for one in sorted(events) if one.endswith(TELLING)}
    print(f"lines of the logs: {faulty}")
    print(f"{told}examined in {time.monotonic() - began:.0f} s")
    return sorted(figures.wrong) + faults


if __name__ == "__main__":
    sys.exit(main())
