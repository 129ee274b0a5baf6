"""Statements that are compiled once and run by the driver itself.

SQLAlchemy writes the SQL, and turns values into what the database keeps and back. Between the two
it spends, on each execution, ten times what SQLite needs for a row; the queries that every
request makes go without that.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Delete,
    Dialect,
    Insert,
    Select,
    Update,
    bindparam,
    func,
    select,
)

from projects_api import tracing
from projects_api.driver_faults import translated

Processor = Callable[[Any], Any]
Statement = Select[Any] | Insert | Update | Delete


def parameters_of(names: Iterable[str]) -> dict[str, Any]:
    """Return the values of a change: of each column, the parameter of its name."""
    return {name: bindparam(name) for name in names}


class DriverStatement:
    """A statement with named parameters (`bindparam`), none of which stands for a list."""

    def __init__(self, statement: Statement) -> None:
        self._statement = statement
        self._plans: dict[str, _Plan] = {}

    def all(self, connection: Connection, **parameters: Any) -> list[Any]:
        """Return all rows, by the names of their columns."""
        plan = self._plan(connection.dialect)
        return plan.rows(plan.run(connection, parameters).fetchall())

    def first(self, connection: Connection, **parameters: Any) -> Any:
        """Return the first row, or `None` where there is none."""
        plan = self._plan(connection.dialect)
        rows = plan.rows(plan.run(connection, parameters).fetchmany(1))
        return rows[0] if rows else None

    def scalar(self, connection: Connection, **parameters: Any) -> Any:
        """Return the first column of the first row, or `None` where there is no row."""
        row = self.first(connection, **parameters)
        return next(iter(row.values())) if row else None

    def execute(self, connection: Connection, **parameters: Any) -> int:
        """Change rows; tell how many."""
        changed: int = self._plan(connection.dialect).run(connection, parameters).rowcount
        return changed

    def execute_later(self, connection: Connection, **parameters: Any) -> None:
        """Change rows before the next statement is answered, or all is committed.

        Where the database is elsewhere, this saves a journey: an error is raised by that statement
        or the commit. In a savepoint, whose error it would be, rows are changed at once.
        """
        plan = self._plan(connection.dialect)
        at_once = connection.in_nested_transaction()
        plan.run(connection, parameters, "execute" if at_once else plan.later)

    def _plan(self, dialect: Dialect) -> "_Plan":
        plan = self._plans.get(dialect.name)
        if plan is None:
            plan = self._plans[dialect.name] = _Plan(self._statement, dialect)
        return plan


class Listing:
    """Rows in an order, given a page at a time together with how many there are in all."""

    def __init__(
        self, rows: Select[Any], here: ColumnElement[bool], *order: ColumnElement[Any]
    ) -> None:
        """Prepare it; `here` says which rows, with the parameters that `page` is given."""
        page = rows.where(here).order_by(*order)
        self._page = DriverStatement(page.limit(bindparam("limit")).offset(bindparam("offset")))
        self._total = DriverStatement(select(func.count()).where(here))

    def page(
        self, connection: Connection, *, limit: int, offset: int, **parameters: Any
    ) -> tuple[list[Any], int]:
        """Return a page and the total, which is counted only where the page does not show it."""
        rows = self._page.all(connection, limit=limit, offset=offset, **parameters)
        known = total_of(len(rows), limit=limit, offset=offset)
        return rows, self._total.scalar(connection, **parameters) if known is None else known


def total_of(found: int, *, limit: int, offset: int) -> int | None:
    """Return how many there are in all where a page shows it, because it is the last one."""
    return offset + found if found < limit and (found or not offset) else None


class _Plan:
    """A statement as one dialect writes it."""

    def __init__(self, statement: Statement, dialect: Dialect) -> None:
        compiled: Any = statement.compile(dialect=dialect)
        self.sql: str = compiled.string
        self._dialect = dialect
        self._order: list[str] | None = compiled.positiontup
        self._constants: dict[str, Any] = {
            name: bound.value for name, bound in compiled.binds.items() if not bound.required
        }
        self._binders = {
            name: binder
            for name, bound in compiled.binds.items()
            if (binder := bound.type.dialect_impl(dialect).bind_processor(dialect))
        }
        selected = getattr(statement, "selected_columns", ())
        self._columns = {column.name: column.type for column in selected}
        self._readers: dict[str, Processor] | None = None
        self.later = "execute_later" if dialect.name == "postgresql" else "execute"

    def run(
        self, connection: Connection, parameters: Mapping[str, Any], how: str = "execute"
    ) -> Any:
        """Run it in the connection's transaction and give the driver's cursor.

        Errors are those that SQLAlchemy raises.
        """
        if not connection.in_transaction():
            connection.begin()
        given: Any = {**self._constants, **parameters}
        for name, bind in self._binders.items():
            given[name] = bind(given[name])
        if self._order is not None:
            given = [given[name] for name in self._order]
        driver: Any = connection.connection.dbapi_connection
        try:
            cursor = self._execute(getattr(driver, how), given)
        except self._dialect.loaded_dbapi.Error as error:
            raise self._translated(connection, error, given) from error
        if self._readers is None and self._columns:
            self._readers = self._find_readers(cursor.description)
        return cursor

    def _execute(self, execute: Callable[[str, Any], Any], given: Any) -> Any:
        if not tracing.is_on():
            return execute(self.sql, given)
        with tracing.statement(self._dialect.name, self.sql):
            return execute(self.sql, given)

    def _find_readers(self, description: Any) -> dict[str, Processor]:
        found = {
            name: kind.dialect_impl(self._dialect).result_processor(self._dialect, described[1])
            for (name, kind), described in zip(self._columns.items(), description, strict=True)
        }
        return {name: reader for name, reader in found.items() if reader}

    def rows(self, found: Iterable[Any]) -> list[Any]:
        """Turn the values of rows into what the rest of the code knows."""
        assert self._readers is not None
        rows = [dict(zip(self._columns, values, strict=True)) for values in found]
        for name, read in self._readers.items():
            for row in rows:
                row[name] = read(row[name])
        return rows

    def _translated(self, connection: Connection, error: Exception, given: Any) -> BaseException:
        gone = self._dialect.is_disconnect(error, connection.connection.dbapi_connection, None)  # type: ignore[arg-type]
        if gone:
            connection.invalidate(error)
        return translated(
            self._dialect.loaded_dbapi.Error,
            error,
            self.sql,
            given,
            connection_invalidated=gone,
            dialect=self._dialect,
        )
