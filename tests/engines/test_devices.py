"""Graphics processors: found where they work, and missed by nobody where they do not.

What learns by OpenCL runs where there is a driver for it, which may be one of processors (`pocl`).
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from flaml.automl.task.factory import task_factory

from projects_api.engines import model_files
from projects_api.engines.flaml import devices
from projects_api.engines.flaml.fitting import fit, predict

ROOT = Path(__file__).parents[2]
OPENCL = {"device_type": "gpu"}
CONFIG = {"n_estimators": 8, "num_leaves": 7, "log_max_bin": 6}
XGB_CONFIG = {"n_estimators": 8, "max_depth": 3}


def rows() -> tuple[np.ndarray, np.ndarray]:
    values = np.random.default_rng(7).normal(size=(2_000, 4))
    return values, (values[:, 0] * values[:, 1] > 0).astype(int)


def fitted(learner: str, config: dict, device: dict) -> tuple:
    values, target = rows()
    model = fit(
        learner,
        task=task_factory("binary"),
        config=config,
        values=values,
        target=target,
        weights=None,
        seed=1,
        seconds=600,
        device=device,
    )
    return model, predict(model, values, 2)


@pytest.fixture(scope="module")
def has_opencl() -> bool:
    code = f"from projects_api.engines.flaml.devices import works; print(works('lgbm', {OPENCL}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    return done.stdout.endswith("True\n")


def test_what_was_found_is_what_works(has_opencl):
    found = devices.find()
    assert ("lgbm" in found) >= has_opencl
    assert devices.find(seconds=0.01) == {}


def test_who_was_given_none_looks_for_none(monkeypatch):
    monkeypatch.setenv(devices.VISIBLE, "")
    monkeypatch.setattr(devices.subprocess, "run", None)
    assert devices.find() == {}
    assert "no graphics processor" in devices.told({})


def test_what_is_told_names_those_that_can():
    assert "LightGBM and XGBoost can" in devices.told({one: {} for one in devices.CHOICES})


@pytest.mark.parametrize(
    ("learner", "config", "device"),
    [
        ("lgbm", CONFIG, {"device_type": "cuda"}),
        ("xgb_limitdepth", XGB_CONFIG, {"device": "cuda"}),
    ],
)
def test_a_device_that_is_refused_is_done_without(learner, config, device):
    if learner in devices.find():
        pytest.skip("the device is there")
    model, said = fitted(learner, config, device)
    _, alone = fitted(learner, config, {})
    assert (said == alone).all()
    assert model.get_params().get(next(iter(device))) in {None, "cpu"}


def test_a_fault_of_the_settings_is_still_told():
    with pytest.raises(Exception, match="num_leaves"):
        fitted("lgbm", {**CONFIG, "num_leaves": -5}, {"device_type": "cuda"})


def test_a_model_that_learnt_on_a_device_answers_without_it(has_opencl, tmp_path):
    if not has_opencl:
        pytest.skip("no driver for OpenCL")
    model, said = fitted("lgbm", CONFIG, OPENCL)
    assert "[device_type: gpu]" in model.booster_.model_to_string()  # It did learn there.
    _, alone = fitted("lgbm", CONFIG, {})
    assert np.abs(said - alone).max() < 0.05
    assert (said != alone).any()
    path = tmp_path / "model.skops"
    model_files.save(model_files.Pipeline([("model", model)]), path)
    np.save(tmp_path / "values.npy", rows()[0])
    code = """
import json, sys, numpy as np
from projects_api.engines import model_files
folder = sys.argv[1]
model = model_files.load(folder + "/model.skops")
print(json.dumps(model.predict_proba(np.load(folder + "/values.npy")).tolist()))
"""
    without = {"PATH": "", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, check=True, env=without
    )
    assert (np.array(json.loads(done.stdout)) == said).all()
