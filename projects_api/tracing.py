"""Traces for OpenTelemetry: requests, their statements, and jobs; nothing unless it is set up.

The library is the extra `otel`, and imported by whoever asks for traces alone.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, event

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.trace import Span, Tracer

MAX_STATEMENT = 2000
"""Characters of a statement that a span has; values are not in it."""
_tracers: "list[Tracer]" = []


def is_on() -> bool:
    """Return whether this process makes spans."""
    return bool(_tracers)


def set_up(processor: "SpanProcessor | None" = None) -> None:
    """Make spans from now on, and send them where the `OTEL_...` variables say, by default.

    To be called before what is traced is made. Called again, it changes nothing.
    """
    if _tracers:
        return
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - see above
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415

    # OTEL_SERVICE_NAME comes first.
    defaults = Resource({"service.name": "projects-api"})
    provider = TracerProvider(resource=defaults.merge(Resource.create()))
    provider.add_span_processor(processor or _exporting())
    _tracers.append(provider.get_tracer("projects_api"))


def tear_down() -> None:
    """Make no more spans."""
    _tracers.clear()


def _exporting() -> "SpanProcessor":
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
        OTLPSpanExporter,
    )
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    # In a queue with a bound, and in a thread: nobody waits for it, and what is too much is lost.
    return BatchSpanProcessor(OTLPSpanExporter())


@contextmanager
def span(
    name: str, attributes: Mapping[str, Any], carrier: Mapping[str, str] | None = None
) -> Iterator["Span | None"]:
    """Run a block in a span; None where this process makes none.

    `carrier` are the headers of a request, which may name the span that it is a part of.
    """
    if not _tracers:
        yield None
        return
    from opentelemetry.trace import SpanKind  # noqa: PLC0415
    from opentelemetry.trace.propagation.tracecontext import (  # noqa: PLC0415
        TraceContextTextMapPropagator,
    )

    parent = None if carrier is None else TraceContextTextMapPropagator().extract(carrier)
    kind = SpanKind.INTERNAL if carrier is None else SpanKind.SERVER
    with _tracers[0].start_as_current_span(
        name, context=parent, kind=kind, attributes=attributes
    ) as started:
        yield started


def fail(started: "Span | None") -> None:
    """Mark a span as one of work that failed."""
    if started is not None:
        from opentelemetry.trace import StatusCode  # noqa: PLC0415

        started.set_status(StatusCode.ERROR)


def watch(engine: Engine) -> None:
    """Make a span of each statement of an engine that belongs to another span."""
    if not _tracers:
        return
    begin = partial(_begin_statement, engine.dialect.name)
    event.listen(engine, "before_cursor_execute", begin)
    event.listen(engine, "after_cursor_execute", _end_statement)
    event.listen(engine, "handle_error", _fail_statement)


@contextmanager
def statement(system: str, sql: str) -> Iterator[None]:
    """Run a block, which has a driver run a statement, in a span of its own as `watch` does."""
    started = _start_statement(system, sql)
    try:
        yield
    except Exception:
        fail(started)
        raise
    finally:
        if started:
            started.end()


def _start_statement(system: str, sql: str) -> "Span | None":
    from opentelemetry.trace import SpanKind, get_current_span  # noqa: PLC0415

    # Looks for jobs, of which there are thousands, belong to no span.
    if not _tracers or not get_current_span().is_recording():
        return None
    attributes = {"db.system.name": system, "db.query.text": sql[:MAX_STATEMENT]}
    name = sql.split(maxsplit=1)[0].upper() if sql.strip() else "statement"
    return _tracers[0].start_span(name, kind=SpanKind.CLIENT, attributes=attributes)


def _begin_statement(
    system: str,
    _connection: object,
    _cursor: object,
    sql: str,
    _parameters: object,
    context: Any,
    _many: object,
) -> None:
    if context is not None:
        context.projects_api_span = _start_statement(system, sql)


def _end_statement(
    _connection: object,
    _cursor: object,
    _statement: str,
    _parameters: object,
    context: Any,
    _many: object,
) -> None:
    if started := getattr(context, "projects_api_span", None):
        started.end()


def _fail_statement(failure: Any) -> None:
    if started := getattr(failure.execution_context, "projects_api_span", None):
        fail(started)
        started.end()
