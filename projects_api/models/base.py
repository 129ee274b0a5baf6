"""What every table shares: constraint names, column types, the clock and new ids."""

import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import uuid_utils
from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    Connection,
    CursorResult,
    DateTime,
    Dialect,
    Interval,
    Select,
    String,
    Table,
    Uuid,
    bindparam,
    func,
    literal,
    select,
    type_coerce,
)
from sqlalchemy.types import TypeDecorator, TypeEngine
from sqlmodel import SQLModel

from projects_api.models.statements import DriverStatement, total_of

NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
SQLModel.metadata.naming_convention = NAMING_CONVENTION

metadata = SQLModel.metadata

_WIDTHS = len("2026-01-01 00:00:00+00"), len("2026-01-01 00:00:00.000001+00")
_FIRST_MOMENT = "0001-01-01T00:00:00Z"
_SECONDS = slice(17, 19)
"""Where RFC 3339 has them."""

ALL_ROWS = 2**31 - 1
"""A limit that is none."""
Row = dict[str, Any]
"""A row by the names of its columns, with values as JSON has them."""


@dataclass(slots=True)
class Origin:
    """Where moments and ids come from; a server for tests puts repeatable ones in their place."""

    moment: Callable[[], datetime]
    identifier: Callable[[], str]
    is_repeatable: bool = False


# UUIDs of version 7 are ordered by time, so that indexes stay dense.
origin = Origin(moment=lambda: datetime.now(UTC), identifier=lambda: str(uuid_utils.uuid7()))


class Identifier(TypeDecorator[str]):
    """A UUID in its canonical text form: native on PostgreSQL, 36 characters on SQLite."""

    impl = String(36)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Use PostgreSQL's 16 bytes where they exist."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(Uuid(as_uuid=False))
        return dialect.type_descriptor(String(36))


class Timestamp(TypeDecorator[str]):
    """A moment as RFC 3339 text in UTC with `Z`; a fraction is shown only where there is one.

    SQLite keeps text of one width, so that its order is the order in time.
    """

    impl = String(27)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Use PostgreSQL's own type for moments."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(DateTime(timezone=True))
        return dialect.type_descriptor(String(27))

    def process_bind_param(self, value: str | None, dialect: Dialect) -> Any:
        """Turn RFC 3339 text into what the database keeps."""
        if value is None:
            return None
        moment = datetime.fromisoformat(value)
        if dialect.name == "postgresql":
            return moment
        return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"

    def result_processor(self, dialect: Dialect, _coltype: object) -> Callable[[Any], str | None]:
        """Return what turns that into RFC 3339 text again: directly, for lists hold many.

        Our connections to PostgreSQL give its own text, others an object.
        """
        return _read_moment if dialect.name == "postgresql" else _read_text


def _read_moment(value: str | datetime | None) -> str | None:
    """Turn PostgreSQL's text into RFC 3339: nearly always of two widths, for lists hold many."""
    if value is None:
        return None
    if isinstance(value, datetime):
        return to_text(value)
    if len(value) in _WIDTHS and value.endswith("+00"):
        return f"{value[:10]}T{value[11:-3]}Z"
    return to_text(datetime.fromisoformat(value))


def _read_text(value: str | None) -> str | None:
    return f"{value[:19]}Z" if value and value.endswith(".000000Z") else value


def table_of(model: type[SQLModel]) -> Table:
    """Return the Core table behind a model: queries select columns, not entities, for speed."""
    return model.metadata.tables[str(model.__tablename__)]


def rows_of(result: CursorResult[Any]) -> list[Any]:
    """Return all rows as dictionaries by column name."""
    names = tuple(result.keys())
    # The rows' own way to become dictionaries takes four times as long.
    return [dict(zip(names, row, strict=True)) for row in result.all()]


