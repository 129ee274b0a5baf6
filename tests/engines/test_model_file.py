"""Models without the server: a downloaded file answers as the server does, for tables of pandas."""

import json
import os
import shutil
import subprocess
import sys
import warnings
import zipfile
from datetime import UTC, date, datetime, time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from projects_api import model_file
from projects_api.engines import model_files, prediction
from projects_api.engines.inputs import check_rows
from projects_api.model_file.frames import TableRefused, frame_of_table

from .conftest import TRAININGS
from .test_prediction import rows_of

NOON = datetime(2024, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)
KINDS = {
    "number": {"name": "n", "kind": "number", "categories": None},
    "boolean": {"name": "b", "kind": "boolean", "categories": None},
    "category": {"name": "c", "kind": "category", "categories": None},
    "text": {"name": "t", "kind": "text", "categories": None},
    "date": {"name": "d", "kind": "date", "categories": None},
    "written": {"name": "w", "kind": "date", "categories": None, "format": "%d/%m/%Y"},
    "clock": {"name": "k", "kind": "date", "categories": None, "format": "%H:%M:%S"},
}


def first(trained, name):
    training = trained(name)
    return training, training.result.candidates[0]


def changed(path, target, about):
    """Copy a model file with another description, or without."""
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(target, "w") as made:
        for member in source.namelist():
            if member != "about.json":
                made.writestr(member, source.read(member))
        if about is not None:
            made.writestr("about.json", about if isinstance(about, str) else json.dumps(about))
    return target


@pytest.mark.parametrize("name", TRAININGS)
def test_a_file_answers_as_the_server_does(trained, name):
    training = trained(name)
    signature = json.loads(json.dumps(training.result.signature))
    # In another order, with another index, and with all columns that the model does not take.
    frame = training.frame.iloc[::-2, ::-1].tail(60)
    rows = check_rows(signature, rows_of(frame))
    for candidate in training.result.candidates:
        threshold = candidate.metrics.get("threshold")
        served = prediction.load(candidate.path, signature).predict(rows, threshold)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model = model_file.load(candidate.path)
        told = model.predict(frame)
        assert told.tolist() == [one["prediction"] for one in served]
        assert told.index.equals(frame.index)
        assert told.name == training.task.target
        assert (model.name, model.threshold) == (candidate.name, threshold)
        assert model.signature == signature
        if signature["labels"] is None:
            with pytest.raises(AttributeError, match="no probabilities"):
                model.predict_proba(frame)
            continue
        probabilities = model.predict_proba(frame)
        assert probabilities.columns.tolist() == model.classes_ == signature["labels"]
        assert probabilities.to_numpy().tolist() == [
            list(one["probabilities"].values()) for one in served
        ]
        assert probabilities.index.equals(frame.index)


def test_the_threshold_is_the_models_or_another(trained):
    training, candidate = first(trained, "titanic")
    model = model_file.load(candidate.path)
    positive = model.signature["positive_label"]
    probability = model.predict_proba(training.frame)[positive]
    assert (model.predict(training.frame) == positive).tolist() == (
        probability >= candidate.metrics["threshold"]
    ).tolist()
    chosen = model.predict(training.frame, threshold=0.9) == positive
    assert chosen.tolist() == (probability >= 0.9).tolist()
    assert 0 < chosen.sum() < (probability >= candidate.metrics["threshold"]).sum()


@pytest.mark.parametrize(
    ("field", "values", "as_json"),
    [
        ("number", [1, 2.5, None], [1, 2.5, None]),
        ("number", pd.array([1, None], dtype="Int64"), [1, None]),
        ("number", pa.array(["NA", None]), [None, None]),
        ("number", [1e300, -1e300], [1e300, -1e300]),
        ("boolean", [True, None, False], [True, None, False]),
        ("category", ["a", None, "NA", ""], ["a", None, "NA", ""]),
        ("category", pd.Categorical(["a", None, "b"]), ["a", None, "b"]),
        ("category", [7, -8], ["7", "-8"]),
        ("text", ["two words", "NA"], ["two words", None]),
        ("date", ["2024-3-1 1:00", "2024-03-01T01:00+02:00", ""], None),
        ("date", [NOON.replace(tzinfo=None), None], ["2024-03-01T12:00:00.25", None]),
        ("date", [datetime(2024, 3, 1, tzinfo=UTC)], ["2024-03-01T00:00:00Z"]),
        ("date", pd.to_datetime(["2024-03-01 02:00+02:00"]), ["2024-03-01T00:00:00Z"]),
        ("date", [date(1, 1, 1), date(9999, 12, 31)], ["0001-01-01", "9999-12-31"]),
        ("written", ["13/01/2024", "2024-01-13", None], None),
        ("clock", [time(8, 15), time(0, 0, 1)], ["08:15:00", "00:00:01"]),
        ("clock", ["8:15", "NA"], None),
        ("date", [None, None], [None, None]),
        ("category", [None, None], [None, None]),
    ],
)
def test_a_column_is_what_its_values_are_in_json(field, values, as_json):
    """The frame of a table is the one that the server makes of the same rows."""
    field = KINDS[field]
    signature = {"inputs": [field, {**KINDS["number"], "name": "absent"}], "missing": ["NA"]}
    array = pa.array(values, from_pandas=True)
    found = frame_of_table(signature, pa.table({"x": array, field["name"]: array}))
    written = [None if one is None or one is pd.NA else one for one in as_json or list(values)]
    rows = check_rows(signature, [{field["name"]: one} for one in written])
    wanted = prediction.frame_of_rows(signature["inputs"], rows)
    pd.testing.assert_frame_equal(found, wanted)


