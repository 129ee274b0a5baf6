"""The operations of the tag `health`, one class each."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from projects_api.settings import Settings
from tests.conftest import running
from tests.support.processes import PATIENCE


class TestCheckLiveness:
    def test_lives(self, server):
        answer = server.anonymous().get("/health/live")
        assert (answer.status_code, answer.json()) == (200, {"status": "alive"})


class TestCheckReadiness:
    def test_ready(self, server):
        answer = server.anonymous().get("/health/ready")
        assert answer.status_code == 200
        assert answer.json() == {
            "status": "ready",
            "checks": {"database": "ok", "artifact_store": "ok"},
        }

    def test_the_artifact_store_is_gone(self, server, problem, tmp_path):
        settings = server.settings.model_copy(
            update={"artifact_url": str(tmp_path / "artifacts"), "data_dir": tmp_path}
        )
        with running(settings) as broken:
            assert broken.anonymous().get("/health/ready").status_code == 200
            spool = broken.services.artifacts.store.spool_folder
            spool.rmdir()
            spool.write_text("no folder any more")
            document = problem(
                broken.anonymous().get("/health/ready"), 503, "unavailable", "the artifact store"
            )
            assert "database" not in document["detail"]

    def test_the_database_is_gone(self, problem, tmp_path):
        url = f"postgresql://nobody@/nothing?host={tmp_path}"
        settings = Settings(_env_file=None, data_dir=tmp_path, database_url=url)
        with running(settings, migrate=False) as broken:
            document = problem(
                broken.anonymous().get("/health/ready"), 503, "unavailable", "the database"
            )
            assert "artifact store" not in document["detail"]
            assert broken.anonymous().get("/health/live").status_code == 200
            stranger = broken.anonymous()
            stranger.session.headers["Authorization"] = "Bearer pak_0000000000000000_x"
            answer = stranger.get("/api/projects")
            problem(answer, 503, "unavailable")
            assert int(answer.headers["retry-after"]) > 0

    @pytest.fixture
    def narrow(self, new_database_url, tmp_path):
        """A server that does one request at a time."""
        with running(
            Settings(_env_file=None, data_dir=tmp_path, database_url=new_database_url, threads=1)
        ) as narrow:
            yield narrow

    def test_waits_behind_no_request(self, narrow):
        """One waits for what somebody else has locked, which is all there is on SQLite."""
        database, person = narrow.services.database, narrow.person()
        expected = 503 if database.is_embedded else 200
        with ThreadPoolExecutor(1) as thread:
            with database.transaction() as connection:
                if not database.is_embedded:
                    connection.execute(text("LOCK TABLE projects IN ACCESS EXCLUSIVE MODE"))
                waiting = thread.submit(person.create_project)
                for _ in range(3):
                    answer = narrow.anonymous().get("/health/live", timeout=PATIENCE)
                    assert answer.status_code == 200
                answer = narrow.anonymous().get("/health/ready", timeout=PATIENCE)
                assert answer.status_code == expected
                assert not waiting.done()
            assert waiting.result(PATIENCE)
