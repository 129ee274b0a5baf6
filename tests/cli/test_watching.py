"""`projects-api watch`, beside a server that does the work."""

import re

from projects_api.models.base import new_id
from tests.cli.test_command_line import with_key
from tests.support.processes import free_port


def test_a_job_is_watched_to_its_end(local):
    with local.serve() as process:
        me = with_key(process, process.output.read_text())
        local.variables |= {"BASE_URL": process.url, "API_KEY": me.key}
        project_id = me.post("/api/projects", json={"name": "P"}).json()["project_id"]
        wanted = {"project_id": project_id, "kind": "project"}
        job_id = me.post("/api/reports", json=wanted).json()["job_id"]
        *told, last = local.run("watch", job_id).splitlines()
        assert last.startswith("succeeded")
        shares = [int(re.fullmatch(r" *(\d+)%  \S.*", line)[1]) for line in told]
        assert shares == sorted(shares)
        assert shares[-1] == 100
        # What is over is told at once, and once.
        assert local.run("watch", job_id).splitlines() == [told[-1], last]

        # One that does not come to a good end is told by the exit status, too.
        with local.services.database.transaction() as connection:
            connection.exec_driver_sql(
                "UPDATE jobs SET status = 'failed', message = 'No room.' WHERE id = ?", (job_id,)
            )
        assert local.run("watch", job_id, status=1).splitlines()[-1] == "failed: No room."

        # Of one that was stopped, or that nobody tells of, nothing is known: another status.
        with local.services.database.transaction() as connection:
            connection.exec_driver_sql(
                "UPDATE jobs SET status = 'cancelled', message = NULL WHERE id = ?", (job_id,)
            )
        assert local.run("watch", job_id, status=3).splitlines()[-1] == "cancelled"
        assert "projects-api: " in local.run("watch", new_id(), status=3)
        assert "no id of a job" in local.run("watch", "seven", status=2)
        assert "API key" in local.run("watch", job_id, "--api-key", "pak_none", status=3)
        away = f"http://127.0.0.1:{free_port()}"
        said = local.run("watch", job_id, "--base-url", away, status=3)
        assert said.startswith(f"projects-api: {away} does not answer")
        assert said.count("\n") == 1


def test_nothing_is_watched_without_a_server(local):
    assert "BASE_URL" in local.run("watch", new_id(), status=2)
