"""Texts that are moments: found by what is in a column, and read as pandas reads them."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from projects_api import engines
from projects_api.archive import manifest
from projects_api.contract.checker import parse_yaml
from projects_api.engines import Task, TrainingConfig, moments, prediction
from projects_api.engines.columns import read_column
from projects_api.engines.inputs import InputRefused, check_rows
from projects_api.tables.types import DAYS_TOO, fits

DAYS = pd.date_range("2024-01-01", periods=60, freq="31h")
# The format that is told, and how pandas writes and reads it.
WRITTEN = [
    (None, "%Y-%m-%d"),
    (None, "%Y-%m-%d %H:%M"),
    (None, "%Y-%m-%dT%H:%M:%S.%f"),
    ("%Y/%m/%d", "%Y/%m/%d"),
    ("%Y.%m.%d", "%Y.%m.%d %H:%M"),
    ("%d/%m/%Y", "%d/%m/%Y"),
    ("%d/%m/%Y", "%d/%m/%Y %H:%M:%S"),
    ("%m/%d/%Y", "%m/%d/%Y %I:%M %p"),
    ("%d-%m-%Y", "%d-%m-%Y"),
    ("%m-%d-%Y", "%m-%d-%Y"),
    ("%d.%m.%Y", "%d.%m.%Y %H:%M"),
    ("%d %B %Y", "%d %B %Y"),
    ("%d-%B-%Y", "%d-%b-%Y"),
    ("%d. %B %Y", "%d. %B %Y"),
    ("%B %d, %Y", "%B %d, %Y"),
    ("%B %d, %Y", "%b %d, %Y %H:%M:%S"),
    ("%B %d %Y", "%b %d %Y"),
    (moments.TIME, "%H:%M"),
    (moments.TIME, "%H:%M:%S"),
    (moments.TIME, "%I:%M %p"),
]


@pytest.mark.parametrize(("told", "written"), WRITTEN)
@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_a_column_of_moments_is_one_of_dates_with_the_values_that_pandas_reads(told, written, kind):
    texts = [*DAYS.strftime(written), ""]
    column = read_column("d", pa.chunked_array([pa.array(texts, kind)]))
    right = pd.to_datetime(pd.Series(texts[:-1]), format=written)
    if told == moments.TIME:
        right = right - right.dt.normalize() + pd.Timestamp("1970-01-01")
    assert (column.kind, column.format) == ("date", told)
    assert np.isnan(column.cells[-1])
    assert column.cells[:-1].tolist() == [moment.timestamp() for moment in right]


def test_offsets_and_fractions_are_part_of_the_moment():
    texts = [f"{day.isoformat()}.25+05:30" for day in DAYS]
    column = read_column("d", pa.chunked_array([texts]))
    right = pd.to_datetime(pd.Series(texts), utc=True)
    assert column.cells.tolist() == [moment.timestamp() for moment in right]
    typed = read_column("d", pa.chunked_array([pa.array(right)]))
    assert typed.cells.tolist() == column.cells.tolist()
    before = pa.chunked_array(
        [pa.array(pd.to_datetime(["1969-12-31T23:59:59.5", "2024-01-01T00:00:00.0"]))]
    )
    assert read_column("d", before).cells[0] == -0.5


def test_days_far_from_now_are_dates():
    days = [date(1, 1, 1), date(9999, 12, 31)]
    column = read_column("d", pa.chunked_array([pa.array(days, pa.date32())]))
    seconds = [(day - date(1970, 1, 1)).days * 86_400 for day in days]
    assert column.cells.tolist() == seconds
    assert (
        read_column("d", pa.chunked_array([[str(day).zfill(10) for day in days]])).cells.tolist()
        == seconds
    )


@pytest.mark.parametrize(
    "texts",
    [
        ["03/04/2024", "05/06/2024"],  # days of which months?
        ["13/04/2024", "04/13/2024"],
        ["2024-01-01", "13/01/2024"],
        ["2024-01-01", "yesterday"],
        ["2024-02-30", "2024-02-01"],
        ["13/04/24", "14/04/24"],
        ["2024-01-01 10:00", "2024-01-01 10:00Z"],
        ["24:00", "10:00"],
        ["23:59:60", "10:00:00"],
        ["2024-01-01 24:01", "2024-01-01 10:00"],
        ["2024-01-01 24:00:00.5", "2024-01-01 10:00:00.5"],
        ["2024-01-01 24:00 PM", "2024-01-01 10:00 PM"],
        ["2024-01-01 12:00:60", "2024-01-01 10:00:00"],
        ["9999-12-31 24:00", "2024-01-01 10:00"],
        ["13:00 PM", "1:00 PM"],
        ["1 Foo 2024", "2 Foo 2024"],
        ["\u0662\u0660\u0662\u0664-01-01", "2024-01-01"],
        ["2024-01-01 10:00+15:00", "2024-01-01 11:00+15:00"],
    ],
)
def test_what_is_no_moment_or_could_be_two_stays_text(texts):
    assert moments.find_format(texts) is None
    assert read_column("d", pa.chunked_array([texts * 20])).kind == "category"


def test_a_value_beyond_the_first_hundred_decides_too():
    texts = [f"0{1 + n % 9}/0{1 + n // 9 % 9}/{2000 + n // 81}" for n in range(300)]
    assert moments.find_format(texts) is None
    assert moments.find_format([*texts, "31/01/2024"]) == "%d/%m/%Y"
    assert moments.find_format([*texts, "01/31/2024"]) == "%m/%d/%Y"
    assert moments.find_format([*texts, "31/01/2024", "soon"]) is None


def test_archives_may_hold_every_format():
    told = {written for written in moments.formats() if written != moments.ISO}
    schema = parse_yaml(Path(manifest.__file__).with_name("manifest.yaml").read_bytes())
    inputs = schema["$defs"]["Signature"]["properties"]["inputs"]
    assert set(inputs["items"]["properties"]["format"]["enum"]) == told


def field(**more):
    inputs = [{"name": "d", "kind": "date", "categories": None, **more}]
    return {"target": "y", "labels": None, "inputs": inputs}


@pytest.mark.parametrize(
    "text",
    [
        *("13/01/2024 14:30", "13/1/2024 2:30 PM", "2024-01-13 14:30", "2024-01-13T14:30:00Z"),
        *("2024-01-13T14:30:00.000", "2024-01-13T16:30+02:00", "13/01/2024 14:30:00.0 UTC"),
        *(" 13/01/2024T14:30", "20240113T143000", "2024-W02-6T14:30"),
        pd.Timestamp("2024-01-13 14:30"),
    ],
)
def test_every_spelling_of_a_moment_is_the_same(text):
    assert check_rows(field(format="%d/%m/%Y"), [{"d": text}]) == [{"d": "2024-01-13T14:30:00"}]


@pytest.mark.parametrize(
    ("text", "right"),
    [
        *(("2016-12-31 24:00:00", 0), ("31/12/2016 24:00", 0), ("2016-12-31T24:00:00.000Z", 0)),
        *(("2017-01-01 02:00+02:00", 0), ("2016-12-31 24:00+00:00", 0)),
        *(("2016-12-31T23:59:60Z", 0), ("2017-01-01 05:29:60+05:30", 0)),
        *(("2016-12-31 23:59:60.25", 0.25), ("31/12/2016 23:59:60", 0)),
    ],
)
def test_the_end_of_a_day_is_the_begin_of_the_next(text, right):
    moment = datetime(2017, 1, 1) + timedelta(seconds=right)  # noqa: DTZ001 - as rows have it
    rows = check_rows(field(format="%d/%m/%Y"), [{"d": text}])
    assert rows == [{"d": moment.isoformat()}]
    other = "2016-12-30 10:00" if "-" in text[:5] else "30/12/2016"
    zone = "Z" if text[-1] == "Z" or "+" in text else ""
    column = read_column("d", pa.chunked_array([[text, other + zone]]))
    assert (column.kind, column.cells[0]) == ("date", moment.replace(tzinfo=UTC).timestamp())


def test_a_model_takes_the_end_of_a_day_as_its_table_does(tmp_path):
    """The moments of a CSV are DuckDB's, those of rows are ours."""
    texts = ["2016-12-31 24:00:00", "2016-12-31T24:00", "2016-12-31 24:00:00.000"]
    with duckdb.connect() as connection:
        for text in texts:
            assert connection.execute(f"SELECT {fits(repr(text), 'TIMESTAMP')}").fetchone()[0]
            (stored,) = connection.execute("SELECT CAST(? AS TIMESTAMP)", [text]).fetchone()
            assert check_rows(field(), [{"d": text}]) == [{"d": stored.isoformat()}]
        last = "9999-12-31 24:00"
        for kind in ("TIMESTAMP", DAYS_TOO, "TIMESTAMP_NS"):
            assert not connection.execute(f"SELECT {fits(repr(last), kind)}").fetchone()[0]


