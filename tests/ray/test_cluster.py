"""A Ray of four nodes on this machine does the jobs, while nodes and servers are killed.

`make test-ray` has the library of Ray; elsewhere these tests are skipped.
"""

import sys
import time
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest

from projects_api.engines.flaml.devices import VISIBLE
from tests.jobs.test_training import TINY, Lab, tiny_table
from tests.support.job_kinds import KIND
from tests.support.metrics import scrape
from tests.support.processes import wait_until
from tests.support.work import is_dead

if find_spec("ray") is None:
    pytest.skip("Ray is not installed: `make test-ray` installs it", allow_module_level=True)

from tests.ray.cluster import CANCEL_SECONDS, PASSWORD, Site


def test_every_job_is_done_once_whatever_is_killed(site: Site):
    work = site.work
    lab = Lab(site.server, tiny_table(), "y", "regression")
    first, end_of_first = site.add_long("first")
    training = lab.start(TINY)
    short = [work.add("succeed") for _ in range(8)]
    site.nodes.kill_that_of(site.begins(first))
    end_of_first.touch()
    site.nodes.add()
    site.kill()
    site.start()
    later, end_of_later = site.add_long("later")
    site.nodes.kill_that_of(site.begins(later))
    end_of_later.touch()
    site.nodes.add()
    for job_id in (first, *short, later):
        work.wait_for(job_id, "succeeded")
        assert work.made(job_id) == 1
    lab.watch(training["experiment_id"], "succeeded")
    assert len(lab.models(training["experiment_id"])) == 1
    for job_id in (first, later):
        assert site.server.job(job_id)["attempts"] == 2


def test_a_job_goes_on_without_the_server_that_handed_it_over(site: Site):
    job_id, end = site.add_long("job")
    process = site.begins(job_id)
    site.kill()
    next_id = site.work.add("succeed")
    site.start()
    site.work.wait_for(next_id, "succeeded")
    assert not is_dead(process)
    end.touch()
    assert site.work.wait_for(job_id, "succeeded")["attempts"] == 1
    assert site.work.made(job_id) == 1


def test_a_server_outside_the_cluster(site: Site):
    site.kill()
    site.start(ray_address=site.nodes.from_outside)
    job_id, end = site.add_long("job")
    process = site.begins(job_id)
    site.kill()
    site.start(ray_address=site.nodes.from_outside)
    next_id = site.work.add("succeed")
    site.work.wait_for(next_id, "succeeded")
    assert not is_dead(process)
    end.touch()
    assert site.work.wait_for(job_id, "succeeded")["attempts"] == 1


def test_the_process_that_speaks_with_ray_may_die(site: Site):
    site.begins(site.work.add("succeed"))
    assert site.popen
    (child,) = [
        one
        for one in psutil.Process(site.popen.pid).children()
        if "projects_api.jobs.ray" in one.cmdline()
    ]
    child.kill()
    site.work.wait_for(site.work.add("succeed"), "succeeded")
    assert site.popen.poll() is None
    assert "ray_away" in site.log.read_text()


def test_cancel_ends_the_processes_of_a_job(site: Site):
    job_id = site.work.add("wait")
    processes = site.work.processes(job_id, 2)
    began = time.monotonic()
    site.work.cancel(job_id)
    wait_until(lambda: all(map(is_dead, processes)), "its processes end")
    assert time.monotonic() - began < CANCEL_SECONDS
    assert site.work.wait_for(job_id, "cancelled")["attempts"] == 1


def test_what_ends_on_nodes_is_on_the_page_of_metrics(site: Site):
    counted = [("succeed", "succeeded", 2.0), ("fail", "failed", 1.0)]
    for job_id, status in [
        (site.work.add(do), status) for do, status, times in counted for _ in range(int(times))
    ]:
        site.work.wait_for(job_id, status)
    ended = "projects_api_jobs_ended_total"

    def found() -> list[float]:
        page = scrape(site.url)
        return [page.get((ended, KIND, status), 0.0) for _, status, _ in counted]

    wait_until(lambda: found() == [times for *_, times in counted], "all are counted")
    time.sleep(1)  # ten looks of the server, each of which could count them again
    assert found() == [times for *_, times in counted]
    assert scrape(site.url)["projects_api_job_seconds_count", KIND] == 3


def test_a_job_over_its_memory_is_told_so(site: Site):
    memory = 256 * 1024**2
    job_id = site.work.add("grow", memory=memory, python=sys.executable)
    done = site.work.wait_for(job_id, "failed")
    assert "needed more than the 256 MiB of memory" in done["message"]
    assert done["attempts"] == 1


def test_a_job_for_which_there_is_no_place_can_be_cancelled(site: Site):
    busy = [site.work.add("wait") for _ in range(4)]
    processes = [one for job_id in busy for one in site.work.processes(job_id, 2)]
    waiting = site.work.add("succeed")
    wait_until(lambda: site.count_handed_over(waiting), "Ray has it")
    site.work.cancel(waiting)
    for job_id in busy:
        site.work.cancel(job_id)
    wait_until(lambda: all(map(is_dead, processes)), "their processes end")
    assert site.work.made(waiting) == 0
    site.work.wait_for(site.work.add("succeed"), "succeeded")


def test_who_asks_for_a_graphics_processor_is_where_one_is_and_does_without_once_it_is_gone(
    site: Site,
):
    """Ray believes in the processor, which nobody has."""
    site.nodes.add(num_gpus=1)
    first, second = [site.work.add("wait", use_gpu=True) for _ in range(2)]
    process = site.work.processes(first, 2)[0]
    assert process.environ()[VISIBLE] == "0"
    other = site.work.add("wait")
    assert not site.work.processes(other, 2)[0].environ().get(VISIBLE)
    wait_until(lambda: site.count_handed_over(second), "Ray has it")
    assert site.server.job(second)["attempts"] == 0  # It waits for its turn.
    site.nodes.kill_that_of(process)
    for job_id, before in ((second, 0), (first, 2)):
        assert not site.work.processes(job_id, 2, before)[0].environ().get(VISIBLE)
    for job_id in (first, second, other):
        site.work.cancel(job_id)


def test_no_secret_is_in_what_ray_writes(site: Site):
    site.work.wait_for(site.work.add("keep"), "succeeded")
    folder = Path(site.nodes.cluster.head_node.get_session_dir_path())
    files = [file for file in folder.rglob("*") if file.is_file()]
    assert len(files) > 10
    for secret in (PASSWORD, "not-a-secret"):
        assert not [file for file in files if secret.encode() in file.read_bytes()]
