"""What a real receiver gets, on both databases, and what is kept of its answers."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, update
from standardwebhooks import Webhook

from projects_api.app.drift_watching import watch_drift
from projects_api.app.maintenance import _forget
from projects_api.jobs.kinds import train
from projects_api.models import deployment_input
from projects_api.models.base import new_id
from projects_api.models.outside import delivery as deliveries
from projects_api.models.outside.webhook import MOST_OF_PROJECT, webhooks
from projects_api.webhooks import posting, sending
from projects_api.webhooks.sending import MOST_SECONDS_BETWEEN, wait_after
from tests.support.processes import wait_until
from tests.webhooks.hook import Hook
from tests.webhooks.receiver import with_status


class TestSending:
    def test_an_upload_is_told_with_a_signature_that_another_reader_verifies(self, hook, receiver):
        dataset_id = hook.upload()
        (delivery,) = hook.ended()
        (got,) = receiver.requests
        # It raises where id, moment, body or secret do not fit, or the moment is not now.
        told = Webhook(hook.secret).verify(got.body, got.headers)
        assert told == delivery["event"] == json.loads(got.body)
        assert told["type"] == "dataset.uploaded"
        assert told["data"]["project_id"] == hook.project_id
        assert told["data"]["dataset_id"] == dataset_id
        assert got.headers["webhook-id"] == delivery["id"]
        assert got.headers["content-type"] == "application/json"
        assert (delivery["status"], delivery["attempts"]) == ("succeeded", 1)
        assert (delivery["response_status"], delivery["error"]) == (204, None)
        assert delivery["finished_at"]
        assert delivery["next_attempt_at"] is None

    def test_a_webhook_is_told_only_what_it_asked_for(self, hooked, receiver):
        hook = Hook(hooked, receiver.url, ["dataset.deleted"])
        dataset_id = hook.upload()
        hook.owner.delete(f"/api/datasets/{dataset_id}")
        (delivery,) = hook.ended()
        assert delivery["event"]["type"] == "dataset.deleted"
        assert delivery["event"]["data"]["dataset_id"] == dataset_id

    def test_a_new_version_is_told_too(self, hook):
        dataset_id = hook.upload()
        version = hook.owner.upload_version(dataset_id, b"a,b\n5,6\n").json()
        newest, _ = hook.ended(2)
        assert newest["event"]["data"]["dataset_version_id"] == version["dataset_version_id"]

    def test_other_projects_are_not_told(self, hook, receiver):
        other = hook.owner.create_project()
        hook.owner.upload(other)
        hook.upload()
        hook.ended()
        assert len(receiver.requests) == 1

    def test_what_was_undone_is_not_told(self, hook, hooked, receiver):
        with hooked.services.database.connect(writing=True) as connection:
            deliveries.emit(connection, hook.project_id, "dataset.deleted", dataset_id=new_id())
            connection.rollback()
        hook.upload()
        hook.ended()
        assert [json.loads(one.body)["type"] for one in receiver.requests] == ["dataset.uploaded"]

    def test_a_receiver_that_fails_three_times_is_asked_a_fourth_time(self, hook, receiver):
        receiver.answers = [*[with_status(500, b"Out of order")] * 3, with_status(200, b"ok")]
        hook.upload()
        (delivery,) = hook.ended()
        assert (delivery["status"], delivery["attempts"]) == ("succeeded", 4)
        assert (delivery["response_status"], delivery["response_body"]) == (200, "ok")
        assert len({one.headers["webhook-id"] for one in receiver.requests}) == 1
        assert len({one.body for one in receiver.requests}) == 1

    def test_one_that_always_fails_is_asked_as_often_as_is_set(self, hook, receiver):
        receiver.answers = [with_status(500, b"Out of order")]
        hook.upload()
        (delivery,) = hook.ended()
        assert (delivery["status"], delivery["attempts"]) == ("failed", 4)
        assert (delivery["response_status"], delivery["response_body"]) == (500, "Out of order")
        assert len(receiver.requests) == 4

    def test_redirects_are_not_followed(self, hook, receiver):
        receiver.answers = [with_status(307, Location="/elsewhere")]
        hook.upload()
        (delivery,) = hook.ended()
        assert (delivery["status"], delivery["response_status"]) == ("failed", 307)
        assert {one.path for one in receiver.requests} == {"/hook"}

    def test_of_a_long_answer_the_start_is_kept(self, hook, receiver):
        receiver.answers = [with_status(200, b"\xff\0" + b"x" * 1024**2)]
        hook.upload()
        (delivery,) = hook.ended()
        assert delivery["status"] == "succeeded"
        assert delivery["response_body"] == "\N{REPLACEMENT CHARACTER}" * 2 + "x" * 2046

    @pytest.mark.parametrize("how", ["hang", "drip"])
    def test_a_slow_receiver_keeps_nobody_else_waiting(
        self, hooked, hook, receiver, monkeypatch, how
    ):
        monkeypatch.setattr(posting, "SECONDS", 0.3)
        receiver.answers = [getattr(receiver, how)]
        hook.upload()
        (delivery,) = hook.ended()
        assert (delivery["status"], delivery["attempts"]) == ("failed", 4)
        assert delivery["response_status"] is None
        assert "did not answer" in delivery["error"]

    def test_nobody_there_is_told_of(self, hooked):
        hook = Hook(hooked, "http://127.0.0.1:1/hook")
        hook.upload()
        (delivery,) = hook.ended()
        assert (delivery["status"], delivery["response_status"]) == ("failed", None)
        assert "took no connection" in delivery["error"]

    def test_what_is_no_http_is_told_of(self, hook, receiver):
        receiver.answers = [lambda request: request.wfile.write(b"garbage\r\n\r\n")]
        hook.upload()
        (delivery,) = hook.ended()
        assert "no HTTP" in delivery["error"]

    def test_a_webhook_is_sent_one_event_at_a_time(self, hook, receiver, hooked):
        receiver.answers = [receiver.hang]
        hook.upload()
        wait_until(lambda: receiver.requests, "the first is sent")
        hook.upload()
        with hooked.services.database.transaction(writing=False) as connection:
            assert not deliveries.has_due(connection)

    def test_another_server_sends_what_a_dead_one_had_taken(self, hook, hooked, receiver):
        receiver.answers = [receiver.hang, with_status(200)]
        hook.upload()
        wait_until(lambda: receiver.requests, "the first is sent")
        with hooked.services.database.transaction() as connection:
            past = "2020-01-01T00:00:00Z"
            mine = update(deliveries.deliveries).where(
                deliveries.deliveries.c.webhook_id == hook.id
            )
            connection.execute(mine.values(sending_until=past))
        wait_until(lambda: len(receiver.requests) == 2, "it is sent again")
        (delivery,) = hook.ended()
        assert (delivery["status"], delivery["attempts"]) == ("succeeded", 2)

    def test_deliveries_of_a_deleted_project_go_with_it(self, hook, hooked, receiver):
        receiver.answers = [receiver.hang]
        hook.upload()
        wait_until(lambda: receiver.requests, "it is sent")
        assert hook.owner.delete(f"/api/projects/{hook.project_id}").status_code == 200
        with hooked.services.database.transaction(writing=False) as connection:
            for column in (webhooks.c.id, deliveries.deliveries.c.webhook_id):
                assert connection.scalar(select(func.count()).where(column == hook.id)) == 0

    def test_more_than_may_wait_is_kept_as_failed(self, hook, hooked, receiver, monkeypatch):
        monkeypatch.setattr(deliveries, "MOST_WAITING", 2)
        receiver.answers = [receiver.hang]
        for _ in range(3):
            hook.upload()
        newest, *others = hook.deliveries()
        assert [one["status"] for one in others] == ["pending", "pending"]
        assert (newest["status"], newest["attempts"]) == ("failed", 0)
        assert "waited" in newest["error"]

    def test_deliveries_that_ended_are_forgotten_after_some_days(self, hook, hooked, receiver):
        hook.upload()
        hook.upload()
        newest, oldest = hook.ended(2)
        with hooked.services.database.transaction() as connection:
            table = deliveries.deliveries
            before = (datetime.now(UTC) - timedelta(days=31)).isoformat()
            old = update(table).where(table.c.id == oldest["id"]).values(finished_at=before)
            connection.execute(old)
        assert _forget(hooked.services, 30, deliveries.remove_old) == 1
        assert [one["id"] for one in hook.deliveries()] == [newest["id"]]


class TestWaiting:
    def test_each_wait_is_four_times_the_one_before_up_to_six_hours(self):
        waits = [wait_after(attempt, 10.0) for attempt in range(1, 10)]
        assert waits == [10, 40, 160, 640, 2560, 10240, 21600, 21600, 21600]
        assert wait_after(20, 3600.0) == MOST_SECONDS_BETWEEN

    def test_a_lease_outlives_each_attempt(self):
        assert sending.LEASE_SECONDS >= 6 * posting.SECONDS

    def test_a_project_cannot_keep_all_others_waiting(self):
        assert sending.MOST_AT_ONCE > MOST_OF_PROJECT


class TestDrift:
    """Whoever is to be told of drift need not ask for it."""

    @pytest.fixture
    def deployed(self, hook, hooked, training):
        model_id = training.keep(hooked, hook.project_id).model_ids[0]
        made = hook.owner.post(
            f"/api/mlops/projects/{hook.project_id}/deployments",
            json={"model_id": model_id, "name": "Watched"},
        )
        return made.json()["deployment_id"]

    def ask(self, hooked, deployment_id, amount):
        rows = [{"amount": amount + number % 400, "country": "DE"} for number in range(300)]
        with hooked.services.database.transaction() as connection:
            assert deployment_input.keep(connection, deployment_id, rows)

    def told(self, hook):
        events = [one["event"] for one in hook.deliveries()]
        return [one["data"] for one in events if one["type"] == "deployment.drifted"]

    def test_it_is_told_once_when_it_begins(self, hook, hooked, deployed, monkeypatch):
        monkeypatch.setattr(deployment_input, "MEASURING_INTERVAL", timedelta())
        watch_drift(hooked.services)
        assert self.told(hook) == []
        for _ in range(2):
            self.ask(hooked, deployed, 1_000_000)
            watch_drift(hooked.services)
        (told,) = self.told(hook)
        assert (told["deployment_id"], told["verdict"]) == (deployed, "drift")

    def test_a_deployment_is_measured_once_an_hour_at_most(self, hook, hooked, deployed):
        self.ask(hooked, deployed, 1_000_000)
        watch_drift(hooked.services)
        self.ask(hooked, deployed, 1_000_000)
        with hooked.services.database.transaction(writing=False) as connection:
            assert deployment_input.list_unmeasured(connection, most=10) == []
            (told,) = self.told(hook)
        assert told["name"] == "Watched"

    def test_what_nobody_is_to_be_told_of_is_not_measured(self, hooked, receiver, training):
        hook = Hook(hooked, receiver.url, ["dataset.uploaded"])
        model_id = training.keep(hooked, hook.project_id).model_ids[0]
        made = hook.owner.post(
            f"/api/mlops/projects/{hook.project_id}/deployments",
            json={"model_id": model_id, "name": "Not watched"},
        )
        self.ask(hooked, made.json()["deployment_id"], 1_000_000)
        with hooked.services.database.transaction(writing=False) as connection:
            due = deployment_input.list_unmeasured(connection, most=10)
        assert made.json()["deployment_id"] not in [one["id"] for one in due]


class TestDeployments:
    def test_each_step_is_told(self, hook, hooked, training):
        first, second = training.keep(hooked, hook.project_id).model_ids
        path = f"/api/mlops/projects/{hook.project_id}/deployments"
        ids = []
        for model_id in (first, second):
            body = {"model_id": model_id, "name": "One", "stage": "staging"}
            ids.append(hook.owner.post(path, json=body).json()["deployment_id"])
            where = f"/api/mlops/deployments/{ids[-1]}"
            hook.owner.post(f"{where}/promote", json={"to_stage": "production"})
        hook.owner.post(f"{where}/rollback")
        hook.owner.post(f"/api/mlops/deployments/{ids[0]}/deactivate")
        hook.owner.post(f"/api/mlops/deployments/{ids[0]}/deactivate")  # which changes nothing
        told = [
            (one["event"]["type"], one["event"]["data"]["deployment_id"])
            for one in reversed(hook.ended(6))
        ]
        assert told == [
            ("deployment.created", ids[0]),
            ("deployment.promoted", ids[0]),
            ("deployment.created", ids[1]),
            ("deployment.promoted", ids[1]),
            ("deployment.rolled_back", ids[0]),
            ("deployment.deactivated", ids[0]),
        ]


class TestJobs:
    def test_ends_of_trainings_and_reports_are_told(self, hook, hooked):
        version = hook.owner.upload(hook.project_id).json()["dataset_version_id"]
        experiment_id = hooked.add_running_experiment(hook.project_id, version, hook.owner.user_id)
        report_id = hooked.add_report(hook.project_id)
        hooked.put_documents(hook.project_id, report_id, "text/html")
        with hooked.services.database.transaction() as connection:
            train.end(connection, experiment_id, "running", None)
            train.end(connection, experiment_id, "cancelled", "Enough")
        told = [one["event"] for one in hook.deliveries()]
        assert sum(one["type"] == "experiment.ended" for one in told) == 1
        events = {one["type"]: one["data"] for one in told}
        assert events["report.ended"]["report_id"] == report_id
        assert events["report.ended"]["status"] == "succeeded"
        assert events["experiment.ended"]["experiment_id"] == experiment_id
        assert events["experiment.ended"]["status"] == "cancelled"
