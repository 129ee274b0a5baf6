"""What must be true at the end: of data, jobs, threads, logs, and what is left behind."""

import hashlib
import json
import re
import subprocess
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import requests

from tests.soak.client import Client
from tests.soak.installation import Installation
from tests.soak.ledger import ENDED, Ledger, Project, differences
from tests.support.processes import COMMAND, wait_until

JOB_SECONDS = 300
THREADS_THAT_WORK = 2
"""Of the server and of the worker each: one for every job, one for those that are short."""
BROKEN = {
    *("unhandled_error", "response_breaks_contract", "undeclared_problem", "content_wrong"),
    *("job_broke", "entity_not_told"),
}
"""Lines of the log that no fault from outside may cause."""
EXPECTED = (
    "The process that did the work ended in the midst of it (SIGKILL",
    "The data set was deleted before the training began",
)
"""Why jobs may fail here: what the run kills, and what its clients delete."""


def see(client: Client) -> Ledger:
    """Read all that a server shows of a person's projects, and every byte of their tables."""
    ledger, person = Ledger(), client.caller.person
    for one in client.ledger.deleted:
        if person.get(f"/api/projects/{one}").status_code == 404:
            ledger.deleted.add(one)
    for one in _listed(client, "/api/projects"):
        project = ledger.projects[one["id"]] = Project(one["name"])
        about = {"project_id": one["id"]}
        for dataset in _listed(client, "/api/datasets", **about):
            project.datasets[dataset["id"]] = _versions(client, dataset["id"])
        reports = _listed(client, "/api/reports", **about)
        experiments = _listed(client, "/api/experiments", **about)
        project.reports = {report["id"] for report in reports}
        project.experiments = {experiment["id"] for experiment in experiments}
        for work in reports + experiments:
            job = person.get(f"/api/jobs/{work['job_id']}").json()["job"]
            project.jobs[job["id"]] = job["status"]
    return ledger


def _listed(client: Client, path: str, **about: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    while True:
        page = {**about, "limit": 100, "offset": len(items)}
        body = client.caller.get("read at the end", path, params=page).json()
        items += body["items"]
        if not body["items"] or len(items) >= body["total"]:
            return items


def _versions(client: Client, dataset_id: str) -> dict[str, str]:
    found = {}
    for one in _listed(client, f"/api/datasets/{dataset_id}/versions"):
        path, about = f"/api/datasets/{dataset_id}/download", {"version": one["version"]}
        content = client.caller.get("read at the end", path, params=about).content
        found[one["id"]] = hashlib.sha256(content).hexdigest()
    return found


def compare(clients: list[Client]) -> list[str]:
    with ThreadPoolExecutor(4) as pool:
        seen = list(pool.map(see, clients))
    return [
        f"{client.name}: {fault}"
        for client, ledger in zip(clients, seen, strict=True)
        for fault in differences(client.ledger, ledger)
    ]


def await_jobs(clients: list[Client]) -> tuple[Counter[str], list[str]]:
    """Wait until every job of every project has ended; give how, and what should not have been."""
    statuses, faults = Counter[str](), []
    for client in clients:
        for project in client.ledger.projects.values():
            for job_id in project.jobs:
                job = _ended(client, job_id)
                statuses[job["status"]] += 1
                message = job.get("message") or ""
                if job["status"] != "succeeded" and not message.startswith(EXPECTED):
                    faults.append(f"job {job_id} ({job['kind']}) {job['status']}: {message}")
    return statuses, faults


def _ended(client: Client, job_id: str) -> dict[str, Any]:
    job: dict[str, Any] = {}

    def has_ended() -> bool:
        job.update(client.caller.get("wait for jobs", f"/api/jobs/{job_id}").json()["job"])
        return job["status"] in ENDED

    wait_until(has_ended, f"job {job_id} ends", JOB_SECONDS)
    return job


def threads(installation: Installation) -> list[str]:
    """Ask the metrics whether every thread that takes jobs is alive, and maintenance at work."""
    found = []
    for name, port in (("server", installation.port), ("worker", installation.worker_port)):
        page = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=30).text
        count = sum(
            map(float, re.findall(r"^projects_api_workers(?:\{.*\})? (.*)$", page, re.MULTILINE))
        )
        if count != THREADS_THAT_WORK:
            found.append(f"{name}: {count:g} threads take jobs, and not {THREADS_THAT_WORK}")
    return found


def logs(*paths: Path) -> tuple[Counter[str], list[str]]:
    """Count the events of all logs; give the lines that tell of a fault of the server's own."""
    events, found, succeeded = Counter[str](), [], Counter[str]()
    for path in paths:
        for line in path.read_text(errors="replace").splitlines():
            if not line.startswith("{"):
                found += [f"{path.name}: {line}"] if "Traceback" in line or "Error" in line else []
                continue
            told = json.loads(line)
            events[told["event"]] += 1
            if _is_broken(told):
                found.append(f"{path.name}: {line[:3000]}")
            if told["event"] == "job_ended" and told["status"] == "succeeded":
                succeeded[told["job_id"]] += 1
    twice = [f"job {one} was done {count} times" for one, count in succeeded.items() if count > 1]
    return events, found + twice


def _is_broken(line: dict[str, Any]) -> bool:
    """Tell what no fault from outside causes; what outlives one has no traceback."""
    event = line["event"]
    return event in BROKEN or (event.endswith("_failed") and "exception" in line)


def stop(installation: Installation) -> list[str]:
    """Stop server and worker as an operator does; nothing temporary may be left."""
    statuses = {"server": installation.server.stop(), "worker": installation.worker.stop()}
    found = [f"{name} ended with {status}" for name, status in statuses.items() if status]
    data = installation.folder / "data"
    left = [*installation.temporary.iterdir(), *(data / "scratch").glob("*")]
    left += data.glob("**/*.spool")
    return found + [f"{one.relative_to(installation.folder)} is left behind" for one in left]


def doctor(installation: Installation) -> tuple[str, list[str]]:
    done = subprocess.run(
        [COMMAND, "doctor", "--verify"],
        cwd=installation.folder,
        env=installation.deployment.environment,
        capture_output=True,
        timeout=300,
        check=False,
        text=True,
    )
    return done.stdout, [f"doctor --verify: {done.stdout}{done.stderr}"] if done.returncode else []
