"""Requests from pages of other origins (CORS), with refusals as problems."""

import orjson
from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from projects_api.access.rules import ProjectsRules
from projects_api.app.wire_problems import CrossOriginRefused
from projects_api.contract.problems import MEDIA_TYPE
from projects_api.contract.rules import REQUEST_ID


class CrossOriginMiddleware(CORSMiddleware):
    """The library's, but for the plain text with which it refuses a preflight."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Tell a browser what a page may send, or whoever reads its console why it may not."""
        if scope["type"] == "http" and scope["method"] == "OPTIONS":
            headers = Headers(scope=scope)
            if "origin" in headers and "access-control-request-method" in headers:
                answer = self.preflight_response(headers)
                if answer.status_code == CrossOriginRefused.status:
                    answer = _refusal(answer, scope.get(REQUEST_ID))
                await answer(scope, receive, send)
                return
        await super().__call__(scope, receive, send)


def _refusal(answer: Response, request_id: str | None) -> Response:
    told = bytes(answer.body).decode().removeprefix("Disallowed CORS ")
    problem = CrossOriginRefused(
        f"Not allowed: {told}. Origins are those of the setting PROJECTS_API_CORS_ORIGINS, methods"
        " and headers those of the contract."
    )
    for name in ("content-type", "content-length"):
        del answer.headers[name]
    return Response(
        orjson.dumps(problem.as_document(ProjectsRules.name, request_id)),
        problem.status,
        headers=dict(answer.headers),
        media_type=MEDIA_TYPE,
    )
