"""Operations on jobs."""

import pytest

from projects_api.models import job, job_lease
from projects_api.models.base import new_id


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
