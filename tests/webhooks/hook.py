"""A webhook as the tests see it."""

from tests.support.processes import wait_until

ALL = [
    "dataset.uploaded",
    "dataset.deleted",
    "experiment.ended",
    "report.ended",
    "deployment.created",
    "deployment.promoted",
    "deployment.rolled_back",
    "deployment.deactivated",
    "deployment.drifted",
]


class Hook:
    """A webhook of a new project, and what the API tells of it."""

    def __init__(self, server, url, events=ALL):
        self.owner = server.person()
        self.project_id = self.owner.create_project()
        made = self.owner.post(
            f"/api/projects/{self.project_id}/webhooks", json={"url": url, "events": events}
        )
        assert made.status_code == 201, made.text
        self.id, self.secret = made.json()["webhook_id"], made.json()["secret"]

    def upload(self):
        return self.owner.upload(self.project_id).json()["dataset_id"]

    def deliveries(self):
        return self.owner.get(f"/api/webhooks/{self.id}/deliveries").json()["items"]

    def ended(self, count=1):
        """Wait until so many deliveries have ended, and give them, newest first."""
        wait_until(
            lambda: sum(one["status"] != "pending" for one in self.deliveries()) == count,
            f"{count} deliveries end",
        )
        return self.deliveries()
