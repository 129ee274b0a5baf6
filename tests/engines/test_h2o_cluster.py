"""The engine `h2o` in a cluster that is there for others, too: a real one, where it can run."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import which

import pytest

from projects_api import engines
from projects_api.app.h2o_examination import examine
from projects_api.engines import Task, TrainingConfig, TrainingRefused, availability
from projects_api.settings import Settings
from tests.support.processes import free_port, wait_until

from . import tables

pytestmark = pytest.mark.skipif(
    availability.why_unavailable("h2o") is not None,
    reason=availability.why_unavailable("h2o") or "",
)
USER, PASSWORD = "lab", "a-password"
STRANGERS = "of_somebody_else"


@dataclass
class Cluster:
    """H2O in a process of its own, which asks who comes."""

    url: str
    who: tuple[str, str] = (USER, PASSWORD)

    def ask(self, path: str) -> dict:
        import requests  # noqa: PLC0415 - the library of H2O has it

        answer = requests.get(f"{self.url}/3/{path}", auth=self.who, timeout=60, verify=False)
        answer.raise_for_status()
        return answer.json()

    def frames(self) -> set[str]:
        return {one["frame_id"]["name"] for one in self.ask("Frames")["frames"]}

    def models(self) -> set[str]:
        return {one["model_id"]["name"] for one in self.ask("Models")["models"]}

    def running(self) -> list[str]:
        return [
            one["key"]["name"] for one in self.ask("Jobs")["jobs"] if one["status"] == "RUNNING"
        ]


@contextmanager
def cluster_of(folder: Path, *words: str, scheme: str = "http") -> Iterator[Cluster]:
    import h2o  # noqa: PLC0415 - where it is installed

    (folder / "logins").write_text(f"{USER}: {PASSWORD}\n")
    jar = Path(h2o.__file__).parent / "backend" / "bin" / "h2o.jar"
    ready = folder / "ready"
    address = ["-ip", "127.0.0.1", "-web_ip", "127.0.0.1", "-baseport", str(free_port())]
    login = ["-hash_login", "-login_conf", str(folder / "logins"), "-user_name", USER]
    own = ["-name", folder.name, "-ice_root", str(folder), "-notify_local", str(ready)]
    java = [which("java"), "-Xmx600m", f"-Djava.io.tmpdir={folder}", "-jar", str(jar)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen([*java, *address, *login, *own, "-nthreads", "2", *words], **quiet)

    def answers() -> bool:
        with suppress(OSError):  # also what requests raises
            return bool(cluster.ask("About"))
        return False

    try:
        wait_until(ready.exists, "H2O begins")
        cluster = Cluster(f"{scheme}://{ready.read_text().strip()}")
        wait_until(answers, "H2O answers")
        yield cluster
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster_of(tmp_path_factory.mktemp("h2o")) as cluster:
        yield cluster


@pytest.fixture(autouse=True)
def joins_nothing_afterwards() -> Iterator[None]:
    yield
    engines.join_h2o(None)


def begin(cluster: Cluster, folder: Path, make: str, models: int = 3) -> subprocess.Popen:
    """Train in a process of its own, since the library of H2O knows one cluster in each."""
    folder.mkdir()
    frame, target = {"titanic": (tables.titanic, "survived"), "wine": (tables.wine, "target")}[make]
    frame().to_parquet(folder / "table.parquet")
    told = [cluster.url, str(folder), target, str(models)]
    command = [sys.executable, "-m", "tests.engines.h2o_training", *told]
    return subprocess.Popen(command, start_new_session=True)


def end(process: subprocess.Popen, folder: Path) -> list:
    assert process.wait(300) == 0
    return json.loads((folder / "board.json").read_text())


def test_two_trainings_beside_each_other_and_beside_somebody_else(cluster: Cluster, tmp_path: Path):
    """Each has the leaderboard that it has alone, and nothing of it is left."""
    give_a_frame(cluster)
    alone = {}
    for make in ("titanic", "wine"):
        alone[make] = end(begin(cluster, tmp_path / make, make), tmp_path / make)
        assert len(alone[make]) == 3
        assert (cluster.frames(), cluster.models()) == ({STRANGERS}, set())
    both = {make: begin(cluster, tmp_path / f"{make}2", make) for make in alone}
    wait_until(lambda: len(cluster.running()) > 1, "both are searched for")
    assert {make: end(one, tmp_path / f"{make}2") for make, one in both.items()} == alone
    assert (cluster.frames(), cluster.models()) == ({STRANGERS}, set())


def test_a_training_that_is_killed_leaves_nothing(cluster: Cluster, tmp_path: Path):
    before = cluster.frames()
    process = begin(cluster, tmp_path / "killed", "titanic", models=100)
    wait_until(cluster.models, "a model is there")
    os.killpg(process.pid, signal.SIGKILL)  # as a job is
    process.wait()
    wait_until(lambda: not cluster.running(), "its search ends")
    wait_until(lambda: (cluster.frames(), cluster.models()) == (before, set()), "nothing is left")


def give_a_frame(cluster: Cluster) -> None:
    code = (
        "import sys, h2o; url, user, password, name = sys.argv[1:];"
        "h2o.connect(url=url, auth=(user, password), verbose=False);"
        "h2o.H2OFrame({'a': [1, 2]}, destination_frame=name); h2o.connection().close()"
    )
    told = [cluster.url, USER, PASSWORD, STRANGERS]
    subprocess.run([sys.executable, "-c", code, *told], check=True, timeout=120)


def refusal(folder: Path, url: str, password: str = PASSWORD) -> str:
    engines.join_h2o(url, USER, password)
    tables.wine().to_parquet(folder / "table.parquet")
    config = TrainingConfig(max_models=1, nfolds=0)
    task = Task(folder / "table.parquet", "target", "classification", config)
    with pytest.raises(TrainingRefused) as refused:
        engines.train("h2o", task, folder, Silent())
    return refused.value.reason


def doctor(url: str, password: str = PASSWORD) -> list[str]:
    settings = Settings(_env_file=None, h2o_url=url, h2o_user=USER, h2o_password=password)
    return examine(settings)[1]


class Silent:
    """Hears of a training, and says nothing."""

    def report(self, percent, *, stage=None, seconds_left=None): ...

    def log(self, message): ...

    def count(self, candidates): ...

    def is_to_stop(self):
        return False


def test_who_is_not_there_or_refuses_is_told(cluster: Cluster, tmp_path: Path, capfd):
    nobody = f"http://127.0.0.1:{free_port()}"
    told = refusal(tmp_path, nobody)
    assert "does not answer where PROJECTS_API_H2O_URL says. Tell the server's operator" in told
    told = refusal(tmp_path, cluster.url, "another")
    assert doctor(cluster.url) == []
    (fault,) = doctor(nobody)
    assert "does not answer as H2O does" in fault
    (fault,) = doctor(cluster.url, "another")
    assert "401, by PROJECTS_API_H2O_USER" in fault
    assert "refuses the user or the password, which PROJECTS_API_H2O_USER" in told
    assert "another" not in told
    assert "another" not in capfd.readouterr().err


@pytest.mark.skipif(which("keytool") is None, reason="keytool makes the certificate")
def test_a_certificate_that_nobody_trusts_is_refused(tmp_path: Path, monkeypatch):
    store, pem = tmp_path / "keys.jks", tmp_path / "authority.pem"
    key = ["-keystore", str(store), "-storepass", "changeit", "-alias", "h2o"]
    made = ["-genkeypair", "-keyalg", "RSA", "-dname", "CN=localhost", "-ext", "SAN=IP:127.0.0.1"]
    subprocess.run(["keytool", *made, "-keypass", "changeit", *key], check=True, timeout=60)
    exported = ["keytool", "-exportcert", "-rfc", "-file", str(pem), *key]
    subprocess.run(exported, check=True, timeout=60)
    words = ["-jks", str(store), "-jks_pass", "changeit"]
    (tmp_path / "h2o").mkdir()
    with cluster_of(tmp_path / "h2o", *words, scheme="https") as cluster:
        told = refusal(tmp_path, cluster.url)
        assert "certificate cannot be verified; REQUESTS_CA_BUNDLE names a file" in told
        assert "certificate verify failed" in doctor(cluster.url)[0]
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(pem))
        assert doctor(cluster.url) == []
        board = end(begin(cluster, tmp_path / "trusted", "wine", models=1), tmp_path / "trusted")
        assert len(board) == 1
