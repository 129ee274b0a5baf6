"""The SQL types of a CSV file's columns, found so that no value is lost or changed.

A column has a type when every one of its values is spelt as values of that type are: text that a
cast would take, but give back otherwise, stays text.
"""

# ruff: noqa: S608 - as in engine, whose functions quote every text

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import cache

import duckdb

from projects_api.tables.engine import COLUMNS_PER_PASS, Table, list_literal

TEXT = "VARCHAR"
DECIMAL_COMMA = "DOUBLE with a decimal comma"
DAYS_TOO = "TIMESTAMP beside days"
KINDS = (
    *("BIGINT", "DOUBLE", DECIMAL_COMMA),
    *("DATE", "TIMESTAMP", DAYS_TOO, "TIMESTAMPTZ", "TIMESTAMP_NS", "BOOLEAN"),
)
"""In the order in which they are tried."""
NUMBERS_OF = {".": "DOUBLE", ",": DECIMAL_COMMA}
DIGITS_OF_A_DOUBLE = 15
DAY = r"\d{4}-\d{1,2}-\d{1,2}"
TIME = r"[ T]\d{1,2}:\d\d(:\d\d(\.\d{1,6})?)?"
ZONE = r" ?(Z|UTC|GMT|[+-](0\d|1[0-4])(:?[0-5]\d)?)"
ALL_TIME = "'0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59.999999+00'"
MOMENTS = {
    "DATE": DAY,
    "TIMESTAMP": f"{DAY}{TIME}",
    DAYS_TOO: f"{DAY}({TIME})?",
    "TIMESTAMPTZ": f"{DAY}{TIME}{ZONE}",
    "TIMESTAMP_NS": rf"{DAY}[ T]\d{{1,2}}:\d\d(:\d\d(\.\d{{1,9}})?)?",
}
SQL_TYPES = {DECIMAL_COMMA: "DOUBLE", DAYS_TOO: "TIMESTAMP"}
PLAIN_NUMBER = r"-?((0|[1-9]\d*)(\.\d*)?|\.\d+)"
NUMBER = r"-?((0|[1-9]\d*)(\.\d*)?|\.\d+)([eE][-+]?\d{1,3})?"
ZONED = f"regexp_full_match(value, '{DAY}{TIME}{ZONE}')"
MIXED = (
    f"count_if(regexp_full_match(value, '{DAY}({TIME}({ZONE})?)?')) = count(value) "
    f"AND bool_or({ZONED}) AND NOT bool_and({ZONED})"
)
INFINITY = r"-?[iI]nf(inity)?"
GROUPS = r"-?[1-9]\d{0,2}(\MARK\d{3})+"


@dataclass(frozen=True, slots=True)
class Types:
    """The types of columns, the decimal mark, and columns where it may be another one.

    `mixed` are texts that are moments, with a zone and without; `unseen` are columns in which no
    value was seen, `padded` those with blanks around values.
    """

    types: list[str]
    decimal: str
    ambiguous: list[int]
    mixed: list[int]
    unseen: set[int]
    padded: set[int]

    @property
    def padded_values(self) -> set[int]:
        """Return the columns in which blanks do not count, for they are none of text."""
        return {place for place in self.padded if self.types[place] != TEXT}


def fits(text: str, kind: str) -> str:
    """Write as SQL whether a text without outer blanks is of a type: true, or false or NULL.

    Most values are written as DuckDB would write them again, which is quickly seen.
    """
    value = f"try_cast({text} AS {SQL_TYPES.get(kind, kind)})"
    again = f"CAST({value} AS VARCHAR) = {text}"
    if kind == "BIGINT":
        return f"({again})"
    if kind == "DOUBLE":
        return _is_double(text)
    if kind == DECIMAL_COMMA:
        return f"(NOT contains({text}, '.') AND {_is_double(_with_point(text))})"
    if kind == "BOOLEAN":
        return f"(lower({text}) IN ('true', 'false'))"
    # A zone may move a moment out of the years that a date has, and so does 24:00.
    moves = SQL_TYPES.get(kind, kind) in {"TIMESTAMP", "TIMESTAMPTZ"}
    within = f"{value} BETWEEN {ALL_TIME}" if moves else f"{value} IS NOT NULL"
    spelt = (
        f"regexp_full_match({text}, '{MOMENTS[kind]}') AND NOT starts_with({text}, '0000') "
        f"AND {within}"
    )
    if kind == "TIMESTAMPTZ":  # which is seldom written so, and takes longest to write again
        return f"({spelt})"
    usual = f"strpos({text}, '-') = 5 AND NOT contains({text}, '(')"
    return f"(CASE WHEN {again} THEN {usual} ELSE {spelt} END)"


