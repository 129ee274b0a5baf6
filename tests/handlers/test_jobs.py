"""Operations on jobs."""

import pytest

from projects_api.models import job, job_lease
from projects_api.models.base import new_id
from tests.handlers.conftest import assert_problem


@pytest.fixture
def queue(server, owner):
    """Queue a job of the owner's, which no worker ever takes."""

    def queue(project_id: str | None = None) -> str:
        return server.add_job(project_id, owner.user_id)

    return queue


def claim(connection, job_id: str) -> tuple[str, str]:
    """Take a job as a worker does; give what names its owner."""
    owner = new_id()
    assert job_lease.claim(connection, owner, kinds=["nothing"], lease_seconds=60, job_id=job_id)
    return job_id, owner


class TestGetJob:
    def test_queued(self, server, owner, project_id, queue):
        job_id = queue(project_id)
        answer = owner.get(f"/api/jobs/{job_id}")
        assert answer.status_code == 200
        row = server.job(job_id)
        assert answer.json() == {
            "job": {
                "id": job_id,
                "kind": "nothing",
                "status": "queued",
                "progress": 0,
                "stage": None,
                "seconds_left": None,
                "message": None,
                "project_id": project_id,
                "entity_id": row["entity_id"],
                "attempts": 0,
                "created_at": row["created_at"],
                "started_at": None,
                "finished_at": None,
            }
        }

    def test_running_and_failed(self, server, owner, project_id, queue):
        job_id = queue(project_id)
        with server.services.database.transaction() as connection:
            held = claim(connection, job_id)
            progress = {"progress": 250.0, "stage": "GBM", "seconds_left": 7.5}
            assert job_lease.record_progress(connection, *held, **progress, messages=[])
        running = owner.get(f"/api/jobs/{job_id}").json()["job"]
        assert running["status"] == "running"
        assert (running["progress"], running["stage"], running["seconds_left"]) == (100, "GBM", 7.5)
        assert running["started_at"]
        with server.services.database.transaction() as connection:
            assert job_lease.finish(connection, *held, "failed", "x" * 9000)
        failed = owner.get(f"/api/jobs/{job_id}").json()["job"]
        assert (failed["status"], failed["seconds_left"]) == ("failed", None)
        assert failed["message"] == "x" * 4000
        assert failed["started_at"] <= failed["finished_at"]

    def test_every_member_sees_a_job_of_the_project(self, owner, other, project_id, queue, problem):
        job_id = queue(project_id)
        problem(other.get(f"/api/jobs/{job_id}"), 404, "job-not-found", "member of")
        assert owner.share(project_id, other, "viewer").status_code == 201
        assert other.get(f"/api/jobs/{job_id}").status_code == 200

    def test_who_left_the_project_sees_its_jobs_no_longer(
        self, owner, other, project_id, queue, problem
    ):
        job_id = queue(project_id)
        assert owner.share(project_id, other, "owner").status_code == 201
        gone = f"/api/projects/{project_id}/members/{owner.user_id}"
        assert other.delete(gone).status_code == 200
        problem(owner.get(f"/api/jobs/{job_id}"), 404, "job-not-found")

    def test_without_project_it_is_seen_by_who_asked(self, owner, other, queue, problem):
        job_id = queue()
        assert owner.get(f"/api/jobs/{job_id}").json()["job"]["project_id"] is None
        problem(other.get(f"/api/jobs/{job_id}"), 404, "job-not-found")

    def test_a_project_that_the_job_made_shares_it(self, server, owner, other, project_id, queue):
        job_id = queue()
        with server.services.database.transaction() as connection:
            job.attach(connection, job_id, project_id)
        assert owner.share(project_id, other, "viewer").status_code == 201
        assert other.get(f"/api/jobs/{job_id}").json()["job"]["project_id"] == project_id

    def test_it_goes_with_its_project(self, owner, project_id, queue, problem):
        job_id = queue(project_id)
        assert owner.delete(f"/api/projects/{project_id}").status_code == 200
        problem(owner.get(f"/api/jobs/{job_id}"), 404, "job-not-found")

    @pytest.mark.parametrize("job_id", [new_id(), "none"], ids=["other", "none"])
    def test_unknown(self, owner, problem, job_id):
        problem(owner.get(f"/api/jobs/{job_id}"), 404, "job-not-found")


@pytest.fixture
def operator(server):
    return server.person("Olga", ("admin",))


class TestListJobs:
    def test_everybodys_newest_first_and_of_one_status(self, owner, other, operator, server):
        mine, theirs = server.add_job(None, owner.user_id), server.add_job(None, other.user_id)
        found = operator.get("/api/admin/jobs", params={"limit": 2}).json()
        assert [(one["user_id"], one["email"], one["job"]["id"]) for one in found["items"]] == [
            (other.user_id, other.email, theirs),
            (owner.user_id, owner.email, mine),
        ]
        assert found["items"][1]["job"] == owner.get(f"/api/jobs/{mine}").json()["job"]
        assert operator.post(f"/api/admin/jobs/{theirs}/cancel").status_code == 200
        for status, newest in (("queued", mine), ("cancelled", theirs)):
            query = {"status": status, "limit": 500}
            page = operator.get("/api/admin/jobs", params=query).json()
            assert page["items"][0]["job"]["id"] == newest
            assert {one["job"]["status"] for one in page["items"]} == {status}
            assert page["total"] == len(page["items"])


class TestCancelJob:
    def cancel(self, operator, job_id: str):
        return operator.post(f"/api/admin/jobs/{job_id}/cancel")

    def test_one_that_waits_ends_at_once_with_its_experiment(self, owner, operator, project_id):
        version = owner.upload(project_id, b"a,b\n1,2\n3,4\n").json()["dataset_version_id"]
        body = {
            "project_id": project_id,
            "dataset_version_id": version,
            "name": "Run",
            "target_column": "b",
            "problem_type": "regression",
        }
        made = owner.post("/api/experiments", json=body).json()
        answer = self.cancel(operator, made["job_id"])
        assert answer.status_code == 200, answer.text
        ended = answer.json()["job"]
        assert (ended["status"], ended["message"]) == ("cancelled", job.CANCELLED)
        assert owner.get(f"/api/jobs/{made['job_id']}").json()["job"] == ended
        run = owner.get(f"/api/experiments/{made['experiment_id']}").json()["experiment"]
        assert (run["status"], run["message"]) == ("cancelled", job.CANCELLED)

    def test_one_that_runs_is_left_to_its_worker(self, server, owner, operator, queue):
        job_id = queue()
        with server.services.database.transaction() as connection:
            _, worker = claim(connection, job_id)
        assert self.cancel(operator, job_id).json()["job"]["status"] == "running"
        with server.services.database.transaction() as connection:
            assert job_lease.is_cancelled(connection, job_id, worker)

    def test_one_that_has_ended_stays_as_it_is(self, operator, queue):
        job_id = queue()
        first = self.cancel(operator, job_id).json()["job"]
        assert_problem(self.cancel(operator, job_id), 409, "job-ended")
        page = operator.get("/api/admin/jobs", params={"status": "cancelled"}).json()
        assert first in [one["job"] for one in page["items"]]

    def test_none(self, operator):
        assert_problem(self.cancel(operator, new_id()), 404, "job-not-found")

    def test_of_whoever_is_no_operator(self, owner, queue):
        assert_problem(self.cancel(owner, queue()), 403, "insufficient-scope", "`admin`")