@pytest.mark.parametrize(
    "text", ["8:15", "08:15:00", "08:15:00.000000", "8:15 AM", "T08:15", "081500", "08:15:00.0"]
)
def test_every_spelling_of_a_time_of_day_is_the_same(text):
    assert check_rows(field(format=moments.TIME), [{"d": text}]) == [{"d": "08:15:00"}]


@pytest.mark.parametrize(
    ("written", "text", "expected"),
    [
        ("%d/%m/%Y", "01/13/2024", "28/02/2026 or 2026-02-28T14:30:00Z"),
        ("%B %d, %Y", "nonsense", "February 28, 2026"),
        (moments.TIME, "nonsense", "a time of day, such as 14:30:00"),
        (moments.TIME, "25:00", "a time of day"),
        (moments.TIME, "08:15+02:00", "a time of day"),
        (moments.TIME, "2024-01-13T08:15", "a time of day"),
    ],
)
def test_what_is_none_is_refused_with_what_is_expected(written, text, expected):
    with pytest.raises(InputRefused, match=expected):
        check_rows(field(format=written), [{"d": text}])


def test_an_empty_text_is_a_missing_moment():
    assert check_rows(field(), [{"d": ""}]) == [{"d": None}]


def learnt(tmp_path, recorder, cells, right):
    pq.write_table(pa.table({"d": cells, "y": right}), tmp_path / "table.parquet")
    config = TrainingConfig(exclude_algos=("XGBoost", "DRF", "XRT", "GLM"), max_models=1, nfolds=2)
    task = Task(tmp_path / "table.parquet", "y", "classification", config)
    result = engines.train("flaml", task, tmp_path, recorder)
    return result, prediction.load(result.candidates[0].path, result.signature)


