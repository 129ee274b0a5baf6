"""Column types, the clock, ids and the folding of text."""

import re
import unicodedata
import uuid
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sqlalchemy import Column, MetaData, Table, select

from projects_api.contract.checker import Checker
from projects_api.models.base import Identifier, Timestamp, fold, in_utc, new_id, now, to_text

A_MOMENT = {"type": "string", "format": "date-time"}
WRITTEN = (
    r"(0000|0001|2016|9999)-12-31[Tt]"
    r"(23:59:60(\.[0-9]{1,9})?([Zz]|[+-]00:00)|05:29:60\+05:30|00:59:60\.5\+01:00|18:29:60-05:30)"
)
MOMENTS = [
    "0001-01-01T00:00:00Z",
    "1969-12-31T23:59:59.999999Z",
    "2026-02-10T08:59:59.999999Z",
    "2026-02-10T09:00:00Z",
    "2026-02-10T09:00:00.000001Z",
    "2026-02-10T09:00:00.100000Z",
    "2026-02-10T09:00:00.123456Z",
    "2026-02-10T09:00:01Z",
    "9999-12-31T23:59:59.999999Z",
]


@pytest.fixture
def moments(database):
    """A table of its own with one of each special type."""
    table = Table(
        "moments",
        MetaData(),
        Column("id", Identifier, primary_key=True),
        Column("moment", Timestamp, nullable=True),
    )
    with database.connect(writing=True) as connection:
        table.create(connection)

        def keep(*values: str | None) -> list[str | None]:
            """Keep moments, and read them back in the order of the column."""
            rows = [{"id": new_id(), "moment": value} for value in values]
            connection.execute(table.insert(), rows)
            return list(connection.scalars(select(table.c.moment).order_by(table.c.moment)))

        keep.connection, keep.table = connection, table
        yield keep


class TestTimestamp:
    def test_comes_back_as_it_was_and_in_the_order_of_time(self, moments):
        assert moments(*reversed(MOMENTS)) == MOMENTS

    @pytest.mark.parametrize(
        ("written", "read"),
        [
            ("2026-02-10T09:00:00+00:00", "2026-02-10T09:00:00Z"),
            ("2026-02-10T09:00:00+05:30", "2026-02-10T03:30:00Z"),
            ("2026-02-10T00:00:00-08:00", "2026-02-10T08:00:00Z"),
            ("2026-02-10T09:00:00.5Z", "2026-02-10T09:00:00.500000Z"),
            ("2026-02-10T09:00:00.000000Z", "2026-02-10T09:00:00Z"),
            (None, None),
        ],
    )
    def test_is_read_in_one_form(self, moments, written, read):
        assert moments(written) == [read]

    @pytest.mark.parametrize("zone", ["Asia/Kolkata", "Asia/Tokyo", "UTC"])
    def test_is_read_in_utc_whatever_zone_the_server_speaks_in(self, moments, zone):
        if moments.connection.dialect.name == "postgresql":
            moments.connection.exec_driver_sql(f"SET TIME ZONE '{zone}'")
        assert moments(*MOMENTS[1:-1]) == MOMENTS[1:-1]

    def test_is_read_in_one_form_whatever_dates_the_database_writes(self, database, moments):
        if moments.connection.dialect.name == "postgresql":
            name = database.engine.url.database
            moments.connection.exec_driver_sql(f"ALTER DATABASE {name} SET datestyle = 'German'")
        moments.connection.commit()
        moments(*MOMENTS)
        moments.connection.commit()
        database.engine.dispose()
        with database.connect() as another:
            found = another.scalars(select(moments.table.c.moment).order_by("moment"))
            assert list(found) == MOMENTS

    def test_comparisons_are_those_of_time(self, moments):
        moments(*MOMENTS)
        table = moments.table
        for at, moment in enumerate(MOMENTS):
            earlier = select(table.c.moment).where(table.c.moment < moment)
            assert set(moments.connection.scalars(earlier)) == set(MOMENTS[:at])

    @given(st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=st.timezones()))  # noqa: DTZ001 - the zones are drawn
    def test_text_is_utc(self, moment):
        text = to_text(moment)
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z", text)
        # Moments that a clock shows twice are equal to none in another zone.
        assert datetime.fromisoformat(text) == moment.astimezone(UTC)

    @given(st.from_regex(WRITTEN, fullmatch=True))
    def test_whatever_the_contract_takes_for_a_moment_is_read(self, text):
        assume(Checker(A_MOMENT).accepts(text))
        # The columns take it; leap seconds and the year 0 have no moment there.
        read = in_utc(text)
        assert read == to_text(datetime.fromisoformat(read))
        if text[17:19] != "60" and not text.startswith(("0000", "0001", "9999")):
            assert read == to_text(datetime.fromisoformat(text.upper()))

    def test_the_clock_tells_now(self):
        before = datetime.now(timezone(timedelta(hours=9)))
        assert before <= datetime.fromisoformat(now()) <= datetime.now(UTC)


class TestIdentifier:
    def test_ids_are_uuids_in_the_order_of_their_making(self):
        ids = [new_id() for _ in range(1000)]
        assert ids == sorted(set(ids))
        assert {uuid.UUID(one).version for one in ids} == {7}
        assert all(one == str(uuid.UUID(one)) for one in ids)

    def test_are_ordered_alike(self, moments):
        ids = sorted(str(uuid.uuid4()) for _ in range(50))
        table = moments.table
        moments.connection.execute(table.insert(), [{"id": one} for one in ids[::-1]])
        assert list(moments.connection.scalars(select(table.c.id).order_by(table.c.id))) == ids


class TestFold:
    @pytest.mark.parametrize(
        ("first", "second"),
        [
            ("ABC", "abc"),
            ("Straße", "STRASSE"),
            ("ΣΊΣΥΦΟΣ", "σίσυφος"),
            ("É", "e\u0301"),
            ("Å", "\u212b"),
            ("ﬁn", "FIN"),
            ("ДАННЫЕ", "данные"),
            ("\u0345", "\u03b9"),
            ("Ǆ", "ǆ"),
        ],
    )
    def test_what_differs_in_case_or_composition_is_equal(self, first, second):
        assert fold(first) == fold(second)

    @pytest.mark.parametrize(
        ("first", "second"), [("e", "é"), ("a", "b"), ("\u0131", "i"), ("o", "0")]
    )
    def test_what_differs_otherwise_is_not(self, first, second):
        assert fold(first) != fold(second)

    @given(st.text())
    def test_case_and_composition_never_matter(self, text):
        folded = fold(text)
        assert fold(folded) == folded
        for form in ("NFC", "NFD"):
            assert fold(unicodedata.normalize(form, text)) == folded
        assert fold(text.casefold()) == folded
