"""Models asked in processes: checked when they are loaded, kept within bounds, replaced."""

import os
import pickle
import signal
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from projects_api import predictions
from projects_api.app import maintenance
from projects_api.app.services import Services
from projects_api.database.schema import upgrade
from projects_api.files.content import describe
from projects_api.predictions import Predictions
from projects_api.predictions.faults import EngineMissing, ModelFault
from projects_api.settings import Settings
from tests.support.processes import wait_until

ROOT = Path(__file__).parents[2]
ROWS = [{"amount": 12.5, "country": "DE"}, {"amount": 980}]
AMPLE = 1 << 30


class Store:
    """An artifact store with models in it, and whoever asks them."""

    def __init__(self, folder: Path, training) -> None:
        self.services = Services.from_settings(Settings(_env_file=None, data_dir=folder))
        self.signature = training.result.signature
        self.files = [each.path for each in training.result.candidates]
        self.asking: list[Predictions] = []

    def put(self, path: Path) -> dict:
        """Store a file and give what a model of it is asked with."""
        content = describe(path)
        self.services.artifacts.store.put(content, path)
        asked = {"sha256": content.sha256, "engine": "flaml", "signature": self.signature}
        return {**asked, "project_id": "mine", "metrics": {}}

    def stored(self, model: dict) -> Path:
        (file,) = (self.services.settings.data_dir / "artifacts").rglob(model["sha256"])
        return file

    def predictions(self, processes: int = 1, hot_bytes: int = AMPLE) -> Predictions:
        self.asking.append(
            Predictions(self.services.artifacts, processes=processes, hot_bytes=hot_bytes)
        )
        return self.asking[-1]


@pytest.fixture(scope="module")
def store(tmp_path_factory, training):
    store = Store(tmp_path_factory.mktemp("store"), training)
    yield store
    for each in store.asking:
        each.close()
    store.services.close()


@pytest.fixture(scope="module")
def shared(store):
    """Whom to ask where nothing is done to the process."""
    return store.predictions()


@pytest.fixture
def model(store):
    return store.put(store.files[0])


@pytest.fixture
def odd(store, tmp_path):
    """A model that nobody else asks, for something is done to its file."""
    (tmp_path / "odd").write_bytes(b"PK\x03\x04" + tmp_path.name.encode())
    return store.put(tmp_path / "odd")


def processes(of: Predictions) -> list[psutil.Process]:
    return [psutil.Process(child.process.pid) for child in of._children._idle]


def hot(of: Predictions) -> set[str]:
    (child,) = of._children._idle
    return {key.partition("-")[0] for key in child.keeps}


def test_the_server_process_loads_no_library(store, model):
    script = f"""
import sys
from pathlib import Path
from projects_api.app.services import Services
from projects_api.settings import Settings
services = Services.from_settings(
    Settings(_env_file=None, data_dir=Path({str(store.services.settings.data_dir)!r}))
)
told = services.predictions.predict({model!r}, {ROWS!r})
print([each["prediction"] for each in told.predictions])
assert not sys.modules.keys() & {{"sklearn", "numpy", "pandas", "flaml", "lightgbm", "skops"}}
"""
    run = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert run.stdout == "['no', 'yes']\n"


def test_who_asks_first_finds_the_libraries_loaded(store, model):
    asked = store.predictions()
    asked.warm()
    template = asked._children._template
    maps = Path(f"/proc/{template._process.pid}/maps")
    wait_until(lambda: "lib_lightgbm" in maps.read_text(), "libraries are loaded")
    asked.warm()
    told = asked.predict(model, ROWS)
    assert [one["prediction"] for one in told.predictions] == ["no", "yes"]
    assert asked._children._template is template
    (process,) = processes(asked)
    assert process.ppid() == template._process.pid
    asked.close()
    wait_until(lambda: template._process.poll() is not None, "it has ended")


