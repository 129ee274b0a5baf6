"""What a reader process does with a table: inspect it, describe it, convert it."""

import shutil
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TypeVar

import duckdb

from projects_api.server.tables import conversion, description, engine, sample
from projects_api.server.tables.facts import MEDIA_TYPES, NotATable, TableFacts
from projects_api.server.tables.parquet import declared_rows, parquet_table
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


def inspect(source: Path, scratch: Path, part: Path) -> dict[str, Any]:
    """Find the facts of a table.

    A CSV file may be written again, as UTF-8, to `scratch`, and a sample of it is to `part`.
    Raises NotATable, and duckdb.OutOfMemoryException when the table does not fit the limit.
    """
    with engine.connect(source, scratch, part) as connection:
        if _is_parquet(source):
            facts = _parquet_facts(connection, source)
        else:
            facts = _csv_facts(connection, source, scratch, part)
    return asdict(facts)


def describe(source: Path, scratch: Path, part: Path, dialect: dict[str, Any]) -> dict[str, Any]:
    """Describe the columns of a table that was inspected; a CSV's are written to `part` first.

    Raises as `convert` does.
    """
    if _is_parquet(source):
        with engine.connect(source) as connection:
            table = parquet_table(connection, source)
            return description.describe(connection, table, dialect["rows"])
    convert(source, scratch, part, "parquet", dialect)
    with engine.connect(part) as connection:
        table = parquet_table(connection, part)
        marked = table.with_missing_texts(engine.column_types(connection, table))
        return description.describe(connection, marked, dialect["rows"])


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
            table = parquet_table(connection, source)
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


def _parquet_facts(connection: duckdb.DuckDBPyConnection, source: Path) -> TableFacts:
    try:
        table = parquet_table(connection, source)
        declared = declared_rows(connection, source)
        profile = engine.profile(connection, table, declared)
        step = sample.vector_step(profile.rows, len(table.names))
        part = parquet_table(connection, source, vector_step=step)
        looks = sample.look(connection, part)
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
    return _facts(table, profile, looks, encoding=None, delimiter=None, has_header=None)


def _csv_facts(
    connection: duckdb.DuckDBPyConnection, source: Path, scratch: Path, part: Path
) -> TableFacts:
    encoding = find_encoding(source)

    def read(text: Path) -> TableFacts:
        dialect = find_dialect(text)
        header = engine.has_header(connection, text, dialect)
        lines = count_lines(text)
        table = engine.csv_table(text, dialect, header=header, marked=True)
        profile = engine.profile(connection, table, lines)
        _check_rows(connection, text, dialect, profile.rows + header, lines)
        sample.write_sample(text, part)
        looked_at = engine.csv_table(part, dialect, header=header, marked=True)
        looks = sample.look(connection, looked_at)
        return _facts(
            table, profile, looks, encoding=encoding, delimiter=dialect.delimiter, has_header=header
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
    connection: duckdb.DuckDBPyConnection,
    text: Path,
    dialect: Dialect,
    rows: int,
    lines: int | None,
) -> None:
    """Raise NotATable unless DuckDB read every line of a CSV file, `rows` in all."""
    rejected = engine.rejected_line(connection)
    if rejected is None and lines == rows:
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
    looks: dict[int, sample.Look],
    *,
    encoding: str | None,
    delimiter: str | None,
    has_header: bool | None,
) -> TableFacts:
    score, issues = judge(table.names, profile, looks)
    return TableFacts(
        format=table.format,
        media_type=MEDIA_TYPES[table.format],
        rows=profile.rows,
        columns=len(table.names),
        names=table.unique_names,
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
