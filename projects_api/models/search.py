"""Search: the memberships of a person in projects whose name or description contains a text.

Texts are compared as they are folded, character by character, so that both databases find the same
and no character is a wildcard. From three characters on, an index of trigrams says where to look
(migration 0004); a shorter text is looked for in each of the person's projects.
"""

from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, and_, bindparam, func, or_, select, text

from projects_api.models.member import members

Kind = Literal["indexed", "short"]
INDEXED_LENGTH = 3

# On SQLite a person's memberships have numbers with the same upper half, and are kept beside one
# another. Each text in the index begins with a mark that stands for that half, so that a search
# begins there. `+` keeps SQLite from going through an index of the person's memberships instead.
_SQLITE_MINE = """
    FROM (SELECT number >> 32 AS person FROM members WHERE user_id = :user_id LIMIT 1) AS mine"""
_SQLITE_WALK = text(f"""
    +members.user_id = :user_id AND members.number BETWEEN
    (SELECT person << 32 {_SQLITE_MINE}) AND (SELECT (person << 32) + 0xFFFFFFFF {_SQLITE_MINE})
""")
_SQLITE_CANDIDATES = text(f"""
    +members.user_id = :user_id AND members.number IN (
        SELECT search_grams.rowid {_SQLITE_MINE} CROSS JOIN search_grams
        WHERE search_grams MATCH 'NEAR("' || char(
            0xF0000 + ((person >> 30) & 0x7FFF),
            0xF0000 + ((person >> 15) & 0x7FFF),
            0xF0000 + (person & 0x7FFF)
        ) || '" "' || replace(:text, '"', '""') || '", 1000000)'
        AND search_grams.rowid BETWEEN person << 32 AND (person << 32) + 0xFFFFFFFF
    )""")
_POSTGRESQL_CANDIDATES = text("""
    members.user_id = :user_id AND members.number IN (
        SELECT number FROM search_grams
        WHERE grams @> search_numbers(search_hashes(CAST(:text AS text)), CAST(:user_id AS uuid))
    )""")

_CANDIDATES: dict[tuple[str, Kind], Any] = {
    ("sqlite", "indexed"): _SQLITE_CANDIDATES,
    ("sqlite", "short"): _SQLITE_WALK,
    ("postgresql", "indexed"): _POSTGRESQL_CANDIDATES,
    ("postgresql", "short"): members.c.user_id == bindparam("user_id"),
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
    """Tell whether the index can find a folded text."""
    return "indexed" if len(folded) >= INDEXED_LENGTH else "short"


def matches(dialect: str, kind: Kind) -> ColumnElement[bool]:
    """Give the condition that a membership fits; it takes `user_id` and the folded `text`."""
    place = func.instr if dialect == "sqlite" else func.strpos
    texts = (members.c.project_name_folded, members.c.project_description_folded)
    contains = or_(*(place(text, bindparam("text")) > 0 for text in texts))
    return and_(contains, _CANDIDATES[dialect, kind])


def difference(connection: Connection) -> tuple[set[int], set[int]]:
    """Give the numbers of memberships that the index lacks, and those that it has of none."""
    indexed = _INDEXED[connection.dialect.name]
    there = set(connection.scalars(text(indexed)))
    known = set(connection.scalars(select(members.c.number)))
    return known - there, there - known
