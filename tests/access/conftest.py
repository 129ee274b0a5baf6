"""Fixtures of this room's tests."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from projects_api.access.rules import ProjectsRules
from projects_api.app.services import Services
from projects_api.models import base
from projects_api.settings import Settings


@pytest.fixture
def later(monkeypatch) -> Callable[[timedelta], None]:
    """Let the server, which runs in this process, believe that so much more time has passed."""

    def later(time: timedelta) -> None:
        before = base.origin.moment
        monkeypatch.setattr(base.origin, "moment", lambda: before() + time)

    return later


@pytest.fixture
def made_services(monkeypatch) -> Iterator[list[Services]]:
    """The services of each server that is started meanwhile."""
    made: list[Services] = []
    rules = Services.rules.func

    def note(services: Services) -> ProjectsRules:
        made.append(services)
        return rules(services)

    monkeypatch.setattr(Services.rules, "func", note)
    return made


@pytest.fixture
def private(new_database_url: str, tmp_path: Path) -> Settings:
    """Settings of a server of a test's own, on an empty database of each kind in turn."""
    return Settings(
        _env_file=None, database_url=new_database_url, data_dir=tmp_path, maintenance_seconds=3600
    )
