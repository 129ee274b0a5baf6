"""Tables that Python's `csv` wrote, of random values in random dialects, read back by value.

What is right is known from how a table was made, and from nothing that reads it. `make fuzz` reads
many more: GENERATED_TABLES=100000, and GENERATED_SEED to begin elsewhere.
"""

import csv
import datetime as dt
import io
import os
import random
import string
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from projects_api.tables.facts import NotATable
from tests.tables.reading_of import convert, read, read_again

TABLES = int(os.environ.get("GENERATED_TABLES", "600"))
SEED = int(os.environ.get("GENERATED_SEED", "0"))
BATCHES = 20
ENTIRELY = 4 if TABLES > 10_000 else 10
"""One in so many tables is also described, downloaded as CSV and uploaded again."""
WORDS = (
    *("Oslo", "Köln", "São Paulo", "O'Neill", "naïve", "x", "Ann", "two words", "e5", "1st", "ok?"),
    *("a-b", "50%x", "#3", "n.a", "v1.2.3", "C:\\dir\\", "12:30 h", "(100)", "1 234", "$5", "yes"),
)
CODES = ("007", "0x1F", "0b01", "+1", "-05", "01.5", "1_000", "00", "1e5x", "2024-02-30", "9" * 20)
MARKERS = ("", "", "NA", "n/a", "NULL", "NaN", "None", r"\N", "#N/A", "<NA>", " ")


@dataclass(frozen=True)
class Made:
    """A table: the bytes that were written, what its sender says, and what is in it."""

    content: bytes
    said: dict[str, str]
    names: list[str]
    rows: list[tuple[Any, ...]]


def made(seed: int) -> Made:
    """Make the table of a seed."""
    chance = random.Random(seed)
    width, length = chance.randint(2, 7), chance.randint(2, 12)
    dialect = _dialect(chance, width)
    columns = [chance.choice(COLUMNS) for _ in range(width)]
    if not set(columns) & {_integer, _number, _date}:
        columns[0] = _integer  # without which a first row of words is a guess
    cells = [[column(chance, dialect) for _ in range(length)] for column in columns]
    for column in cells:
        for row in range(1, length):  # the first keeps a value, by which its type is seen
            if chance.random() < dialect["missing"]:
                column[row] = (chance.choice(MARKERS), None)
    names = [_name(chance) + str(number) for number in range(width)]
    rows = list(zip(*cells, strict=True))
    buffer = io.StringIO(newline="")
    buffer.write(dialect["above"])
    writer = csv.writer(buffer, **dialect["csv"])
    writer.writerow(names)
    writer.writerows([text for text, _ in row] for row in rows)
    text = buffer.getvalue()
    text = text if chance.random() < 0.8 else text.rstrip("\r\n")
    said = dialect["said"] if chance.random() < 0.5 else {}
    return Made(
        text.encode(dialect["encoding"]),
        said,
        names,
        [tuple(value for _, value in row) for row in rows],
    )


