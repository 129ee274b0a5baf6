"""The operation of the tag `timeline`."""

import pytest

from projects_api.models import experiment

UNKNOWN = "0195d3a0-0000-7000-8000-000000000000"
DATASET_FIELDS = {"id", "type", "name", "timestamp", "rows", "columns"}
EXPERIMENT_FIELDS = {
    "id",
    "type",
    "name",
    "timestamp",
    "status",
    "target_column",
    "problem_type",
    "best_model_type",
    "duration",
}


def path(project_id: str) -> str:
    return f"/api/projects/{project_id}/timeline"


def add_experiment(server, project_id: str, **facts) -> str:
    defaults = {
        "name": "AutoML Run 1",
        "status": "completed",
        "target_column": "is_fraud",
        "problem_type": "classification",
        "best_model_type": "GBM",
        "duration": 342,
    }
    with server.services.database.transaction() as connection:
        return experiment.create(connection, project_id, **{**defaults, **facts})


class TestGetTimeline:
    def test_empty(self, owner, project_id):
        answer = owner.get(path(project_id))
        assert answer.status_code == 200
        assert answer.json() == {
            "project_id": project_id,
            "events": [],
            "total": 0,
            "limit": 500,
            "offset": 0,
            "has_more": False,
        }

    def test_events_oldest_first(self, server, owner, project_id):
        first = owner.upload(project_id, b"a,b,c\n1,2,3\n4,5,6\n", name="transactions.csv").json()
        second = add_experiment(server, project_id)
        third = owner.upload(project_id, name="more.csv").json()
        events = owner.get(path(project_id)).json()["events"]
        assert [event["id"] for event in events] == [first["id"], second, third["id"]]
        uploaded, trained, _ = events
        assert set(uploaded) == DATASET_FIELDS
        assert (uploaded["type"], uploaded["name"]) == ("dataset", "transactions.csv")
        assert (uploaded["rows"], uploaded["columns"]) == (2, 3)
        assert set(trained) == EXPERIMENT_FIELDS
        del trained["timestamp"]
        assert trained == {
            "id": second,
            "type": "experiment",
            "name": "AutoML Run 1",
            "status": "completed",
            "target_column": "is_fraud",
            "problem_type": "classification",
            "best_model_type": "GBM",
            "duration": 342,
        }

    def test_an_experiment_that_has_not_ended(self, server, owner, project_id):
        add_experiment(server, project_id, status="running", best_model_type=None, duration=None)
        (event,) = owner.get(path(project_id)).json()["events"]
        assert (event["best_model_type"], event["duration"]) == (None, None)

    @pytest.mark.parametrize(("kind", "total"), [("dataset", 2), ("experiment", 3)])
    def test_one_type(self, server, owner, project_id, kind, total):
        for number in range(2):
            owner.upload(project_id, f"a,b\n{number},1\n".encode())
        for _ in range(3):
            add_experiment(server, project_id)
        answer = owner.get(path(project_id), params={"type": kind}).json()
        assert {event["type"] for event in answer["events"]} == {kind}
        assert (len(answer["events"]), answer["total"]) == (total, total)

    def test_pages_cover_everything_once(self, server, owner, project_id):
        expected = []
        for number in range(6):
            if number % 2:
                expected.append(add_experiment(server, project_id))
            else:
                expected.append(
                    owner.upload(project_id, f"a,b\n{number},1\n".encode()).json()["id"]
                )
        found, offset, more = [], 0, True
        while more:
            page = owner.get(path(project_id), params={"limit": 4, "offset": offset}).json()
            assert page["total"] == 6
            found += [event["id"] for event in page["events"]]
            offset, more = offset + 4, page["has_more"]
        assert found == expected

    def test_says_when_there_are_more_than_the_default_shows(self, server, owner, project_id):
        with server.services.database.transaction() as connection:
            for _ in range(501):
                experiment.create(
                    connection,
                    project_id,
                    name="x",
                    status="queued",
                    target_column="y",
                    problem_type="regression",
                )
        answer = owner.get(path(project_id)).json()
        assert (len(answer["events"]), answer["total"], answer["has_more"]) == (500, 501, True)
        rest = owner.get(path(project_id), params={"offset": 500}).json()
        assert (len(rest["events"]), rest["has_more"]) == (1, False)

    @pytest.mark.parametrize("query", ["limit=0", "limit=501", "offset=-1", "type=model", "type="])
    def test_refuses_what_breaks_the_contract(self, owner, problem, project_id, query):
        problem(owner.get(f"{path(project_id)}?{query}"), 422, "contract-violation")

    @pytest.mark.parametrize("bad", [UNKNOWN, "x"])
    def test_no_such_project(self, owner, problem, bad):
        problem(owner.get(path(bad)), 404, "project-not-found")
