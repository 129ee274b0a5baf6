"""Webhooks: who may register which addresses, and what is shown of them."""

import re
import zipfile
from io import BytesIO
from uuid import uuid4

import pytest

from projects_api.models.outside import delivery

URL = "https://8.8.8.8/hook"
EVENTS = ["dataset.uploaded"]


@pytest.fixture
def path(project_id):
    return f"/api/projects/{project_id}/webhooks"


@pytest.fixture
def register(owner, path):
    def register(url=URL, events=EVENTS):
        return owner.post(path, json={"url": url, "events": events})

    return register


@pytest.fixture
def delivered(server, owner, project_id, register):
    """Register a webhook, and keep a delivery that nobody sends."""
    webhook_id = register().json()["webhook_id"]
    with server.services.database.transaction() as connection:
        delivery.emit(connection, project_id, "dataset.uploaded", dataset_id=str(uuid4()))
        connection.execute(
            delivery.deliveries.update()
            .where(delivery.deliveries.c.webhook_id == webhook_id)
            .values(status="failed", attempts=10, next_attempt_at=None)
        )
    (kept,) = owner.get(f"/api/webhooks/{webhook_id}/deliveries").json()["items"]
    return kept


class TestListWebhooks:
    def test_they_come_oldest_first_and_without_secrets(self, owner, path, register):
        made = [register(f"{URL}/{number}").json()["webhook"] for number in range(3)]
        answer = owner.get(path, params={"limit": 2})
        assert answer.json() == {"items": made[:2], "total": 3, "limit": 2, "offset": 0}
        assert "whsec_" not in answer.text


class TestCreateWebhook:
    def test_the_secret_is_shown_once_and_differs_each_time(self, register):
        secrets = {register().json()["secret"] for _ in range(2)}
        assert len(secrets) == 2
        assert all(re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", one) for one in secrets)

    @pytest.mark.parametrize(
        "url", ["https://127.0.0.1/", "https://localhost/", "https://[::ffff:10.0.0.1]/"]
    )
    def test_private_addresses_are_refused(self, register, problem, url):
        found = problem(register(url), 422, "address-refused", "not in the public internet")
        assert found["errors"][0]["pointer"] == "/url"

    def test_plain_http_is_refused(self, register, problem):
        problem(register("http://8.8.8.8/"), 422, "address-refused", "https://")

    def test_unknown_events_are_refused(self, register, problem):
        problem(register(events=["dataset.eaten"]), 422, "contract-violation")

    def test_a_project_has_twenty_at_most(self, register, problem):
        for _ in range(20):
            assert register().status_code == 201
        problem(register(), 409, "too-many-webhooks")

    def test_the_audit_log_tells_of_it(self, owner, project_id, register):
        register()
        entries = owner.get(f"/api/projects/{project_id}/audit").json()["items"]
        assert entries[0]["operation"] == "create_webhook"

    def test_an_export_holds_nothing_of_it(self, owner, project_id, register):
        made = register().json()
        archive = owner.get(f"/api/projects/{project_id}/export").content
        with zipfile.ZipFile(BytesIO(archive)) as opened:
            held = b"".join(opened.read(name) for name in opened.namelist())
        for text in (made["secret"], made["webhook_id"], URL):
            assert text.encode() not in held


class TestDeleteWebhook:
    def test_it_is_gone_with_its_deliveries(self, owner, path, delivered, problem):
        where = f"/api/webhooks/{delivered['webhook_id']}"
        assert owner.delete(where).json() == {"ok": True}
        assert owner.get(path).json()["items"] == []
        problem(owner.get(f"{where}/deliveries"), 404, "webhook-not-found")
        problem(owner.delete(where), 404, "webhook-not-found")

    def test_one_of_another_project_is_none(self, other, register, problem):
        where = f"/api/webhooks/{register().json()['webhook_id']}"
        problem(other.delete(where), 404, "webhook-not-found")


class TestListDeliveries:
    def test_it_shows_what_is_sent(self, project_id, delivered):
        assert delivered["event"]["type"] == "dataset.uploaded"
        assert delivered["event"]["data"]["project_id"] == project_id
        assert (delivered["status"], delivered["attempts"]) == ("failed", 10)


class TestRedeliver:
    def test_it_waits_again_with_all_of_its_attempts(self, owner, delivered):
        where = f"/api/webhooks/{delivered['webhook_id']}/deliveries"
        answer = owner.post(f"{where}/{delivered['id']}/redeliver")
        assert answer.status_code == 202
        again = answer.json()["delivery"]
        assert (again["status"], again["attempts"]) == ("pending", 0)
        assert (again["id"], again["event"]) == (delivered["id"], delivered["event"])

    def test_a_delivery_of_another_webhook_is_none(self, owner, register, delivered, problem):
        webhook_id = register().json()["webhook_id"]
        answer = owner.post(f"/api/webhooks/{webhook_id}/deliveries/{delivered['id']}/redeliver")
        problem(answer, 404, "delivery-not-found")