@pytest.mark.parametrize(
    ("field", "values", "sentence"),
    [
        ("number", ["1", "x"], "'n' holds values of the type .*must be a finite number"),
        ("number", [True], "'n' holds values of the type bool"),
        ("boolean", [1, 0], "'b' holds .*must be true or false"),
        ("category", [1.5], "'c' holds .*must be a text"),
        ("text", [True], "'t' holds .*must be a text"),
        ("date", [1, 2], "'d' holds .*must be an ISO 8601"),
        ("date", [time(1, 2)], "'d' holds"),
        ("clock", [date(2024, 1, 1)], "'k' holds .*must be a time of day"),
        ("written", ["13/01/2024", "01/13/2024"], "'w' has '01/13/2024' in row 2, which is not"),
        ("date", [[1]], "'d' holds"),
    ],
)
def test_what_a_column_cannot_be_is_said(field, values, sentence):
    signature = {"inputs": [KINDS[field]], "missing": []}
    with pytest.raises(TableRefused, match=sentence):
        frame_of_table(signature, pa.table({KINDS[field]["name"]: pa.array(values)}))


def test_a_table_without_any_input_is_refused(trained):
    model = model_file.load(first(trained, "titanic")[1].path)
    with pytest.raises(TableRefused, match="none of the model's inputs, such as class, name"):
        model.predict(pd.DataFrame({"another": [1]}))
    with pytest.raises(TableRefused, match="'age' holds values of several types"):
        model.predict(pd.DataFrame({"age": [1, "x"]}))


def test_other_versions_are_told_in_a_sentence(trained, tmp_path):
    path = first(trained, "wine")[1].path
    about = model_files.read_about(path)
    assert about["versions"] == model_files.versions()
    assert {"numpy", "projects-api", "scikit-learn", "lightgbm"} <= about["versions"].keys()
    about["versions"]["scikit-learn"] = "0.24.2"
    with pytest.warns(model_file.OtherVersions, match=r"made with scikit-learn 0.24.2 \(here 1"):
        model_file.load(changed(path, tmp_path / "other.skops", about))


def test_a_file_without_a_signature_needs_one(trained, tmp_path):
    training, candidate = first(trained, "wine")
    path = changed(candidate.path, tmp_path / "before.skops", None)
    with pytest.raises(model_file.ModelRefused, match="give that of GET /api/models"):
        model_file.load(path)
    model = model_file.load(path, training.result.signature)
    wanted = model_file.load(candidate.path).predict(training.frame)
    assert model.predict(training.frame).equals(wanted)


@pytest.mark.parametrize("about", ["[]", "{", '{"signature": {"inputs": 1, "labels": []}}'])
def test_a_forged_description_is_refused(trained, tmp_path, about):
    path = first(trained, "wine")[1].path
    with pytest.raises(model_file.ModelRefused):
        model_file.load(changed(path, tmp_path / "forged.skops", about))


def test_a_description_has_a_bound(trained, tmp_path, monkeypatch):
    monkeypatch.setattr(model_files, "_MAX_ABOUT_BYTES", 100)
    with pytest.raises(model_file.ModelRefused, match="too large"):
        model_file.load(first(trained, "wine")[1].path)


MLFLOW = """
import sys
import mlflow.pyfunc, pandas
model = mlflow.pyfunc.load_model(sys.argv[1])
frame = pandas.read_parquet(sys.argv[2])
model.predict(frame).to_frame().to_parquet(sys.argv[3])
print([one.name for one in model.metadata.get_input_schema().inputs][:1])
"""


@pytest.fixture(scope="session")
def mlflow(tmp_path_factory):
    """A folder with MLflow, which only this test needs and which brings much."""
    folder = tmp_path_factory.mktemp("mlflow")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder)]
    done = subprocess.run(
        [*command, "mlflow-skinny>=3"], check=False, capture_output=True, timeout=240
    )
    if done.returncode:
        pytest.skip("mlflow-skinny cannot be had here")
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("name", ["titanic", "titanic fares"])
def test_mlflow_loads_what_is_made_for_it(trained, mlflow, tmp_path, name):
    training, candidate = first(trained, name)
    command = shutil.which("projects-api", path=str(Path(sys.executable).parent))
    words = [command, "model-to-mlflow", str(candidate.path), str(tmp_path / "model")]
    told = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
    assert "mlflow.pyfunc.load_model" in told.stdout
    again = subprocess.run(words, check=False, capture_output=True, text=True, timeout=60)
    assert again.returncode == 1
    assert "is there already" in again.stderr
    frame = training.frame.drop(columns=training.task.target)
    frame.to_parquet(tmp_path / "table.parquet")
    files = [str(tmp_path / part) for part in ("model", "table.parquet", "told.parquet")]
    done = subprocess.run(
        [sys.executable, "-c", MLFLOW, *files],
        check=False,
        cwd=tmp_path,
        # What is installed beside the libraries of MLflow comes first.
        env={**os.environ, "PYTHONPATH": os.pathsep.join([*_site_packages(), str(mlflow)])},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = pd.read_parquet(tmp_path / "told.parquet").iloc[:, 0]
    wanted = model_file.load(candidate.path).predict(frame)
    assert found.tolist() == wanted.tolist()
    assert repr(training.result.signature["inputs"][0]["name"]) in done.stdout


def _site_packages() -> list[str]:
    return [path for path in sys.path if path.endswith("site-packages")]


def test_what_is_no_model_makes_no_folder(tmp_path):
    (tmp_path / "no.skops").write_bytes(b"nothing")
    with pytest.raises(model_file.ModelRefused):
        model_file.write_mlflow(tmp_path / "no.skops", tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_infinite_numbers_are_missing():
    found = frame_of_table(
        {"inputs": [KINDS["number"]], "missing": []}, pa.table({"n": [np.inf, -np.inf, 1]})
    )
    assert found[0].isna().tolist() == [True, True, False]
