"""What a Parquet file holds is said and written as it is: names, moments, missing values."""

import csv
import datetime as dt
import decimal
import io

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from projects_api.engines import Task, TrainingConfig
from projects_api.engines.table import read
from projects_api.tables import NotATable, convert_table, describe_table, inspect_table


@pytest.fixture
def write(tmp_path):
    """Write a Parquet file."""

    def write_table(table: pa.Table, **options):
        path = tmp_path / "upload"
        pq.write_table(table, path, **options)
        return path

    return write_table


def as_csv(path) -> str:
    target = path.with_name("converted")
    convert_table(path, inspect_table(path).dialect, "csv", target)
    return target.read_text(encoding="utf-8")


class Quiet:
    def report(self, percent, **_more):
        pass

    def log(self, message):
        pass


class TestNames:
    NAMES = ("x", "y", "Y", "y", "", "x")
    TOLD_APART = ("x", "y", "Y", "y_2", "column_5", "x_2")

    @pytest.fixture
    def path(self, write):
        columns = [[n * (k + 2) % 17 for n in range(60)] for k in range(len(self.NAMES))]
        return write(pa.table(columns, names=list(self.NAMES)))

    def test_are_the_same_everywhere(self, path):
        facts = inspect_table(path)
        described = describe_table(path, facts.dialect)
        header = next(csv.reader(io.StringIO(as_csv(path))))
        assert facts.names == list(self.TOLD_APART) == header
        assert [one["name"] for one in described["columns"]] == header

    def test_that_are_ambiguous_are_told_at_the_upload(self, path):
        kinds = [issue["kind"] for issue in inspect_table(path).issues]
        assert kinds.count("duplicate_column_name") == 2
        assert kinds.count("unnamed_column") == 1

    @pytest.mark.parametrize("target", ["Y", "y_2", "column_5"])
    def test_a_training_finds_its_target_by_them(self, path, target):
        names = inspect_table(path).names
        task = Task(path, target, "regression", TrainingConfig.from_mapping({}), names=names)
        found = read(task, Quiet())
        position = names.index(target)
        assert found.target.tolist() == pq.ParquetFile(path).read().column(position).to_pylist()
        assert [column.name for column in found.columns] == [n for n in names if n != target]

    def test_of_nested_columns_are_those_at_the_top(self, write):
        table = pa.table({"s": [{"a": {"b": 1}, "c": [2]}], "t": [[{"d": 1}]], "u": [3]})
        assert inspect_table(write(table)).names == ["s", "t", "u"]


class TestCsv:
    @pytest.mark.parametrize(
        "values", [[1, None, 3, None], ["a", None, " ", "x;y", ""], [None, None]]
    )
    def test_a_single_column_keeps_its_rows(self, write, values):
        table = pa.table({"b": pa.array(values)})
        if table.schema.types == [pa.null()]:
            table = pa.table({"b": pa.array(values, pa.int64())})
        text = as_csv(write(table))
        rows = list(csv.reader(io.StringIO(text)))
        assert rows[1:] == [["" if value is None else str(value)] for value in values]
        assert len(pd.read_csv(io.StringIO(text), keep_default_na=False)) == len(values)

    def test_moments_of_96_bits_keep_nanoseconds(self, write):
        moments = pa.table({"t": pa.array([1_000_000_001, -1, None], pa.timestamp("ns"))})
        text = as_csv(write(moments, use_deprecated_int96_timestamps=True))
        found = [line.strip('"') for line in text.splitlines()[1:]]
        assert found == ["1970-01-01 00:00:01.000000001", "1969-12-31 23:59:59.999999999", ""]

    def test_decimals_that_cannot_be_kept_are_refused(self, write):
        wide = pa.array([decimal.Decimal("1.10")], pa.decimal256(50, 2))
        with pytest.raises(NotATable, match="`d` has decimals of 50 digits; at most 38"):
            inspect_table(write(pa.table({"d": wide, "k": [1]})))


def test_half_precision_has_missing_values(write):
    path = write(pa.table({"h": pa.array([1.5, float("nan"), 2.0], pa.float16()), "k": [1, 2, 3]}))
    facts = inspect_table(path)
    assert [issue["message"] for issue in facts.issues] == ["1 of 3 values are missing."]
    assert describe_table(path, facts.dialect)["columns"][0]["missing_count"] == 1


@pytest.mark.parametrize("year", [1600, 2024, 3000])
@pytest.mark.parametrize("nested", [False, True])
def test_int96_far_from_now_and_within_other_values(write, year, nested):
    moment = dt.datetime(year, 2, 3, 4, 5, 6, 789_012)  # noqa: DTZ001 - INT96 has no zone
    table = pa.table({"at": [moment], **({"many": [[moment]]} if nested else {})})
    path = write(table, use_deprecated_int96_timestamps=True)
    found = describe_table(path, inspect_table(path).dialect)
    assert found["columns"][0]["latest"] == f"{moment.isoformat()}Z"
    [row] = csv.DictReader(io.StringIO(as_csv(path)))
    written = {name: dt.datetime.fromisoformat(text.strip("[]'")) for name, text in row.items()}
    assert written == dict.fromkeys(table.column_names, moment)
