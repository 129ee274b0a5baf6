"""Search: the memberships of a person in projects whose name or description contains a text.

Texts are compared as they are folded, character by character, so that both databases find the same
and no character is a wildcard. From three characters on, an index of trigrams gives candidates
(migration 0004); a shorter text is looked for in each of the person's projects. What is found is
put in order, unless it is so much that a walk through the projects in order is sooner.
"""

from typing import Any, Literal

from sqlalchemy import (
    CTE,
    ColumnElement,
    Connection,
    ScalarSelect,
    and_,
    any_,
    bindparam,
    case,
    func,
    or_,
    select,
    text,
    true,
)

from projects_api.models.member import members

Kind = Literal["indexed", "short"]
INDEXED_LENGTH = 3
MOST_CANDIDATES = 2500
"""To look at more of them, each by its number, takes longer than to go through 10,000 projects."""

_MINE = members.c.user_id == bindparam("user_id")
# `IS TRUE` keeps a database from going through an index of the person's memberships, which knows
# no numbers.
_SURELY_MINE = _MINE.is_(true())
# On SQLite a person's memberships have numbers with the same upper half, and are kept beside one
# another.
_SQLITE_PERSON = """
    FROM (SELECT number >> 32 AS person FROM members WHERE user_id = :user_id LIMIT 1) AS mine"""
_SQLITE_BETWEEN = f"""members.number BETWEEN (SELECT person << 32 {_SQLITE_PERSON})
    AND (SELECT (person << 32) + 0xFFFFFFFF {_SQLITE_PERSON})"""
_WALK = {"sqlite": and_(_SURELY_MINE, text(_SQLITE_BETWEEN)), "postgresql": _MINE}
# On SQLite each text in the index begins with a mark that stands for the upper half of the numbers,
# so that a search begins there. The inner SELECT has PostgreSQL make the numbers of a text once.
_INDEX = {
    "sqlite": f"""
        SELECT search_grams.rowid AS number {_SQLITE_PERSON} CROSS JOIN search_grams
        WHERE search_grams MATCH 'NEAR("' || char(
            0xF0000 + ((person >> 30) & 0x7FFF),
            0xF0000 + ((person >> 15) & 0x7FFF),
            0xF0000 + (person & 0x7FFF)
        ) || '" "' || replace(:text, '"', '""') || '", 1000000)'
        AND search_grams.rowid BETWEEN person << 32 AND (person << 32) + 0xFFFFFFFF""",
    "postgresql": """
        SELECT number FROM search_grams WHERE grams @> (
            SELECT search_numbers(search_hashes(CAST(:text AS text)), CAST(:user_id AS uuid))
        )""",
}

_INDEXED = {
    "sqlite": "SELECT id FROM search_grams_docsize",
    "postgresql": """
        SELECT number
        FROM (
            SELECT search_grams.number, grams, search_numbers(
                search_hashes(project_name_folded || ' ' || project_description_folded), user_id
            ) AS expected
            FROM search_grams JOIN members USING (number)
        ) AS entries
        WHERE grams @> expected AND grams <@ expected""",
}


def kind_of(folded: str) -> Kind:
    """Return whether the index can find a folded text."""
    return "indexed" if len(folded) >= INDEXED_LENGTH else "short"


def matches(dialect: str) -> ColumnElement[bool]:
    """Return the condition that a membership's project contains the folded `text`."""
    place = func.instr if dialect == "sqlite" else func.strpos
    texts = (members.c.project_name_folded, members.c.project_description_folded)
    return or_(*(place(text, bindparam("text")) > 0 for text in texts))


def walk(dialect: str) -> ColumnElement[bool]:
    """Return the condition that a membership is of `user_id`; it finds all, in no order."""
    return _WALK[dialect]


def find(
    dialect: str, kind: Kind, most: int, *columns: ColumnElement[Any]
) -> tuple[CTE, ColumnElement[int]]:
    """Select columns of the memberships that fit, and count them; for `user_id` and the `text`.

    A count above `most` tells that there are more candidates than that, and what is found is not
    all.
    """
    fitting = select(*columns).where(matches(dialect))
    if kind == "short":
        found = fitting.where(walk(dialect)).limit(most + 1).cte("found")
        return found, _count(found)
    # A limit that PostgreSQL cannot read would have it plan each search anew.
    statement = text(f"{_INDEX[dialect]} LIMIT {most + 1}")
    candidates = statement.columns(members.c.number).cte("candidates")
    seen = _count(candidates)
    few = select(candidates.c.number).where(seen <= most)
    is_candidate: ColumnElement[bool] = members.c.number.in_(few)
    if dialect == "postgresql":
        # It cannot know how few there are, but looks up each that is in an array.
        is_candidate = members.c.number == any_(func.array(few.scalar_subquery()))
    found = fitting.where(is_candidate, _SURELY_MINE).cte("found")
    return found, case((seen > most, seen), else_=_count(found))


def _count(rows: CTE) -> ScalarSelect[int]:
    return select(func.count()).select_from(rows).scalar_subquery()


def difference(connection: Connection) -> tuple[set[int], set[int]]:
    """Return the numbers of memberships that the index lacks, and those that it has of none."""
    indexed = _INDEXED[connection.dialect.name]
    there = set(connection.scalars(text(indexed)))
    known = set(connection.scalars(select(members.c.number)))
    return known - there, there - known
