"""Traces: a span for a request, its statements as parts of it, a span for a job; else nothing."""

import subprocess
import sys
from importlib.util import find_spec

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from sqlalchemy import text

from projects_api import tracing
from projects_api.settings import Settings
from tests.conftest import running
from tests.support.processes import wait_until

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.fixture
def exporter():
    exporter = InMemorySpanExporter()
    tracing.set_up(SimpleSpanProcessor(exporter))
    yield exporter
    tracing.tear_down()


@pytest.fixture
def traced(exporter, new_database_url, tmp_path):
    settings = Settings(_env_file=None, data_dir=tmp_path, database_url=new_database_url)
    with running(settings) as server:
        yield server


def named(exporter, name):
    found = []

    def ended():
        found[:] = [span for span in exporter.get_finished_spans() if span.name == name]
        return found

    wait_until(ended, f"a span {name} ends")
    return found


def parts_of(exporter, span):
    spans = exporter.get_finished_spans()
    return [one for one in spans if one.parent and one.parent.span_id == span.context.span_id]


class TestRequests:
    @pytest.mark.parametrize("operation", ["create_project", "list_projects"])
    def test_a_span_has_the_request_id_and_the_statements(self, traced, exporter, operation):
        person = traced.person()
        headers = {"X-Request-Id": "the-one", "traceparent": f"00-{TRACE}-{PARENT}-01"}
        if operation == "create_project":
            answer = person.post("/api/projects", json={"name": "s3cr3t"}, headers=headers)
        else:
            answer = person.get("/api/projects?search=s3cr3t", headers=headers)
        assert answer.ok
        (span,) = named(exporter, operation)
        assert dict(span.attributes) == {
            "http.request.method": answer.request.method,
            "url.path": "/api/projects",
            "http.response.status_code": answer.status_code,
            "projects_api.request_id": "the-one",
        }
        assert (span.kind, span.status.status_code) == (SpanKind.SERVER, StatusCode.UNSET)
        assert f"{span.context.trace_id:032x}" == TRACE
        assert f"{span.parent.span_id:016x}" == PARENT
        parts = parts_of(exporter, span)
        statements = [part.attributes["db.query.text"] for part in parts]
        assert any("FROM api_keys" in statement for statement in statements)
        inserted = [one for one in statements if "INSERT INTO projects" in one]
        assert len(inserted) == (operation == "create_project")
        assert all(part.kind is SpanKind.CLIENT for part in parts)
        assert all(part.attributes["db.system.name"] == traced.kind for part in parts)
        assert "s3cr3t" not in str([one.attributes for one in exporter.get_finished_spans()])

    def test_one_that_fails_says_so(self, traced, exporter):
        person = traced.person()
        with traced.services.database.transaction() as connection:
            connection.execute(text("ALTER TABLE members RENAME TO elsewhere"))
        assert person.get("/api/projects").status_code >= 500
        (span,) = named(exporter, "list_projects")
        assert span.status.status_code is StatusCode.ERROR
        failed = [one for one in parts_of(exporter, span) if not one.status.is_ok]
        assert len(failed) == 1

    def test_what_belongs_to_none_is_none(self, traced, exporter):
        exporter.clear()
        with traced.services.database.transaction() as connection:
            connection.execute(text("SELECT 1"))
        assert [one for one in exporter.get_finished_spans() if one.name == "SELECT"] == []


class TestJobs:
    @pytest.mark.parametrize(("do", "status"), [("succeed", "succeeded"), ("fail", "failed")])
    def test_a_span_has_its_id_and_its_end(self, exporter, work, do, status):
        job_id = work.add(do)
        work.server.run_job(job_id)
        (span,) = named(exporter, "job test")
        assert dict(span.attributes) == {
            "projects_api.job_id": job_id,
            "projects_api.attempt": 1,
            "projects_api.job_status": status,
        }
        assert span.status.is_ok is (do == "succeed")


class TestOff:
    def test_nothing_is_imported_and_nothing_watched(self, tmp_path):
        script = (
            "import sys\n"
            "from pathlib import Path\n"
            "from projects_api.app.application import create_application\n"
            "from projects_api.app.services import Services\n"
            "from projects_api.settings import Settings\n"
            f"settings = Settings(_env_file=None, data_dir=Path({str(tmp_path)!r}))\n"
            "create_application(settings)\n"
            "engine = Services.from_settings(settings).database.engine\n"
            "assert not engine.dispatch.before_cursor_execute, 'watched'\n"
            "assert not [name for name in sys.modules if name.startswith('opentelemetry')]\n"
        )
        subprocess.run([sys.executable, "-c", script], check=True, timeout=60)

    def test_asked_for_without_the_library_is_a_sentence(self, local, monkeypatch):
        from projects_api.cli import common  # noqa: PLC0415

        assert find_spec("opentelemetry")
        monkeypatch.setattr(common, "find_spec", lambda _name: None)
        monkeypatch.setenv("PROJECTS_API_TRACES", "true")
        with pytest.raises(common.typer.Exit):
            common.settings_or_end()
