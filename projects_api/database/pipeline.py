"""A connection to PostgreSQL that prepares its statements, and sends several in one message.

psycopg's cursor does much in Python for each statement, and waits for each answer. A statement
that a request makes again and again takes half of that here, and a change whose answer nobody
needs costs no journey: it goes with the next one, or with the commit. Measured in decision 3.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from typing import Any, TypeVar

import psycopg
from psycopg import adapt, generators
from psycopg.abc import Buffer, PQGen, Transformer
from psycopg.errors import (
    FeatureNotSupported,
    InFailedSqlTransaction,
    InvalidSqlStatementName,
    error_from_result,
)
from psycopg.pq import ConnStatus, ExecStatus, TransactionStatus
from psycopg.pq.abc import PGconn, PGresult

_PLACE = re.compile(r"%(?:%|\((\w+)\)s)")
_GOOD = {ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK}
_STALE = FeatureNotSupported, InvalidSqlStatementName
"""What the server says of a `Stale` statement."""
_BEGIN, _COMMIT = "BEGIN", "COMMIT"
Result = TypeVar("Result")


class Stale(psycopg.OperationalError):
    """A prepared statement whose table is another one now, or that was forgotten.

    When it is run again, it is prepared anew.
    """


class Rows:
    """What a statement answered: rows, or how many were changed."""

    def __init__(self, result: PGresult, transformer: Transformer) -> None:
        self._result = result
        self._rows: list[tuple[Any, ...]] = []
        if result.status == ExecStatus.TUPLES_OK:
            transformer.set_pgresult(result)
            self._rows = transformer.load_rows(0, result.ntuples, tuple)
            transformer.set_pgresult(None)  # Or it keeps the bytes until the next statement.

    @property
    def rowcount(self) -> int:
        """How many rows there are, or were changed."""
        return self._result.command_tuples or 0

    @property
    def description(self) -> list[tuple[str, int]]:
        """Names and types of the columns."""
        columns = range(self._result.nfields)
        return [
            ((self._result.fname(at) or b"").decode(), self._result.ftype(at)) for at in columns
        ]

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Return all rows."""
        return self._rows

    def fetchmany(self, count: int) -> list[tuple[Any, ...]]:
        """Return the first rows."""
        return self._rows[:count]


class _Statement:
    """A statement that the server knows by a name."""

    def __init__(self, name: bytes, sql: str) -> None:
        self.name = name
        self.parameters: list[str] = []
        self.sql = _PLACE.sub(self._number, sql).encode()
        # As text, whose type the statement says: a type for each value would prepare it anew.
        self.formats = [adapt.PyFormat.TEXT] * len(self.parameters)

    def _number(self, place: re.Match[str]) -> str:
        if place[1] is None:
            return "%"
        self.parameters.append(place[1])
        return f"${len(self.parameters)}"


_Sent = tuple[bytes, Sequence[Buffer | None]]


