"""Odd tables: prepared where something can be learned, refused with a reason where not."""

import datetime as dt
import decimal
import json
import math

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from projects_api import engines
from projects_api.engines import Task, TrainingConfig, TrainingRefused, prediction
from projects_api.engines.inputs import check_rows

ROWS = 60
NUMBERS = np.arange(ROWS) * 7 % 11 / 3
YES_NO = np.where(NUMBERS > 1.5, "yes", "no")


@pytest.fixture
def run(tmp_path, recorder):
    """Train one linear model on columns; give the result."""

    def train(columns, problem_type="classification", **config):
        table = columns if isinstance(columns, pa.Table) else pa.table(columns)
        pq.write_table(table, tmp_path / "table.parquet")
        config = {"exclude_algos": ["GBM", "XGBoost"], "max_models": 1, "nfolds": 2, **config}
        task = Task(
            tmp_path / "table.parquet", "target", problem_type, TrainingConfig.from_mapping(config)
        )
        return engines.train("flaml", task, tmp_path, recorder)

    return train


@pytest.mark.parametrize(
    ("columns", "problem_type", "reason"),
    [
        ({"x": NUMBERS, "target": ["same"] * ROWS}, "classification", "same value in every row"),
        ({"x": NUMBERS, "target": [1.5] * ROWS}, "regression", "same value in every row"),
        ({"x": NUMBERS, "target": pa.nulls(ROWS)}, "classification", "has 0 rows"),
        ({"x": [1.0], "target": ["yes"]}, "classification", "has 1 rows .* at least 10"),
        ({"x": pa.array([], pa.float64()), "target": pa.array([], pa.string())},
         "classification", "has 0 rows"),
        ({"x": NUMBERS, "target": YES_NO}, "regression", "no numbers but .* string"),
        ({"x": NUMBERS, "target": NUMBERS > 1}, "regression", "no numbers but .* bool"),
        ({"x": NUMBERS, "target": [f"p{n}" for n in range(ROWS)]}, "classification",
         "60 different values, most of them once"),
        ({"x": NUMBERS, "target": np.arange(ROWS) * 1e29}, "regression", "beyond 1e\\+30"),
        ({"x": [1.0] * ROWS, "y": pa.nulls(ROWS), "target": YES_NO}, "classification",
         "'x' has the same value in every row; 'y' has no values"),
        ({"target": YES_NO}, "classification", "no column but the target"),
        ({"x": NUMBERS, "target": [[1]] * ROWS}, "classification", "type list"),
        ({"x": NUMBERS, "goal": YES_NO}, "classification", "no column 'target'"),
        ({"x": NUMBERS, "target": ["a"] * (ROWS - 1) + ["b"]}, "classification",
         "at least 5 rows of one value"),
    ],
)  # fmt: skip
def test_what_cannot_be_learned_is_refused_with_a_reason(run, columns, problem_type, reason):
    with pytest.raises(TrainingRefused, match=reason) as refused:
        run(columns, problem_type)
    assert refused.value.reason == str(refused.value)


def test_too_many_labels_are_refused(run):
    columns = {"x": np.arange(1000.0), "target": np.arange(1000) // 5}
    with pytest.raises(TrainingRefused, match=r"200 different values; .* choose regression"):
        run(columns)


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"sort_metric": "RMSE"}, "a classification has no metric 'RMSE'"),
        ({"stopping_metric": "joy"}, "no metric 'joy'"),
        ({"exclude_algos": ["gbm", "XGBOOST", "drf", "XRT", "glm"]}, "leaves no algorithm"),
        ({"max_runtime_secs": 1e-9}, "no model was ready in time"),
    ],
)
def test_a_task_that_cannot_work_is_refused(run, config, reason):
    with pytest.raises(TrainingRefused, match=reason):
        run({"x": NUMBERS, "target": YES_NO}, **config)


def test_a_metric_that_the_target_does_not_have_is_refused(run):
    columns = {"x": NUMBERS, "target": -NUMBERS}
    with pytest.raises(TrainingRefused, match="of -1 or less, for which there is no rmsle"):
        run(columns, "regression", sort_metric="RMSLE")


