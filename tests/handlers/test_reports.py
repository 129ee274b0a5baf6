"""The operations of the tag `reports`."""

import io
import json
import zipfile
from dataclasses import dataclass

import pytest
from sqlalchemy import delete, insert

from projects_api.models import experiment, job, report, trained_model
from projects_api.models.base import new_id, now
from projects_api.models.deployment import deployments
from projects_api.openapi import contract
from projects_api.rendering import SECTIONS
from tests.conftest import DOCUMENTS
from tests.rendering import facts
from tests.rendering.test_rendering import Reader, read_pdf

UNKNOWN = "0195d3a0-0000-7000-8000-000000000000"
FIELDS = {
    "id",
    "project_id",
    "kind",
    "entity_id",
    "name",
    "status",
    "message",
    "options",
    "job_id",
    "created_at",
}


@dataclass
class Made:
    """A project with one thing of each kind that a report can be about."""

    project_id: str
    names: dict[str, tuple[str, str]]


@pytest.fixture(scope="module")
def author(server):
    return server.person("Alice Chen")


@pytest.fixture(scope="module")
def made(server, author) -> Made:
    project_id = author.create_project("Churn")
    uploaded = author.upload(project_id).json()
    sha256 = author.get(f"/api/datasets/{uploaded['id']}").json()["dataset"]["sha256"]
    with server.services.database.transaction() as connection:
        experiment_id = experiment.create(
            connection,
            project_id,
            dataset_version_id=uploaded["dataset_version_id"],
            **without(facts.experiment("regression"), "id", "created_at"),
        )
        content = {"sha256": sha256, "media_type": "application/vnd.skops"}
        model_id, _ = (
            trained_model.create(
                connection,
                project_id,
                experiment_id,
                **without(one, "id", "experiment_id"),
                **content,
            )
            for one in facts.models("regression")
        )
        deployment = {"id": new_id(), "name": "live", "stage": "staging", "status": "active"}
        deployment |= {"traffic_percent": 100, "created_at": now(), "updated_at": now()}
        connection.execute(
            insert(deployments).values(project_id=project_id, model_id=model_id, **deployment)
        )
    return Made(
        project_id,
        {
            "project": (project_id, "Churn"),
            "experiment": (experiment_id, facts.experiment("regression")["name"]),
            "model": (model_id, facts.models("regression")[0]["name"]),
            "deployment": (deployment["id"], "live"),
        },
    )


def without(row: dict, *names: str) -> dict:
    return {name: value for name, value in row.items() if name not in names}


def create(person, project_id: str, kind: str = "project", **body):
    return person.post("/api/reports", json={"project_id": project_id, "kind": kind, **body})


class TestCreateReport:
    @pytest.mark.parametrize("kind", report.KINDS)
    def test_queues_a_job(self, server, author, made, kind):
        entity_id, name = made.names[kind]
        answer = create(author, made.project_id, kind, entity_id=entity_id.upper())
        assert answer.status_code == 201, answer.text
        body = answer.json()
        shown = body["report"]
        assert set(shown) == FIELDS
        assert answer.headers["location"] == f"/api/reports/{body['report_id']}"
        assert (shown["id"], shown["job_id"]) == (body["report_id"], body["job_id"])
        assert (shown["kind"], shown["entity_id"], shown["name"]) == (kind, entity_id, name)
        assert (shown["status"], shown["message"], shown["options"]) == ("queued", None, {})
        with server.services.database.transaction() as connection:
            queued = job.find_for_user(connection, body["job_id"], author.user_id)
        assert (queued["kind"], queued["entity_id"]) == ("report", body["report_id"])
        assert (queued["status"], queued["project_id"]) == ("queued", made.project_id)

    def test_is_about_the_project_unless_it_says_otherwise(self, author, made):
        options = {"title": "<b>Review</b>", "sections": ["data", "leaderboard"]}
        shown = create(author, made.project_id, options=options).json()["report"]
        assert shown["entity_id"] == made.project_id
        assert (shown["name"], shown["options"]) == ("<b>Review</b>", options)

    @pytest.mark.parametrize("kind", ["experiment", "model", "deployment"])
    def test_needs_to_know_what_else_it_is_about(self, author, problem, made, kind):
        document = problem(create(author, made.project_id, kind), 422, "contract-violation")
        assert [fault["pointer"] for fault in document["errors"]] == ["/entity_id"]

    @pytest.mark.parametrize("kind", report.KINDS)
    def test_is_about_nothing_unknown(self, author, problem, made, kind):
        slug = f"{kind}-not-found"
        problem(create(author, made.project_id, kind, entity_id=UNKNOWN), 404, slug)
        elsewhere = author.create_project()
        entity_id, _ = made.names[kind]
        problem(create(author, elsewhere, kind, entity_id=entity_id), 404, slug)

    @pytest.mark.parametrize(
        "wrong",
        [
            {"kind": "dataset"},
            {"entity_id": "x"},
            {"options": {"sections": []}},
            {"options": {"sections": ["other"]}},
            {"options": {"title": " "}},
            {"options": {"colour": "red"}},
        ],
    )
    def test_refuses_what_breaks_the_contract(self, author, problem, made, wrong):
        body = {"project_id": made.project_id, "kind": "project", **wrong}
        problem(author.post("/api/reports", json=body), 422, "contract-violation")

    def test_no_such_project(self, author, problem):
        problem(create(author, UNKNOWN), 404, "project-not-found")

    def test_the_sections_are_those_of_the_renderer(self):
        schemas = contract()["components"]["schemas"]
        assert tuple(schemas["ReportSection"]["enum"]) == SECTIONS