class PipelinedConnection(psycopg.Connection[Any]):
    """A connection that is closed where the server says nothing for too long.

    Where it `prepares`, it has a transaction for each statement (`autocommit`), and `execute`
    prepares what it is given. In a `block` they are one together, and `execute_later` sends with
    the next what needs no answer.
    """

    most_seconds: float | None = None
    prepares = False

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._statements: dict[str, _Statement] = {}
        self._names = count()
        self._transformer: Transformer | None = None
        self._later: list[_Sent] | None = None

    def wait(
        self, gen: PQGen[Result], interval: float = 0.1, timeout: float | None = None
    ) -> Result:
        """Wait for an answer; raises OperationalError where there is none in time."""
        try:
            return super().wait(gen, interval, timeout or self.most_seconds)
        except psycopg.OperationalError:
            # The answer may still come, and would be taken for that of the next statement.
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                self.pgconn.finish()
            raise

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Wait at most so long for each answer while a block runs."""
        before, self.most_seconds = self.most_seconds, seconds
        try:
            yield
        finally:
            self.most_seconds = before

    @contextmanager
    def block(self) -> Iterator[None]:
        """Make what runs in a block one transaction: committed at its end, undone by an error.

        Raises a psycopg.Error where it cannot be committed.
        """
        self._later = [self._dumped(_BEGIN, {})]
        try:
            yield
            if len(self._later) > 1 or not self.is_idle:  # Else nothing was run.
                self._commit(self._later)
        except BaseException:
            with suppress(psycopg.Error):
                self.rollback()
            raise
        finally:
            self._later = None

    @property
    def is_idle(self) -> bool:
        """Whether it is connected, and in no transaction."""
        return self.pgconn.transaction_status == TransactionStatus.IDLE

    def cursor(self, *arguments: Any, **options: Any) -> Any:
        """Make a cursor; what waits to be sent comes before whatever it will do."""
        if self._later:
            self._send_later()
        return super().cursor(*arguments, **options)

    def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        """Run a statement with named parameters, and return its `Rows`.

        Where it does not prepare, it returns a cursor.
        """
        if not self.prepares:
            return super().execute(query, params, **options)
        sent = self._dumped(query, params)
        if self._later:
            self._later.append(sent)
            return Rows(self._send_later()[-1], self._transform)
        try:
            return self._ask(sent)
        except Stale:
            return self._ask(self._dumped(query, params))  # prepared anew

    def execute_later(self, query: str, params: Mapping[str, Any]) -> None:
        """Run a statement before the next one, or the commit; its error is raised there."""
        if self._later is None:
            self.execute(query, params)
        else:
            self._later.append(self._dumped(query, params))

    def _ask(self, sent: _Sent) -> Rows:
        self.pgconn.send_query_prepared(*sent)
        (result,) = self.wait(generators.execute(self.pgconn))
        self._check(result)
        return Rows(result, self._transform)

    @property
    def _transform(self) -> Transformer:
        # Later than the connection: whoever takes it registers what types are read as.
        if self._transformer is None:
            self._transformer = adapt.Transformer(self)
        return self._transformer

    def _dumped(self, sql: str, params: Mapping[str, Any]) -> _Sent:
        prepared = self._statements.get(sql) or self._prepare(sql)
        values = [params[name] for name in prepared.parameters]
        return prepared.name, self._transform.dump_sequence(values, prepared.formats)

    def _prepare(self, sql: str) -> _Statement:
        prepared = _Statement(b"statement_%d" % next(self._names), sql)
        self.pgconn.send_prepare(prepared.name, prepared.sql)
        (result,) = self.wait(generators.execute(self.pgconn))
        self._check(result)
        self._statements[sql] = prepared
        return prepared

    def _commit(self, later: list[_Sent]) -> None:
        later.append(self._dumped(_COMMIT, {}))
        if self._send_later()[-1].command_status == b"ROLLBACK":
            raise InFailedSqlTransaction("an error was passed over")

    def _send_later(self) -> list[PGresult]:
        """Send all that waits in one message; return their answers, or raise the first error."""
        waiting, self._later = self._later or [], []
        try:
            self.pgconn.enter_pipeline_mode()
            for sent in waiting:
                self.pgconn.send_query_prepared(*sent)
            self.pgconn.pipeline_sync()
            results = self.wait(_answers(self.pgconn, len(waiting)))
            if self.pgconn.status == ConnStatus.OK:
                self.pgconn.exit_pipeline_mode()
        except BaseException:
            self.pgconn.finish()  # Nobody else could tell whose answers are still to come.
            raise
        for result in results:
            self._check(result)
        return results

    def _check(self, result: PGresult) -> None:
        if result.status not in _GOOD:
            error = error_from_result(result, encoding=self.info.encoding)
            if isinstance(error, _STALE):
                self._statements.clear()
                raise Stale(str(error)) from error
            raise error


def _answers(pgconn: PGconn, wanted: int) -> PQGen[list[PGresult]]:
    """Send what a pipeline holds, and return so many answers.

    Raises OperationalError where the connection is lost before the last of them: behind it, as in
    the moment of a commit, nothing is lost but the connection, which is closed.
    """
    results: list[PGresult] = []
    try:
        yield from generators.send(pgconn)
        while True:
            result = yield from generators.fetch(pgconn)
            if result is None:  # The end of a statement's answer, or of the connection.
                if pgconn.status != ConnStatus.OK:
                    raise psycopg.OperationalError(pgconn.get_error_message())
            elif result.status == ExecStatus.PIPELINE_SYNC:
                return results
            elif len(results) == wanted:
                raise error_from_result(result)
            else:
                results.append(result)
    except psycopg.Error:
        if len(results) < wanted:
            raise
        pgconn.finish()
        return results
