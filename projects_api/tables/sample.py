"""A part of a table that is small, and spread over all of it; runs only in a reader process.

What takes long to look for is looked for here, so that an upload does not take much longer.
"""

# ruff: noqa: S608 - as in engine, whose functions quote every text

from dataclasses import dataclass
from pathlib import Path

import duckdb

from projects_api.tables.encoding import CHUNK_BYTES
from projects_api.tables.engine import MAX_DERIVED, VECTOR_ROWS, Table, column_types

BLOCK_BYTES = 32 * 1024
BLOCK_LINES = 4
SAMPLE_BYTES = 1024 * 1024
MAX_ROWS = 25_000
MAX_CELLS = 250_000
MAX_VALUE_CHARACTERS = 64
# Each pass over a very wide table takes about as long as one over all of its columns.
MAX_COLUMNS_SEEN = 1000
FENCE = 3
NESTED_OR_BINARY = ("STRUCT", "MAP", "UNION", "BLOB", "BIT", "VARIANT", "GEOMETRY")


@dataclass(frozen=True, slots=True)
class Look:
    """What a sample shows of a column: how many of its values are what.

    `low` and `high` are `FENCE` interquartile ranges away from the quartiles of the numbers, and
    `outside` numbers are beyond; both are None where no value is a number.
    """

    present: int
    numbers: int
    dates: int
    distinct: int
    commonest: str
    commonest_count: int
    low: float | None
    high: float | None
    outside: int


def write_sample(path: Path, target: Path) -> None:
    """Write lines of a UTF-8 CSV file: the first and blocks from all over it; all if it is small.

    A block begins and ends at a line end that is outside quotes.
    """
    size = path.stat().st_size
    with path.open("rb") as source, target.open("wb") as sample:
        if size <= SAMPLE_BYTES:
            sample.write(source.read())
            return
        head = source.read(SAMPLE_BYTES // 8)
        length = max(BLOCK_BYTES, BLOCK_LINES * len(head) // (head.count(b"\n") + 1))
        step, quoted = size * length // SAMPLE_BYTES, False
        for start in range(0, size, step):
            source.seek(start)
            block = source.read(min(length, step))
            sample.write(_whole_lines(block, quoted=quoted, first=start == 0))
            quoted ^= _opens_or_closes(block)
            while source.tell() < start + step and (
                passed := source.read(min(CHUNK_BYTES, start + step - source.tell()))
            ):
                quoted ^= _opens_or_closes(passed)


def vector_step(rows: int, columns: int) -> int:
    """Choose which part of a Parquet table is a sample: one of so many groups of rows."""
    wanted = min(MAX_ROWS, max(VECTOR_ROWS, MAX_CELLS // columns))
    return max(1, -(-rows // wanted))


def look(connection: duckdb.DuckDBPyConnection, table: Table) -> dict[int, Look]:
    """Look at a sample; give what was found by the position of the column.

    Columns behind the first MAX_COLUMNS_SEEN, those without values, and those of nested or binary
    values are left out.
    """
    types = column_types(connection, table)
    readable = [
        position
        for position, kind in enumerate(types[:MAX_COLUMNS_SEEN])
        if not kind.startswith(NESTED_OR_BINARY) and "[" not in kind
    ]
    looks: dict[int, Look] = {}
    for start in range(0, len(readable), MAX_DERIVED):
        positions = readable[start : start + MAX_DERIVED]
        looks |= {
            int(name[1:]): Look(*found)
            for name, *found in connection.execute(_query(table, positions)).fetchall()
        }
    return looks


def _query(table: Table, positions: list[int]) -> str:
    cells = ", ".join(f"CAST({table.values[index]} AS VARCHAR) AS c{index}" for index in positions)
    low, high = (f"{bound} {FENCE} * (upper - lower)" for bound in ("lower -", "upper +"))
    beginning = f"left(value, {MAX_VALUE_CHARACTERS})"  # which takes as long as all else
    beginning = f"CASE WHEN strlen(value) > {MAX_VALUE_CHARACTERS} THEN {beginning} ELSE value END"
    # DuckDB takes long to find that a text is no moment.
    moment = "value LIKE '%-%-%' OR value LIKE '%/%/%'"
    moment = f"CASE WHEN parsed IS NULL AND ({moment}) THEN try_cast(trim(value) AS TIMESTAMP) END"
    return (
        f"WITH cells AS (SELECT name, {beginning} AS value "
        f"FROM (UNPIVOT (SELECT {cells} FROM {table.scan}) "
        "ON COLUMNS(*) INTO NAME name VALUE value)), "
        "counted AS (SELECT name, value, count(*) AS times FROM cells GROUP BY name, value), "
        "parsed AS (SELECT *, try_cast(trim(value) AS DOUBLE) AS parsed FROM counted), "
        # An infinite number is none.
        "typed AS MATERIALIZED (SELECT name, value, times, "
        "CASE WHEN isfinite(parsed) THEN parsed END AS number, "
        f"{moment} IS NOT NULL AS dated FROM parsed), "
        "quartiles AS (SELECT name, quantile_cont(number, 0.25) AS lower, "
        "quantile_cont(number, 0.75) AS upper FROM typed, range(times) "
        "WHERE number IS NOT NULL GROUP BY name) "
        "SELECT name, sum(times)::BIGINT, "
        "sum(CASE WHEN number IS NULL THEN 0 ELSE times END)::BIGINT, "
        "sum(CASE WHEN dated THEN times ELSE 0 END)::BIGINT, count(*), "
        f"max({{'times': times, 'value': value}}).value, max(times), "
        f"any_value({low}), any_value({high}), "
        f"sum(CASE WHEN number NOT BETWEEN {low} AND {high} THEN times ELSE 0 END)::BIGINT "
        "FROM typed LEFT JOIN quartiles USING (name) GROUP BY name"
    )


def _opens_or_closes(block: bytes) -> bool:
    # Most files have no quotes, and to look for one is much faster than to count none.
    return b'"' in block and block.count(b'"') % 2 == 1


def _whole_lines(block: bytes, *, quoted: bool, first: bool) -> bytes:
    """Cut a block at its first and its last line end outside quotes."""
    pieces = block.split(b'"')
    for index in range(not quoted, len(pieces), 2):
        pieces[index] = b"x" * len(pieces[index])
    masked = b'"'.join(pieces)
    end = b"\n" if b"\n" in masked else b"\r"
    start = 0 if first else masked.find(end) + 1
    return block[start : masked.rfind(end) + 1]