@pytest.mark.parametrize("written", ["%Y-%m-%d", "%d/%m/%Y", "%B %d, %Y"])
def test_weekends_are_learnt_from_texts_as_from_dates(tmp_path, recorder, written):
    days = pd.date_range("2024-01-01", periods=400, freq="D")
    result, predictor = learnt(tmp_path, recorder, days.strftime(written), days.dayofweek > 4)
    typed, other = learnt(tmp_path, recorder, days.date, days.dayofweek > 4)
    assert any("1 of kind date" in line for line in recorder.lines)
    assert result.candidates[0].metrics == typed.candidates[0].metrics
    assert result.candidates[0].metrics["auc"] == 1.0
    assert result.reference["inputs"] == typed.reference["inputs"]
    later = pd.date_range("2025-02-03", periods=7, freq="D")
    spelt = check_rows(result.signature, [{"d": day.strftime(written)} for day in later])
    iso = check_rows(typed.signature, [{"d": day.isoformat()} for day in later])
    assert predictor.predict(spelt) == other.predict(iso)


@pytest.mark.parametrize("typed", [True, False])
def test_a_time_of_day_is_learnt_from(tmp_path, recorder, typed):
    moment = pd.date_range("2024-01-01", periods=300, freq="47min")
    cells = pa.array(moment.time, pa.time64("us")) if typed else moment.strftime("%H:%M")
    right = (moment.hour * 60 + moment.minute) >= 8 * 60 + 15
    result, predictor = learnt(tmp_path, recorder, cells, right)
    assert result.candidates[0].metrics["auc"] == 1.0
    assert result.signature["inputs"] == field(format=moments.TIME)["inputs"]
    assert sum(result.reference["inputs"]["d"]["counts"].values()) == 240
    assert result.reference["inputs"]["d"]["counts"].keys() <= {f"{h:02}:00" for h in range(24)}
    asked = ["3:00", "03:00:00.000", "20:00:00", "8:00 PM"]
    answers = predictor.predict(check_rows(result.signature, [{"d": text} for text in asked]))
    assert [answer["prediction"] for answer in answers] == [False, False, True, True]
    assert answers[0] == answers[1]
    assert answers[2] == answers[3]