def test_rows_without_target_are_left_out_and_told(run, recorder):
    target = [None if row % 6 == 0 else value for row, value in enumerate(YES_NO)]
    result = run({"x": NUMBERS, "target": target})
    assert result.signature["labels"] == ["no", "yes"]
    assert result.reference["rows"] + result.candidates[0].evaluation["rows"] == ROWS - 10
    assert "left out 10 rows in which target is missing" in recorder.lines


def test_rows_with_an_infinite_target_are_told_as_such(run, recorder):
    wrong = {0: None, 1: math.inf, 2: -math.inf, 3: math.nan, 4: math.inf}
    run({"x": NUMBERS, "target": [wrong.get(row, float(row)) for row in range(ROWS)]}, "regression")
    told = [line for line in recorder.lines if line.startswith("left out")]
    assert told == [
        "left out 2 rows in which target is missing",
        "left out 3 rows in which target is infinite",
    ]


def test_a_number_that_is_not_finite_is_a_missing_target(run):
    target = NUMBERS.copy()
    target[:4] = [np.nan, np.inf, -np.inf, np.nan]
    result = run({"x": NUMBERS, "target": target}, "regression")
    assert result.reference["rows"] + result.candidates[0].evaluation["rows"] == ROWS - 4


@pytest.mark.parametrize("algorithm", ["GBM", "XGBoost", "GLM", "DRF", "XRT"])
def test_a_label_with_a_single_row_is_learned_from_that_row(run, algorithm):
    target = [*YES_NO[:-3], "once", "twice", "twice"]
    others = {"GBM", "XGBoost", "GLM", "DRF", "XRT"} - {algorithm}
    result = run({"x": NUMBERS, "target": target}, exclude_algos=others, nfolds=5)
    assert result.signature["labels"] == ["no", "once", "twice", "yes"]
    assert result.candidates[0].evaluation["class_balance"]["once"] == 0
    predictor = prediction.load(result.candidates[0].path, result.signature)
    [answer] = predictor.predict(check_rows(result.signature, [{"x": 1}]))
    assert len(answer["probabilities"]) == 4