class TestListReports:
    def test_lists_newest_first(self, author, made):
        project_id = author.create_project()
        ids = [create(author, project_id).json()["report_id"] for _ in range(3)]
        listed = author.get("/api/reports", params={"project_id": project_id}).json()
        assert [item["id"] for item in listed["items"]] == ids[::-1]
        assert (listed["total"], listed["limit"], listed["offset"]) == (3, 50, 0)
        assert set(listed["items"][0]) == FIELDS
        page = {"project_id": project_id, "limit": 1, "offset": 1}
        assert author.get("/api/reports", params=page).json()["items"][0]["id"] == ids[1]

    def test_of_one_kind(self, author, made):
        entity_id, _ = made.names["model"]
        wanted = create(author, made.project_id, "model", entity_id=entity_id).json()["report_id"]
        create(author, made.project_id)
        query = {"project_id": made.project_id, "kind": "model"}
        listed = author.get("/api/reports", params=query).json()
        assert wanted in [item["id"] for item in listed["items"]]
        assert {item["kind"] for item in listed["items"]} == {"model"}
        assert listed["total"] == len(listed["items"])

    @pytest.mark.parametrize("query", ["", "kind=project", "project_id=x", "kind=other"])
    def test_refuses_what_breaks_the_contract(self, author, problem, made, query):
        query = f"{query}&project_id={made.project_id}" if "other" in query else query
        problem(author.get(f"/api/reports?{query}"), 422, "contract-violation")


class TestGetReport:
    def test_gets(self, author, made):
        shown = create(author, made.project_id).json()["report"]
        answer = author.get(f"/api/reports/{shown['id']}")
        assert (answer.status_code, answer.json()) == (200, {"report": shown})

    @pytest.mark.parametrize("bad", [UNKNOWN, "x"])
    def test_no_such_report(self, author, problem, bad):
        problem(author.get(f"/api/reports/{bad}"), 404, "report-not-found")

    def test_a_strangers_looks_like_none(self, other, author, problem, made):
        report_id = create(author, made.project_id).json()["report_id"]
        problem(other.get(f"/api/reports/{report_id}"), 404, "report-not-found")


