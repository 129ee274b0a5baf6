"""Inspection and conversion of tables, on files made here, in real reader processes."""

import csv
import datetime as dt
import decimal
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import duckdb
import psutil
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
import sklearn.datasets

from projects_api import tables
from projects_api.jobs.__main__ import NICENESS as FOR_JOBS
from projects_api.processes import pool as child_pool
from projects_api.tables import (
    NotATable,
    TableReaderError,
    convert_table,
    describe_table,
    description,
    engine,
    inspect_table,
    pool,
    reader,
    sample,
    tasks,
)
from projects_api.tables.engine import Profile
from projects_api.tables.names import unique_names
from projects_api.tables.quality import judge
from projects_api.tables.reader import NICENESS
from projects_api.tables.values import MISSING
from tests.tables.reading_of import read

SKLEARN_DATA = Path(sklearn.datasets.__file__).parent / "data"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def make(tmp_path):
    """Write a file, whose name says nothing of what is in it."""

    def write(content: bytes | pa.Table, **options) -> Path:
        path = tmp_path / "upload"
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            pq.write_table(content, path, **options)
        return path

    return write


@pytest.fixture
def readers(monkeypatch):
    """Give the test readers of its own, which it may end."""
    readers = pool.ReaderPool(2)
    monkeypatch.setattr(tables, "_readers", readers)
    before = set(psutil.Process().children())

    def running() -> list[psutil.Process]:
        return [child for child in psutil.Process().children() if child not in before]

    yield running
    readers.close()
    assert running() == []


