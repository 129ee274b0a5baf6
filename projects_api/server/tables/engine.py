"""Tables as DuckDB sees them; runs only in a reader process, never in the server.

Every text that gets into SQL passes `literal` or `quoted_name`; columns are called c0, c1, ...
"""

# ruff: noqa: S608 - names and options of DuckDB's table functions cannot be bound

import glob
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import duckdb

from projects_api.server.tables.facts import NotATable, TableFormat
from projects_api.server.tables.names import unique_names
from projects_api.server.tables.text import Dialect

MEMORY_LIMIT = "1GB"
THREADS = 2
MAX_COLUMNS = 10_000
# A scan holds 2,048 rows of every column that it reads, several times over.
COLUMNS_PER_PASS = 1000
# Beyond, one aggregate a column takes DuckDB many seconds, and gigabytes for thousands.
MAX_AGGREGATED = 300
# And what is made of them comes on top.
MAX_DERIVED = 200
# Finding duplicates keeps a number per row in memory.
MAX_ROWS_COMPARED = 1_000_000
VECTOR_ROWS = 2048
MISSING = ("", "NA", "N/A", "NaN", "nan", "NULL", "null")
NUMBER = re.compile(r"\s*[-+]?\d+([.,]\d+)?\s*")


@dataclass(frozen=True, slots=True)
class Table:
    """A table as SQL: `scan` gives columns `c0`, `c1`, ...; `names` are theirs in the file.

    `values` are expressions, NULL where a value is missing; `cells` are others, also NULL there,
    that only tell a column's values apart.
    """

    format: TableFormat
    scan: str
    names: list[str]
    cells: list[str]
    values: list[str]

    @property
    def unique_names(self) -> list[str]:
        """Give the names that all answers use; in Parquet, the case of letters tells apart."""
        return unique_names(self.names, case_counts=self.format == "parquet")

    def with_missing_texts(self, types: Sequence[str]) -> "Table":
        """Take the markers of missing values for what they are in a CSV that became Parquet."""
        values = [
            _unless_marked(value) if kind == "VARCHAR" else value
            for value, kind in zip(self.values, types, strict=True)
        ]
        return replace(self, values=values)


@dataclass(frozen=True, slots=True)
class Profile:
    """What a pass over all rows finds; `duplicates` is None where rows were not compared."""

    rows: int
    present: list[int]
    constant: list[bool]
    duplicates: int | None


