"""What a reader process does with a table: inspect it, convert it."""

import shutil
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TypeVar

import duckdb

from projects_api.server.tables import conversion, engine
from projects_api.server.tables.facts import MEDIA_TYPES, NotATable, TableFacts
from projects_api.server.tables.quality import judge
from projects_api.server.tables.rows import count_lines, count_rows
from projects_api.server.tables.text import (
    Dialect,
    begins_blank,
    find_dialect,
    find_encoding,
    write_utf8,
)

PARQUET_MAGIC = b"PAR1"
MAX_DETAIL_CHARACTERS = 300
Result = TypeVar("Result")


def inspect(source: Path, scratch: Path) -> dict[str, Any]:
    """Find the facts of a table; a CSV file may be written again, as UTF-8, to `scratch`.

    Raises NotATable, and duckdb.OutOfMemoryException when the table does not fit the limit.
    """
    with engine.connect(source, scratch) as connection:
        facts = (_parquet_facts if _is_parquet(source) else _csv_facts)(connection, source, scratch)
    return asdict(facts)


def convert(
    source: Path, scratch: Path, target: Path, target_format: str, dialect: dict[str, Any]
) -> None:
    """Write a table that was inspected to `target`; `dialect` is what the inspection found.

    Raises ValueError when not all rows were written, and what DuckDB raises.
    """
    parquet = _is_parquet(source)
    if parquet and target_format == "parquet":
        shutil.copyfile(source, target)
        return
    with engine.connect(source, scratch, target) as connection:
        if parquet:
            table = engine.parquet_table(connection, source)
            rows = conversion.write_csv(connection, table, target)
        else:
            rows = _with_text(
                lambda text: _convert_csv(connection, text, target, target_format, dialect),
                source,
                dialect["encoding"],
                scratch,
            )
    if rows != dialect["rows"]:
        raise ValueError(f"{rows} rows were converted of {dialect['rows']} inspected")


def _is_parquet(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(PARQUET_MAGIC)) == PARQUET_MAGIC


def _parquet_facts(
    connection: duckdb.DuckDBPyConnection, source: Path, _scratch: Path
) -> TableFacts:
    try:
        table = engine.parquet_table(connection, source)
        profile = engine.profile(connection, table)
        declared = engine.declared_rows(connection, source)
    except duckdb.OutOfMemoryException:
        raise
    except (duckdb.Error, RuntimeError) as error:
        raise NotATable(
            f"The Parquet file is damaged or incomplete ({_detail(error, source)}). Check that "
            "another program can read it, or write it again, and send it again."
        ) from error
    if declared != profile.rows:
        raise NotATable(
            f"The Parquet file says that it has {declared} rows and has {profile.rows}, so it is "
            "damaged. Write it again and send it again."
        )
    return _facts(table, profile, encoding=None, delimiter=None, has_header=None)


def _csv_facts(connection: duckdb.DuckDBPyConnection, source: Path, scratch: Path) -> TableFacts:
    encoding = find_encoding(source)

    def read(text: Path) -> TableFacts:
        dialect = find_dialect(text)
        header = engine.has_header(connection, text, dialect)
        table = engine.csv_table(text, dialect, header=header)
        profile = engine.profile(connection, table)
        _check_rows(connection, text, dialect, profile.rows + header)
        return _facts(
            table, profile, encoding=encoding, delimiter=dialect.delimiter, has_header=header
        )

    try:
        return _with_text(read, source, encoding, scratch)
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error as error:
        raise NotATable(
            f"The lines cannot be read as CSV ({_detail(error, source, scratch)}). Write the file "
            "again with quotes around values that contain delimiters, quotes or line ends."
        ) from error


def _check_rows(
    connection: duckdb.DuckDBPyConnection, text: Path, dialect: Dialect, rows: int
) -> None:
    """Raise NotATable unless DuckDB read every line of a CSV file, `rows` in all."""
    rejected = engine.rejected_line(connection)
    if rejected is None and count_lines(text) == rows:
        return
    counted = count_rows(text, dialect)
    if rejected:
        line, kind = rejected
        raise NotATable(
            f"Line {line} cannot be read as CSV ({kind}). Correct it and send the file again."
        )
    if counted != rows:
        raise NotATable(
            f"The file can be read as {rows} lines and as {counted}. Put quotes around values that "
            "contain quotes or line ends, write quotes inside them twice, and send it again."
        )


def _convert_csv(
    connection: duckdb.DuckDBPyConnection,
    text: Path,
    target: Path,
    target_format: str,
    dialect: dict[str, Any],
) -> int:
    header, delimiter = dialect["has_header"], dialect["delimiter"]
    found = find_dialect(text)
    read_as = replace(found, delimiter=delimiter, separator=delimiter or found.separator)
    table = engine.csv_table(text, read_as, header=header)
    if target_format == "csv":
        return conversion.write_csv(connection, table, target)
    types = conversion.csv_types(connection, text, read_as, header=header)
    return conversion.write_parquet(connection, table, types, target)


def _with_text(
    work: Callable[[Path], Result], source: Path, encoding: str, scratch: Path
) -> Result:
    """Work on a text as UTF-8, and once more with unified line ends where DuckDB refuses it.

    DuckDB reads any one kind of line end, but not a file that mixes them.
    """
    text = source
    if encoding != "utf-8" or begins_blank(source):
        write_utf8(source, encoding, scratch, unify_line_ends=False)
        text = scratch
    try:
        return work(text)
    except duckdb.InvalidInputException:
        write_utf8(source, encoding, scratch, unify_line_ends=True)
        return work(scratch)


def _facts(
    table: engine.Table,
    profile: engine.Profile,
    *,
    encoding: str | None,
    delimiter: str | None,
    has_header: bool | None,
) -> TableFacts:
    score, issues = judge(table.names, profile)
    return TableFacts(
        format=table.format,
        media_type=MEDIA_TYPES[table.format],
        rows=profile.rows,
        columns=len(table.names),
        names=table.names if table.format == "parquet" else conversion.unique_names(table.names),
        encoding=encoding,
        delimiter=delimiter,
        has_header=has_header,
        overall_score=score,
        issues=issues,
    )


def _detail(error: Exception, *paths: Path) -> str:
    """Take what an error says first, without its kind and the server's paths."""
    detail = str(error).partition("\n")[0].partition("Error: ")[-1]
    for path in paths:
        detail = detail.replace(f"'{path}'", "it").replace(str(path), "it")
    return detail[:MAX_DETAIL_CHARACTERS].strip() or "its parts contradict each other"