@cache
def check_of(kind: str, *, padded: bool) -> Callable[[str], str] | None:
    """Make the check of a type, the same one each time; None of text, which everything is."""
    if kind == TEXT:
        return None
    return lambda cell: fits(f"trim({cell})" if padded else cell, kind)


def cast(column: str, kind: str) -> str:
    """Write the cast of a column whose texts all fit a type."""
    # DuckDB 2.0 moves a bare TRY_CAST into its CSV reader, which then leaves out the rows where
    # it fails. It leaves a cast of an expression where it is; what is cast has no outer spaces
    # that count.
    if kind == TEXT:
        return column
    if kind == DECIMAL_COMMA:
        return f"try_cast({_with_point(f'trim({column})')} AS DOUBLE)"
    return f"try_cast(trim({column}) AS {SQL_TYPES.get(kind, kind)})"


def find_types(
    connection: duckdb.DuckDBPyConnection,
    sample: Table,
    places: Sequence[int],
    *,
    decimal: str | None,
    delimiter: str | None,
    told: bool,
    markers: Collection[str] = (),
    every: int = 1,
) -> Types:
    """Find the types of some columns of a table from one in `every` of its rows.

    Those of other columns are text.

    The decimal mark is the one that is given, or that the numbers of some column show: 1,5 can
    have no other, and 1,234 can. Where none is shown, it is a point; a column in which it may be
    either stays text, and one with the other mark, which is ambiguous too unless the sender has
    `told` the mark. Markers of missing values are none of a type also with blanks around.
    """
    seen = dict(_seen(connection, sample, places, every, markers))
    types, mark, ambiguous = _typed(seen, len(sample.names), decimal, delimiter)
    if not told:
        ambiguous += [place for place in seen if _is_other_number(types[place], seen[place])]
    padded = {place for place, found in seen.items() if found["padded"]}
    mixed = [place for place, found in seen.items() if found["mixed"] and types[place] == TEXT]
    return Types(types, mark, sorted({*ambiguous}), mixed, set(places) - seen.keys(), padded)


def without_padded(table: Table, padded: Collection[int], markers: Collection[str]) -> Table:
    """Let markers with blanks around them be missing values of some columns."""
    values = list(table.values)
    for place in padded:
        value, listed = values[place], f"{list_literal(markers)}::VARCHAR[]"
        values[place] = f"CASE WHEN NOT list_contains({listed}, trim({value})) THEN {value} END"
    return replace(table, values=values, cells=values)


def _typed(
    seen: dict[int, dict[str, bool]], width: int, decimal: str | None, delimiter: str | None
) -> tuple[list[str], str, list[int]]:
    """Choose types and the decimal mark, and tell which columns have marks in doubt."""
    sure_comma = any(_shows(found, DECIMAL_COMMA, "comma groups") for found in seen.values())
    sure_point = any(_shows(found, "DOUBLE", "point groups") for found in seen.values())
    delimits = delimiter in {",", None}
    mark = decimal or ("," if sure_comma and not sure_point and not delimits else ".")
    in_doubt = decimal is None and not (sure_point or (sure_comma and not delimits))
    ambiguous, types = [], [TEXT] * width
    for place, found in seen.items():
        types[place] = _first_that_fits(found, mark)
        groups = found["comma groups"] or found["point groups"]
        if not groups or delimits or decimal is not None:
            continue
        if types[place] == TEXT and found["comma groups"]:
            ambiguous.append(place)
        elif in_doubt and delimiter == ";" and found["point groups"]:
            types[place] = TEXT
            ambiguous.append(place)
        elif types[place] == TEXT and mark == "," and found["point groups"]:
            ambiguous.append(place)
    return types, mark, ambiguous


def _is_other_number(kind: str, found: dict[str, bool]) -> bool:
    """Return whether a text is a number with the mark that numbers of the file do not have."""
    if kind != TEXT or not found["finite"] or found["comma groups"] or found["point groups"]:
        return False
    return found["DOUBLE"] or found[DECIMAL_COMMA]


def _first_that_fits(found: dict[str, bool], mark: str) -> str:
    return next((kind for kind in KINDS if found[kind] and _is_possible(kind, found, mark)), TEXT)


