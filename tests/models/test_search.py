"""A search finds exactly what contains the text, on both databases and over all of Unicode."""

import random
import unicodedata

import pytest
from sqlalchemy import Connection, delete, select, text

from projects_api.models import member, project, search, user
from projects_api.models.base import fold
from projects_api.models.member import members
from projects_api.models.user import users

# Wildcards, quotes and words of query languages; letters that fold to several, compose, or are no
# letters to some locale; what the index uses as marks; characters at the edges of encodings.
PIECES = [
    *"aAbB%_/\\'\"*^().-+ 1",
    *"ßẞſİıΣσςÅÅéÉ",
    *"e\u0301\u0327\u0345ͅ",
    *"ﬁǆǅДд데데데터漢字",
    *"\u0001\u007f\u0080\u07ff\u0800\ud7ff\ue000\ufffd\ufffe\uffff",
    *"\U00010400\U00010428\U0001f600\U000f0000\U000f0001\U000f7fff\U0010ffff",
    "NEAR",
    " AND ",
    "ana",
]
PROJECTS, SEARCHES = 120, 400


def some_text(source: random.Random, most: int) -> str:
    return "".join(source.choices(PIECES, k=source.randint(1, most)))


def in_another_form(source: random.Random, part: str) -> str:
    form = source.choice([str.upper, str.lower, str.swapcase, str])
    normal = source.choice(["NFC", "NFD"])
    return unicodedata.normalize(normal, form(part))


def found(connection: Connection, user_id: str, wanted: str, **options) -> list[str]:
    usual = {"sort_field": "created_at", "sort_direction": "asc", "limit": 500, "offset": 0}
    items, total = project.list_for_member(
        connection, user_id, search=wanted, **{**usual, **options}
    )
    assert total == len(items) or options
    return [item["id"] for item in items]


def expected(texts: dict[str, tuple[str, str]], wanted: str) -> list[str]:
    """Search as the contract tells it, without a database."""
    folded = fold(wanted)
    return [key for key, pair in texts.items() if any(folded in fold(text) for text in pair)]


@pytest.fixture
def people(connection) -> list[str]:
    return [
        user.create(connection, email=f"{name}@example.com", name=name) for name in ("one", "two")
    ]


def create(connection, user_id, name, description="") -> str:
    return project.create(connection, user_id, name=name, description=description)["id"]


@pytest.fixture
def texts(connection, people):
    """Random texts of two people's projects, made in turn; some are shared."""
    source = random.Random(7)
    texts: dict[str, dict[str, tuple[str, str]]] = {one: {} for one in people}
    for number in range(PROJECTS):
        pair = some_text(source, 12), some_text(source, 30)
        owner = people[number % 2]
        made = create(connection, owner, *pair)
        texts[owner][made] = pair
        if number % 7 == 0:
            other = people[1 - number % 2]
            member.add(connection, made, other, "viewer")
            texts[other][made] = pair
    return texts


def test_random_searches(connection, texts, monkeypatch):
    source = random.Random(8)
    hits = 0
    for _ in range(SEARCHES):
        # Some have too many candidates to look at each.
        monkeypatch.setattr(search, "MOST_CANDIDATES", source.choice([0, 2, 5, 2500]))
        user_id = source.choice(list(texts))
        whole = source.choice(source.choice(list(texts[user_id].values())))
        start = source.randrange(len(whole))
        wanted = in_another_form(source, whole[start : start + source.randint(1, 6)])
        hit = found(connection, user_id, wanted)
        assert hit == expected(texts[user_id], wanted), ascii(wanted)
        hits += len(hit)
    assert hits > SEARCHES


def test_every_piece_alone_and_thrice(connection, texts):
    for user_id, own in texts.items():
        for piece in PIECES:
            for wanted in (piece, piece * 3):
                assert found(connection, user_id, wanted) == expected(own, wanted), ascii(wanted)


@pytest.mark.parametrize("most", [0, 4, 5, 2500])
@pytest.mark.parametrize("wanted", ["fraud", "aud", "fr", "d"])
def test_pages_of_a_search(connection, people, wanted, most, monkeypatch):
    monkeypatch.setattr(search, "MOST_CANDIDATES", most)
    for number in range(9):
        create(connection, people[number % 2], f"Fraud {number}")
    pages = [found(connection, people[0], wanted, limit=2, offset=at) for at in range(0, 7, 2)]
    assert [len(page) for page in pages] == [2, 2, 1, 0]
    whole = found(connection, people[0], wanted, sort_direction="desc", limit=9)
    assert [one for page in pages for one in page] == whole[::-1]
    assert project.list_for_member(
        connection,
        people[0],
        search=wanted,
        sort_field="name",
        sort_direction="asc",
        limit=2,
        offset=8,
    ) == ([], 5)


@pytest.mark.parametrize("most", [1, 2500])
def test_candidates_that_do_not_fit(connection, people, most, monkeypatch):
    monkeypatch.setattr(search, "MOST_CANDIDATES", most)
    for _ in range(3):
        create(connection, people[0], "bcab abca")
    for options in ({}, {"offset": 1}):
        assert found(connection, people[0], "abcab", **options) == []
    fits = create(connection, people[0], "abcab")
    assert found(connection, people[0], "abcab") == [fits]


def test_name_and_description_are_two_texts(connection, people):
    create(connection, people[0], "left", "right")
    for wanted in ("leftright", "left right", "left\nright", "t r", "tr"):
        assert found(connection, people[0], wanted) == []


class TestTheIndex:
    """It follows what happens to projects, members and people."""

    def follows(self, connection: Connection) -> bool:
        return search.difference(connection) == (set(), set())

    def test_follows_changes(self, connection, people):
        made = create(connection, people[0], "before", "old")
        member.add(connection, made, people[1], "viewer")
        project.change(connection, {"id": made}, name="after", description="new")
        for one in people:
            assert found(connection, one, "after") == [made]
            assert found(connection, one, "before") == found(connection, one, "old") == []
        project.count(connection, made, "dataset_count", 1)
        assert found(connection, people[1], "after") == [made]
        assert self.follows(connection)

    def test_follows_removals(self, connection, people):
        kept, gone = (create(connection, people[0], f"project {number}") for number in range(2))
        member.add(connection, gone, people[1], "viewer")
        member.add(connection, kept, people[1], "viewer")
        project.remove(connection, gone)
        assert found(connection, people[0], "project") == [kept]
        member.remove(connection, kept, people[0])
        assert found(connection, people[0], "project") == []
        assert found(connection, people[1], "project") == [kept]
        connection.execute(delete(users).where(users.c.id == people[1]))
        assert self.follows(connection)
        # What is made next may have the numbers of what is gone.
        new = create(connection, people[0], "another")
        assert found(connection, people[0], "project") == []
        assert found(connection, people[0], "another") == [new]
        assert self.follows(connection)

    def test_a_difference_is_seen(self, connection, people):
        create(connection, people[0], "one of few")
        (number,) = connection.scalars(select(members.c.number))
        connection.execute(text(f"DELETE FROM {FORGET[connection.dialect.name]} = {number}"))
        assert search.difference(connection) == ({number}, set())

    def test_memberships_of_a_person_are_together_on_sqlite(self, connection, people):
        for number in range(6):
            create(connection, people[number % 2], f"project {number}")
        by_number = list(connection.scalars(select(members.c.user_id).order_by(members.c.number)))
        together = [people[0]] * 3 + [people[1]] * 3
        assert by_number == (together if connection.dialect.name == "sqlite" else people * 3)


FORGET = {
    "sqlite": "search_grams_docsize WHERE id",
    "postgresql": "search_grams WHERE number",
}
