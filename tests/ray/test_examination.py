"""What the doctor says of nodes by what they told; without Ray."""

from dataclasses import replace
from importlib.util import find_spec

import pytest

from projects_api.jobs.ray import examination, link
from projects_api.jobs.ray.examination import examine
from projects_api.jobs.ray.link import NodeSight
from projects_api.settings import Settings
from tests.ray.places import NEAR
from tests.support.processes import Deployment

OWN = {"Python": "3.11", "projects-api": "2.0.0", "ray": "2.50.0"}
GOOD = NodeSight(OWN, "ann")


@pytest.fixture(autouse=True)
def own(monkeypatch):
    monkeypatch.setattr(examination, "own_versions", lambda: OWN)


@pytest.mark.parametrize(
    ("node", "told"),
    [
        (GOOD, []),
        (replace(GOOD, faults=["lacks an extra"]), ["node a:1 lacks an extra"]),
        (
            replace(GOOD, versions={**OWN, "ray": "2.51.0"}),
            ["node a:1 has ray 2.51.0, and this server 2.50.0: have the same on both"],
        ),
        (
            replace(GOOD, first_user="bob"),
            ["node a:1 reaches another database than this server, under the same name"],
        ),
        (
            NodeSight(OWN, None, ["does not reach the database: no"]),
            ["node a:1 does not reach the database: no"],
        ),
        (NodeSight(faults=["cannot do it"]), ["node a:1 cannot do it"]),
    ],
)
def test_what_is_wrong_with_a_node(node: NodeSight, told: list[str]):
    assert list(examination._faults({"a:1": node}, "ann")) == told


def test_why_ray_refuses_is_told(monkeypatch):
    monkeypatch.setattr(link, "PROGRAM", "tests.support.ray_stand_in")
    monkeypatch.setenv("STAND_IN", "refuse")
    settings = Settings(_env_file=None, job_engine="ray", **NEAR)
    name, (fault,) = examine(settings, None, None)
    assert name == "Ray auto"
    assert "(Version mismatch)" in fault
    assert "with Ray 2.50.0 and Python 3.11 as this server has them" in fault


@pytest.mark.skipif(find_spec("ray") is not None, reason="Ray is installed here")
def test_without_the_library_of_ray_the_extra_is_named(tmp_path):
    settings = {"job_engine": "ray", **NEAR}
    named = {f"PROJECTS_API_{name.upper()}": value for name, value in settings.items()}
    printed = Deployment(tmp_path, named).run("doctor", status=1)
    assert "needs the extra ray: pip install 'projects-api[ray]'" in printed
