"""A server that may send to this machine, and receivers on it."""

import pytest

from projects_api.settings import Settings
from tests.conftest import new_postgresql, running
from tests.support.fixtures import deployment
from tests.webhooks.hook import Hook
from tests.webhooks.receiver import Receiver

__all__ = ["deployment"]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def hooked_settings(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("hooked")
    url = f"sqlite:///{folder / 'hooked.db'}"
    if request.param == "postgresql":
        url = new_postgresql(request.getfixturevalue("postgresql"))
    return Settings(
        _env_file=None,
        database_url=url,
        data_dir=folder,
        maintenance_seconds=3600,
        webhooks_allow_private=True,
        webhook_retry_seconds=0,
        webhook_attempts=4,
        webhook_poll_seconds=0.02,
    )


@pytest.fixture(scope="module")
def hooked(hooked_settings):
    """Run a server of this module's own."""
    with running(hooked_settings) as server:
        yield server


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def hook(hooked, receiver):
    return Hook(hooked, receiver.url)
