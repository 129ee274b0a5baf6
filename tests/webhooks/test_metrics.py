"""What operators see of webhooks."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, update

from projects_api.app.scraping import sample_waiting
from projects_api.models.outside import delivery as deliveries
from tests.support.metrics import scrape
from tests.webhooks.hook import Hook
from tests.webhooks.receiver import with_status


@pytest.fixture
def alone(deployment):
    """A server in a process of its own: all servers of one process count together.

    Those that tests share go on to send what tests of other files left.
    """
    with deployment.serve(
        webhooks_allow_private=True,
        webhook_retry_seconds=0,
        webhook_attempts=4,
        webhook_poll_seconds=0.02,
    ) as process:
        yield process.server


class TestMetrics:
    """What operators see of it, by who answers how."""

    def test_attempts_are_counted_by_their_outcome(self, alone, receiver):
        receiver.answers = [with_status(410), with_status(302, Location="/"), with_status(204)]
        for url in (receiver.url, "http://127.0.0.1:1/hook"):
            hook = Hook(alone, url)
            hook.upload()
            hook.ended()
        found = scrape(alone.url)
        name = "projects_api_webhook_attempts_total"
        assert {one: found[name, one] for one in ("arrived", "refused", "unreachable")} == {
            "arrived": 1,
            "refused": 2,
            "unreachable": 4,
        }

    def test_those_that_wait_and_since_when(self, hooked, hook, receiver):
        receiver.answers = [receiver.hang]
        hook.upload()
        hook.upload()
        table = deliveries.deliveries
        pending = select(func.count()).where(table.c.status == "pending")
        with hooked.services.database.transaction() as connection:
            long_ago = datetime.now(UTC) - timedelta(hours=1)
            this = update(table).where(table.c.webhook_id == hook.id, table.c.status == "pending")
            connection.execute(this.values(created_at=long_ago.isoformat()))
            waiting = connection.scalar(pending)
        found = sample_waiting(hooked.services.database)
        assert found.deliveries == waiting >= 2
        assert found.oldest_delivery_seconds == pytest.approx(3600, abs=60)