@contextmanager
def connect(*paths: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Connect to a database in memory that can reach only the folders of these files.

    It reaches no extension and no network. It is kept for the next ones there, since it takes 20 ms
    to make, unless something failed.
    """
    try:
        with _database(*sorted({str(path.parent) for path in paths})).cursor() as connection:
            yield connection
    except BaseException:
        _database.cache_clear()  # Some faults leave a database that refuses all that is asked.
        raise


@lru_cache(maxsize=1)
def _database(*folders: str) -> duckdb.DuckDBPyConnection:
    settings: dict[str, str | bool | int | float | list[str]] = {
        "threads": THREADS,
        "memory_limit": MEMORY_LIMIT,
        "temp_directory": "",
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "enable_external_file_cache": False,
    }
    database = duckdb.connect(config=settings)
    database.execute("SET TimeZone = 'UTC'")
    database.execute(f"SET allowed_directories = {list_literal(folders)}")
    database.execute("SET enable_external_access = false")
    return database


def has_header(connection: duckdb.DuckDBPyConnection, path: Path, dialect: Dialect) -> bool:
    """Ask DuckDB's sniffer whether the first row of a UTF-8 CSV names the columns.

    It does when the rows below have types that it has not, or when all is text; numbers alone,
    which may have a decimal comma, name nothing. Raises NotATable when there are too many columns.
    """
    check_width(len(dialect.first_row))
    if all(map(NUMBER.fullmatch, dialect.first_row)):
        return False
    sniffer = f"sniff_csv({file_literal(path)}, {csv_options(dialect)}, sample_size = 1000)"
    try:
        row = connection.execute(f"SELECT HasHeader FROM {sniffer}").fetchone()
    except duckdb.InvalidInputException:  # ragged, which the pass over all rows will tell
        return True
    assert row is not None
    return bool(row[0])


def csv_table(path: Path, dialect: Dialect, *, header: bool, marked: bool = False) -> Table:
    """Describe a UTF-8 CSV file; every value is text here.

    Values that mark missing ones are missing only if `marked`. Blank lines are no rows. A scan
    leaves out what does not fit the first line, and does not always say so. Raises NotATable when
    there are too many columns.
    """
    columns = [f"c{index}" for index in range(len(dialect.first_row))]
    check_width(len(columns))
    declared = ", ".join(f"'{column}': 'VARCHAR'" for column in columns)
    scan = (
        f"read_csv({file_literal(path)}, {csv_options(dialect)}, auto_detect = false, "
        f"columns = {{{declared}}}, header = {header}, store_rejects = true, rejects_limit = 1"
    )
    names = dialect.first_row if header else [f"column_{n + 1}" for n in range(len(columns))]
    if dialect.delimiter is None:  # where a blank line and a missing value look alike
        scan = f"(FROM {scan}, allow_quoted_nulls = false) WHERE c0 IS NOT NULL)"
        columns = [_unless_marked("c0")] if marked else columns
    else:
        scan += f", nullstr = {list_literal(MISSING)})" if marked else ")"
    return Table("csv", scan, names, columns, columns)


def _unless_marked(column: str) -> str:
    return f"CASE WHEN {column} NOT IN ({', '.join(map(literal, MISSING))}) THEN {column} END"


def profile(
    connection: duckdb.DuckDBPyConnection, table: Table, expected_rows: int | None
) -> Profile:
    """Read all rows; a column is constant when it has several equal values and none missing.

    Rows are compared where no more than MAX_ROWS_COMPARED are expected.
    """
    comparable = (
        1 < len(table.cells) <= COLUMNS_PER_PASS
        and expected_rows is not None
        and expected_rows <= MAX_ROWS_COMPARED
    )
    if len(table.cells) <= MAX_AGGREGATED:
        rows, duplicates, present, same = _aggregated(connection, table, comparable=comparable)
    else:
        rows, present, same = _counted_by_cell(connection, table)
        duplicates = _count_duplicates(connection, table) if comparable else None
    constant = [
        rows > 1 and count == rows and alike for count, alike in zip(present, same, strict=True)
    ]
    return Profile(rows, present, constant, duplicates)


def _aggregated(
    connection: duckdb.DuckDBPyConnection, table: Table, *, comparable: bool
) -> tuple[int, int | None, list[int], list[bool]]:
    counts = ", ".join(f"count({cell})" for cell in table.cells)
    same = ", ".join(f"min({cell}) = max({cell})" for cell in table.cells)
    duplicates = _duplicates(table) if comparable else "NULL"
    # A scan that is not read to its end keeps to itself what it rejected.
    [row] = connection.execute(
        f"SELECT count(*), {duplicates}, [{counts}], [{same}] FROM {table.scan}"
    ).fetchall()
    return row


def _counted_by_cell(
    connection: duckdb.DuckDBPyConnection, table: Table
) -> tuple[int, list[int], list[bool]]:
    """Make one row of each cell, so that the work grows with the cells only."""
    rows, present, same = 0, [0] * len(table.names), [True] * len(table.names)
    for start in range(0, len(table.cells), COLUMNS_PER_PASS):
        batch = enumerate(table.cells[start : start + COLUMNS_PER_PASS], start)
        cells = ", ".join(f"{cell} AS c{position}" for position, cell in batch)
        found = connection.execute(
            "SELECT name, count(*), min(hash(value)) = max(hash(value)) "
            f"FROM (UNPIVOT (SELECT {cells}, {_marker(table)} FROM {table.scan}) "
            "ON COLUMNS(*) INTO NAME name VALUE value) GROUP BY name"
        ).fetchall()
        for name, count, alike in found:
            if name == "row":
                rows = count
            else:
                present[int(name[1:])], same[int(name[1:])] = count, alike
    return rows, present, same


def column_types(connection: duckdb.DuckDBPyConnection, table: Table) -> list[str]:
    """Tell the SQL types of a table's values."""
    columns = ", ".join(f"c{index}" for index in range(len(table.names)))
    described = connection.execute(f"DESCRIBE SELECT {columns} FROM {table.scan}").fetchall()
    return [str(row[1]) for row in described]


def check_width(columns: int) -> None:
    """Raise NotATable when there are too many columns."""
    if columns > MAX_COLUMNS:
        raise NotATable(
            f"The table has {columns} columns; at most {MAX_COLUMNS} are accepted. "
            "Split it, or turn columns into rows."
        )


def _marker(table: Table) -> str:
    """Write a value that every row has, of the type of the cells."""
    return ("'row'" if table.format == "csv" else "hash(0)") + ' AS "row"'


def _count_duplicates(connection: duckdb.DuckDBPyConnection, table: Table) -> int:
    row = connection.execute(f"SELECT {_duplicates(table)} FROM {table.scan}").fetchone()
    assert row is not None
    return int(row[0])


def _duplicates(table: Table) -> str:
    columns = ", ".join(f"c{index}" for index in range(len(table.names)))
    return f"count(*) - count(DISTINCT hash({columns}))"


def rejected_line(connection: duckdb.DuckDBPyConnection) -> tuple[int, str] | None:
    """Tell a line that a scan of a CSV file said it left out, and why."""
    row = connection.execute("SELECT line, error_type::VARCHAR FROM reject_errors").fetchone()
    return (int(row[0]), str(row[1]).lower()) if row else None


def csv_options(dialect: Dialect) -> str:
    """Write the options that say how a CSV file is to be read."""
    return (
        f"delim = {literal(dialect.separator)}, quote = '\"', escape = '\"', "
        "compression = 'none', encoding = 'utf-8'"
    )


def file_literal(path: Path) -> str:
    """Write a path for a function that would take `*`, `?` and `[` for a pattern."""
    return literal(glob.escape(str(path)))


def literal(text: str) -> str:
    """Write a text as an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def list_literal(texts: Iterable[str]) -> str:
    """Write texts as a DuckDB list."""
    return f"[{', '.join(map(literal, texts))}]"


def quoted_name(text: str) -> str:
    """Write a text as an SQL name, which cannot hold NUL."""
    return '"' + text.replace('"', '""').replace("\0", "") + '"'
