"""Tables as DuckDB sees them; runs only in a reader process, never in the server.

Every text that gets into SQL passes `literal` or `quoted_name`; columns are called c0, c1, ...
"""

# ruff: noqa: S608 - names and options of DuckDB's table functions cannot be bound

import glob
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import duckdb

from projects_api.tables.facts import NotATable, TableFormat
from projects_api.tables.names import unique_names

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
Check = Callable[[str], str]


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
        """Return the names that all answers use; in Parquet, the case of letters tells apart.

        They have no NUL, which neither the database nor a CSV holds.
        """
        names = [name.replace("\0", "") for name in self.names]
        return unique_names(names, case_counts=self.format == "parquet")


@dataclass(frozen=True, slots=True)
class Profile:
    """What a pass over all rows finds; `duplicates` is None where rows were not compared.

    `fits` tells of each column whether all values passed the check that was made of them.
    """

    rows: int
    present: list[int]
    constant: list[bool]
    duplicates: int | None
    fits: list[bool] = field(default_factory=list)


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


def csv_table(
    path: Path,
    separator: str,
    names: list[str],
    markers: Sequence[str],
    *,
    header: bool,
    one: bool,
    uniform: bool = False,
) -> Table:
    """Describe a UTF-8 CSV file; every value is text here, NULL where it is one of the markers.

    Nothing is left to DuckDB to find. Blank lines are no rows. A scan leaves out what does not fit,
    and does not always say so. A file of `one` column has no delimiter; the separator must not
    occur in it. In a `uniform` file, all lines end with CRLF, whatever the ends in its values are.
    Raises NotATable when there are too many columns.
    """
    check_width(len(names))
    columns = [f"c{index}" for index in range(len(names))]
    declared = ", ".join(f"'{column}': 'VARCHAR'" for column in columns)
    scan = (
        f"read_csv({file_literal(path)}, delim = {literal(separator)}, quote = '\"', "
        "escape = '\"', comment = '', compression = 'none', encoding = 'utf-8', "
        "null_padding = false, auto_detect = false, "
        f"columns = {{{declared}}}, header = {header}, store_rejects = true, rejects_limit = 1"
    )
    scan += ", new_line = '\\r\\n'" if uniform else ""
    if one:  # where a blank line and a missing value look alike
        scan = f"(FROM {scan}, allow_quoted_nulls = false) WHERE c0 IS NOT NULL)"
        columns = [f"CASE WHEN c0 NOT IN ({', '.join(map(literal, markers))}) THEN c0 END"]
    else:
        scan += f", nullstr = {list_literal(markers)})"
    return Table("csv", scan, names, columns, columns)


def profile(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    expected_rows: int | None,
    checks: Sequence["Check | None"] = (),
    varied: Collection[int] = (),
) -> Profile:
    """Read all rows; a column is constant when it has several equal values and none missing.

    Rows are compared where no more than MAX_ROWS_COMPARED are expected. A check makes of a
    cell an expression that is true of a value that passes. Of `varied` columns it is known that not
    all values are equal.
    """
    comparable = (
        1 < len(table.cells) <= COLUMNS_PER_PASS
        and expected_rows is not None
        and expected_rows <= MAX_ROWS_COMPARED
    )
    checks = checks or [None] * len(table.cells)
    if len(table.cells) <= MAX_AGGREGATED:
        rows, duplicates, present, same, fits = _aggregated(
            connection, table, checks, varied, comparable=comparable
        )
    else:
        rows, present, same, fits = _counted_by_cell(connection, table, checks)
        duplicates = _count_duplicates(connection, table) if comparable else None
    constant = [
        rows > 1 and count == rows and alike for count, alike in zip(present, same, strict=True)
    ]
    return Profile(rows, present, constant, duplicates, fits)


def _aggregated(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    checks: Sequence[Check | None],
    varied: Collection[int],
    *,
    comparable: bool,
) -> tuple[int, int | None, list[int], list[bool], list[bool]]:
    counts = ", ".join(f"count({cell})" for cell in table.cells)
    same = ", ".join(
        "false" if place in varied else f"min({cell}) = max({cell})"
        for place, cell in enumerate(table.cells)
    )
    fits = ", ".join(
        f"count_if({check(cell)}) = count({cell})" if check else "true"
        for cell, check in zip(table.cells, checks, strict=True)
    )
    duplicates = _duplicates(table) if comparable else "NULL"
    # A scan that is not read to its end keeps to itself what it rejected.
    [row] = connection.execute(
        f"SELECT count(*), {duplicates}, [{counts}], [{same}], [{fits}] FROM {table.scan}"
    ).fetchall()
    return row


def _counted_by_cell(
    connection: duckdb.DuckDBPyConnection, table: Table, checks: Sequence[Check | None]
) -> tuple[int, list[int], list[bool], list[bool]]:
    """Make one row of each cell, so that the work grows with the cells only."""
    width = len(table.names)
    present, same, fits = [0] * width, [True] * width, [True] * width
    alike: dict[Check | None, list[int]] = defaultdict(list)
    for place, check in enumerate(checks):
        alike[check].append(place)
    for check, places in alike.items():
        checked = check("value") if check else "true"
        for start in range(0, len(places), COLUMNS_PER_PASS):
            batch = places[start : start + COLUMNS_PER_PASS]
            cells = ", ".join(f"{table.cells[place]} AS c{place}" for place in batch)
            found = connection.execute(
                "SELECT name, count(*), min(hash(value)) = max(hash(value)), "
                f"count_if({checked}) = count(*) FROM (UNPIVOT (SELECT {cells} FROM {table.scan}) "
                "ON COLUMNS(*) INTO NAME name VALUE value) GROUP BY name"
            ).fetchall()
            for name, *counted in found:
                place = int(name[1:])
                present[place], same[place], fits[place] = counted
    # With a cell, so that a scan notices all lines that it cannot read.
    rows = connection.execute(f"SELECT count(*), count(c0) FROM {table.scan}").fetchone()
    assert rows is not None
    return rows[0], present, same, fits


def column_types(connection: duckdb.DuckDBPyConnection, table: Table) -> list[str]:
    """Return the SQL types of a table's values."""
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


def _count_duplicates(connection: duckdb.DuckDBPyConnection, table: Table) -> int:
    row = connection.execute(f"SELECT {_duplicates(table)} FROM {table.scan}").fetchone()
    assert row is not None
    return int(row[0])


def _duplicates(table: Table) -> str:
    columns = ", ".join(f"c{index}" for index in range(len(table.names)))
    return f"count(*) - count(DISTINCT hash({columns}))"


def has_rejects(connection: duckdb.DuckDBPyConnection) -> bool:
    """Return whether scans of CSV files said that they left out a line."""
    found = connection.execute("SELECT count(*) FROM reject_errors").fetchone()
    return found is not None and found[0] > 0


def forget_rejects(connection: duckdb.DuckDBPyConnection) -> None:
    """Forget what scans before this left out."""
    connection.execute("DROP TABLE IF EXISTS reject_errors; DROP TABLE IF EXISTS reject_scans")


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