def _dialect(chance: random.Random, width: int) -> dict[str, Any]:
    delimiter = chance.choice(",,,;\t|")
    decimal = chance.choice(".,") if delimiter != "," else "."
    encoding = chance.choice(["utf-8"] * 4 + ["utf-8-sig", "utf-16", "cp1252"])
    end = chance.choice(["\n", "\n", "\r\n", "\r"])
    wide = delimiter.join(["# one", *["word"] * (width - 1)]) + end
    above = chance.choice(
        [""] * 6 + [f"A title{end}", f"# one{end}# two{end}", f"T{end}{end}", wide, wide * 2]
    )
    return {
        "csv": {
            "delimiter": delimiter,
            "lineterminator": end,
            "quoting": chance.choice([csv.QUOTE_MINIMAL, csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
        },
        "decimal": decimal,
        "encoding": encoding,
        "above": above,
        "missing": chance.choice([0, 0.1, 0.4]),
        "said": {
            "delimiter": delimiter,
            "decimal": decimal,
            "encoding": encoding,
            "header": "true",
            "skip_lines": str(above.count(end)),
        },
    }


def _name(chance: random.Random) -> str:
    return "".join(chance.choices(string.ascii_letters + "é_", k=chance.randint(1, 8)))


def _integer(chance: random.Random, _: dict[str, Any]) -> tuple[str, Any]:
    value = chance.choice([0, 1, -1, 2**63 - 1, -(2**63), chance.randint(-999, 99999)])
    return f"{value}", value


def _number(chance: random.Random, dialect: dict[str, Any]) -> tuple[str, Any]:
    value = chance.choice([0.5, -12.25, 1e-7, 1e22, round(chance.uniform(-1e4, 1e4), 2) + 0.001])
    text = chance.choice([repr(value), f"{value:.17e}", f"{value:.1f}"])
    value = float(text)
    return text.replace(".", dialect["decimal"]), value


def _date(chance: random.Random, _: dict[str, Any]) -> tuple[str, Any]:
    value = dt.date.fromordinal(chance.randint(1, dt.date.max.toordinal()))
    return value.isoformat(), value


def _moment(chance: random.Random, _: dict[str, Any]) -> tuple[str, Any]:
    value = dt.datetime.fromtimestamp(chance.randint(0, 2**32), dt.UTC).replace(tzinfo=None)
    value += dt.timedelta(microseconds=chance.choice([0, 500_000, 1]))
    return value.isoformat(sep=chance.choice("T ")), value


def _zoned(chance: random.Random, _: dict[str, Any]) -> tuple[str, Any]:
    zone = dt.timezone(dt.timedelta(minutes=chance.choice([0, 60, -480, 330])))
    value = dt.datetime.fromtimestamp(chance.randint(0, 2**32), zone)
    return value.isoformat(), value.astimezone(dt.UTC)


def _boolean(chance: random.Random, _: dict[str, Any]) -> tuple[str, Any]:
    value = chance.random() < 0.5
    return chance.choice([str(value), str(value).lower(), str(value).upper()]), value


def _word(chance: random.Random, _: dict[str, Any]) -> tuple[str, Any]:
    text = chance.choice(WORDS)
    return text, text


def _code(chance: random.Random, _: dict[str, Any]) -> tuple[str, Any]:
    text = chance.choice(CODES)
    return text, text


def _text(chance: random.Random, dialect: dict[str, Any]) -> tuple[str, Any]:
    # Before Python 3.13, `csv` leaves line ends without quotes where lines end with CR alone.
    ends = [] if dialect["csv"]["lineterminator"] == "\r" else ["\n", "\r\n"]
    pieces = [*WORDS, dialect["csv"]["delimiter"], '"', '""', *ends, "'", ", ", "é"]
    text = "w" + "".join(chance.choices(pieces, k=chance.randint(1, 5)))
    return text, text


COLUMNS: list[Callable[[random.Random, dict[str, Any]], tuple[str, Any]]] = [
    *(_integer, _number, _date, _moment, _zoned, _boolean, _word, _code, _text),
]


@pytest.mark.parametrize("batch", range(BATCHES))
def test_a_table_is_what_was_written(batch):
    per_batch = TABLES // BATCHES
    for seed in range(SEED + batch * per_batch, SEED + (batch + 1) * per_batch):
        table = made(seed)
        entirely = seed % ENTIRELY == 0
        try:
            found = (read if entirely else convert)(table.content, **table.said)
        except NotATable as refused:
            pytest.fail(f"seed {seed}: {refused.reason}\n{table.content[:2000]!r}")
        told = f"seed {seed}, {table.said}, {found.facts.reading}\n{table.content[:2000]!r}"
        assert found.facts.names == table.names, told
        assert [tuple(row.values()) for row in found.rows] == table.rows, told
        if entirely:
            missing = [column.count(None) for column in zip(*table.rows, strict=True)]
            columns = found.described["columns"]
            assert [one["missing_count"] for one in columns] == missing, told
            assert read_again(found).table.equals(found.table), told
