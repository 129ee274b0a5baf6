"""Child processes: kept warm, chosen by what they keep, limited, replaced."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from projects_api.processes.pool import ChildDied, ChildFailed, ChildPool, OutOfTime

MIB = 1024**2
ROOT = Path(__file__).parents[2]


@pytest.fixture
def pool():
    pool = ChildPool(
        "tests.support.echo_child",
        2,
        kept_growth_kib=200 * 1024,
        environment={"OMP_NUM_THREADS": "1"},
    )
    yield pool
    pool.close()


def ask(pool, do="nothing", seconds=30, wanted="", **more):
    return pool.ask({"do": do, **more}, seconds, wanted)


def test_one_is_enough_for_one_after_the_other(pool):
    assert len({ask(pool)["pid"] for _ in range(5)}) == 1


def test_the_one_that_keeps_what_is_wanted_is_asked(pool):
    with ThreadPoolExecutor(2) as threads:
        pids = set()
        while len(pids) < 2:  # until both run, each with something to keep
            names = ("red", "blue")
            asked = [threads.submit(ask, pool, keeps=[name], wanted=name) for name in names]
            keepers = dict(zip(names, (each.result()["pid"] for each in asked), strict=True))
            pids = set(keepers.values())
    for name in ("red", "blue", "red", "red", "blue"):
        assert ask(pool, keeps=[name], wanted=name)["pid"] == keepers[name]


def test_what_a_library_prints_is_no_answer(pool):
    assert ask(pool, "print")["pid"]


def test_it_knows_no_secrets(pool, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    environment = ask(pool)["environment"]
    assert "secret" not in str(environment)
    assert environment["OMP_NUM_THREADS"] == "1"


def test_a_task_that_fails_costs_no_process(pool):
    before = ask(pool)["pid"]
    with pytest.raises(ChildFailed, match="ValueError: as told"):
        ask(pool, "fail")
    assert ask(pool)["pid"] == before


def test_a_task_that_ends_every_process_is_given_up(pool):
    with pytest.raises(ChildDied):
        ask(pool, "die")
    assert psutil.pid_exists(ask(pool)["pid"])


def test_one_that_was_killed_while_idle_is_replaced(pool):
    before = ask(pool)["pid"]
    os.kill(before, signal.SIGKILL)
    psutil.wait_procs([psutil.Process(before)], timeout=30)
    assert ask(pool)["pid"] != before


def test_all_that_ended_while_idle_are_no_fault_of_the_next_task(pool):
    with ThreadPoolExecutor(2) as threads:
        pids = set()
        while len(pids) < 2:  # until both run
            asked = [threads.submit(ask, pool, "sleep", for_seconds=0.2) for _ in range(2)]
            pids = {each.result()["pid"] for each in asked}
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    psutil.wait_procs([psutil.Process(pid) for pid in pids], timeout=30)
    assert ask(pool)["pid"] not in pids


def test_what_earlier_tasks_left_in_memory_refuses_nothing(pool):
    pids = [ask(pool, "fill", most=2)["pid"] for _ in range(4)]
    assert pids[0] == pids[1] != pids[2] == pids[3]


def test_a_task_too_large_for_a_new_process_says_so_and_costs_that_process(pool):
    answers = [ask(pool, "fill", most=0) for _ in range(2)]
    assert all(answer["exhausted"] for answer in answers)
    assert answers[0]["pid"] != answers[1]["pid"]


def test_time_is_limited(pool):
    with pytest.raises(OutOfTime):
        ask(pool, "sleep", seconds=0.1)
    assert ask(pool)["pid"]


def test_memory_is_limited(pool):
    with pytest.raises(ChildFailed, match="MemoryError"):
        ask(pool, "allocate", bytes=512 * MIB)


def test_one_that_grew_gives_its_memory_back():
    # In a process of its own, for a child begins with the peak of whoever starts it.
    script = """
from projects_api.processes.pool import ChildPool
pool = ChildPool("tests.support.echo_child", 1, kept_growth_kib=200 * 1024)
def pid(size):
    return pool.ask({"do": "allocate", "bytes": size * 2**20}, 30)["pid"]
assert pid(100) == pid(350) != pid(0)
"""
    subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT)


def test_one_that_cannot_start_says_so():
    pool = ChildPool("projects_api.processes.nothing", 1, kept_growth_kib=1)
    with pytest.raises(ChildFailed, match="did not start: exit status 1"):
        ask(pool)


def test_a_lower_limit_of_the_system_is_kept_to():
    """A service may be allowed less than its children ask for, and nobody may have more."""
    asked = """
import resource
from projects_api.processes.child import Limits, _limit_resources
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 5000))
_limit_resources(Limits(address_space_bytes=2**40, written_file_bytes=2**32, idle_seconds=1))
print(resource.getrlimit(resource.RLIMIT_FSIZE), resource.getrlimit(resource.RLIMIT_AS))
"""
    found = subprocess.run([sys.executable, "-c", asked], capture_output=True, check=True, cwd=ROOT)
    assert found.stdout.decode() == f"(5000, 5000) ({2**40}, {2**40})\n"


def test_so_does_the_process_of_a_job():
    asked = """
import resource
from projects_api.jobs.process import _limit
resource.setrlimit(resource.RLIMIT_DATA, (2**33, 2**33))
_limit(2**36)
print(resource.getrlimit(resource.RLIMIT_DATA))
"""
    found = subprocess.run([sys.executable, "-c", asked], capture_output=True, check=True, cwd=ROOT)
    assert found.stdout.decode() == f"({2**33}, {2**33})\n"
