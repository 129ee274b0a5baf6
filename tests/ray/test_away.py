"""A real Ray goes away with all that it has, and comes back: what becomes of its jobs.

`make test-ray` has the library of Ray; elsewhere these tests are skipped.
"""

from importlib.util import find_spec

import pytest

if find_spec("ray") is None:
    pytest.skip("Ray is not installed: `make test-ray` installs it", allow_module_level=True)

from tests.ray.cluster import Site
from tests.support.metrics import scrape
from tests.support.processes import wait_until

NODES = 2
LEASE_SECONDS = 8
"""So long that no worker misses it for want of a processor."""


def test_jobs_outlast_a_ray_that_goes_away_and_comes_back(site: Site):
    work, address = site.work, site.nodes.cluster.address
    running, end = site.add_long("running")
    cancelled, _ = site.add_long("cancelled")
    for job_id in (running, cancelled):
        site.begins(job_id)
    waiting, unwanted = [work.add("succeed") for _ in range(2)]
    wait_until(lambda: all(map(site.count_handed_over, (waiting, unwanted))), "Ray has them")
    site.nodes.kill_all()
    work.cancel(cancelled)
    work.cancel(unwanted)
    assert site.server.job(unwanted)["status"] == "cancelled"
    work.wait_for(cancelled, "cancelled")
    back = work.wait_for(running, "queued")
    assert (back["attempts"], back["owner"]) == (1, None)
    assert scrape(site.url)["projects_api_ray_nodes", address] == 0
    meanwhile = work.add("succeed")
    end.touch()
    site.nodes.begin()
    wait_until(lambda: scrape(site.url)["projects_api_ray_nodes", address] == 3, "Ray is back")
    for job_id, attempts in ((running, 2), (waiting, 1), (meanwhile, 1)):
        assert work.wait_for(job_id, "succeeded")["attempts"] == attempts
        assert work.made(job_id) == 1
    for job_id in (cancelled, unwanted):
        assert site.server.job(job_id)["status"] == "cancelled"
        assert work.made(job_id) == 0
    assert_told(site, running, cancelled)


def assert_told(site: Site, *taken_back: str) -> None:
    """Look for the events in the log of the server."""
    log = site.log.read_text()
    assert "ray_away" in log
    assert log.count("ray_connected") >= 2
    for job_id in taken_back:
        assert sum("job_taken_back" in line for line in site.lines_of(job_id)) == 1