def _is_possible(kind: str, found: dict[str, bool], mark: str) -> bool:
    if kind in NUMBERS_OF.values():
        return kind == NUMBERS_OF[mark] and found["finite"]
    return True


def _shows(found: dict[str, bool], kind: str, groups: str) -> bool:
    """Return whether numbers have the decimal mark of a type, and it can be nothing else."""
    other = found["DOUBLE"] if kind == DECIMAL_COMMA else found[DECIMAL_COMMA]
    return found[kind] and not other and found["finite"] and not found[groups]


def _seen(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    places: Sequence[int],
    every: int,
    markers: Collection[str],
) -> list[tuple[int, dict[str, bool]]]:
    """Tell of columns with values which types those all fit, and how their numbers are written."""
    checks = {kind: fits("value", kind) for kind in KINDS}
    checks["comma groups"] = f"regexp_full_match(value, '{GROUPS.replace('MARK', ',')}')"
    checks["point groups"] = f"regexp_full_match(value, '{GROUPS.replace('MARK', '.')}')"
    # Integers are in no doubt, and numbers beside them are.
    whole = r"regexp_full_match(value, '-?\d{1,3}')"
    for name in ("comma groups", "point groups"):
        checks[name] = f"({checks[name]} OR {whole})"
    queried = ", ".join(f"count_if({check}) = count(value)" for check in checks.values())
    any_group = r"bool_or(regexp_matches(value, '[.,]\d{3}'))"
    finite = f"bool_or(NOT regexp_full_match(value, '{INFINITY}'))"
    listed = f"{list_literal(markers)}::VARCHAR[]"
    some = f"QUALIFY row_number() OVER () % {every} = 0" if every > 1 else ""
    found: list[tuple[int, dict[str, bool]]] = []
    for start in range(0, len(places), COLUMNS_PER_PASS):
        batch = places[start : start + COLUMNS_PER_PASS]
        cells = ", ".join(f"{table.values[place]} AS c{place}" for place in batch)
        trimmed = (
            f"SELECT name, CASE WHEN NOT list_contains({listed}, trim(cell)) THEN trim(cell) END "
            "AS value, cell != trim(cell) AS padded FROM (UNPIVOT (SELECT "
            f"{cells} FROM {table.scan} {some}) ON COLUMNS(*) INTO NAME name VALUE cell)"
        )
        rows = connection.execute(
            f"SELECT name, {any_group}, {finite}, bool_or(padded), {MIXED}, {queried} "
            f"FROM ({trimmed}) GROUP BY name HAVING count(value) > 0"
        ).fetchall()
        for name, grouped, is_finite, padded, mixed, *results in rows:
            one = dict(zip(checks, results, strict=True))
            one |= {"finite": is_finite, "padded": padded, "mixed": mixed}
            for groups in ("comma groups", "point groups"):
                one[groups] = one[groups] and grouped
            found.append((int(name[1:]), one))
    return found


def _with_point(text: str) -> str:
    return f"replace({text}, ',', '.')"


def _is_double(text: str) -> str:
    """Write whether a text is a number whose digits a double keeps.

    Up to 15 digits always are; of more, the double must have the same ones when it is written with
    as many. What is so large or small that a double is infinite or none has others. What is written
    as an integer, and is none of 64 bits, is no number.
    """
    digits = f"ltrim(regexp_replace({text}, '[eE].*|[-.]', '', 'g'), '0')"
    count = f"greatest(strlen({digits}), 1)"
    again = f"printf('%.*e', CAST({count} - 1 AS INTEGER), try_cast({text} AS DOUBLE))"
    kept = f"regexp_replace({again}, 'e.*|[-.]', '', 'g') = {digits}"
    # Identifiers are written as integers, and computed with they are others.
    within = f"regexp_matches({text}, '[.eE]') OR try_cast({text} AS BIGINT) IS NOT NULL"
    return (
        f"(CASE WHEN strlen({text}) <= {DIGITS_OF_A_DOUBLE} "
        f"AND regexp_full_match({text}, '{PLAIN_NUMBER}') THEN true "
        f"WHEN NOT regexp_full_match({text}, '{NUMBER}') "
        f"THEN regexp_full_match({text}, '{INFINITY}') WHEN {digits} = '' THEN true "
        f"ELSE coalesce(isfinite(try_cast({text} AS DOUBLE)) AND {kept} AND ({within}), false) END)"
    )
