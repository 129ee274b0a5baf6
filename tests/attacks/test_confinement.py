"""A model that does what it likes in its process: it reaches nothing, and nobody's questions."""

import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import gettempdir

import pytest

from projects_api.files.traces import held_folder
from projects_api.processes import confinement
from projects_api.processes.pool import ChildPool

PERMITTED = {"reads what it was given", "writes a scratch file"}


@pytest.fixture
def pool():
    pool = ChildPool(
        "tests.support.confined_child",
        2,
        kept=3,
        kept_growth_kib=1 << 20,
        folders=lambda: held_folder(Path(gettempdir()), "projects-api-test-"),
    )
    yield pool
    pool.close()


@pytest.fixture
def task(tmp_path):
    (tmp_path / "secret").write_text("another project's")
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as victim,
    ):
        yield {
            "secret": str(tmp_path / "secret"),
            "port": server.getsockname()[1],
            "victim": victim.pid,
        }
        assert victim.poll() is None


def test_reaches_nothing_but_what_it_was_given(pool, task, tmp_path):
    assert confinement.missing() == []
    (tmp_path / "model").write_text("a model")
    outcomes = pool.ask(task, 30, file=tmp_path / "model")["outcomes"]
    assert {name for name, outcome in outcomes.items() if outcome == "done"} == PERMITTED
    assert set(outcomes.values()) == {"done", "PermissionError"}
    assert (tmp_path / "secret").read_text() == "another project's"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "secret"]


def test_a_process_works_for_one_owner_alone(pool, task, tmp_path):
    (tmp_path / "model").write_text("a model")
    worked: dict[str, set[int]] = {}
    owners = [f"project {number % 5}" for number in range(60)]

    def ask(owner: str) -> None:
        child = pool._take("", owner)
        assert child.owner == owner
        worked.setdefault(owner, set()).add(child.process.pid)
        assert child.ask({**task, "seconds": 30}, tmp_path / "model")
        pool._idle.append(child)
        pool._end_longest_idle()
        assert len(pool._idle) <= 3 + 4

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(ask, owners))
    pids = [pid for each in worked.values() for pid in each]
    assert len(pids) == len(set(pids))


def test_the_folder_of_a_process_goes_with_it(pool, task, tmp_path):
    (tmp_path / "model").write_text("a model")
    pool.ask(task, 30, file=tmp_path / "model")
    (child,) = pool._idle
    folder = child.process._folder
    assert [path.name for path in folder.iterdir()] == ["scratch"]
    pool.close()
    assert not folder.exists()
    assert not Path(f"/proc/{child.process.pid}").exists()
