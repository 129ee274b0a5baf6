"""CSV files as tables: how one is read is decided here once, and followed; in a reader process."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import duckdb

from projects_api.tables import engine, sample
from projects_api.tables.encoding import find_encoding, read_sample, write_utf8
from projects_api.tables.facts import NotATable
from projects_api.tables.layout import EXCEL_DELIMITER, find_layout
from projects_api.tables.lines import survey, write_rows
from projects_api.tables.reading import Layout, Lines, Options, Reading
from projects_api.tables.signatures import refuse_other_text
from projects_api.tables.split import MIN_COLUMNS
from projects_api.tables.types import TEXT, Types, check_of, find_types, without_padded

# ruff: noqa: S608 - as in engine, whose functions quote every text
ROWS = 500
"""Of a sample, from which the types are taken that all rows are compared with."""


@dataclass(frozen=True, slots=True)
class Decided:
    """How a CSV file is read, what a pass over all of its rows found, and what was assumed."""

    table: engine.Table
    reading: Reading
    profile: engine.Profile
    looks: dict[int, sample.Look]
    assumed_encoding: bool
    ambiguous: list[int]
    mixed: list[int]
    headers_below: int
    lines_above: int


@dataclass(frozen=True, slots=True)
class _File:
    """An uploaded file, and where it may be written again."""

    source: Path
    scratch: Path
    encoding: str


@dataclass(frozen=True, slots=True)
class _Text:
    """A text that DuckDB can read, with as many rows as it should find there."""

    path: Path
    layout: Layout
    table_of: Callable[[Path], engine.Table]
    rows: int | None
    lines: Lines


_Found = tuple[engine.Table, engine.Profile, dict[int, sample.Look], Types]


def decide(
    connection: duckdb.DuckDBPyConnection,
    source: Path,
    scratch: Path,
    part: Path,
    options: Options,
) -> Decided:
    """Decide how a CSV file is read, by reading all of it.

    It may be written again to `scratch`, and a sample of it is to `part`. Raises NotATable, and
    duckdb.OutOfMemoryException when the table does not fit the limit.
    """
    encoding, is_assumed = find_encoding(source, options.encoding)
    file = _File(source, scratch, encoding)
    text, complete = read_sample(source, encoding)
    layout = _layout_of(text, complete, options, encoding if is_assumed else None)
    # What delimits marks nothing, whichever way the file is read.
    markers = tuple(one for one in options.markers if layout.separator not in one)
    as_text, found = _read(connection, file, part, layout, replace(options, missing=markers))
    table, profile, looks, types = found
    reading = Reading(
        encoding=encoding,
        layout=as_text.layout,
        decimal=types.decimal,
        markers=markers,
        malformed=options.malformed,
        types=types.types,
        present=profile.present,
        lines=as_text.lines,
        given=options.given,
        padded=sorted(types.padded_values),
    )
    return Decided(
        table=table,
        reading=reading,
        profile=profile,
        looks=looks,
        assumed_encoding=is_assumed,
        ambiguous=types.ambiguous,
        mixed=types.mixed,
        headers_below=_headers_below(connection, table, layout, types, looks),
        lines_above=0 if options.skip_lines is not None else _lines_above(text, layout),
    )


def _layout_of(text: str, complete: bool, options: Options, assumed: str | None) -> Layout:
    """Find the layout of a text; a refusal names the encoding that was `assumed`."""
    try:
        refuse_other_text(text)
        layout = find_layout(text, complete, options)
    except NotATable as error:
        advice = f" {_of_encoding(assumed)}" if assumed else ""
        raise NotATable(f"{error.reason}{advice}") from error
    engine.check_width(len(layout.names))
    return layout


def _read(
    connection: duckdb.DuckDBPyConnection,
    file: _File,
    part: Path,
    layout: Layout,
    options: Options,
) -> tuple[_Text, _Found]:
    """Read all rows, of the file as it is where that can be, else of one that is written again."""
    if layout.plain and (as_text := _as_it_is(file, layout, options)):
        found = _examined(connection, as_text, part, options)
        if found is not None:
            return as_text, found
    as_text = _written_again(file, replace(layout, plain=False), options)
    found = _examined(connection, as_text, part, options)
    if found is None:
        raise NotATable(
            "The lines can be read in more than one way, or one of them is longer than two million "
            "bytes. Shorten it, or write the file again with quotes around values that contain "
            "delimiters, quotes or line ends."
        )
    return as_text, found


def _headers_below(
    connection: duckdb.DuckDBPyConnection,
    table: engine.Table,
    layout: Layout,
    types: Types,
    looks: Mapping[int, sample.Look],
) -> int:
    """Count the rows that are the header once more, where all of its words are above texts.

    Not where none of these looks like a number or date, which saves tables of words a pass.
    """
    words = [kind == TEXT or not name for name, kind in zip(layout.names, types.types, strict=True)]
    if not layout.header_lines or len(words) < MIN_COLUMNS or not all(words):
        return 0
    if not any(look.numbers or look.dates for look in looks.values()):
        return 0
    equal = " AND ".join(
        f"coalesce(trim({value}), '') = {engine.literal(name)}"
        for value, name in list(zip(table.values, layout.names, strict=True))[: engine.MAX_DERIVED]
    )
    [row] = connection.execute(f"SELECT count(*) FROM {table.scan} WHERE {equal}").fetchall()
    return int(row[0])


def _of_encoding(encoding: str) -> str:
    return f"The text was taken to be in {encoding}; send `encoding` if it is in another encoding."


def open_table(source: Path, scratch: Path, reading: Reading) -> engine.Table:
    """Open a file as it was read before; it may be written again to `scratch`."""
    options = Options(missing=reading.markers, malformed=reading.malformed)
    file, layout = _File(source, scratch, reading.encoding), reading.layout
    text = _as_it_is(file, layout, options) if layout.plain else None
    text = text or _written_again(file, layout, options)
    return without_padded(text.table_of(text.path), reading.padded, reading.markers)


def _as_it_is(file: _File, layout: Layout, options: Options) -> _Text | None:
    """Take a file that is written as DuckDB needs it; None of another one."""
    path = file.source
    if file.encoding != "utf-8" or layout.skip_lines:
        write_utf8(file.source, file.encoding, file.scratch, skip_lines=layout.skip_lines)
        path = file.scratch
    found = survey(path, layout.separator)
    if not found.readable:
        return None
    header = layout.header_lines > 0
    table_of = partial(
        engine.csv_table,
        separator=layout.separator,
        names=layout.names,
        markers=options.markers,
        header=header,
        one=layout.delimiter is None,
    )
    rows = None if found.lines is None else found.lines - header
    return _Text(path, layout, table_of, rows, Lines())


def _written_again(file: _File, layout: Layout, options: Options) -> _Text:
    lines = write_rows(file.source, file.scratch, file.encoding, layout, options)
    table_of = partial(
        engine.csv_table,
        separator=",",
        names=layout.names,
        markers=options.markers,
        header=False,
        one=len(layout.names) == 1,
        uniform=True,
    )
    return _Text(file.scratch, layout, table_of, lines.rows, lines)


def _examined(
    connection: duckdb.DuckDBPyConnection,
    text: _Text,
    part: Path,
    options: Options,
) -> _Found | None:
    """Read all rows of a text; None where DuckDB does not read every one of them."""
    table = text.table_of(text.path)
    sample.write_sample(text.path, part)
    looked_at = text.table_of(part)
    engine.forget_rejects(connection)
    told, markers = options.decimal is not None, options.markers
    find = partial(
        find_types, connection, delimiter=text.layout.delimiter, told=told, markers=markers
    )
    try:
        # A few rows tell what to check; all rows are checked for that alone.
        size = max(1, text.path.stat().st_size)
        every = max(1, (text.rows or 0) * part.stat().st_size // size // ROWS)
        types = find(looked_at, range(len(table.names)), decimal=options.decimal, every=every)
        looks = sample.look(connection, without_padded(looked_at, types.padded_values, markers))
        varied = {place for place, look in looks.items() if look.distinct > 1}
        while True:
            known = types.padded_values
            stripped = without_padded(table, known, markers)
            checks = [
                check_of(kind, padded=place in known) for place, kind in enumerate(types.types)
            ]
            profile = engine.profile(connection, stripped, text.rows, checks, varied)
            if engine.has_rejects(connection) or profile.rows != text.rows:
                return None
            _settle(types, profile, partial(find, table, decimal=types.decimal))
            if types.padded_values <= known:  # else markers of more columns have blanks
                return stripped, profile, looks, types
    except duckdb.InvalidInputException:  # mixed line ends, for one
        return None


def _settle(types: Types, profile: engine.Profile, find: Callable[[Sequence[int]], Types]) -> None:
    """Find the types of those columns again, from all rows, that are not as the sample is."""
    unsettled = [
        place
        for place, fit in enumerate(profile.fits)
        if not fit or (place in types.unseen and profile.present[place])
    ]
    again = find(unsettled)
    for place in unsettled:
        types.types[place] = again.types[place]
    types.ambiguous[:] = sorted({*types.ambiguous, *again.ambiguous})
    types.mixed[:] = sorted({*types.mixed, *again.mixed})
    types.padded.update(again.padded)
    types.unseen.difference_update(unsettled)


def _lines_above(text: str, layout: Layout) -> int:
    above = text.splitlines()[: layout.skip_lines]
    if EXCEL_DELIMITER.match(text):
        above = above[1:]
    return sum(bool(line.strip()) for line in above)
