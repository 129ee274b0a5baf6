"""One client: a person who does now this and now that, and writes down what was acknowledged."""

import hashlib
import random
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from projects_api.archive.reader import verify_archive
from tests.soak.caller import Caller, Unanswered
from tests.soak.ledger import Ledger, Project
from tests.soak.tables import table

MOST_PROJECTS, MOST_DATASETS, MOST_VERSIONS = 6, 5, 4
PAUSE = (0.02, 0.6)
TRAINING = {"max_runtime_secs": 4, "max_models": 1}
ROW = {"months": 3, "calls": 8, "plan": "basic"}
WEIGHTS = {
    "create_project": 6,
    "rename_project": 12,
    "delete_project": 2,
    "upload_csv": 9,
    "upload_parquet": 5,
    "upload_version": 6,
    "delete_dataset": 3,
    "download": 16,
    "list_projects": 12,
    "list_datasets": 8,
    "report": 1.2,
    "train": 0.3,
    "predict": 4,
    "export": 3,
}


class Client(threading.Thread):
    def __init__(self, caller: Caller, number: int, over: threading.Event) -> None:
        super().__init__(name=f"client-{number}", daemon=True)
        self.caller = caller
        self.ledger = Ledger()
        self.chance = random.Random(number)
        self._over = over
        self._names = 0

    def run(self) -> None:
        while not self._over.is_set():
            (action,) = self.chance.choices(list(WEIGHTS), list(WEIGHTS.values()))
            try:
                getattr(self, action)()
            except Unanswered:
                pass  # It is told as wrong already; the ledger shows what came of it.
            except Exception as error:  # noqa: BLE001 - the run goes on, and fails at its end
                self.caller.figures.fail(f"{action}: {type(error).__name__}: {error}")
            self._over.wait(self.chance.uniform(*PAUSE))

    def _any_project(self) -> tuple[str, Project] | None:
        # One to which something is still to be sent may not go, or be judged by its content.
        busy = {post.project_id for post in self.caller.waiting}
        free = [one for one in self.ledger.projects if one not in busy]
        if not free:
            return None
        project_id = self.chance.choice(free)
        return project_id, self.ledger.projects[project_id]

    def _any_version(self) -> tuple[str, Project, str, str] | None:
        if not (found := self._any_project()) or not found[1].datasets:
            return None
        dataset_id = self.chance.choice(list(found[1].datasets))
        version_id = self.chance.choice(list(found[1].datasets[dataset_id]))
        return *found, dataset_id, version_id

    def _new_name(self) -> str:
        self._names += 1
        return f"{self.name} {self._names}"

    def create_project(self) -> None:
        if len(self.ledger.projects) >= MOST_PROJECTS:
            return
        name = self._new_name()

        def record(body: dict[str, Any]) -> None:
            self.ledger.projects[body["project_id"]] = Project(name)

        post = self.caller.post("create project", "/api/projects", record, json={"name": name})
        if self.chance.random() < 0.2 and not self.caller.waiting:
            self.caller.resend(post)  # The ledger shows whether it made another one.

    def rename_project(self) -> None:
        if found := self._any_project():
            name = self._new_name()
            answer = self.caller.put("rename project", f"/api/projects/{found[0]}", {"name": name})
            self._must(answer.ok, "rename", answer)
            found[1].name = name

    def delete_project(self) -> None:
        if (found := self._any_project()) and len(self.ledger.projects) > 2:
            answer = self.caller.delete("delete project", f"/api/projects/{found[0]}")
            # 404 where the first try was done and its answer was lost.
            self._must(answer.status_code in {200, 404}, "delete", answer)
            del self.ledger.projects[found[0]]
            self.ledger.deleted.add(found[0])

    def upload_csv(self) -> None:
        self._upload(table(self.chance, parquet=False), "csv")

    def upload_parquet(self) -> None:
        self._upload(table(self.chance, parquet=True), "parquet")

    def _upload(self, content: bytes, suffix: str) -> None:
        found = self._any_project()
        if not found or len(found[1].datasets) >= MOST_DATASETS:
            return
        project_id, project = found
        sha256 = hashlib.sha256(content).hexdigest()

        def record(body: dict[str, Any]) -> None:
            project.datasets[body["dataset_id"]] = {body["dataset_version_id"]: sha256}

        name = f"{self._new_name()}.{suffix}"
        self.caller.post(
            f"upload {suffix}",
            "/api/datasets/upload",
            record,
            project_id,
            data={"project_id": project_id, "name": name},
            files={"file": (name, content)},
        )

    def upload_version(self) -> None:
        found = self._any_version()
        if not found or len(found[1].datasets[found[2]]) >= MOST_VERSIONS:
            return
        content = table(self.chance, parquet=self.chance.random() < 0.3)
        versions, sha256 = found[1].datasets[found[2]], hashlib.sha256(content).hexdigest()

        def record(body: dict[str, Any]) -> None:
            versions[body["dataset_version_id"]] = sha256

        path, files = f"/api/datasets/{found[2]}/versions", {"file": ("more", content)}
        self.caller.post("upload version", path, record, found[0], files=files)

    def delete_dataset(self) -> None:
        if (found := self._any_version()) and len(found[1].datasets) > 1:
            answer = self.caller.delete("delete data set", f"/api/datasets/{found[2]}")
            self._must(answer.status_code in {200, 404}, "delete", answer)
            del found[1].datasets[found[2]]

    def download(self) -> None:
        if found := self._any_version():
            versions = list(found[1].datasets[found[2]])
            listed = self.caller.get("list versions", f"/api/datasets/{found[2]}/versions").json()
            self._must({one["id"] for one in listed["items"]} >= set(versions), "versions", listed)
            number = {one["id"]: one["version"] for one in listed["items"]}[found[3]]
            path = f"/api/datasets/{found[2]}/download"
            answer = self.caller.get("download", path, params={"version": number})
            sha256 = hashlib.sha256(answer.content).hexdigest()
            self._must(sha256 == found[1].datasets[found[2]][found[3]], "download", answer)

    def list_projects(self) -> None:
        told: dict[str, str] = {}
        while True:
            page = {"limit": 4, "offset": len(told)}
            body = self.caller.get("list projects", "/api/projects", params=page).json()
            told |= {one["id"]: one["name"] for one in body["items"]}
            if not body["items"] or len(told) >= body["total"]:
                break
        expected = {one: project.name for one, project in self.ledger.projects.items()}
        if not self.caller.waiting:
            self._must(told == expected, "list of projects", sorted(told.items()))

    def list_datasets(self) -> None:
        if found := self._any_project():
            about = {"project_id": found[0], "limit": 100}
            body = self.caller.get("list data sets", "/api/datasets", params=about).json()
            told = {one["id"] for one in body["items"]}
            if not self.caller.waiting:
                self._must(told == set(found[1].datasets), "list of data sets", sorted(told))

    def report(self) -> None:
        if not (found := self._any_project()):
            return
        project_id, project = found

        def record(body: dict[str, Any]) -> None:
            project.reports.add(body["report_id"])
            project.jobs[body["job_id"]] = "queued"

        about = {"project_id": project_id, "kind": "project"}
        self.caller.post("report", "/api/reports", record, project_id, json=about)

    def train(self) -> None:
        if not (found := self._any_version()):
            return
        project = found[1]

        def record(body: dict[str, Any]) -> None:
            project.experiments.add(body["experiment_id"])
            project.jobs[body["job_id"]] = "queued"

        about = {
            "project_id": found[0],
            "dataset_version_id": found[3],
            "name": self._new_name(),
            "target_column": "outcome",
            "problem_type": "binary",
            "config": TRAINING,
        }
        self.caller.post("train", "/api/experiments", record, found[0], json=about)

    def predict(self) -> None:
        projects = [one for one, project in self.ledger.projects.items() if project.experiments]
        if not projects:
            return
        about = {"project_id": self.chance.choice(projects)}
        models = self.caller.get("list models", "/api/models", params=about).json()["items"]
        if models:
            path = f"/api/models/{self.chance.choice(models)['id']}/predict"
            self.caller.post("predict", path, lambda _body: None, json={"inputs": [ROW]})

    def export(self) -> None:
        if not (found := self._any_project()):
            return
        answer = self.caller.get("export", f"/api/projects/{found[0]}/export")
        with tempfile.TemporaryDirectory() as folder:
            archive = Path(folder, "export.zip")
            archive.write_bytes(answer.content)
            faults = verify_archive(archive)
        self._must(not faults, "export", faults)

    def finish(self, patience: float) -> None:
        """Send again what waited for its key."""
        deadline = time.monotonic() + patience
        while self.caller.waiting:
            done = [post for post in self.caller.waiting if self.caller.resend(post)]
            self.caller.waiting = [post for post in self.caller.waiting if post not in done]
            if time.monotonic() > deadline:
                return

    def _must(self, holds: bool, what: str, found: object) -> None:
        if not holds:
            self.caller.figures.fail(f"{self.name}: {what} is not as told: {str(found)[:300]}")
