"""A search finds exactly what contains the text, on both databases and over all of Unicode."""

import random
import unicodedata

import pytest
from sqlalchemy import Connection, inspect, or_, select, text, update
from sqlalchemy.exc import IntegrityError

from projects_api.database import names_what_is_gone
from projects_api.models import member, project, user
from projects_api.models.base import fold, new_id
from projects_api.models.member import COPIED_FIELDS, SORT_FIELDS, members
from projects_api.models.project import projects

# Wildcards, quotes and words of query languages; letters that fold to several, compose, or are no
# letters to some locale; characters for private use and at the edges of encodings.
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
OTHER = {"created_at": "2020-01-01T00:00:00Z"}


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


def test_random_searches(connection, texts):
    source = random.Random(8)
    hits = 0
    for _ in range(SEARCHES):
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


@pytest.mark.parametrize("wanted", ["fraud", "aud", "fr", "d"])
def test_pages_of_a_search(connection, people, wanted):
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


def test_name_and_description_are_two_texts(connection, people):
    create(connection, people[0], "left", "right")
    for wanted in ("leftright", "left right", "left\nright", "t r", "tr"):
        assert found(connection, people[0], wanted) == []


def follows(connection: Connection) -> bool:
    """Whether each membership has the texts and sort keys of its project."""
    pairs = [(members.c[f"project_{field}"], projects.c[field]) for field in COPIED_FIELDS]
    differ = or_(*(copy.is_distinct_from(original) for copy, original in pairs))
    joined = select(members.c.user_id).join(projects)
    return (
        bool(connection.execute(joined).first())
        and not connection.execute(joined.where(differ)).first()
    )


def test_follows_changes(connection, people):
    made = create(connection, people[0], "before", "old")
    member.add(connection, made, people[1], "viewer")
    assert follows(connection)
    project.change(connection, {"id": made}, name="after", description="new")
    assert follows(connection)
    for one in people:
        assert found(connection, one, "after") == [made]
        assert found(connection, one, "before") == found(connection, one, "old") == []
    project.count(connection, made, "dataset_count", 1)
    assert found(connection, people[1], "after") == [made]
    assert follows(connection)


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "Other"},
        {"description_folded": "other"},
        {"name_folded": "other", "model_count": 7},
        {"dataset_count": 7, "created_at": "2020-01-01T00:00:00Z"},
    ],
)
def test_follows_whoever_writes(connection, people, changes):
    """Triggers give whatever the statement changes, whichever of them act."""
    made = create(connection, people[0], "name", "description")
    member.add(connection, made, people[1], "viewer")
    connection.execute(update(projects).where(projects.c.id == made).values(**changes))
    assert follows(connection)


def written(connection: Connection) -> list[tuple | int]:
    """What tells that memberships are written: PostgreSQL's versions of rows, SQLite's count."""
    if connection.dialect.name == "postgresql":
        versions = text("SELECT user_id, ctid::text FROM members ORDER BY 1, 2")
        return list(map(tuple, connection.execute(versions)))
    return [connection.connection.dbapi_connection.total_changes]


def test_writes_no_membership_where_nothing_changes(connection, people):
    made = create(connection, people[0], "name", "description")
    same = update(projects).where(projects.c.id == made).values(name="name", dataset_count=0)
    before = written(connection)
    connection.execute(same)
    own = connection.dialect.name == "sqlite"  # It counts the project's own row, too.
    assert written(connection) == ([before[0] + 1] if own else before)
    connection.execute(same.values(dataset_count=1))
    assert written(connection) != ([before[0] + 2] if own else before)


def test_adds_a_membership_with_its_copies(connection, people):
    made = create(connection, people[0], "name", "description")
    before = written(connection)
    member.add(connection, made, people[1], "viewer")
    if connection.dialect.name == "sqlite":
        assert written(connection) == [before[0] + 1]
    lacks = (
        "INSERT INTO members (project_id, user_id, role, created_at) VALUES (:p, :u, 'viewer', :c)"
    )
    third = user.create(connection, email="third@example.com", name="T")
    moment = "2026-01-01T00:00:00.000000Z"
    connection.execute(text(lacks), {"p": made, "u": third, "c": moment})
    assert follows(connection)


def test_adds_no_membership_of_what_is_gone(connection, people):
    with pytest.raises(IntegrityError) as refused:
        member.add(connection, new_id(), people[0], "viewer")
    assert names_what_is_gone(refused.value)


@pytest.mark.parametrize("changed", COPIED_FIELDS)
def test_leaves_alone_what_did_not_change(connection, people, changed):
    """Each column that is set is an index that SQLite writes, whatever its value is."""
    if connection.dialect.name == "postgresql":
        pytest.skip("PostgreSQL compares values")
    made = create(connection, people[0], "name", "description")
    together = {"name", "name_folded", "description_folded"}
    alone = {*SORT_FIELDS} - (together if changed in together else {changed})
    columns = ", ".join(f"project_{field}" for field in alone)
    connection.execute(
        text(
            f"CREATE TEMP TRIGGER strict AFTER UPDATE OF {columns} ON members"
            " BEGIN SELECT RAISE(ABORT, 'written'); END"
        )
    )
    new = 7 if changed.endswith("count") else OTHER.get(changed, "other")
    connection.execute(update(projects).where(projects.c.id == made).values({changed: new}))
    assert follows(connection)


def test_follows_removals(connection, people):
    kept, gone = (create(connection, people[0], f"project {number}") for number in range(2))
    member.add(connection, gone, people[1], "viewer")
    member.add(connection, kept, people[1], "viewer")
    project.remove(connection, gone)
    assert found(connection, people[0], "project") == [kept]
    member.remove(connection, kept, people[0])
    assert found(connection, people[0], "project") == []
    assert found(connection, people[1], "project") == [kept]


def test_memberships_of_a_person_are_together_on_sqlite(connection):
    if connection.dialect.name == "sqlite":
        table = "SELECT wr FROM pragma_table_list('members')"
        assert connection.scalar(text(table)) == 1
    keys = inspect(connection).get_pk_constraint("members")["constrained_columns"]
    assert keys == ["user_id", "project_id"]
