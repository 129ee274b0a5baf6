"""Many trainings on Ray while nodes, the server and PostgreSQL fail: all end, each of them once.

`make test-ray` has the library of Ray; elsewhere these tests are skipped.
"""

import time
from importlib.util import find_spec

import psutil
import pytest

if find_spec("ray") is None:
    pytest.skip("Ray is not installed: `make test-ray` installs it", allow_module_level=True)

from tests.conftest import Server
from tests.ray.cluster import RAY_JOBS, Site
from tests.ray.trainings import Asked, Trainings
from tests.support.processes import wait_until
from tests.support.work import paused

LEASE_SECONDS = 15
"""So long that no worker misses it for want of a processor: each attempt is to have its reason."""
TRAININGS = 50
AMID_PAUSE = 8
PAUSE_SECONDS = 20
PATIENCE = 600
"""Seconds; a machine that does nothing else needs a third."""


def lose_a_node(site: Site, asked: dict[str, Asked]) -> list[str]:
    """Kill a node amid a training that no node was killed of before; add another node."""
    fresh = [job_id for job_id in asked if site.server.job(job_id)["attempts"] < 2]
    lost = site.lose_node_amid(fresh)
    site.nodes.add()
    return [lost]


def restart_the_server(site: Site, asked: dict[str, Asked]) -> list[str]:
    """Kill it with what waits and what runs, and start another."""
    site.kill()
    site.start()
    return []


FAULTS = (lose_a_node, restart_the_server, lose_a_node, lose_a_node)


def test_fifty_trainings_while_nodes_and_the_server_are_killed(trainings: Trainings, site: Site):
    asked = trainings.start(TRAININGS)
    lost: list[str] = []
    for number, fault in enumerate(FAULTS, 1):
        enough = number * TRAININGS // (len(FAULTS) + 1)
        wait_until(
            lambda most=enough: trainings.count_ended(asked) >= most,
            f"{enough} trainings end",
            PATIENCE,
        )
        lost += fault(site, asked)
    wait_until(lambda: trainings.count_ended(asked) == TRAININGS, "all end", PATIENCE)
    trainings.assert_done_once(asked)
    assert len(set(lost)) == FAULTS.count(lose_a_node)
    # A worker tells of the end when it is written down.
    wait_until(lambda: all(endings(site, asked).values()), "their workers tell of it")
    for job_id, found in endings(site, asked).items():
        assert found == ["succeeded"]
        assert site.server.job(job_id)["attempts"] == 1 + (job_id in lost)
    # A node may take with it, besides its job, what Ray was about to begin there.
    handed_over = sum(map(site.count_handed_over, asked))
    assert 0 <= handed_over - TRAININGS - len(lost) <= len(lost) * (RAY_JOBS - 1)


def endings(site: Site, asked: dict[str, Asked]) -> dict[str, list[str]]:
    """Give how each worker of a job saw it end; one that was killed saw nothing."""
    told = site.nodes.told()
    return {
        job_id: [one["status"] for _, one in told[job_id] if one["event"] == "job_ended"]
        for job_id in asked
    }


@pytest.mark.parametrize("lease_seconds", [3, 4 * PAUSE_SECONDS])
def test_trainings_outlast_a_postgresql_that_says_nothing(
    trainings: Trainings, site: Site, lease_seconds: int
):
    """Whether their leases end meanwhile or not."""
    site.kill()
    site.start(job_lease_seconds=lease_seconds)
    long, end = site.add_long("long")
    asked = trainings.start(AMID_PAUSE)
    site.begins(long)
    wait_until(lambda: site.nodes.told().keys() & asked.keys(), "trainings run")
    with paused(postmaster(site.server)):
        time.sleep(PAUSE_SECONDS)
    end.touch()
    wait_until(lambda: trainings.count_ended(asked) == len(asked), "all end", PATIENCE)
    trainings.assert_done_once(asked)
    done = site.work.wait_for(long, "succeeded")
    assert site.work.made(long) == 1
    if lease_seconds > PAUSE_SECONDS:
        assert done["attempts"] == 1


def postmaster(server: Server) -> psutil.Process:
    """Find the first process of the PostgreSQL that a server has."""
    with server.services.database.transaction(writing=False) as connection:
        pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
        return psutil.Process(pid).parent()
