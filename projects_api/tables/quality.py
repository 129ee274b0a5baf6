"""How good a table is: a score and what lowers it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from projects_api.schemas import DatasetQualityIssue
from projects_api.tables.column import MAX_NAME_CHARACTERS as MAX_NAME_SHOWN
from projects_api.tables.delimited import Decided
from projects_api.tables.engine import Profile
from projects_api.tables.header import COMMENT
from projects_api.tables.reading import WHITE_SPACE, Layout, Lines
from projects_api.tables.sample import Look
from projects_api.tables.split import DELIMITERS
from projects_api.tables.types import DAYS_TOO, TEXT
from projects_api.tables.values import kind_of

MAX_ISSUES = 100
MAX_NAME_CHARACTERS = 200
MIN_MIXED = 10
MIXED_SHARE = 0.8
MIN_CLASSES, MAX_CLASSES = 2, 10
MIN_CLASSIFIED = 50
IMBALANCED_SHARE = 0.9
CERTAINTY = 0.95
PARTING = (" ", ":", "^", "~", "=", ",", ";", "|")
DECIMAL = "Send `decimal` to say which mark numbers have."
Issue = DatasetQualityIssue


def judge(
    names: Sequence[str],
    profile: Profile,
    looks: Mapping[int, Look] | None = None,
    assumed: Sequence[Issue] = (),
    unshown: Iterable[tuple[str, int, str]] = (),
    *,
    case_counts: bool = True,
) -> tuple[float, list[Issue]]:
    """Compute the score of a table, 0 to 100 with one decimal, and list its issues.

    The score is 100 x certain x complete x sound x unique x typical, where certain is 0.95 to the
    power of the number of kinds of `assumptions`; complete is the share of cells
    that have a value; sound is 1 - f / 2 with f the share of columns that are constant, have no
    name, have the name of a column before them (in any case, unless `case_counts`),
    or mix types; unique is 1 - d / 2 with d the share
    of rows that repeat another row, where rows were compared; typical is 1 - o / 10 with o the
    share of columns with outliers or an imbalance. A table without rows scores 0, and one with an
    issue less than 100. Issues stand in this order: assumptions, duplicates, missing values, the
    most first, then flawed columns, those that are not typical, and those of which not all is
    shown as it is (`unshown`, and names); of more than 100 the last says how many are left out.

    Mixed types, outliers and imbalances are those that a sample shows (`looks`, by position).
    """
    if profile.rows == 0:
        return 0.0, [*assumed, _issue("no_rows", None, "The table has columns but no rows.")]
    duplicates = profile.duplicates or 0
    seen_as = names if case_counts else [name.lower() for name in names]
    flaws = list(_flaws(names, seen_as, profile.constant, looks or {}))
    oddities = list(_oddities(names, looks or {}))
    complete = sum(profile.present) / (profile.rows * len(names))
    sound = 1 - len({position for position, _ in flaws}) / len(names) / 2
    unique = 1 - duplicates / profile.rows / 2
    typical = 1 - len({position for position, _ in oddities}) / len(names) / 10
    certain = CERTAINTY ** len({issue["kind"] for issue in assumed})
    score = round(100 * certain * complete * sound * unique * typical, 1)
    issues = [*_gaps(names, profile), *(issue for _, issue in [*flaws, *oddities])]
    issues += [
        _issue(kind, _shown(names[place], place), message)
        for kind, place, message in [*unshown, *_changed_names(names)]
    ]
    if duplicates:
        message = f"{duplicates} of {profile.rows} rows repeat another row."
        issues.insert(0, _issue("duplicate_rows", None, message))
    issues = [*assumed, *issues]
    if len(issues) > MAX_ISSUES:
        message = f"{len(issues) - MAX_ISSUES + 1} more issues are not listed."
        issues[MAX_ISSUES - 1 :] = [_issue("more_issues", None, message)]
    return min(score, 99.9) if issues else score, issues


def assumptions(found: Decided) -> list[Issue]:
    """List how a CSV file was read where that was a guess, or not all of it was taken as it is."""
    said = [*_guesses(found), *_counts(found.reading.lines)]
    of_columns = list(_guesses_of_columns(found))[: MAX_ISSUES // 2]
    return [_issue(kind, None, message) for kind, message in said] + [
        _issue(kind, _shown(found.table.names[place], place), message)
        for kind, place, message in of_columns
    ]


def _guesses(found: Decided) -> Iterator[tuple[str, str]]:
    given, layout = found.reading.given, found.reading.layout
    if found.assumed_encoding:
        text = f"The text is taken to be in {found.reading.encoding}"
        yield "assumed_encoding", f"{text}. Send `encoding` if it is in another encoding."
    if found.lines_above:
        lines = "1 line" if found.lines_above == 1 else f"{found.lines_above} lines"
        text = f"{lines} above the table {'is' if found.lines_above == 1 else 'are'} left out"
        yield "lines_left_out", f"{text}. Send `skip_lines` if it begins elsewhere."
    if not layout.header_lines and "header" not in given:
        text = "No line is taken to name the columns"
        yield "no_header", f"{text}. Send `header=true` if the first one does."
    yield from _guesses_of_names(found)
    yield from _guesses_of_delimiters(found)


def _guesses_of_names(found: Decided) -> Iterator[tuple[str, str]]:
    layout, doubts = found.reading.layout, found.reading.layout.doubts
    if not {"header", "skip_lines"} & {*found.reading.given}:
        yield from _guesses_of_begin(layout)
    if "names" in doubts and "header" not in found.reading.given:
        text = f"Line {layout.skip_lines + 1} is taken to name the columns, and may be a row"
        yield "assumed_header", f"{text}. Send `header=false` if it is one, or else `header=true`."
    if found.headers_below and "names below" not in doubts:
        text = f"{_rows(found.headers_below, 'repeats', 'repeat')} the names of the columns"
        yield "repeated_header", f"{text}. Leave them out, or send each table in its own file."
    elif "later header" in doubts:
        skip = layout.skip_lines + layout.other_names
        row = f"Line {skip + 1}" if layout.other_names else "A row"
        text = f"{row} has words where the others have numbers alone, and may name other columns"
        out = f", or `skip_lines={skip}` if what is above it is no table"
        advice = f"Send each table in its own file then{out if layout.other_names else ''}"
        yield "repeated_header", f"{text}. {advice}."


def _guesses_of_begin(layout: Layout) -> Iterator[tuple[str, str]]:
    """Say with which line the table may begin instead."""
    line, skip = layout.skip_lines + 1, layout.skip_lines + layout.other_names
    first, other = f"Line {line}", f"line {skip + 1}"
    if "titles" in layout.doubts:
        text = f"{first} ends before the last column, unlike the lines below, and may be a title"
        if skip > line:
            text = f"Lines {line} to {skip} end before the last column, unlike the lines below"
            text = f"{text}, and may be titles"
        yield "assumed_header", f"{text}. Send `skip_lines={skip}` if so."
    elif "comment" in layout.doubts:
        text = f"{first} begins with `{COMMENT}`, and is taken to name the columns"
        advice = f"Send `skip_lines={skip}` and `header=false` if it is a comment"
        yield "assumed_header", f"{text}. {advice}, or `header=true` if it does name them."
    elif "names below" in layout.doubts:
        text = f"Line {skip + 1} has words above numbers, and may name the columns"
        if layout.header_lines:
            text = f"{first} has words above numbers, and {other} has them too"
            text = f"{text} and may name the columns"
        if layout.header_lines and layout.names[0].startswith(COMMENT):
            text = f"{first} begins with `{COMMENT}`, and {other} may name the columns"
        yield "repeated_header", f"{text}. Send `skip_lines={skip}` if it does."


def _guesses_of_delimiters(found: Decided) -> Iterator[tuple[str, str]]:
    given, layout = found.reading.given, found.reading.layout
    if layout.quote == "'":
        text = "Single quotes around values are taken for no part of them"
        yield "assumed_quote", f'{text}. Write " around values that have such quotes.'
    if "delimiter" in given:
        return
    if "decimal commas" in layout.doubts:
        text = "The commas are taken to delimit two columns of digits"
        yield "assumed_delimiter", f"{text}. Send `delimiter=;` if they are decimal marks of one."
    if layout.rival:
        other = layout.rival.replace("\t", r"\t")
        text = f"The values are taken to be delimited by `{layout.shown_delimiter}`"
        text = f"{text}, and `{other}` splits all lines into as many columns"
        yield "assumed_delimiter", f"{text}. Send `delimiter={other}` if it delimits them."
    if layout.delimiter is not None and layout.delimiter not in DELIMITERS:
        shown = "white space" if layout.delimiter == WHITE_SPACE else f"`{layout.delimiter}`"
        text = f"The values of a line are taken to be delimited by {shown}"
        yield "assumed_delimiter", f"{text}. Send `delimiter` if they are by another character."
    if _is_single_text(found):
        text = "The table is taken to have a single column of text, whose values have parts"
        yield "single_column", f"{text}. Send `delimiter` if something delimits them."


def _guesses_of_columns(found: Decided) -> Iterator[tuple[str, int, str]]:
    for place in found.ambiguous:
        text = "Its commas or points may part thousands, or decimals unlike those of other columns"
        yield "ambiguous_numbers", place, f"{text}, so that the values are text. {DECIMAL}"
    for place, kind in enumerate(found.reading.types):
        if kind == DAYS_TOO:
            text = "Its dates without a time are taken for the begin of the day"
            yield "mixed_moments", place, f"{text}. Write a time to each, or to none."
        elif place in found.mixed:
            text = "Its dates and times have a zone or none, so that the values are text"
            yield "mixed_moments", place, f"{text}. Write one to each, or to none."


def _counts(lines: Lines) -> Iterator[tuple[str, str]]:
    if lines.short:
        text = f"{_rows(lines.short, 'ends', 'end')} before the last column"
        yield "short_rows", f"{text}, and the rest is missing{_first(lines.short_at)}"
    if lines.repaired:
        text = f"{_lines(lines.repaired)} kept as text, as `malformed` says"
        yield "repaired_rows", f"{text}{_first(lines.repaired_at)}"
    if lines.left_out:
        text = f"{_lines(lines.left_out)} left out, as `malformed` says"
        yield "left_out_rows", f"{text}{_first(lines.left_out_at)}"


def _rows(count: int, one: str, many: str) -> str:
    return f"1 row {one}" if count == 1 else f"{count} rows {many}"


def _lines(count: int) -> str:
    return "1 malformed line is" if count == 1 else f"{count} malformed lines are"


def _is_single_text(found: Decided) -> bool:
    if found.reading.layout.delimiter is not None or found.reading.types != [TEXT]:
        return False
    seen = [found.table.names[0], *(look.commonest.strip() for look in found.looks.values())]
    return any(mark in text for mark in PARTING for text in seen if kind_of(text) == "word")


def _first(numbers: Sequence[int]) -> str:
    if len(numbers) == 1:
        return f": line {numbers[0]}."
    return f"; the first ones are the lines {', '.join(map(str, numbers))}."


def _gaps(names: Sequence[str], profile: Profile) -> Iterator[Issue]:
    rows = profile.rows
    for present, position in sorted(zip(profile.present, range(len(names)), strict=True)):
        shown = _shown(names[position], position)
        if present == 0:
            yield _issue("empty_column", shown, "All values are missing.")
        elif present < rows:
            message = f"{rows - present} of {rows} values are missing."
            yield _issue("missing_values", shown, message)


def _flaws(
    names: Sequence[str],
    seen_as: Sequence[str],
    constant: Sequence[bool],
    looks: Mapping[int, Look],
) -> Iterator[tuple[int, Issue]]:
    seen: set[str] = set()
    for position, full in enumerate(names):
        name, shown = seen_as[position].replace("\0", ""), _shown(full, position)
        if constant[position]:
            yield position, _issue("constant_column", shown, "All values are the same.")
        if not name.strip():
            yield position, _issue("unnamed_column", shown, "The column has no name.")
        elif name in seen:
            alike = full in names[:position]
            message = f"A column before it has the same name{'' if alike else ' in another case'}."
            yield position, _issue("duplicate_column_name", shown, message)
        if position in looks and (mixture := _mixture(looks[position])):
            yield position, _issue("mixed_types", shown, mixture)
        seen.add(name)


def _changed_names(names: Sequence[str]) -> Iterator[tuple[str, int, str]]:
    for place, name in enumerate(names):
        if "\0" in name:
            yield "changed_column_name", place, "Its name has NUL, which is left out."
        if len(name) > MAX_NAME_SHOWN:
            text = f"Its name has {len(name):,} characters, of which {MAX_NAME_SHOWN:,} are shown"
            yield "changed_column_name", place, f"{text}. Shorten it to tell it from others."


def _mixture(seen: Look) -> str | None:
    for kind, count in (("numbers", seen.numbers), ("dates", seen.dates)):
        if seen.present >= MIN_MIXED and MIXED_SHARE * seen.present <= count < seen.present:
            other = seen.present - count
            return f"{count} of {seen.present} values looked at are {kind}, {other} are not."
    return None


def _oddities(names: Sequence[str], looks: Mapping[int, Look]) -> Iterator[tuple[int, Issue]]:
    for position, seen in sorted(looks.items()):
        shown = _shown(names[position], position)
        all_numbers = seen.numbers == seen.present
        if seen.outside and all_numbers and seen.distinct > MAX_CLASSES:
            message = (
                f"{seen.outside} of {seen.present} values looked at are far from the others: below "
                f"{seen.low:g} or above {seen.high:g}."
            )
            yield position, _issue("outliers", shown, message)
        classes = MIN_CLASSES <= seen.distinct <= MAX_CLASSES and seen.present >= MIN_CLASSIFIED
        if classes and seen.commonest_count >= IMBALANCED_SHARE * seen.present:
            value = seen.commonest.replace("\0", "\N{REPLACEMENT CHARACTER}")
            message = (
                f"{seen.commonest_count} of {seen.present} values looked at are the same, "
                f"`{value}`; there are {seen.distinct} different ones."
            )
            yield position, _issue("class_imbalance", shown, message)


def _shown(name: str, position: int) -> str:
    if not name.strip("\0 "):
        return f"column_{position + 1}"
    return name[:MAX_NAME_CHARACTERS].replace("\0", "")


def _issue(kind: str, column: str | None, message: str) -> Issue:
    return {"kind": kind, "column": column, "message": message}
