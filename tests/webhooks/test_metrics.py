"""What operators see of webhooks.

In a module of its own, for a server of its own: what others left unanswered would be counted here.
"""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, update

from projects_api.app.scraping import sample_waiting
from projects_api.models.outside import delivery as deliveries
from tests.support.metrics import scrape
from tests.webhooks.hook import Hook
from tests.webhooks.receiver import with_status


class TestMetrics:
    """What operators see of it, by who answers how."""

    def test_attempts_are_counted_by_their_outcome(self, hooked, hook, receiver):
        before = scrape(hooked.url)
        receiver.answers = [with_status(410), with_status(302, Location="/"), with_status(204)]
        hook.upload()
        hook.ended()
        nobody = Hook(hooked, "http://127.0.0.1:1/hook")
        nobody.upload()
        nobody.ended()
        after = scrape(hooked.url)

        def counted(outcome):
            name = ("projects_api_webhook_attempts_total", outcome)
            return after[name] - before.get(name, 0)

        assert [counted(one) for one in ("arrived", "refused", "unreachable")] == [1, 2, 4]

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