def test_every_type_of_column_is_prepared_or_left_out(run, recorder):
    moments = pd.date_range("2024-01-01", periods=ROWS, freq="31h").to_pydatetime().tolist()
    columns = {
        "whole": pa.array(range(5, 5 + ROWS), pa.uint64()),
        "huge": [1e308 * number for number in NUMBERS],
        "endless": [float("inf") if row % 2 else 1.0 for row in range(ROWS)],
        "exact": pa.array([decimal.Decimal(f"{n:.2f}") for n in NUMBERS], pa.decimal128(30, 2)),
        "day": pa.array([moment.date() for moment in moments], pa.date32()),
        "moment": pa.array(moments, pa.timestamp("ns", tz="Europe/Warsaw")),
        "clock": pa.array([moment.time() for moment in moments], pa.time64("us")),
        "coded": pa.array(list(YES_NO)).dictionary_encode(),
        "flag": [None, True, False] * (ROWS // 3),
        "list": [[1]] * ROWS,
        "bytes": [b"x"] * ROWS,
        "null": pa.nulls(ROWS),
        "target": NUMBERS,
    }
    result = run(columns, "regression")
    kinds = {field["name"]: field["kind"] for field in result.signature["inputs"]}
    assert kinds == {
        "whole": "number",
        "huge": "number",
        "endless": "number",
        "exact": "number",
        "day": "date",
        "moment": "date",
        "clock": "date",
        "coded": "category",
        "flag": "boolean",
    }
    left_out = " ".join(recorder.lines)
    assert all(f"'{name}'" in left_out for name in ("list", "bytes", "null"))
    json.dumps([result.signature, result.reference], allow_nan=False)


def test_only_what_counts_rows_by_name_and_value_is_an_id(run):
    columns = {
        "customer_id": np.arange(ROWS)[::-1],
        "orderId": np.arange(ROWS) + 1000,
        "Unnamed: 0": np.arange(ROWS),
        "paid": np.arange(ROWS),
        "product_id": np.arange(ROWS) % 7,
        "uuid": [f"{row:032x}" for row in range(ROWS)],
        "target": YES_NO,
    }
    result = run(columns)
    assert [field["name"] for field in result.signature["inputs"]] == ["paid", "product_id"]


@pytest.mark.parametrize("algorithm", ["GBM", "XGBoost"])
def test_names_may_be_anything(run, algorithm):
    names = ['{"a":[1]}', "日本 語", "", "a,b:c", "[<>]", "\n", "x" * 300]
    columns = {name: NUMBERS + place for place, name in enumerate(names)}
    others = {"GBM", "XGBoost", "GLM", "DRF", "XRT"} - {algorithm}
    result = run({**columns, "target": YES_NO}, exclude_algos=others)
    assert [field["name"] for field in result.signature["inputs"]] == names
    predictor = prediction.load(result.candidates[0].path, result.signature)
    [low, high] = predictor.predict(
        check_rows(result.signature, [dict.fromkeys(names, 0.1), dict.fromkeys(names, 9.0)])
    )
    assert low["prediction"] == "no"
    assert high["prediction"] == "yes"


def test_a_name_that_stands_twice_counts_once(run):
    table = pa.table([NUMBERS, NUMBERS * 2, YES_NO], names=["x", "x", "target"])
    assert [field["name"] for field in run(table).signature["inputs"]] == ["x"]


def test_ten_thousand_columns_are_learned_from(run):
    random = np.random.default_rng(0)
    columns = {f"c{place}": random.random(ROWS) for place in range(9_900)}
    words = [f"w{number}" for number in range(40)]
    columns |= {f"t{place}": random.choice(words, ROWS) for place in range(100)}
    result = run({**columns, "target": YES_NO}, exclude_algos=["XGBoost", "DRF", "XRT", "GBM"])
    told = result.candidates[0]
    assert len(result.signature["inputs"]) == 10_000
    assert len(told.explanation["permutation_importance"]) == 100
    assert len(json.dumps([result.signature, result.reference])) < 10_000_000
    predictor = prediction.load(told.path, result.signature)
    [answer] = predictor.predict(check_rows(result.signature, [{"c5": 0.5, "t5": "unknown"}]))
    assert answer["prediction"] in {"yes", "no"}


def test_many_rare_categories_stand_for_the_mean_of_the_target(run):
    random = np.random.default_rng(0)
    town = random.integers(0, 60, 600)
    columns = {"town": [f"town {number}" for number in town], "target": town + random.random(600)}
    result = run(columns, "regression")
    assert result.candidates[0].metrics["r2"] > 0.9
    assert len(result.signature["inputs"][0]["categories"]) == 60


def test_a_date_is_more_than_a_number(run):
    days = pd.date_range("2020-01-01", periods=600, freq="D")
    columns = {"day": days, "target": np.where(days.weekday >= 5, "weekend", "week")}
    result = run(columns, exclude_algos=["XGBoost", "GBM", "GLM", "XRT"])
    assert result.candidates[0].metrics["auc"] > 0.95
    predictor = prediction.load(result.candidates[0].path, result.signature)
    asked = [{"day": "2021-05-15"}, {"day": "2021-05-18T11:00:00Z"}]
    answers = predictor.predict(check_rows(result.signature, asked))
    assert [answer["prediction"] for answer in answers] == ["weekend", "week"]


@pytest.mark.parametrize(
    ("target", "labels"),
    [
        (pa.array(np.where(NUMBERS > 1.5, 2, 0), pa.int8()), [0, 2]),
        (pa.array(np.where(NUMBERS > 1.5, 1.0, 0.5)), [0.5, 1.0]),
        (pa.array(list(YES_NO)).dictionary_encode(), ["no", "yes"]),
        (pa.array(YES_NO.tolist(), pa.large_string()), ["no", "yes"]),
        (pa.array([dt.date(2024, 1, 1 + int(n > 1)) for n in NUMBERS]),
         ["2024-01-01", "2024-01-02"]),
        (pa.array([decimal.Decimal(int(n > 1)) for n in NUMBERS], pa.decimal128(5, 1)), [0.0, 1.0]),
    ],
)  # fmt: skip
def test_labels_keep_their_type(run, target, labels):
    told = run({"x": NUMBERS, "target": target}).signature["labels"]
    assert told == labels
    assert [type(label) for label in told] == [type(label) for label in labels]