def page_of(
    connection: Connection,
    rows: Select[Any],
    *order: ColumnElement[Any],
    limit: int,
    offset: int,
) -> tuple[list[Any], int]:
    """Return a page of rows and how many there are; for conditions that differ each time."""
    page = rows.order_by(*order).limit(limit).offset(offset)
    found = rows_of(connection.execute(page))
    total = total_of(len(found), limit=limit, offset=offset)
    if total is None:
        counted = rows.with_only_columns(func.count(), maintain_column_froms=True)
        total = connection.execute(counted).scalar_one()
    return found, total


def list_of_project(connection: Connection, table: Table, project_id: str) -> list[Any]:
    """List the rows of a table that belong to a project, oldest first."""
    statement = (
        select(table)
        .where(table.c.project_id == project_id)
        .order_by(table.c.created_at, table.c.id)
    )
    return rows_of(connection.execute(statement))


def row_of(result: CursorResult[Any]) -> Any:
    """Return the first row as a dictionary by column name, or `None` where there is none."""
    row = result.first()
    return None if row is None else row._asdict()


def project_of(connection: Connection, table: Table, row_id: str) -> str | None:
    """Find the project that a row of a table belongs to; `None` where there is no such row."""
    found: str | None = _project_of(table).scalar(connection, id=row_id)
    return found


@cache
def _project_of(table: Table) -> DriverStatement:
    return DriverStatement(select(table.c.project_id).where(table.c.id == bindparam("id")))


def to_text(moment: datetime) -> str:
    """Write a moment as RFC 3339 in UTC with `Z`."""
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat()}Z"


def in_utc(text: str) -> str:
    """Write a moment of any RFC 3339 form as `to_text` does.

    A leap second is the second after it, for clocks do not count it. What has no year in UTC, by
    its offset, becomes the first or the last moment that has, and so does the year 0.
    """
    text = text.upper()
    if text.startswith("0000"):
        return _FIRST_MOMENT
    is_leap = text[_SECONDS] == "60"
    later = timedelta(seconds=1 if is_leap else 0)
    moment = datetime.fromisoformat(f"{text[:17]}59{text[19:]}" if is_leap else text)
    try:
        return to_text(moment + later)
    except OverflowError:
        return _FIRST_MOMENT if moment.year == 1 else "9999-12-31T23:59:59Z"


def present() -> datetime:
    """Return the present moment, in UTC."""
    return origin.moment()


def to_moment(text: str) -> datetime:
    """Read a moment that `to_text` wrote."""
    return datetime.fromisoformat(text)


def now() -> str:
    """Return the present moment as RFC 3339 text, to the microsecond."""
    return to_text(present())


def shared_moment(connection: Connection, seconds: float = 0.0) -> ColumnElement[str]:
    """Return a moment by the one clock that all processes share.

    That is the server's of PostgreSQL, and the machine's of SQLite; a clock for tests stands still.
    """
    later = timedelta(seconds=seconds)
    if connection.dialect.name == "postgresql":
        return type_coerce(func.clock_timestamp() + literal(later, Interval), Timestamp)
    return literal(to_text(datetime.now(UTC) + later), Timestamp)


def new_id() -> str:
    """Make a UUID that nothing else has."""
    return origin.identifier()


def fold(text: str) -> str:
    """Fold text for caseless matching over all of Unicode (Unicode 15, section 3.13, D145)."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", text).casefold())


def storable(text: str, max_length: int) -> str:
    """Cut a text, and replace in it what a database does not take: NUL and lone surrogates."""
    cut = text[:max_length].replace("\0", "\N{REPLACEMENT CHARACTER}")
    return cut.encode("utf-8", "replace").decode()


def one_of(column: str, values: Iterable[str]) -> CheckConstraint:
    """Restrict a text column to the given values; the constraint's name ends in the column's."""
    allowed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({allowed})", name=column)


def binary_text(length: int) -> TypeEngine[str]:
    """Text that both databases order by code point, whatever the locale."""
    return String(length).with_variant(String(length, collation="C"), "postgresql")
