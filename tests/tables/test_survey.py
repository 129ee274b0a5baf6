"""The count of a file's lines by its bytes alone, beside that of the standard library's reader."""

import csv
import io
import random

import pytest

from projects_api.tables import lines
from projects_api.tables.lines import survey

CELLS = ("", "1", "a b", 'say "no"', "two\nlines", "\r\n", '"', "ü", "x" * 9, ",")


def written(seed: int) -> str:
    drawn = random.Random(seed)
    text = io.StringIO()
    end = drawn.choice(["\n", "\r\n", "\r"])
    write = csv.writer(text, lineterminator=end, quoting=drawn.choice([0, 1]))
    for _ in range(drawn.randrange(1, 9)):
        write.writerow(drawn.choices(CELLS, k=3))
        if drawn.random() < 0.2:
            text.write(end)
    return text.getvalue()


@pytest.mark.parametrize("chunk_bytes", [1, 2, 3, 7, 64, 1 << 20])
def test_lines_are_those_of_a_reader(tmp_path, monkeypatch, chunk_bytes):
    monkeypatch.setattr(lines, "CHUNK_BYTES", chunk_bytes)
    for seed in range(100):
        text = written(seed)
        (tmp_path / "table.csv").write_bytes(text.encode())
        rows = [row for row in csv.reader(io.StringIO(text, newline="")) if row]
        assert survey(tmp_path / "table.csv", ",").lines == len(rows), (seed, text)


@pytest.mark.parametrize("chunk_bytes", [1, 2, 3, 1 << 20])
@pytest.mark.parametrize("text", ['a\n"b', 'a\n"b\nc\n', '"', 'a,"b ""c\n'])
def test_a_quote_that_stays_open_is_told(tmp_path, monkeypatch, chunk_bytes, text):
    monkeypatch.setattr(lines, "CHUNK_BYTES", chunk_bytes)
    (tmp_path / "table.csv").write_bytes(text.encode())
    assert survey(tmp_path / "table.csv", ",").lines is None


@pytest.mark.parametrize("chunk_bytes", [3, 4, 7, 1 << 20])
@pytest.mark.parametrize(
    ("text", "readable"),
    [
        *(('a,b\n1,"x ""y"""\n', True), ('"a" ,b\r\n"1",\r\n', True), ("a,b\n1,\x1a2\n", True)),
        *(('a,b\n1, "x"\n', False), ('a,b\n "1",2\n', False), ('a,b\r "1",2\r', False)),
        *(("a,b\n\ufeff1,2\n", False), ("a,b\r\ufeff1,2\r", False), ("a,b\n1,2\n\x1a", False)),
    ],
)
def test_what_duckdb_reads_in_a_way_of_its_own_is_told(
    tmp_path, monkeypatch, chunk_bytes, text, readable
):
    monkeypatch.setattr(lines, "CHUNK_BYTES", chunk_bytes)
    for before in range(8):  # so that what is told lies between two chunks, too
        (tmp_path / "table.csv").write_bytes(b"x" * before + text.encode())
        assert survey(tmp_path / "table.csv", ",").readable is readable, before
