"""With which settings jobs may go to Ray, and what its nodes are told of them."""

import os

import pytest
from pydantic import ValidationError

from projects_api.jobs.ray import node
from projects_api.jobs.ray.link import what_nodes_need
from projects_api.settings import Settings
from tests.ray.places import NEAR


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch):
    for name in Settings.model_fields:
        monkeypatch.delenv(f"PROJECTS_API_{name.upper()}", raising=False)


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"ray_address": "ray://head.example.com:10001"},
        {"ray_address": "10.0.0.1:6379"},
        {"artifact_url": "", "ray_shared_folder": True},
    ],
)
def test_what_nodes_can_reach(changed):
    settings = {"job_engine": "ray", **NEAR, **changed}
    assert Settings(_env_file=None, **settings).job_engine == "ray"


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"database_url": ""}, "needs PostgreSQL"),
        ({"database_url": "sqlite:////data/p.db"}, "needs PostgreSQL"),
        ({"artifact_url": ""}, "PROJECTS_API_RAY_SHARED_FOLDER"),
        ({"artifact_url": "/data/files"}, "PROJECTS_API_RAY_SHARED_FOLDER"),
        ({"ray_address": "http://head:8265"}, "ray_address"),
    ],
)
def test_what_they_cannot_reach(changed, told):
    with pytest.raises(ValidationError, match=told):
        Settings(_env_file=None, **{"job_engine": "ray", **NEAR, **changed})


def test_what_nodes_are_told(monkeypatch):
    for name in [one for one in os.environ if one.startswith(("AWS_", "PG"))]:
        monkeypatch.delenv(name)  # Other tests have a store that asks for a key.
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
    monkeypatch.setenv("HOME", "/not/theirs")
    settings = Settings(_env_file=None, job_engine="ray", **NEAR)
    told = what_nodes_need(settings)
    assert told["address"] == "auto"
    assert told["environment"] == {"AWS_ACCESS_KEY_ID": "somebody"}
    assert node.settings_on_node(told["settings"]).database == NEAR["database_url"]