def test_a_server_prepares_for_models_that_it_has(server, training, tmp_path):
    made = server.person().post("/api/projects", json={"name": "Models"}).json()
    training.keep(server, made["project_id"])
    empty = Services.from_settings(Settings(_env_file=None, data_dir=tmp_path))
    upgrade(empty.database)
    for services, expected in ((server.services, [1]), (empty, [])):
        warmed: list[int] = []
        told = SimpleNamespace(warm=partial(warmed.append, 1))
        maintenance._run(replace(services, predictions=told))
        assert warmed == expected
    empty.close()


def test_a_model_that_was_asked_stays_in_memory(store, shared, model):
    first = shared.predict(model, ROWS)
    before = processes(shared)
    store.stored(model).unlink()
    assert shared.predict(model, ROWS) == first
    assert processes(shared) == before


def test_models_beyond_the_bound_are_forgotten(store):
    first, second = (store.put(path) for path in store.files)
    same = {**first, "signature": {**store.signature, "target": "another"}}
    size, more = (path.stat().st_size for path in store.files)
    asked = store.predictions(hot_bytes=size + max(size, more))
    for model, kept in (
        (first, {first["sha256"]}),
        (second, {first["sha256"], second["sha256"]}),
        (first, {first["sha256"], second["sha256"]}),
        # Nobody has asked for the second one as long as for it.
        (same, {first["sha256"]}),
    ):
        asked.predict(model, ROWS)
        assert hot(asked) == kept
    asked = store.predictions(hot_bytes=1)
    for model in (first, second, first):
        asked.predict(model, ROWS)
        assert hot(asked) == {model["sha256"]}


def test_a_file_that_was_changed_is_not_loaded(store, shared, odd):
    store.stored(odd).write_bytes(b"PK\x03\x04 something else")
    with pytest.raises(ModelFault, match="damaged in the artifact store"):
        shared.predict(odd, ROWS)


def test_a_file_that_is_gone_is_told(store, shared, odd):
    store.stored(odd).unlink()
    with pytest.raises(ModelFault, match="no longer in the artifact store"):
        shared.predict(odd, ROWS)


class Hostile:
    def __reduce__(self):
        return os.kill, (os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize(
    "content",
    [b"", b"PK\x03\x04", pickle.dumps(Hostile()), bytes(1000)],
    ids=["empty", "cut off", "pickle", "zeros"],
)
def test_a_file_that_is_no_model_is_refused(store, shared, model, tmp_path, content):
    (tmp_path / "model").write_bytes(content)
    shared.predict(model, ROWS)
    before = processes(shared)
    with pytest.raises(ModelFault, match="The model's file is refused"):
        shared.predict(store.put(tmp_path / "model"), ROWS)
    assert processes(shared) == before


def test_a_model_that_does_not_fit_its_signature_costs_no_process(store, shared, model):
    inputs = [{"name": name, "kind": "number", "categories": None} for name in "abc"]
    strange = {**model, "signature": {**store.signature, "inputs": inputs}}
    shared.predict(model, ROWS)
    before = processes(shared)
    with pytest.raises(ModelFault):
        shared.predict(strange, [{"a": 1}])
    assert processes(shared) == before


def test_a_process_that_was_killed_is_replaced(shared, model):
    before = shared.predict(model, ROWS)
    (process,) = processes(shared)
    process.kill()
    assert shared.predict(model, ROWS) == before
    assert processes(shared) != [process]


def test_a_model_that_ends_every_process_is_told(store, model, monkeypatch):
    monkeypatch.setattr(predictions, "PROCESS", "tests.support.crashing_predictions")
    with pytest.raises(ModelFault, match="ended the process"):
        store.predictions().predict(model, ROWS)


def test_time_is_limited(store, model, monkeypatch):
    monkeypatch.setattr(predictions, "TASK_SECONDS", 0.05)
    asked = store.predictions()
    with pytest.raises(ModelFault, match=r"more than 0\.05 seconds"):
        asked.predict(model, ROWS)
    assert processes(asked) == []


def test_what_the_machine_lacks_is_told(store, model, tmp_path, monkeypatch):
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.util\n"
        "find = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda *name: None if name == ('skops',) else find(*name)\n"
    )
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    with pytest.raises(EngineMissing, match=r"needs skops: install projects-api\[ml\]"):
        store.predictions().predict(model, ROWS)