class TestDownloadReport:
    @pytest.mark.parametrize(
        ("query", "media_type", "name"),
        [
            ("", "text/html", "Churn.html"),
            ("?format=html", "text/html", "Churn.html"),
            ("?format=pdf", "application/pdf", "Churn.pdf"),
        ],
    )
    def test_downloads(self, server, author, made, query, media_type, name):
        report_id = create(author, made.project_id).json()["report_id"]
        server.put_documents(made.project_id, report_id, *DOCUMENTS)
        answer = author.get(f"/api/reports/{report_id}/download{query}")
        assert (answer.status_code, answer.content) == (200, DOCUMENTS[media_type])
        assert answer.headers["content-type"] == media_type
        assert answer.headers["content-length"] == str(len(DOCUMENTS[media_type]))
        assert answer.headers["content-disposition"].startswith(f'attachment; filename="{name}"')

    def test_one_that_a_worker_rendered(self, server, author, made, tmp_path):
        entity_id, name = made.names["model"]
        body = create(author, made.project_id, "model", entity_id=entity_id).json()
        assert server.run_job(body["job_id"])["status"] == "succeeded"
        path = f"/api/reports/{body['report_id']}"
        assert author.get(path).json()["report"]["status"] == "succeeded"
        page = author.get(f"{path}/download").content
        read = Reader(page.decode())
        for words in (
            f"{name} predicts the number",
            "place 1 of 2",
            "RMSE",
            "table.csv, version 1",
        ):
            assert words in read.text
        # Missing values, leaderboard, residuals, importance.
        assert read.seen.count("svg") == 4
        printed = author.get(f"{path}/download", params={"format": "pdf"}).content
        (tmp_path / "report.pdf").write_bytes(printed)
        assert "place 1 of 2" in read_pdf(tmp_path / "report.pdf")[1]
        export = author.get(f"/api/projects/{made.project_id}/export").content
        with zipfile.ZipFile(io.BytesIO(export)) as archive:
            manifest = json.loads(archive.read("manifest.json"))
            (row,) = (one for one in manifest["reports"] if one["id"] == body["report_id"])
            assert archive.read(row["path"]) == page
            assert archive.read(row["pdf_path"]) == printed

    def test_one_whose_subject_went_before_it_was_rendered(self, server, author, problem):
        project_id = author.create_project()
        with server.services.database.transaction() as connection:
            row = without(facts.experiment("regression"), "id", "created_at")
            subject = experiment.create(connection, project_id, **row)
        body = create(author, project_id, "experiment", entity_id=subject).json()
        with server.services.database.transaction() as connection:
            table = experiment.experiments
            connection.execute(delete(table).where(table.c.id == subject))
        assert server.run_job(body["job_id"])["status"] == "failed"
        answer = author.get(f"/api/reports/{body['report_id']}/download")
        problem(answer, 409, "report-not-ready", "was deleted before it was rendered")

    def test_one_that_waits_or_failed_says_so(self, server, author, problem, made):
        report_id = create(author, made.project_id).json()["report_id"]
        path = f"/api/reports/{report_id}/download"
        problem(author.get(path), 409, "report-not-ready", "is queued")
        for status, message, detail in (
            ("running", None, "is running"),
            ("failed", "It was deleted.", "It was deleted. Create another one."),
            ("cancelled", "The job was cancelled.", "was cancelled"),
        ):
            with server.services.database.transaction() as connection:
                report.set_status(connection, report_id, status, message)
            shown = author.get(f"/api/reports/{report_id}").json()["report"]
            assert (shown["status"], shown["message"]) == (status, message)
            problem(author.get(path), 409, "report-not-ready", detail)

    def test_one_without_a_pdf(self, server, author, problem, made):
        report_id = create(author, made.project_id).json()["report_id"]
        server.put_documents(made.project_id, report_id, "text/html")
        path = f"/api/reports/{report_id}/download"
        assert author.get(path).status_code == 200
        problem(author.get(path, params={"format": "pdf"}), 409, "report-not-ready", "no pdf")

    def test_stays_when_what_it_is_about_goes(self, server, author):
        project_id = author.create_project()
        about = {"name": "Run", "status": "failed", "target_column": "a"}
        with server.services.database.transaction() as connection:
            subject = experiment.create(connection, project_id, problem_type="regression", **about)
        made = create(author, project_id, "experiment", entity_id=subject).json()
        server.put_documents(project_id, made["report_id"], "text/html")
        with server.services.database.transaction() as connection:
            table = experiment.experiments
            connection.execute(delete(table).where(table.c.id == subject))
        assert author.get(f"/api/reports/{made['report_id']}/download").status_code == 200

    @pytest.mark.parametrize("bad", [UNKNOWN, "x"])
    def test_no_such_report(self, author, problem, bad):
        problem(author.get(f"/api/reports/{bad}/download"), 404, "report-not-found")

    def test_refuses_another_format(self, author, problem, made):
        report_id = create(author, made.project_id).json()["report_id"]
        answer = author.get(f"/api/reports/{report_id}/download", params={"format": "docx"})
        problem(answer, 422, "contract-violation")
