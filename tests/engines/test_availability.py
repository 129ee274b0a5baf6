"""What can run here is told truthfully, cheaply, and without loading what would run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from projects_api import engines
from projects_api.engines import TrainingConfig, TrainingRefused, availability

ROOT = Path(__file__).parents[2]


def test_the_default_engine_can_train_here():
    capabilities = engines.capabilities()
    assert "flaml" in capabilities["allowed_engines"]
    assert capabilities["execution_modes"] == ["single", "parallel"]
    told = set(capabilities["allowed_engines"])
    assert told | {item["engine"] for item in capabilities["unavailable"]} == set(engines.ENGINES)


def test_asking_loads_no_machine_learning_library():
    code = (
        "import sys; from projects_api import engines; engines.capabilities(); "
        "import projects_api.engines.inputs; "
        "heavy = {'flaml', 'sklearn', 'pandas', 'numpy', 'pyarrow', 'lightgbm', 'xgboost', 'h2o'}; "
        "sys.exit(bool(heavy & set(sys.modules)))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, timeout=60)


def test_a_missing_library_is_named(monkeypatch):
    monkeypatch.setattr(
        availability, "find_spec", lambda name: None if name == "lightgbm" else object()
    )
    assert "flaml" not in engines.capabilities()["allowed_engines"]
    assert "projects-api[ml]" in availability.why_unavailable("flaml")


def test_a_missing_system_library_is_named(monkeypatch):
    def load(name):
        raise OSError(name)

    monkeypatch.setattr(availability.ctypes, "CDLL", load)
    assert "libgomp" in availability.why_unavailable("flaml")


def test_h2o_needs_java(monkeypatch):
    monkeypatch.setattr(availability, "find_spec", lambda _: object())
    monkeypatch.setattr(availability, "which", lambda _: None)
    assert "Java" in availability.why_unavailable("h2o")


def test_a_cluster_of_h2o_needs_no_java_here(monkeypatch):
    monkeypatch.setattr(availability, "find_spec", lambda _: object())
    monkeypatch.setattr(availability, "which", lambda _: None)
    engines.join_h2o("https://h2o.example.com:54321", "lab", "s3cr3t")
    try:
        assert availability.why_unavailable("h2o") is None
        assert "s3cr3t" not in repr(availability.h2o_cluster())
    finally:
        engines.join_h2o(None)
    assert availability.why_unavailable("h2o")


def test_an_engine_that_cannot_run_trains_nothing(tmp_path):
    with pytest.raises(TrainingRefused, match="no engine 'skynet'"):
        engines.train("skynet", None, tmp_path, None)


def test_a_config_takes_what_it_knows():
    config = TrainingConfig.from_mapping(
        {"max_models": 3, "exclude_algos": ["GBM"], "seed": None, "colour": "red"}
    )
    assert config == TrainingConfig(max_models=3, exclude_algos=("GBM",))
