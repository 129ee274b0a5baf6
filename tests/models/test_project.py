"""Lists and searches give the same on both databases, to the byte."""

import unicodedata

import pytest
from sqlalchemy import update

from projects_api.models import project
from projects_api.models.base import fold
from projects_api.models.project import projects

# Whatever a locale, a folding of ASCII alone or UTF-16 would order or find otherwise.
NAMES = [
    "a",
    "A",
    "B",
    "b",
    "Z",
    "_",
    "a b",
    "ab",
    "a-b",
    "a%b",
    "a_b",
    "a/b",
    "a\\b",
    "a'b",
    'a"b',
    "10",
    "9",
    "ä",
    "a\u0308",
    "Ä",
    "é",
    "É",
    "ß",
    "SS",
    "İ",
    "i",
    "\u0131",
    "Σίσυφος",
    "данные",
    "データ",
    "\ufb01n",
    "\uffee",
    "\U0001f600",
    "\U00010400",
    "a\u200bb",
    "\ta",
]


def found(connection, user_id, **options) -> list[str]:
    defaults = {"search": None, "sort_field": "name", "sort_direction": "asc"}
    options = {**defaults, "limit": 500, "offset": 0, **options}
    items, total = project.list_for_member(connection, user_id, **options)
    assert total >= len(items)
    return [item["name"] for item in items]


@pytest.fixture
def filled(connection, user_id):
    for name in NAMES:
        project.create(connection, user_id, name=name, description=name[::-1])
    return connection


def test_names_are_ordered_by_code_point(filled, user_id):
    assert found(filled, user_id) == sorted(NAMES)
    assert found(filled, user_id, sort_direction="desc") == sorted(NAMES, reverse=True)


@pytest.mark.parametrize("direction", ["asc", "desc"])
@pytest.mark.parametrize("field", ["created_at", "dataset_count", "model_count"])
def test_ids_decide_between_equals(filled, user_id, field, direction):
    value = "2026-01-01T00:00:00Z" if field == "created_at" else 3
    filled.execute(update(projects).values({field: value}))
    in_order = found(filled, user_id, sort_field=field, sort_direction=direction)
    assert in_order == (NAMES if direction == "asc" else NAMES[::-1])


def test_pages_are_parts_of_one_list(filled, user_id):
    pages = [found(filled, user_id, limit=7, offset=at) for at in range(0, len(NAMES), 7)]
    assert [name for page in pages for name in page] == sorted(NAMES)


@pytest.mark.parametrize(
    "search",
    [*NAMES, "%", "_", "/", "\\", "'", "%%", "a%", "_b", "ÄÖ", "Ä", "STRASSE", "ss", "ΣΊΣ", "ДАН"],
)
def test_a_search_finds_what_contains_it_in_any_case(filled, user_id, search):
    wanted = fold(search)
    expected = [n for n in sorted(NAMES) if wanted in fold(n) or wanted in fold(n[::-1])]
    assert found(filled, user_id, search=search) == expected


def test_a_search_follows_a_change(connection, user_id):
    made = project.create(connection, user_id, name="Before", description="")
    made = project.change(connection, made, name="Nachher", description="GRÖSSE")
    assert found(connection, user_id, search="before") == []
    for search in ("NACHHER", "größe", unicodedata.normalize("NFD", "größe")):
        assert found(connection, user_id, search=search) == ["Nachher"]
    assert made["created_at"] < made["updated_at"]


def test_counts_go_with_what_they_count(connection, user_id):
    made = project.create(connection, user_id, name="P", description="")
    assert project.count(connection, made["id"], "dataset_count", 2)
    assert project.count(connection, made["id"], "dataset_count", -1)
    (item,), _ = project.list_for_member(
        connection,
        user_id,
        search=None,
        sort_field="name",
        sort_direction="asc",
        limit=1,
        offset=0,
    )
    assert item["dataset_count"] == 1
    project.remove(connection, made["id"])
    assert not project.count(connection, made["id"], "dataset_count", 1)
