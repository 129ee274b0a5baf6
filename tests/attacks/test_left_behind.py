"""What a killed process leaves behind is gone with the next start, and nothing that is in use."""

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from projects_api import predictions
from projects_api.files import spool, traces
from projects_api.files.spool import Spool
from projects_api.jobs.job_process import scratch_folder
from tests.support.processes import PATIENCE, Process, person_of, upload_pieces, wait_until

HOUR = timedelta(hours=1)
MAKE = """
import os, signal, sys, tempfile
from contextlib import ExitStack
from pathlib import Path
from projects_api import predictions
from projects_api.app.run import METRICS
from projects_api.files.spool import Spool
from projects_api.files.traces import held_folder
from projects_api.jobs.job_process import scratch_folder
root = Path(sys.argv[1])
tempfile.tempdir = str(root)
with ExitStack() as held:
    spool = held.enter_context(Spool(root))
    spool.write(b"left behind")
    spool.path.with_name(f"{spool.path.stem}-0123-part.spool").touch()
    (held.enter_context(scratch_folder(root)) / "file").touch()
    (held.enter_context(held_folder(root, METRICS)) / "file").touch()
    (held.enter_context(predictions._folder()) / "given").write_bytes(b"somebody's model")
    print("made", flush=True)
    if sys.argv[2] == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    sys.stdin.read()
"""


def clean(root: Path) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("tempfile.tempdir", str(root))
        predictions.clean_folders()
    spool.clean(root, HOUR)
    with scratch_folder(root):
        pass
    traces.remove_abandoned(root, "projects-api-metrics-*")


def test_all_that_a_dead_process_made_goes(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    done = subprocess.run([sys.executable, "-c", MAKE, str(root), "die"], check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(list(root.iterdir())) == 5
    clean(root)
    assert list(root.iterdir()) == []


def test_nothing_that_a_living_one_made_goes(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    popen = subprocess.Popen(
        [sys.executable, "-c", MAKE, str(root), "live"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert popen.stdout
    assert popen.stdout.readline() == b"made\n"
    made = set(root.iterdir())
    assert len(made) == 5
    clean(root)
    assert set(root.iterdir()) == made
    popen.communicate(timeout=PATIENCE)
    clean(root)
    assert list(root.iterdir()) == []


def test_nothing_that_is_just_made_is_lost(tmp_path):
    """There is a moment between the name and the lock."""
    over = threading.Event()

    def remove() -> None:
        while not over.is_set():
            traces.remove_abandoned(tmp_path, "*")

    with ThreadPoolExecutor(2) as threads:
        removing = [threads.submit(remove) for _ in range(2)]
        try:
            for _ in range(1000):
                with Spool(tmp_path) as made, traces.held_folder(tmp_path, "folder-") as folder:
                    made.write(b"x")
                    assert made.path.exists()
                    assert folder.is_dir()
        finally:
            over.set()
        for one in removing:
            one.result()


def test_a_link_leads_nowhere(tmp_path):
    folder, root = tmp_path / "somebody's", tmp_path / "root"
    folder.mkdir()
    root.mkdir()
    (root / "projects-api-metrics-x").symlink_to(folder)
    assert traces.remove_abandoned(root, "projects-api-metrics-*") == 0
    assert folder.is_dir()


@pytest.fixture
def temporary(local):
    """The folder for what is temporary, which the installation has of its own."""
    folder = local.folder / "temporary"
    folder.mkdir()
    local.variables["TMPDIR"] = str(folder)
    return folder


def test_a_server_that_is_started_again(local, temporary):
    def left() -> list[Path]:
        data = local.folder / "data"
        found = [*temporary.glob("projects-api-metrics-*"), *(data / "scratch").glob("job-*")]
        found += temporary.glob("projects-api-child-*")
        return found + list((data / "artifacts" / "spool").glob("*.spool"))

    with local.serve("--workers", "2") as process:
        me = person_of(process)
        project_id = me.create_project()
        cut = threading.Event()

        def pieces():
            yield b"a,b\n" + b"1,2\n" * 1_000_000
            cut.wait(PATIENCE)

        with ThreadPoolExecutor(1) as pool:
            pool.submit(upload_pieces, me, project_id, pieces())
            wait_until(lambda: len(left()) == 2, "a part arrives")
            kill(process)
            cut.set()
        assert len(left()) == 2
        abandoned = local.folder / "data" / "scratch" / "job-abandoned"
        abandoned.mkdir(parents=True)
        (temporary / "projects-api-child-abandoned").mkdir()
    with local.serve():
        wait_until(lambda: left() == [], "all is cleaned")


def kill(process: Process) -> None:
    everyone = [process.ps, *process.ps.children(recursive=True)]
    for one in everyone:
        os.kill(one.pid, signal.SIGKILL)
    process.wait()
