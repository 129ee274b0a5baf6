"""Parquet files as tables; runs only in a reader process."""

# ruff: noqa: S608 - as in engine, whose functions quote every text

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb

from projects_api.tables.engine import (
    MAX_ROWS_COMPARED,
    VECTOR_ROWS,
    Table,
    check_width,
    file_literal,
)
from projects_api.tables.facts import NotATable

MAX_DIGITS = 38
"""Of a decimal; DuckDB makes doubles of those that have more."""


@dataclass(frozen=True, slots=True)
class _Field:
    """A column, or what is `nested` in one, as the file's schema has it."""

    name: str
    type: str | None
    nested: bool


def parquet_table(
    connection: duckdb.DuckDBPyConnection, path: Path, *, vector_step: int = 1
) -> Table:
    """Describe a Parquet file under the names of its schema.

    With a step, only every so many groups of VECTOR_ROWS rows are read. Raises NotATable when it
    has no columns or too many, and for decimals of more digits than DuckDB keeps.
    """
    fields = list(_fields(connection, path))
    names = [field.name for field in fields if not field.nested]
    check_width(len(names))
    columns = [f"c{index}" for index in range(len(names))]
    options = _options(connection, path, fields)
    scan = f"read_parquet({options}) AS file({', '.join(columns)})"
    described = connection.execute(f"DESCRIBE FROM {scan}").fetchall()
    values = [
        f"CASE WHEN NOT isnan({column}) THEN {column} END"
        if kind in {"FLOAT", "DOUBLE"}
        else column
        for column, kind, *_ in described
    ]
    cells = [
        f"CASE WHEN {value} IS NOT NULL THEN hash({column}) END"
        for column, value in zip(columns, values, strict=True)
    ]
    if vector_step > 1:
        scan = _every(vector_step, options, columns, names)
    return Table("parquet", scan, names, cells, values)


def declared_rows(connection: duckdb.DuckDBPyConnection, path: Path) -> int:
    """Return how many rows a Parquet file says that it has."""
    row = connection.execute(
        f"SELECT sum(num_rows)::HUGEINT FROM parquet_file_metadata({file_literal(path)})"
    ).fetchone()
    return int(row[0]) if row and row[0] is not None else 0


def check_cells(connection: duckdb.DuckDBPyConnection, path: Path, most: int) -> None:
    """Raise NotATable where a file says that it has more cells than may be read.

    Those inside of lists count, too; and where the parts of a column say less than the number of
    rows, that counts, for as many are read.
    """
    row = connection.execute(
        "SELECT sum(greatest(num_values, row_group_num_rows)::HUGEINT)::HUGEINT "
        f"FROM parquet_metadata({file_literal(path)})"
    ).fetchone()
    cells = int(row[0]) if row and row[0] is not None else 0
    if cells > most:
        raise NotATable(
            f"The Parquet file has {cells} cells, and at most {most} are read. Send fewer rows or "
            "columns, or the same table in several files."
        )


def _fields(connection: duckdb.DuckDBPyConnection, path: Path) -> Iterator[_Field]:
    """Read the schema, which lists what is in a column behind it; its first line is the table."""
    schema = connection.execute(
        "SELECT name, type, coalesce(num_children, 0), coalesce(precision, 0) "
        f"FROM parquet_schema({file_literal(path)})"
    ).fetchall()
    inside = 0
    for name, kind, children, digits in schema[1:]:
        if digits > MAX_DIGITS:
            raise NotATable(
                f"The column `{name[:100]}` has decimals of {digits} digits; at most "
                f"{MAX_DIGITS} are read. Write it as DECIMAL({MAX_DIGITS}) or as text."
            )
        yield _Field(str(name), kind, nested=inside > 0)
        inside += children - (inside > 0)


def _options(connection: duckdb.DuckDBPyConnection, path: Path, fields: list[_Field]) -> str:
    """Write the arguments of DuckDB's reader under which it changes no value.

    It reads INT96 in microseconds unless told, and in nanoseconds only what is near enough to now;
    of what is nested that is not looked at, so that such a file is read in microseconds.
    """
    options = f"{file_literal(path)}, hive_partitioning = false, can_have_nan = true"
    moments = [field for field in fields if field.type == "INT96"]
    if not moments or any(field.nested for field in moments):
        return options
    top = [field for field in fields if not field.nested]
    near = " AND ".join(
        f"coalesce(bool_and(c{index} BETWEEN '1677-09-22' AND '2262-04-11'), true)"
        for index, field in enumerate(top)
        if field.type == "INT96"
    )
    aliases = ", ".join(f"c{index}" for index in range(len(top)))
    found = connection.execute(
        f"SELECT {near} FROM read_parquet({options}) AS file({aliases})"
    ).fetchone()
    return f"{options}, int96_as = 'timestamp_ns'" if found and found[0] else options


def _every(step: int, options: str, columns: list[str], names: list[str]) -> str:
    numbered = f"read_parquet({options}, file_row_number = "
    aliases = ", ".join(columns)
    if "file_row_number" in map(str.lower, names):  # which DuckDB then has no other name for
        return f"(FROM {numbered}false) AS file({aliases}) LIMIT {MAX_ROWS_COMPARED // step})"
    return (
        f"(FROM {numbered}true) AS file({aliases}, position) "
        f"WHERE position // {VECTOR_ROWS} % {step} = 0)"
    )
