"""What a reader process does with a table: inspect it, describe, preview, convert it."""

import re
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import duckdb

from projects_api.tables import conversion, delimited, description, engine, sample
from projects_api.tables.facts import MAX_CELLS, MEDIA_TYPES, NotATable, TableFacts
from projects_api.tables.parquet import check_cells, declared_rows, parquet_table
from projects_api.tables.quality import assumptions, judge
from projects_api.tables.reading import Options, Reading, options_of
from projects_api.tables.signatures import is_parquet
from projects_api.tables.unshown import unshown

MAX_DETAIL_CHARACTERS = 300
NO_COLUMNS = "at least one non-root column"  # as DuckDB says it


def inspect(
    source: Path, scratch: Path, part: Path, given: Mapping[str, str], max_cells: int = MAX_CELLS
) -> dict[str, Any]:
    """Find the facts of a table; of a CSV file, `given` is what its sender says.

    A Parquet file of more than `max_cells` is refused before any of its data is read.

    A CSV file may be written again, as UTF-8, to `scratch`, and a sample of it is to `part`.
    Raises NotATable, and duckdb.OutOfMemoryException when the table does not fit the limit.
    """
    with engine.connect(source, scratch, part) as connection:
        if is_parquet(source):
            facts = _parquet_facts(connection, source, max_cells)
        else:
            said = Options.of_form(given)
            facts = _csv_facts(delimited.decide(connection, source, scratch, part, said))
    return asdict(facts)


def describe(source: Path, scratch: Path, part: Path, dialect: dict[str, Any]) -> dict[str, Any]:
    """Describe the columns of a table that was inspected; a CSV's are written to `part` first.

    Raises as `convert` does.
    """
    described = source
    if not is_parquet(source):
        convert(source, scratch, part, "parquet", dialect)
        described = part
    with engine.connect(described) as connection:
        table = parquet_table(connection, described)
        return description.describe(connection, table, dialect["rows"])


def preview(
    source: Path, scratch: Path, part: Path, dialect: dict[str, Any], limit: int
) -> dict[str, Any]:
    """Show the first rows of a table that was inspected; raises as `convert` does."""
    with engine.connect(source, scratch, part) as connection:
        if is_parquet(source):
            return conversion.first_rows(connection, parquet_table(connection, source), None, limit)
        table, reading = _csv_table(connection, source, scratch, part, dialect)
        return conversion.first_rows(connection, table, reading.types, limit)


def convert(
    source: Path, scratch: Path, target: Path, target_format: str, dialect: dict[str, Any]
) -> None:
    """Write a table that was inspected to `target`; `dialect` is what the inspection found.

    Raises ValueError when not all rows and values were written, NotATable, and what DuckDB raises.
    """
    parquet = is_parquet(source)
    if parquet and target_format == "parquet":
        shutil.copyfile(source, target)
        return
    with engine.connect(source, scratch, target) as connection:
        if parquet:
            table = parquet_table(connection, source)
            rows = conversion.write_csv(connection, table, target)
        else:
            table, reading = _csv_table(connection, source, scratch, target, dialect)
            if target_format == "csv":
                rows = conversion.write_csv(connection, table, target)
            else:
                types, present = reading.types, reading.present
                rows = conversion.write_parquet(connection, table, types, present, target)
    if rows != dialect["rows"]:
        raise ValueError(f"{rows} rows were converted of {dialect['rows']} inspected")


def _csv_table(
    connection: duckdb.DuckDBPyConnection,
    source: Path,
    scratch: Path,
    part: Path,
    dialect: dict[str, Any],
) -> tuple[engine.Table, Reading]:
    reading = Reading.of_dialect(dialect)
    if reading is None:  # of a version from before it was kept
        found = delimited.decide(connection, source, scratch, part, options_of(dialect))
        return found.table, found.reading
    return delimited.open_table(source, scratch, reading), reading


def _parquet_facts(
    connection: duckdb.DuckDBPyConnection, source: Path, max_cells: int
) -> TableFacts:
    try:
        check_cells(connection, source, max_cells)
        table = parquet_table(connection, source)
        declared = declared_rows(connection, source)
        profile = engine.profile(connection, table, declared)
        step = sample.vector_step(profile.rows, len(table.names))
        part = parquet_table(connection, source, vector_step=step)
        looks = sample.look(connection, part)
        hidden = list(unshown(connection, table))
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.ConversionException as error:
        raise NotATable(
            "The Parquet file has values that are beyond those read here "
            f"({_detail(error, source)}). Write their column in another type, such as text, and "
            "send the file again."
        ) from error
    except (duckdb.Error, RuntimeError) as error:
        if NO_COLUMNS in str(error):
            raise NotATable("The Parquet file has no columns, so it is no table.") from error
        raise NotATable(
            f"The Parquet file is damaged or incomplete ({_detail(error, source)}). Check that "
            "another program can read it, or write it again, and send it again."
        ) from error
    if declared != profile.rows:
        raise NotATable(
            f"The Parquet file says that it has {declared} rows and has {profile.rows}, so it is "
            "damaged. Write it again and send it again."
        )
    score, issues = judge(table.names, profile, looks, unshown=hidden)
    return TableFacts(
        format="parquet",
        media_type=MEDIA_TYPES["parquet"],
        rows=profile.rows,
        columns=len(table.names),
        names=table.unique_names,
        overall_score=score,
        issues=issues,
    )


def _csv_facts(found: delimited.Decided) -> TableFacts:
    names = found.table.names
    score, issues = judge(names, found.profile, found.looks, assumptions(found), case_counts=False)
    return TableFacts(
        format="csv",
        media_type=MEDIA_TYPES["csv"],
        rows=found.profile.rows,
        columns=len(names),
        names=found.table.unique_names,
        overall_score=score,
        issues=issues,
        reading=found.reading.shown(),
        written=found.reading.kept(),
    )


def _detail(error: Exception, *paths: Path) -> str:
    """Take what an error says first, without its kind and the server's paths."""
    detail = str(error).partition("\n")[0].partition("Error: ")[-1]
    for path in paths:
        detail = re.sub(rf"(the )?(file )?'?{re.escape(str(path))}'?", "the file", detail)
    return detail[:MAX_DETAIL_CHARACTERS].strip() or "its parts contradict each other"
