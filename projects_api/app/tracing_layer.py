"""A span for each request, with the id that its caller sees."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from projects_api.contract.rules import OPERATION, REQUEST_ID
from projects_api.tracing import fail, span

SERVER_ERROR = 500
_CARRIED = {b"traceparent", b"tracestate"}


class TracingMiddleware:
    """Stands behind the layer that gives a request its id; is there only where traces are made."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on in a span, which has its operation's name."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        carrier = {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in scope["headers"]
            if name in _CARRIED
        }
        # No query: a search is nobody else's business.
        facts = {
            "http.request.method": scope["method"],
            "url.path": scope["path"],
            "projects_api.request_id": scope[REQUEST_ID],
        }
        with span(scope["method"], facts, carrier) as started:

            async def watch(message: Message) -> None:
                if started and message["type"] == "http.response.start":
                    started.set_attribute("http.response.status_code", message["status"])
                    if message["status"] >= SERVER_ERROR:
                        fail(started)
                await send(message)

            try:
                await self.app(scope, receive, watch)
            finally:
                if started and OPERATION in scope:
                    started.update_name(scope[OPERATION])