def wait_for(condition):
    deadline = time.monotonic() + 60
    while not (result := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return result


@pytest.fixture
def endless(tmp_path):
    """A file that never ends to be read: a pipe into which nobody writes."""
    path = tmp_path / "endless"
    os.mkfifo(path)
    writer = os.open(path, os.O_RDWR)
    yield path
    os.close(writer)


def wait_until_read(reader: psutil.Process, path: Path) -> None:
    def reads() -> bool:
        with suppress(FileNotFoundError):  # a descriptor that was closed meanwhile
            descriptors = Path(f"/proc/{reader.pid}/fd").iterdir()
            return any(descriptor.resolve() == path for descriptor in descriptors)
        return False

    wait_for(reads)


AS_CSV = {"encoding": "utf-8", "delimiter": ",", "has_header": True}
COMMA, SEMICOLON, TAB, BAR = ",;\t|"


class TestCsv:
    @pytest.mark.parametrize(
        ("content", "rows", "columns", "encoding", "delimiter", "has_header"),
        [
            pytest.param(b"a,b\n1,2\n3,4\n", 2, 2, "utf-8", COMMA, True, id="plain"),
            pytest.param(b"a,b\n1,2\n3,4", 2, 2, "utf-8", COMMA, True, id="no last line end"),
            pytest.param(b"a,b\r\n1,2\r\n3,4\r\n", 2, 2, "utf-8", COMMA, True, id="CRLF"),
            pytest.param(b"a,b\r1,2\r3,4\r", 2, 2, "utf-8", COMMA, True, id="CR"),
            pytest.param(b"a,b\r\n1,2\n3,4\r\n5,6\n", 3, 2, "utf-8", COMMA, True, id="mixed ends"),
            pytest.param(b"a;b\n1,5;2,5\n3,5;4,5\n", 2, 2, "utf-8", SEMICOLON, True, id="decimals"),
            pytest.param(b"1,5;2,5\n3,5;4,5\n", 2, 2, "utf-8", SEMICOLON, False, id="no header"),
            pytest.param(b"a\tb\nx, y\tz\n", 1, 2, "utf-8", TAB, True, id="tabs"),
            pytest.param(b"a|b|c\n1|2|3\n", 1, 3, "utf-8", BAR, True, id="bars"),
            pytest.param(b"1,2\n3,4\n", 2, 2, "utf-8", COMMA, False, id="numbers only"),
            pytest.param(b"2024-01-01,x\n2024-01-02,y\n", 2, 2, "utf-8", COMMA, False, id="dates"),
            pytest.param(b"name,city\nAnn,Oslo\n", 1, 2, "utf-8", COMMA, True, id="texts"),
            pytest.param(b"a,b\n", 0, 2, "utf-8", COMMA, True, id="header only"),
            pytest.param(b"a,b", 0, 2, "utf-8", COMMA, True, id="header only, no line end"),
            pytest.param(
                b'a,b\n1,"x\ny, ""z"""\n2,w\n', 2, 2, "utf-8", COMMA, True, id="quoted line end"
            ),
            pytest.param(b"a,b\n\n1,2\n\n\n3,4\n\n", 2, 2, "utf-8", COMMA, True, id="blank lines"),
            pytest.param(b"\n\r\na,b\n1,2\n", 1, 2, "utf-8", COMMA, True, id="leading blank lines"),
            pytest.param(b"\n\nid\n1\n\n2\n", 2, 1, "utf-8", None, True, id="blank, one column"),
            pytest.param(b"id\n1\n2\n3\n", 3, 1, "utf-8", None, True, id="one column"),
            pytest.param(b"5\n1\n2\n", 3, 1, "utf-8", None, False, id="one column of numbers"),
            pytest.param(b'id\n""\n2\n', 2, 1, "utf-8", None, True, id="one column, one missing"),
            pytest.param(b'id\n"1,5"\n"2,5"\n', 2, 1, "utf-8", None, True, id="one quoted column"),
            pytest.param("né,b\n1,2\n".encode(), 1, 2, "utf-8", COMMA, True, id="UTF-8"),
            pytest.param("né,b\n1,2\n".encode("utf-8-sig"), 1, 2, "utf-8", COMMA, True, id="BOM"),
            pytest.param(
                "né;b\né;2\n".encode("latin-1"), 1, 2, "windows-1252", SEMICOLON, True, id="latin-1"
            ),
            pytest.param(
                "€,b\n1,2\n".encode("cp1252"), 1, 2, "windows-1252", COMMA, True, id="cp1252"
            ),
            pytest.param("né,b\n1,2\n".encode("utf-16"), 1, 2, "utf-16", COMMA, True, id="UTF-16"),
            pytest.param(
                b"\xfe\xff" + "a,b\r\n1,2\n".encode("utf-16-be"),
                *(1, 2, "utf-16", COMMA, True),
                id="UTF-16 BE, mixed ends",
            ),
            pytest.param("né,b\n1,2\n".encode("utf-32"), 1, 2, "utf-32", COMMA, True, id="UTF-32"),
        ],
    )
    def test_finds_how_it_is_written(
        self, make, content, rows, columns, encoding, delimiter, has_header
    ):
        path = make(content)
        facts = inspect_table(path)
        assert (facts.format, facts.media_type) == ("csv", "text/csv")
        assert (facts.rows, facts.columns) == (rows, columns)
        assert (facts.reading["encoding"], facts.reading["delimiter"]) == (encoding, delimiter)
        assert facts.reading["header"] is has_header
        assert list(path.parent.iterdir()) == [path]

    @pytest.mark.parametrize(
        ("name", "rows", "columns"), [("iris.csv", 150, 5), ("linnerud_exercise.csv", 20, 3)]
    )
    def test_reads_files_of_a_package(self, name, rows, columns):
        facts = inspect_table(SKLEARN_DATA / name)
        assert (facts.rows, facts.columns, facts.reading["header"]) == (rows, columns, True)

    def test_reads_a_delimiter_and_a_quoted_line_beyond_the_sample(self, make):
        lines = [f"{number};x\n" for number in range(200_000)]
        facts = inspect_table(make(("n;t\n" + "".join(lines) + '9;"a\n;b"\n').encode()))
        assert (facts.rows, facts.columns) == (200_001, 2)

    def test_takes_a_path_for_no_pattern(self, tmp_path):
        for name in ("a*[1]?'.csv", "ab1c.csv"):
            (tmp_path / name).write_bytes(b"a,b\n1,2\n" + (b"3,4\n" if name == "ab1c.csv" else b""))
        assert inspect_table(tmp_path / "a*[1]?'.csv").rows == 1


class TestNotATable:
    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            pytest.param(b"", "empty", id="nothing"),
            pytest.param(b" \r\n\t\n ", "empty", id="white space"),
            pytest.param(b"\xef\xbb\xbf", "empty", id="a byte order mark"),
            pytest.param(b"hello", "single value", id="one word"),
            pytest.param(b"a,b,c\n1,2,3\n4,5,6,7\n", "Line 3 has 4 values", id="long line"),
            pytest.param(b"id\n1\n2;3\n", "Line 3 has 2 values", id="one column, then two"),
            pytest.param(
                b"Dear all,\n\nthe table follows.\nYours,\nAnn\n",
                "Line 3 has a single text",
                id="prose",
            ),
            pytest.param(b'a,b\n1,"x"y\n', "Line 2 has a quote inside", id="text behind a quote"),
            pytest.param(b'a,b\n1,"x\n3,4\n', "Line 2 has a quote that", id="open quote"),
            pytest.param(b"a,b\n1,x\0y\n", "NUL", id="NUL"),
            pytest.param("a,b\n1,2\n".encode("utf-16-le"), "NUL", id="UTF-16 without mark"),
            pytest.param(b"\xff\xfea\x00\x00\xd8", "utf-16", id="broken UTF-16"),
            pytest.param(b"\x01\x02\x03,\x04\n\x05\x06,\x07\n", "control", id="control characters"),
            pytest.param(b"<!DOCTYPE html>\n<p>a,b</p>\n", "HTML", id="HTML"),
            pytest.param(b'<?xml version="1.0"?>\n<a/>\n', "XML", id="XML"),
            pytest.param(b'{"a": 1, "b": 2}\n{"a": 3, "b": 4}\n', "JSON", id="JSON lines"),
            pytest.param(b'[\n  {"a": 1},\n  {"a": 2}\n]\n', "JSON", id="JSON"),
            pytest.param(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "PNG", id="PNG"),
            pytest.param(b"PK\x03\x04\x14\0\x06\0", "Excel", id="XLSX"),
            pytest.param(b"\x1f\x8b\x08\0", "gzip", id="gzip"),
            pytest.param(b"a,b\n1," + b"x" * 3_000_000 + b"\n", "Line 2", id="endless line"),
            pytest.param(b",".join([b"x"] * 10_001) + b"\n1\n", "10001 columns", id="too wide"),
            pytest.param(
                (b"," * 1_000_000 + b"\n") * 2, "1000001 columns", id="a million columns of nothing"
            ),
            pytest.param(b"PAR1", "Parquet file is damaged", id="signature only"),
            pytest.param(b"PAR1\xff\xff\xff\x7fPAR1", "Parquet file is damaged", id="footer"),
            pytest.param(b"PARE" + b"\0" * 16, "encrypted Parquet", id="encrypted"),
        ],
    )
    def test_says_why(self, make, content, reason):
        path = make(content)
        with pytest.raises(NotATable) as refused:
            inspect_table(path)
        assert reason in refused.value.reason
        assert str(path.parent) not in refused.value.reason
        assert list(path.parent.iterdir()) == [path]

    @pytest.mark.parametrize(
        ("line", "reason"),
        [
            (b"1 2\n", "Line {} has a single text"),
            (b"1,2,3\n", "Line {} has 3 values"),
            (b'1,"x"y\n', "Line {} has a quote inside"),
            (b'"1,2\n', "Line {} has a quote that is not closed"),
        ],
    )
    def test_finds_a_line_where_duckdb_overlooks_it(self, make, line, reason):
        """Its threads each read 8 MB, and at the border it drops this line and all behind it."""
        content = b"a,b\n" + b"1,2\n" * 2_000_000 + line + b"1,2\n" * 10
        with pytest.raises(NotATable, match=reason.format(2_000_002)):
            inspect_table(make(content))

    @pytest.mark.parametrize("kept", [0.2, 0.5, 0.9, 0.999])
    def test_truncated_parquet(self, make, kept):
        path = make(pa.table({"a": list(range(1000)), "b": [str(n) for n in range(1000)]}))
        path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
        with pytest.raises(NotATable, match="damaged"):
            inspect_table(path)

    def test_garbled_parquet_is_refused_or_read_and_never_a_fault(self, make, readers):
        whole = make(pa.table({"a": list(range(500)), "b": ["x"] * 500})).read_bytes()
        refusals = 0
        for position in range(4, len(whole) - 4, len(whole) // 60):
            garbled = bytearray(whole)
            garbled[position : position + 4] = b"\xff\xff\xff\xff"
            try:
                inspect_table(make(bytes(garbled)))
            except NotATable:
                refusals += 1
        assert refusals > 10

    def test_parquet_without_columns(self, make):
        with pytest.raises(NotATable, match="has no columns"):
            inspect_table(make(pa.table({})))


class TestParquet:
    def test_counts_rows_and_columns_of_every_type(self, make):
        facts = inspect_table(
            make(
                pa.table(
                    {
                        "integer": [1, 2, None],
                        "double": [1.0, float("nan"), None],
                        "text": ["x", "NA", ""],
                        "date": [dt.date(2024, 1, day) for day in (1, 2, 3)],
                        "list": [[1], [2], []],
                        "struct": [{"a": 1}, {"a": 2}, {"a": 3}],
                        "decimal": [decimal.Decimal("1.10")] * 3,
                        "binary": [b"\0", b"1", b"2"],
                        "null": pa.nulls(3),
                        "half": pa.array([1, 2, 3], pa.float16()),
                        "map": pa.array([[("k", 1)], [], None], pa.map_(pa.string(), pa.int64())),
                        "dictionary": pa.array(["u", "v", "u"]).dictionary_encode(),
                    }
                )
            )
        )
        assert (facts.format, facts.media_type) == ("parquet", "application/vnd.apache.parquet")
        assert (facts.rows, facts.columns) == (3, 12)
        assert (facts.reading, facts.written) == ({}, None)
        assert [(issue["kind"], issue["column"]) for issue in facts.issues] == [
            ("empty_column", "null"),
            ("missing_values", "double"),
            ("missing_values", "integer"),
            ("missing_values", "map"),
            ("constant_column", "decimal"),
        ]

    def test_no_rows(self, make):
        facts = inspect_table(make(pa.table({"a": pa.array([], pa.int64())})))
        assert (facts.rows, facts.columns, facts.overall_score) == (0, 1, 0.0)

    def test_a_file_that_is_far_larger_unpacked(self, make):
        path = make(
            pa.table({"a": pa.array([7]).take(pa.array([0] * 5_000_000))}), compression="zstd"
        )
        assert path.stat().st_size < 100_000
        assert inspect_table(path).rows == 5_000_000

    def test_names_that_json_and_sql_find_hard(self, make):
        names = ["", 'a"b', "a\0b", "row", "c1", "é" * 500]
        facts = inspect_table(make(pa.table([[None, 1]] * 6, names=names)))
        assert facts.columns == 6
        assert {issue["column"] for issue in facts.issues} >= {"column_1", 'a"b', "row", "é" * 200}
        assert not any("\0" in str(issue["column"]) for issue in facts.issues)


class TestQuality:
    def test_perfect(self):
        assert judge(["a", "b"], Profile(4, [4, 4], [False, False], 0)) == (100.0, [])

    def test_score_follows_the_documented_formula(self, make):
        # 2 of 20 cells are missing, 1 of 4 columns is constant, 1 of 5 rows repeats another.
        facts = inspect_table(make(b"a,b,c,k\n1,2,x,k\n1,2,x,k\n2,NA,y,k\n3,4,,k\n5,6,z,k\n"))
        assert facts.overall_score == round(100 * (18 / 20) * (1 - 1 / 8) * (1 - 1 / 10), 1)
        assert facts.issues == [
            {
                "kind": "duplicate_rows",
                "column": None,
                "message": "1 of 5 rows repeat another row.",
            },
            {"kind": "missing_values", "column": "b", "message": "1 of 5 values are missing."},
            {"kind": "missing_values", "column": "c", "message": "1 of 5 values are missing."},
            {"kind": "constant_column", "column": "k", "message": "All values are the same."},
        ]

    def test_names(self, make):
        facts = inspect_table(make(b"a,,a\n1,2,3\n4,5,6\n"))
        assert [(issue["kind"], issue["column"]) for issue in facts.issues] == [
            ("unnamed_column", "column_2"),
            ("duplicate_column_name", "a"),
        ]

    def test_lists_at_most_100_issues_and_says_so(self, make):
        header = b",".join(b"c%d" % number for number in range(2500))
        facts = inspect_table(make(header + b"\n" + (b"," * 2499 + b"\n") * 2 + b"1" + b"," * 2499))
        assert (facts.rows, facts.columns) == (3, 2500)
        assert len(facts.issues) == 100
        assert facts.issues[-1] == {
            "kind": "more_issues",
            "column": None,
            "message": "2401 more issues are not listed.",
        }

    def test_never_100_with_an_issue(self):
        score, issues = judge(["a"], Profile(10**6, [10**6 - 1], [False], None))
        assert (score, len(issues)) == (99.9, 1)

    def test_columns_as_a_version_keeps_them(self, make):
        columns = inspect_table(make(b"a,b\n1,2\n")).as_columns()
        written = columns["dialect"].pop("written")
        assert (written["names"], written["types"]) == (["a", "b"], ["BIGINT", "BIGINT"])
        assert columns == {
            "format": "csv",
            "media_type": "text/csv",
            "rows": 1,
            "columns": 2,
            "dialect": {**AS_CSV, "rows": 1, "names": ["a", "b"]},
            "reading": {
                "encoding": "utf-8",
                "delimiter": ",",
                "quote": '"',
                "decimal": ".",
                "header": True,
                "skip_lines": 0,
                "missing": list(MISSING),
                "malformed": "refuse",
                "short_rows": 0,
                "repaired_rows": 0,
                "left_out_rows": 0,
                "given": [],
            },
            "quality": {"overall_score": 100.0, "issues": []},
        }

    def test_outliers_mixed_types_and_imbalance(self, make):
        rows = [
            f"{n % 17},{n if n % 20 else 'unknown'},2024-01-{n % 28 + 1:02},no" for n in range(100)
        ]
        rows[3], rows[50] = "5000,3,2024-01-04,yes", "1,50,soon,no"
        facts = inspect_table(make(("n,mixed,day,label\n" + "\n".join(rows)).encode()))
        assert [(issue["kind"], issue["column"]) for issue in facts.issues] == [
            ("mixed_types", "mixed"),
            ("mixed_types", "day"),
            ("outliers", "n"),
            ("class_imbalance", "label"),
        ]
        assert [issue["message"].partition(":")[0] for issue in facts.issues] == [
            "95 of 100 values looked at are numbers, 5 are not.",
            "99 of 100 values looked at are dates, 1 are not.",
            "1 of 100 values looked at are far from the others",
            "99 of 100 values looked at are the same, `no`; there are 2 different ones.",
        ]
        assert facts.overall_score == round(100 * (1 - 2 / 4 / 2) * (1 - 2 / 4 / 10), 1)

    def test_what_is_ordinary_is_no_issue(self, make):
        rows = (f"{n * n % 101},{'abc'[n % 3]},{n % 2},x{n},{-n}.5" for n in range(200))
        facts = inspect_table(make(("a,b,c,d,e\n" + "\n".join(rows)).encode()))
        assert (facts.overall_score, facts.issues) == (100.0, [])

    def test_parquet_is_judged_like_csv(self, make):
        facts = inspect_table(
            make(
                pa.table(
                    {
                        "n": [*range(99), 10**6],
                        "text": ["x"] * 95 + [f"{n}" for n in range(5)],
                        "label": [False] * 99 + [True],
                        "wild": [float("inf"), float("-inf")] * 50,
                        "list": [[1], [2]] * 50,
                        "blob": [b"\xff", b"\0"] * 50,
                        "mixed": [f"{n}" for n in range(90)] + ["none"] * 10,
                    }
                )
            )
        )
        assert [(issue["kind"], issue["column"]) for issue in facts.issues] == [
            ("mixed_types", "mixed"),
            ("outliers", "n"),
            ("class_imbalance", "text"),
            ("class_imbalance", "label"),
        ]

    def test_a_sample_is_spread_over_a_large_file_and_knows_quotes(self, make, tmp_path):
        # Every line has a quoted line end, behind which it looks like another one.
        lines = (f'{number},"a,\nb{number}"\r\n' for number in range(700_000))
        path = make(("n,text\r\n" + "".join(lines)).encode())
        part = tmp_path / "part"
        sample.write_sample(path, part)
        assert part.stat().st_size <= sample.SAMPLE_BYTES < path.stat().st_size
        with part.open(newline="") as file:
            rows = list(csv.reader(file))
        assert rows[0] == ["n", "text"]
        numbers = [int(number) for number, text in rows[1:] if text == f"a,\nb{number}"]
        assert len(numbers) == len(rows) - 1
        assert numbers == sorted(set(numbers))
        assert numbers[0] == 0
        assert numbers[-1] > 670_000
        assert max(after - before for before, after in itertools.pairwise(numbers)) < 50_000

    def test_a_part_of_a_large_parquet_file_is_looked_at(self, make):
        values = pa.array(["usual" if number % 50 else "rare" for number in range(500_000)])
        for name in ("label", "file_row_number"):
            facts = inspect_table(make(pa.table({name: values})))
            (issue,) = facts.issues
            assert (issue["kind"], issue["column"]) == ("class_imbalance", name)
            assert not issue["message"].startswith("490000 of 500000")


def described(path: Path) -> dict:
    found = describe_table(path, inspect_table(path).dialect)
    assert list(path.parent.iterdir()) == [path]
    return found


class TestDescription:
    def test_every_type_of_parquet(self, make):
        moments = [
            dt.datetime.fromisoformat("2024-01-01"),
            None,
            dt.datetime.fromisoformat("2024-01-03"),
        ]
        found = described(
            make(
                pa.table(
                    {
                        "integer": [2**60, None, 0],
                        "double": [1.5, float("nan"), float("inf")],
                        "decimal": [decimal.Decimal("1.10"), None, decimal.Decimal("2.20")],
                        "flag": [True, False, True],
                        "date": [dt.date(2024, 1, 1), None, dt.date(1, 1, 1)],
                        "moment": pa.array(moments, pa.timestamp("ns")),
                        "zoned": pa.array(moments, pa.timestamp("us", "Europe/Oslo")),
                        "far": pa.array([2**62, -(2**62), 0], pa.timestamp("us")),
                        "text": ["x\0", "x\0", ""],
                        "long": ["y" * 500] * 2 + ["z"],
                        "time": [dt.time(1), None, dt.time(2)],
                        "list": [[1], [1], None],
                        "blob": [b"\xff", None, b"\xff"],
                        "null": pa.nulls(3),
                    }
                )
            )
        )
        columns = {one["name"]: one for one in found["columns"]}
        kinds = ["integer", "number", "number", "boolean", "date", *["datetime"] * 3]
        kinds += ["text", "text", *["other"] * 3]
        assert [one["type"] for one in found["columns"]][:-1] == kinds
        assert [one["missing_count"] for one in found["columns"]] == [
            *(1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 1, 1, 3),
        ]
        assert [one["distinct_count"] for one in found["columns"]] == [
            *(2, 2, 2, 2, 2, 2, 2, 3, 2, 2, 2, 1, 1, 0),
        ]
        assert columns["integer"]["max"] == 2**60
        assert [columns["double"][name] for name in ("min", "max", "mean")] == [1.5, 1.5, 1.5]
        assert columns["double"]["standard_deviation"] is None
        assert columns["decimal"]["mean"] == pytest.approx(1.65)
        assert columns["date"]["earliest"] == "0001-01-01T00:00:00Z"
        for name in ("moment", "zoned"):
            assert columns[name]["earliest"] == "2024-01-01T00:00:00Z"
            assert columns[name]["latest"] == "2024-01-03T00:00:00Z"
        assert columns["far"]["latest"] == columns["far"]["earliest"] == "1970-01-01T00:00:00Z"
        assert columns["text"]["top_values"] == [
            {"value": "x\N{REPLACEMENT CHARACTER}", "count": 2},
            {"value": "", "count": 1},
        ]
        assert columns["long"]["top_values"][0] == {"value": "y" * 100, "count": 2}
        assert columns["list"]["top_values"] == columns["blob"]["top_values"] == []

    def test_csv_has_the_types_of_its_parquet_and_its_markers_are_missing(self, make):
        content = "né;né;;flag\n1,5;NA;007;true\n2,5;x;8;\nnull;x;9;NaN\n"
        found = described(make(content.encode("utf-16")))
        assert [(one["name"], one["type"], one["missing_count"]) for one in found["columns"]] == [
            ("né", "number", 1),
            ("né_2", "text", 1),
            ("column_3", "text", 0),
            ("flag", "boolean", 2),
        ]

    def test_histograms_have_every_value_in_one_bin(self, make):
        values = [-1e308, 1e308, 5.0] * 2 + [float("inf")]
        found = described(make(pa.table({"wide": values, "n": [3, 1, 2, 1, 1, 4, 2]})))
        wide, small = found["distributions"]
        assert [one["count"] for one in wide["bins"]] == [2, *[0] * 9, 2, *[0] * 8, 2]
        assert sum(one["count"] for one in small["bins"]) == 7
        assert (small["bins"][0]["count"], small["bins"][-1]["count"]) == (3, 1)
        assert small["top_values"][0] == {"value": "1", "count": 3}
        assert found["columns"][0]["mean"] == pytest.approx(5 / 3, abs=1e293)
        assert json.dumps(found, allow_nan=False)

    def test_constant_numbers_and_dates(self, make):
        found = described(make(b"n,day\n7,2024-01-01\n7,2024-01-01\n"))
        n, day = found["distributions"]
        assert n["bins"] == [{"lower": 7.0, "upper": 7.0, "count": 2}]
        moment = "2024-01-01T00:00:00Z"
        assert day["periods"] == [{"start": moment, "end": moment, "count": 2}]
        assert found["correlations"] == []

    def test_bounds(self, make):
        header = ",".join(f"c{number}" for number in range(150))
        rows = (",".join(str(row * (n + 3) % 97) for n in range(150)) for row in range(60))
        found = described(make("\n".join([header, *rows]).encode()))
        assert len(found["columns"]) == 150
        assert [one["name"] for one in found["distributions"]] == header.split(",")[:100]
        assert len(found["correlations"]) == 190
        strengths = [abs(one["coefficient"]) for one in found["correlations"]]
        assert strengths == sorted(strengths, reverse=True)

    def test_most_frequent_of_many(self, make):
        values = [f"v{n}" for n in range(50) for _ in range(n + 1)]
        found = described(make(pa.table({"v": values})))
        assert found["columns"][0]["top_values"] == [
            {"value": f"v{n}", "count": n + 1} for n in range(49, 44, -1)
        ]
        (distribution,) = found["distributions"]
        assert len(distribution["top_values"]) == 20
        assert distribution["other_count"] == sum(range(1, 31))

    def test_many_different_values_are_estimated(self, make, monkeypatch):
        path = make(pa.table({"v": list(range(5000))}))
        monkeypatch.setattr(description, "MAX_DISTINCT", 1000)
        monkeypatch.setattr(description, "CELLS_PER_PASS", 1000)
        (column,) = tasks.describe(path, path, path, {"rows": 5000})["columns"]
        assert column["distinct_is_exact"] is False
        assert 4000 < column["distinct_count"] < 6000
        assert (column["missing_count"], column["max"]) == (0, 4999)

    def test_a_zip_bomb_and_absurd_row_groups(self, make):
        bomb = pa.table({"a": pa.array([7]).take(pa.array([0] * 5_000_000))})
        path = make(bomb, compression="zstd")
        assert path.stat().st_size < 100_000
        assert described(path)["columns"][0]["distinct_count"] == 1
        tiny = described(make(pa.table({"a": list(range(3000))}), row_group_size=1))
        assert tiny["columns"][0]["distinct_count"] == 3000

    def test_what_takes_too_much_memory_is_refused(self, make, monkeypatch):
        path = make(pa.table({"a": [f"{n}" * 20 for n in range(300_000)]}))
        monkeypatch.setattr(engine, "MEMORY_LIMIT", "8MB")
        paths = {name: str(path) for name in ("source", "scratch", "part")}
        task = {"task": "describe", "paths": paths, "options": {"dialect": {"rows": 300_000}}}
        assert "of memory" in reader.perform(task)["refusal"]

    def test_time_is_limited(self, endless, monkeypatch):
        monkeypatch.setattr(pool, "TASK_SECONDS", 0.2)
        with pytest.raises(NotATable, match=r"more than 0\.2 seconds"):
            describe_table(endless, {**AS_CSV, "rows": 1})


def converted(source: Path, target_format: str) -> Path:
    target = source.with_name("converted")
    convert_table(source, inspect_table(source).dialect, target_format, target)
    assert sorted(source.parent.iterdir()) == sorted([source, target])
    return target


class TestConversion:
    def test_types_of_a_csv(self, make):
        content = (
            "integer,double,flag,day,moment,text,code,huge,european,gap\r\n"
            "1,1.5,true,2024-01-02,2024-01-02T03:04:05,x,007,12345678901234567890,13/02/2024,\r\n"
            "NA,2e3,false,2024-01-03,2024-01-02 03:04:05.5,NA,8,1,01/02/2024,\r\n"
        )
        table = pq.read_table(converted(make(content.encode("utf-16")), "parquet"))
        assert table.schema.types == [
            *(pa.int64(), pa.float64(), pa.bool_(), pa.date32(), pa.timestamp("us")),
            *(pa.string(),) * 5,
        ]
        assert table.to_pylist()[1] == {
            "integer": None,
            "double": 2000.0,
            "flag": False,
            "day": dt.date(2024, 1, 3),
            "moment": dt.datetime.fromisoformat("2024-01-02T03:04:05.500"),
            "text": None,
            "code": "8",
            "huge": "1",
            "european": "01/02/2024",
            "gap": None,
        }
        assert table["code"][0].as_py() == "007"
        assert table["huge"][0].as_py() == "12345678901234567890"

    def test_what_people_wrote_is_kept_where_a_type_would_not(self, make):
        content = b"churn,flag,short\nYes,TRUE,t\nNo,false,f\nNA,NaN,\nyes,True,t\n"
        table = pq.read_table(converted(make(content), "parquet"))
        assert table.schema.types == [pa.string(), pa.bool_(), pa.string()]
        assert table["churn"].to_pylist() == ["Yes", "No", None, "yes"]
        assert table["flag"].to_pylist() == [True, False, None, True]

    def test_moments_with_an_offset(self, make):
        content = (
            b"at,mixed,plain\n"
            b"2026-02-28T14:30:00Z,2026-02-28T14:30:00,2026-02-28T14:30:00\n"
            b"2026-02-28 16:30:00.5+02:00,2026-02-28T15:30:00+01:00,2026-02-28 14:30:00\n"
            b",NA,\n"
        )
        table = pq.read_table(converted(make(content), "parquet"))
        zoned = pa.timestamp("us", "UTC")
        assert table.schema.types == [zoned, pa.string(), pa.timestamp("us")]
        moment = dt.datetime(2026, 2, 28, 14, 30, tzinfo=dt.UTC)
        assert table["at"].to_pylist() == [moment, moment + dt.timedelta(seconds=0.5), None]
        mixed = ["2026-02-28T14:30:00", "2026-02-28T15:30:00+01:00", None]
        assert table["mixed"].to_pylist() == mixed

    @pytest.mark.parametrize("delimiter", [";", "\t"])
    def test_decimal_commas_where_commas_do_not_delimit(self, make, delimiter):
        content = "price;code;mixed;group;gap\n1,5;007;1,5;1.234,5;\n-12,25;1;x;2;\nNA;2;3;3;\n"
        table = pq.read_table(converted(make(content.replace(";", delimiter).encode()), "parquet"))
        assert table.schema.types == [pa.float64(), *(pa.string(),) * 4]
        assert table["price"].to_pylist() == [1.5, -12.25, None]
        assert table["code"].to_pylist() == ["007", "1", "2"]

    def test_a_type_that_only_the_last_row_breaks(self, make):
        content = b"n\n" + b"1\n" * 300_000 + b"none\n"
        table = pq.read_table(converted(make(content), "parquet"))
        assert table.schema.types == [pa.string()]
        assert table["n"][-1].as_py() == "none"

    def test_order_of_many_rows_both_ways(self, make, tmp_path):
        values = [(number * 7919) % 300_007 for number in range(300_000)]
        source = make(("n;m\n" + "".join(f"{value};é\n" for value in values)).encode("latin-1"))
        packed = converted(source, "parquet")
        assert pq.read_table(packed)["n"].to_pylist() == values
        packed.rename(source)
        assert pa.csv.read_csv(converted(source, "csv"))["n"].to_pylist() == values

    def test_parquet_to_csv(self, make):
        target = converted(
            make(
                pa.table(
                    {
                        "text": ["a,b", "", None],
                        "list": [[1, 2], [], None],
                        "moment": pa.array([0, 1, None], pa.timestamp("s", "UTC")),
                        'na"me': ["x\ny", "é", '"'],
                    }
                )
            ),
            "csv",
        )
        assert target.read_text(encoding="utf-8") == (
            'text,list,moment,"na""me"\n'
            '"a,b","[1, 2]",1970-01-01T00:00:00Z,"x\ny"\n'
            '"",[],1970-01-01T00:00:01Z,é\n'
            ',,,""""\n'
        )

    def test_csv_to_csv_changes_how_it_is_written_and_nothing_else(self, make):
        target = converted(make("né;b\r\n007;€\n1,5;NA\r\n".encode("cp1252")), "csv")
        assert target.read_bytes() == 'né,b\n007,€\n"1,5",\n'.encode()

    def test_parquet_to_parquet_is_a_copy(self, make):
        source = make(pa.table({"a": [1]}))
        assert converted(source, "parquet").read_bytes() == source.read_bytes()

    def test_headers(self, make):
        table = pq.read_table(converted(make(b'a,,A,a_2,"q""x"\n1,2,3,4,5\n'), "parquet"))
        assert table.column_names == ["a", "column_2", "A_3", "a_2", 'q"x']
        assert pq.read_table(converted(make(b"1,2\n3,4\n"), "parquet")).to_pylist() == [
            {"column_1": 1, "column_2": 2},
            {"column_1": 3, "column_2": 4},
        ]

    def test_header_only(self, make):
        table = pq.read_table(converted(make(b"a,b\n"), "parquet"))
        assert (table.num_rows, table.column_names) == (0, ["a", "b"])

    def test_one_column_whose_quoted_values_hold_delimiters(self, make):
        table = pq.read_table(converted(make(b'a\n"1;5"\n\n""\n"2,5"\n'), "parquet"))
        assert table["a"].to_pylist() == ["1;5", None, "2,5"]

    def test_wide(self, make):
        lines = (",".join(str(row * column) for column in range(3000)) for row in range(50))
        header = ",".join(f"c{column}" for column in range(3000))
        table = pq.read_table(converted(make("\n".join([header, *lines]).encode()), "parquet"))
        assert (table.num_rows, table.num_columns) == (50, 3000)
        assert table["c2999"][49].as_py() == 49 * 2999

    @pytest.mark.slow
    def test_very_wide_to_the_end(self):
        width = engine.MAX_COLUMNS
        names, values = (",".join(f"{letter}{n}" for n in range(width)) for letter in ("c", ""))
        found = read(f"{names}\n{values}\n")  # in this process, which no limit of time ends
        assert found.rows == [{f"c{number}": number for number in range(width)}]
        assert [one["max"] for one in found.described["columns"]] == list(range(width))

    def test_leaves_no_target_when_it_fails(self, make, tmp_path):
        target = tmp_path / "converted"
        target.write_bytes(b"before")
        with pytest.raises(NotATable):
            convert_table(make(b'{"a": 1}'), {**AS_CSV, "rows": 1}, "parquet", target)
        assert not target.exists()

    def test_never_writes_fewer_rows_than_were_inspected(self, make, tmp_path):
        target = tmp_path / "converted"
        for rows in (2, 4):
            with pytest.raises(TableReaderError, match=f"rows were converted of {rows}"):
                convert_table(
                    make(b"a,b\n" + b"1,2\n" * 3), {**AS_CSV, "rows": rows}, "csv", target
                )
            assert not target.exists()

    @pytest.mark.parametrize(
        ("names", "unique"),
        [
            (["a", "b"], ["a", "b"]),
            (["a", "a", "A"], ["a", "a_2", "A_3"]),
            (["", "column_1", " "], ["column_1_2", "column_1", "column_3"]),
            (["a", "a", "a_2"], ["a", "a_3", "a_2"]),
        ],
    )
    def test_unique_names(self, names, unique):
        assert unique_names(names) == unique

    def test_unique_names_of_many_equal_ones(self):
        names = unique_names([*["x"] * 10_000, "X_3", ""])
        assert len({name.lower() for name in names}) == 10_002
        assert names[0] == "x"
        assert names[-2:] == ["X_3", "column_10002"]


class TestReaders:
    def test_nothing_runs_or_is_imported_before_the_first_use(self):
        script = (
            "import sys, psutil\n"
            "from pathlib import Path\n"
            "from projects_api.tables import inspect_table\n"
            "assert psutil.Process().children() == []\n"
            f"assert inspect_table(Path({str(SKLEARN_DATA / 'iris.csv')!r})).rows == 150\n"
            "assert len(psutil.Process().children()) == 1\n"
            "assert 'duckdb' not in sys.modules\n"
        )
        subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT)

    def test_memory_of_the_server_does_not_follow_the_size_of_a_file(self, make):
        path = make(b"number,text\n" + b"12345,some text that fills the line\n" * 2_000_000)
        assert path.stat().st_size > 70_000_000
        script = (
            "import re\n"
            "from pathlib import Path\n"
            "from projects_api.tables import inspect_table\n"
            "def peak_kib():\n"
            "    status = Path('/proc/self/status').read_text()\n"
            "    return int(re.search(r'VmHWM:\\s+(\\d+)', status)[1])\n"
            "before = peak_kib()\n"
            f"assert inspect_table(Path({str(path)!r})).rows == 2_000_000\n"
            "print(peak_kib() - before)\n"
        )
        run = subprocess.run(
            [sys.executable, "-c", script], check=True, cwd=ROOT, capture_output=True, text=True
        )
        assert int(run.stdout) < 10 * 1024

    def test_stay_warm(self, make, readers):
        path = make(b"a,b\n1,2\n")
        inspect_table(path)
        [first] = readers()
        inspect_table(path)
        assert readers() == [first]

    def test_know_no_secrets(self, make, readers, monkeypatch):
        monkeypatch.setenv("PROJECTS_API_DATABASE_URL", "postgresql://user:secret@host/name")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        inspect_table(make(b"a,b\n1,2\n"))
        [reader] = readers()
        assert "secret" not in str(reader.environ())

    def test_a_database_reaches_no_other_folder(self, make, tmp_path_factory):
        path, other = make(b"a,b\n1,2\n"), tmp_path_factory.mktemp("other") / "table.csv"
        other.write_bytes(b"a,b\n3,4\n")
        with engine.connect(path) as connection:
            assert connection.execute(f"FROM read_csv('{path}')").fetchall() == [(1, 2)]
        for statement in (
            f"FROM read_csv('{other}')",
            f"FROM read_csv('{path.parent}/../{other.parent.name}/{other.name}')",
            f"COPY (SELECT 1) TO '{other}'",
            "INSTALL httpfs",
        ):
            with pytest.raises(duckdb.PermissionException), engine.connect(path) as connection:
                connection.execute(statement)
        with pytest.raises(duckdb.InvalidInputException), engine.connect(path) as connection:
            connection.execute("SET enable_external_access = true")

    def test_a_database_is_kept_until_something_fails(self, make):
        path = make(b"a,b\n1,2\n")
        with engine.connect(path) as connection:
            connection.execute("CREATE TEMP TABLE mine AS SELECT 1")
            connection.execute("ATTACH ':memory:' AS everybodys")
        attached = "SELECT count(*) FROM duckdb_databases() WHERE database_name = 'everybodys'"
        with engine.connect(path) as connection:
            assert connection.execute(attached).fetchall() == [(1,)]
            assert connection.execute("SHOW TABLES").fetchall() == []
        with pytest.raises(NotATable), engine.connect(path):
            raise NotATable("as told")
        with engine.connect(path) as connection:
            assert connection.execute(attached).fetchall() == [(0,)]

    def test_serve_many_threads_and_are_few(self, tmp_path, readers):
        paths = [tmp_path / f"{number}.csv" for number in range(40)]
        for number, path in enumerate(paths):
            path.write_bytes(b"a,b\n" + b"1,2\n" * number)
        with ThreadPoolExecutor(16) as threads:
            facts = list(threads.map(inspect_table, paths))
        assert [found.rows for found in facts] == list(range(40))
        assert 1 <= len(readers()) <= 2

    def test_one_that_was_killed_while_idle_is_replaced(self, make, readers):
        path = make(b"a,b\n1,2\n")
        inspect_table(path)
        [reader] = readers()
        reader.kill()
        wait_for(lambda: reader.status() == psutil.STATUS_ZOMBIE)
        assert inspect_table(path).rows == 1

    def test_one_that_dies_of_every_attempt_at_a_file_refuses_the_file(self, endless, readers):
        with ThreadPoolExecutor() as threads:
            refused = threads.submit(inspect_table, endless)
            killed: set[psutil.Process] = set()
            for _ in range(child_pool.ATTEMPTS):
                [reader] = wait_for(lambda: set(readers()) - killed)
                wait_until_read(reader, endless)
                reader.send_signal(signal.SIGSEGV)
                killed.add(reader)
            with pytest.raises(NotATable, match="ended the process"):
                refused.result(60)

    def test_time_is_limited(self, endless, make, readers, monkeypatch):
        with monkeypatch.context() as patch:
            patch.setattr(pool, "TASK_SECONDS", 0.2)
            with pytest.raises(NotATable, match=r"more than 0\.2 seconds"):
                inspect_table(endless)
        assert inspect_table(make(b"a,b\n1,2\n")).rows == 1

    def test_memory_is_limited(self, make, monkeypatch):
        monkeypatch.setattr(engine, "MEMORY_LIMIT", "8MB")
        path = make(b",".join([b"x"] * 2000) + b"\n" + (b",".join([b"1"] * 2000) + b"\n") * 2000)
        answer = reader.perform(
            {
                "task": "inspect",
                "paths": {
                    "source": str(path),
                    "scratch": f"{path}.scratch",
                    "part": f"{path}.part",
                },
                "options": {"given": {}},
            }
        )
        assert "of memory" in answer["refusal"]

    def test_die_with_the_server(self, endless):
        script = (
            "from pathlib import Path\n"
            "from projects_api.tables import inspect_table\n"
            f"inspect_table(Path({str(endless)!r}))\n"
        )
        server = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT)
        [reader] = wait_for(psutil.Process(server.pid).children)
        wait_until_read(reader, endless)
        server.kill()
        server.wait()
        wait_for(lambda: not reader.is_running())

    def test_leave_the_processor_to_the_server_first(self, make, readers):
        inspect_table(make(b"a,b\n1,2\n"))
        [reader] = readers()
        assert reader.nice() == psutil.Process().nice() + NICENESS
        assert 0 < NICENESS < FOR_JOBS

    def test_a_missing_file_is_no_fault_of_the_file(self, tmp_path):
        with pytest.raises(TableReaderError, match="FileNotFoundError"):
            inspect_table(tmp_path / "missing.csv")

    def test_one_that_cannot_start_says_so(self, make, readers, monkeypatch):
        monkeypatch.setattr(pool, "READER", "projects_api.processes.no_such_reader")
        monkeypatch.setattr(tables, "_readers", pool.ReaderPool(1))
        with pytest.raises(TableReaderError, match="did not start: exit status 1"):
            inspect_table(make(b"a,b\n1,2\n"))
