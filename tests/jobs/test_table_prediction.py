"""Models asked about whole tables: in batches that nobody sees in what is written."""

import json
import shutil
from itertools import pairwise

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from projects_api import model_file
from projects_api.jobs import table_prediction
from projects_api.jobs.kinds import predict
from projects_api.model_file.frames import TableRefused, frame_of_table

ROWS = 50


@pytest.fixture
def asking(training, tmp_path):
    """A folder with a model and a table, and the task to ask one about the other."""
    table = pa.table(
        {
            "amount": [n * 20.5 if n % 9 else None for n in range(ROWS)],
            "Prediction": pa.array([[n] for n in range(ROWS)]),
            "country": pa.array(["DE", "XX"] * (ROWS // 2)).dictionary_encode(),
            "probability_no": [b"\0\xff"] * ROWS,
        }
    )
    pq.write_table(table, tmp_path / table_prediction.TABLE, row_group_size=17)
    shutil.copyfile(training.result.candidates[0].path, tmp_path / table_prediction.MODEL)
    signature = json.loads(json.dumps(training.result.signature))
    task = {"signature": signature, "threshold": 0.7, "probabilities": True, "names": None}
    return tmp_path, task, table


@pytest.mark.parametrize(("rows", "cells"), [(20_000, 500_000), (7, 500_000), (20_000, 21)])
def test_batches_have_a_bound_and_leave_no_trace(asking, training, monkeypatch, rows, cells):
    folder, task, table = asking
    monkeypatch.setattr(table_prediction, "BATCH_ROWS", rows)
    monkeypatch.setattr(table_prediction, "BATCH_CELLS", cells)
    steps: list[int] = []
    table_prediction.write_predictions(folder, task, steps.append)
    size = max(1, min(rows, cells // 7))
    assert max(end - begin for begin, end in pairwise([0, *steps])) <= size
    assert steps[-1] == ROWS
    made = pq.read_table(folder / table_prediction.PREDICTED)
    new = ["prediction_2", "probability_no_2", "probability_yes"]
    assert made.column_names == [*table.column_names, *new]
    assert made.select(table.column_names).to_pylist() == table.to_pylist()
    model = model_file.load(folder / table_prediction.MODEL)
    frame = table.select(["amount", "country"]).to_pandas()
    assert made["prediction_2"].to_pylist() == model.predict(frame, threshold=0.7).tolist()
    for name, label in (("probability_no_2", "no"), ("probability_yes", "yes")):
        assert made[name].to_pylist() == model.predict_proba(frame)[label].tolist()


def test_names_are_those_of_the_reading(asking):
    folder, task, _ = asking
    task["names"] = ["country", "x", "amount", "y"]
    with pytest.raises(TableRefused, match="'amount' holds values of the type string"):
        table_prediction.write_predictions(folder, task, lambda _: None)


@pytest.mark.parametrize(
    ("labels", "kind"),
    [
        (None, pa.float64()),
        (["a", "b"], pa.string()),
        ([1, 2], pa.int64()),
        ([False, True], pa.bool_()),
        ([0.5, 1.5], pa.float64()),
        ([1, "a"], pa.string()),
        ([None, None], pa.string()),
    ],
)
def test_predictions_have_the_type_of_the_labels(labels, kind):
    assert table_prediction._type_of(labels) == kind


def test_rows_are_counted_over_all_batches():
    field = {"name": "d", "kind": "date", "categories": None}
    table = pa.table({"d": ["2024-01-01", "never"]})
    with pytest.raises(TableRefused, match="'d' has 'never' in row 42, which is not an ISO 8601"):
        frame_of_table({"inputs": [field], "missing": []}, table, first_row=41)


def test_both_sides_name_the_same_files():
    names = ("MODEL", "TABLE", "PREDICTED")
    assert [getattr(predict, one) for one in names] == [
        getattr(table_prediction, one) for one in names
    ]
    assert table_prediction.__name__ == predict.PROCESS
