"""The database: connections, transactions and the places where SQLite and PostgreSQL differ."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text

BUSY_SECONDS = 30


class Database:
    """Connections to one database, with the transactions that requests need.

    `is_embedded` tells that it runs in this process, as SQLite does.
    """

    def __init__(self, url: str, *, connections: int = 16) -> None:
        self.engine = _create_engine(make_url(url), connections)
        self.is_embedded = self.engine.dialect.name == "sqlite"
        self._writing = self.engine.execution_options(writing=True)
        self._snapshot = self._writing
        if self.engine.dialect.name == "postgresql":
            self._snapshot = self.engine.execution_options(isolation_level="REPEATABLE READ")

    def connect(self, *, writing: bool = False, snapshot: bool = False) -> Connection:
        """Take a connection; its transaction begins with its first statement.

        `writing` makes SQLite take its one write lock at the beginning, because a transaction
        that reads first and writes later could fail. `snapshot` sees one state throughout.
        """
        if snapshot:
            return self._snapshot.connect()
        return (self._writing if writing else self.engine).connect()

    @contextmanager
    def transaction(self, *, writing: bool = True) -> Iterator[Connection]:
        """Run a block in a transaction of its own: committed at its end, undone by an error."""
        with self.connect(writing=writing) as connection, connection.begin():
            yield connection

    def check(self) -> None:
        """Ask the database for an answer; a `DBAPIError` tells that it gave none."""
        with self.connect() as connection:
            connection.execute(text("SELECT 1"))

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def _create_engine(url: URL, connections: int) -> Engine:
    options: dict[str, Any] = {
        "pool_size": connections,
        "max_overflow": connections,
        "pool_timeout": 10,
    }
    if url.get_backend_name() == "postgresql":
        return create_engine(
            url.set(drivername="postgresql+psycopg"),
            pool_pre_ping=True,
            connect_args={"options": "-c timezone=UTC", "connect_timeout": 10},
            **options,
        )
    if url.database:
        Path(url.database).absolute().parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS}, **options)
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(connection: Any, _record: object) -> None:
    # The driver would begin transactions at moments of its own choice.
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "foreign_keys=ON", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    writing = connection.get_execution_options().get("writing", False)
    # The driver's own call: SQLAlchemy's would cost as much as a query.
    driver = connection.connection.dbapi_connection
    assert driver is not None
    driver.cursor().execute("BEGIN IMMEDIATE" if writing else "BEGIN")
