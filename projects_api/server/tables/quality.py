"""How good a table is: a score and what lowers it."""

from collections.abc import Iterator, Sequence

from projects_api.server.tables.engine import Profile

MAX_ISSUES = 100
MAX_NAME_CHARACTERS = 200
Issue = dict[str, str | None]


def judge(names: Sequence[str], profile: Profile) -> tuple[float, list[Issue]]:
    """Compute the score of a table, 0 to 100 with one decimal, and list its issues.

    The score is 100 x complete x varied x unique, where complete is the share of cells that have
    a value; varied is 1 - f / 2 with f the share of columns that are constant, have no name or
    have the name of a column before them; unique is 1 - d / 2 with d the share of rows that
    repeat another row, where rows were compared. A table without rows scores 0, and one with an
    issue less than 100. Issues stand in this order: duplicates, missing values, the most first,
    then flawed columns; of more than 100 the last says how many are left out.
    """
    if profile.rows == 0:
        return 0.0, [_issue("no_rows", None, "The table has columns but no rows.")]
    duplicates = profile.duplicates or 0
    flaws = list(_flaws(names, profile.constant))
    complete = sum(profile.present) / (profile.rows * len(names))
    varied = 1 - len({position for position, _ in flaws}) / len(names) / 2
    unique = 1 - duplicates / profile.rows / 2
    score = round(100 * complete * varied * unique, 1)
    issues = [*_gaps(names, profile), *(issue for _, issue in flaws)]
    if duplicates:
        message = f"{duplicates} of {profile.rows} rows repeat another row."
        issues.insert(0, _issue("duplicate_rows", None, message))
    if len(issues) > MAX_ISSUES:
        message = f"{len(issues) - MAX_ISSUES + 1} more issues are not listed."
        issues[MAX_ISSUES - 1 :] = [_issue("more_issues", None, message)]
    return min(score, 99.9) if issues else score, issues


def _gaps(names: Sequence[str], profile: Profile) -> Iterator[Issue]:
    rows = profile.rows
    for present, position in sorted(zip(profile.present, range(len(names)), strict=True)):
        shown = _shown(names[position], position)
        if present == 0:
            yield _issue("empty_column", shown, "All values are missing.")
        elif present < rows:
            message = f"{rows - present} of {rows} values are missing."
            yield _issue("missing_values", shown, message)


def _flaws(names: Sequence[str], constant: Sequence[bool]) -> Iterator[tuple[int, Issue]]:
    seen: set[str] = set()
    for position, name in enumerate(names):
        shown = _shown(name, position)
        if constant[position]:
            yield position, _issue("constant_column", shown, "All values are the same.")
        if not name.strip():
            yield position, _issue("unnamed_column", shown, "The column has no name.")
        elif name in seen:
            message = "A column before it has the same name."
            yield position, _issue("duplicate_column_name", shown, message)
        seen.add(name)


def _shown(name: str, position: int) -> str:
    if not name.strip():
        return f"column_{position + 1}"
    return name[:MAX_NAME_CHARACTERS].replace("\0", "\N{REPLACEMENT CHARACTER}")


def _issue(kind: str, column: str | None, message: str) -> Issue:
    return {"kind": kind, "column": column, "message": message}
