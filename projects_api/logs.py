"""Logs: one JSON object a line on the standard error, or lines for people.

Whoever logs imports structlog, which takes rich, and with it Pygments, for tracebacks that are
never drawn here. Import this module before it, and it is as in an installation without rich: less
to import at each start, and 4 MiB less to hold. Who imports rich afterwards gets it.
"""

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any, BinaryIO, Literal, TextIO, cast

import orjson

_LINE = orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z


@contextmanager
def _rich_left_out() -> Iterator[None]:
    """Let a block import what takes rich where it is there; not where somebody has it already."""
    modules: dict[str, Any] = sys.modules
    if "rich" in modules:
        yield
        return
    modules["rich"] = None
    try:
        yield
    finally:
        del modules["rich"]


with _rich_left_out():
    import structlog


_stream: BinaryIO | None = None
"""Where JSON lines go, once logs are set up so and requests are told of."""


def log_request(line: dict[str, Any]) -> None:
    """Log a request, as `info` would: each of them passes here, and structlog's way is longer.

    As JSON a line takes 4 us instead of 16, which is 5 % of a get.
    """
    if _stream is None:
        structlog.get_logger().info("request", **line)
        return
    line |= {"event": "request", "level": "info", "timestamp": datetime.now(UTC)}
    _stream.write(orjson.dumps(line, default=str, option=_LINE))
    _stream.flush()


def set_up_logs(level: str, form: Literal["auto", "json", "console"]) -> None:
    """Send this project's logs, and those of the libraries, the same way.

    `auto` is for people where the standard error is a terminal, and JSON elsewhere.
    """
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    number = logging.getLevelNamesMapping()[level.upper()]
    as_json = form == "json" or (form == "auto" and not sys.stderr.isatty())
    stream = cast("BinaryIO", _Patient(sys.stderr.buffer)) if as_json else None
    global _stream  # noqa: PLW0603 - as structlog's configuration, there is one a process
    _stream = stream if number <= logging.INFO else None
    structlog.configure(
        processors=[*shared, _write_bytes if as_json else _for_people()],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.BytesLoggerFactory(stream)
        if stream
        else structlog.WriteLoggerFactory(cast("TextIO", _Patient(sys.stderr))),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _write_text if as_json else _for_people(),
            ],
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
        )
    )
    logging.basicConfig(handlers=[handler], level=number, force=True)
    logging.getLogger("connexion").setLevel(logging.ERROR)
    logging.getLogger("alembic").setLevel(max(number, logging.WARNING))  # It tells of its imports.
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # They speak to developers, who can ask for them.


def _for_people() -> structlog.dev.ConsoleRenderer:
    """Write lines for people; a pretty traceback of a deep recursion takes minutes to draw."""
    return structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
    )


class _Patient:
    """A stream that loses what cannot be written, as on a full disk: no request fails of a log."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, line: Any) -> None:
        """Write a line, or not."""
        with suppress(OSError):
            self._stream.write(line)

    def flush(self) -> None:
        """Let it be seen, or not yet."""
        with suppress(OSError):
            self._stream.flush()


def _write_bytes(_logger: object, _method: str, event: Any) -> bytes:
    return orjson.dumps(event, default=str)


def _write_text(_logger: object, _method: str, event: Any) -> str:
    return orjson.dumps(event, default=str).decode()
