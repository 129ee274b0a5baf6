"""Where H2O works for a training: in a Java process of its own, or in a cluster that it joins.

In a cluster are others, too. So all that a training makes there bears its mark, and is removed by a
process beside it, `python -m projects_api.engines.h2o_place`, also when the training is killed.
"""

import json
import os
import re
import resource
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from shutil import which
from urllib.parse import urlsplit

import h2o
import joblib
from h2o.exceptions import H2OConnectionError, H2OResponseError, H2OServerError

from projects_api.engines.availability import h2o_cluster
from projects_api.engines.interface import H2OCluster, TrainingRefused

_START_SECONDS = 60
_REACH_SECONDS = 10
_TIDY_SECONDS = 60
_USER = "projects-api"
_FAULTS = (H2OConnectionError, H2OResponseError, H2OServerError)
_WHY = {
    "401": "it refuses the user or the password, which PROJECTS_API_H2O_USER and "
    "PROJECTS_API_H2O_PASSWORD say",
    "certificate": "its certificate cannot be verified; REQUESTS_CA_BUNDLE names a file with the "
    "authorities to trust",
    "ersion mismatch": f"it has another version than the library here, which is {h2o.__version__}",
}
"""What is told to whoever trains, and what of H2O's words it is known by."""


def connected(folder: Path, mark: str) -> AbstractContextManager[None]:
    """Have H2O at hand while a block runs; what is made there bears the mark.

    Raises `TrainingRefused` where there is none.
    """
    cluster = h2o_cluster()
    return _started(folder) if cluster is None else _joined(cluster, mark)


@contextmanager
def _joined(cluster: H2OCluster, mark: str) -> Iterator[None]:
    """Use a cluster, and leave in it what others have, and nothing else."""
    try:
        _join(cluster)
        with _tidied(cluster, mark):
            yield
    except (OSError, *_FAULTS) as error:
        # In the log for the operator; whoever trains need not know where the cluster is.
        sys.stderr.write(f"H2O: {error}\n")
        known = [why for sign, why in _WHY.items() if sign in str(error)]
        why = known[0] if known else "it does not answer where PROJECTS_API_H2O_URL says"
        raise TrainingRefused(
            f"The H2O cluster of this server cannot be used: {why}. Tell the server's operator, or "
            "train with other engines."
        ) from error


def _join(cluster: H2OCluster) -> None:
    place = urlsplit(cluster.url)
    # The library itself waits for minutes where nobody says no.
    with socket.create_connection((place.hostname, place.port or 0), _REACH_SECONDS):
        pass
    who = (cluster.user, cluster.password) if cluster.user else None
    h2o.connect(url=cluster.url, auth=who, verbose=False, strict_version_check=True)
    h2o.no_progress()


@contextmanager
def _tidied(cluster: H2OCluster, mark: str) -> Iterator[None]:
    """Have a process remove what bears the mark, when the block ends or this process does.

    It is in a session of its own, or it would be killed with a job that is cancelled.
    """
    told = {"url": cluster.url, "user": cluster.user, "password": cluster.password, "mark": mark}
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "projects_api.engines.h2o_place"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert process.stdin
    process.stdin.write(json.dumps(told).encode() + b"\n")
    process.stdin.flush()
    try:
        yield
    finally:
        process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_TIDY_SECONDS)
        h2o.connection().close()


def main() -> None:
    """Wait for the end of a training, and remove what it had."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    told = json.loads(sys.stdin.readline())
    mark = told.pop("mark")
    sys.stdin.read()
    deadline = time.monotonic() + _TIDY_SECONDS
    try:
        _join(H2OCluster(**told))
        while _tidy(mark) and time.monotonic() < deadline:
            time.sleep(1)
    except (OSError, *_FAULTS) as error:
        sys.stderr.write(f"what {mark} has in the H2O cluster may be left there: {error}\n")


def _tidy(mark: str) -> bool:
    """Cancel what runs and remove what is there; tell whether there was something."""
    target = f"{mark}@@target"  # what H2O calls a project of this name with its column
    jobs = [one for one in h2o.api("GET /3/Jobs")["jobs"] if one["dest"]["name"] == target]
    running = [one["key"]["name"] for one in jobs if one["status"] in {"CREATED", "RUNNING"}]
    for job in running:
        h2o.api(f"POST /3/Jobs/{job}/cancel")
    if running:
        return True
    names = [str(name) for name in h2o.ls()["key"]]
    # Models have names of H2O's own, which the frame that they learn from tells.
    copies = (re.fullmatch(rf"(AutoML_\w+?)_training_{mark}_training", name) for name in names)
    marks = [mark, *(copy[1] for copy in copies if copy)]
    found = [name for name in names if any(one in name for one in marks)]
    # With the first go nearly all the others.
    for name in sorted(found, key=lambda one: one != target):
        with suppress(H2OResponseError, H2OServerError):
            h2o.remove(name)
    return bool(found)


@contextmanager
def _started(folder: Path) -> Iterator[None]:
    """Run H2O on this machine, for nobody but this process, and in its process group.

    `h2o.init` would start it in a session of its own, where it outlives a job that is killed.
    """
    password = secrets.token_urlsafe(32)
    logins = folder / "logins"
    logins.touch(mode=0o600)
    logins.write_text(f"{_USER}: {password}\n")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    # It takes two ports, the first pair that is free from here on, and says which.
    address = ["-ip", "127.0.0.1", "-web_ip", "127.0.0.1", "-baseport", str(port)]
    ready = folder / "address"
    login = ["-hash_login", "-login_conf", str(logins), "-user_name", _USER]
    jar = Path(h2o.__file__).parent / "backend" / "bin" / "h2o.jar"
    # It unpacks a library of 150 MB, which nobody else would remove when it is killed.
    limits = [f"-Xmx{_heap_bytes()}", f"-Djava.io.tmpdir={folder}", "-jar", str(jar)]
    own = ["-name", secrets.token_hex(8), "-ice_root", str(folder), "-notify_local", str(ready)]
    limits += ["-nthreads", str(joblib.cpu_count())]
    process = subprocess.Popen(  # noqa: S603 - all arguments are ours, no shell
        [which("java") or "java", *limits, *address, *login, *own],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=folder,
    )
    try:
        _connect(process, ready, password)
        yield
    finally:
        process.kill()
        process.wait()
        logins.unlink()
        for library in folder.glob("*.so"):
            library.unlink()


def _heap_bytes() -> int:
    """Return how large the heap may grow: a quarter of the memory that the process may use.

    That is half of what a job may hold. Java fills its heap before it tidies up, and needs more
    beside it.
    """
    limit, _ = resource.getrlimit(resource.RLIMIT_DATA)
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min(machine, machine if limit == resource.RLIM_INFINITY else limit) // 4


def _connect(process: subprocess.Popen[bytes], ready: Path, password: str) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            url = f"http://{ready.read_text().strip()}"
            h2o.connect(url=url, auth=(_USER, password), verbose=False)
        except (OSError, ValueError, H2OConnectionError, H2OServerError, H2OResponseError):
            time.sleep(0.5)
        else:
            h2o.no_progress()
            return
    raise TrainingRefused("H2O does not start here; its memory may not suffice")


if __name__ == "__main__":
    main()
