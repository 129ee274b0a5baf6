"""How good a table is: a score and what lowers it."""

from collections.abc import Iterator, Mapping, Sequence

from projects_api.server.tables.engine import Profile
from projects_api.server.tables.sample import Look

MAX_ISSUES = 100
MAX_NAME_CHARACTERS = 200
MIN_MIXED = 10
MIXED_SHARE = 0.8
MIN_CLASSES, MAX_CLASSES = 2, 10
MIN_CLASSIFIED = 50
IMBALANCED_SHARE = 0.9
Issue = dict[str, str | None]


def judge(
    names: Sequence[str], profile: Profile, looks: Mapping[int, Look] | None = None
) -> tuple[float, list[Issue]]:
    """Compute the score of a table, 0 to 100 with one decimal, and list its issues.

    The score is 100 x complete x sound x unique x typical, where complete is the share of cells
    that have a value; sound is 1 - f / 2 with f the share of columns that are constant, have no
    name, have the name of a column before them, or mix types; unique is 1 - d / 2 with d the share
    of rows that repeat another row, where rows were compared; typical is 1 - o / 10 with o the
    share of columns with outliers or an imbalance. A table without rows scores 0, and one with an
    issue less than 100. Issues stand in this order: duplicates, missing values, the most first,
    then flawed columns, then those that are not typical; of more than 100 the last says how many
    are left out.

    Mixed types, outliers and imbalances are those that a sample shows (`looks`, by position).
    """
    if profile.rows == 0:
        return 0.0, [_issue("no_rows", None, "The table has columns but no rows.")]
    duplicates = profile.duplicates or 0
    flaws = list(_flaws(names, profile.constant, looks or {}))
    oddities = list(_oddities(names, looks or {}))
    complete = sum(profile.present) / (profile.rows * len(names))
    sound = 1 - len({position for position, _ in flaws}) / len(names) / 2
    unique = 1 - duplicates / profile.rows / 2
    typical = 1 - len({position for position, _ in oddities}) / len(names) / 10
    score = round(100 * complete * sound * unique * typical, 1)
    issues = [*_gaps(names, profile), *(issue for _, issue in [*flaws, *oddities])]
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


def _flaws(
    names: Sequence[str], constant: Sequence[bool], looks: Mapping[int, Look]
) -> Iterator[tuple[int, Issue]]:
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
        if position in looks and (mixture := _mixture(looks[position])):
            yield position, _issue("mixed_types", shown, mixture)
        seen.add(name)


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
    if not name.strip():
        return f"column_{position + 1}"
    return name[:MAX_NAME_CHARACTERS].replace("\0", "\N{REPLACEMENT CHARACTER}")


def _issue(kind: str, column: str | None, message: str) -> Issue:
    return {"kind": kind, "column": column, "message": message}
