"""The server of the Model Context Protocol: tools, resources and prompts made of the contract."""

import asyncio
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from hashlib import sha256
from importlib.metadata import version
from typing import Any

from mcp import types
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError

from projects_api.agents.calls import Caller, Refused, Result
from projects_api.agents.shortening import shorten
from projects_api.agents.tools import Tool, tools
from projects_api.agents.workflows import workflows

SCHEME = "projects-api"
MOST_PROJECTS = 50
"""Projects that are listed as resources; of the first of them the reports, too."""
MOST_PROJECTS_WITH_REPORTS = 10
_SCOPE_SECONDS = 60.0
_MOST_KEYS = 1000
_FORBIDDEN, _UNAUTHENTICATED = 403, 401
_ID = re.compile(r"[0-9A-Fa-f-]{36}")
_NO_ID = "00000000-0000-0000-0000-000000000000"
_INSTRUCTIONS = (
    "Projects hold data sets, experiments, models, reports and deployments. A training, a report"
    " and an import are jobs: call wait_for_job with the job_id. Ids come from lists and answers."
    " Answers are short: lists go on with limit and offset."
)

Context = ServerRequestContext[Any, Any]
CallerOf = Callable[[Context], Caller]


class Scopes:
    """What keys may do, asked of the server by requests that change nothing; kept for a minute."""

    _PROBES: tuple[tuple[str, str, str, Any], ...] = (
        ("read", "GET", "/api/projects?limit=1", None),
        # Without what they need they are refused, but for the scope before that.
        ("write", "POST", "/api/projects", {}),
        ("predict", "POST", f"/api/models/{_NO_ID}/predict", {}),
        ("admin", "GET", "/api/admin/people?limit=1", None),
    )

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[float, frozenset[str] | None]] = OrderedDict()

    async def of(self, caller: Caller) -> frozenset[str] | None:
        """Return the scopes of a key; None where the server does not take it."""
        name = sha256(caller.key.encode()).hexdigest()
        moment, scopes = self._known.get(name, (0.0, None))
        if time.monotonic() - moment > _SCOPE_SECONDS or not moment:
            scopes = await self._ask(caller)
            self._known[name] = (time.monotonic(), scopes)
            while len(self._known) > _MOST_KEYS:
                self._known.popitem(last=False)
        return scopes

    async def _ask(self, caller: Caller) -> frozenset[str] | None:
        asked = [caller.status(method, path, body) for _, method, path, body in self._PROBES]
        statuses = await asyncio.gather(*asked)
        if _UNAUTHENTICATED in statuses:
            return None
        return frozenset(
            probe[0]
            for probe, status in zip(self._PROBES, statuses, strict=True)
            if status != _FORBIDDEN
        )


def make_server(caller_of: CallerOf, scopes: Scopes, *, local: bool) -> Server[Any]:
    """Make a server; `caller_of` says who asks, `local` ones may use files of this machine."""
    handlers = _Handlers(caller_of, scopes, tools(local=local))
    return Server(
        "projects-api",
        version=version("projects-api"),
        instructions=_INSTRUCTIONS,
        on_list_tools=handlers.list_tools,
        on_call_tool=handlers.call_tool,
        on_list_resources=handlers.list_resources,
        on_list_resource_templates=_list_templates,
        on_read_resource=handlers.read_resource,
        on_list_prompts=_list_prompts,
        on_get_prompt=_get_prompt,
    )


class _Handlers:
    """What is asked with a key."""

    def __init__(self, caller_of: CallerOf, scopes: Scopes, known: dict[str, Tool]) -> None:
        self._caller_of = caller_of
        self._scopes = scopes
        self._known = known

    async def list_tools(self, context: Context, _: object) -> types.ListToolsResult:
        """List what the key may do."""
        allowed = await self._scopes.of(self._caller_of(context))
        if allowed is None:
            raise MCPError(types.INVALID_REQUEST, "The server does not take the API key.")
        shown = [_shown(one) for one in self._known.values() if one.scope in {"none", *allowed}]
        # Another key has other tools.
        return types.ListToolsResult(tools=shown, cache_scope="private")

    async def call_tool(
        self, context: Context, params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        """Call a tool; what is refused is an answer, too, for the agent to read."""
        tool = self._known.get(params.name)
        if tool is None:
            return _failed(f"There is no tool {params.name[:100]}.")

        async def progress(percent: float, message: str) -> None:
            await context.session.report_progress(percent, 100.0, message)

        try:
            result = await self._caller_of(context).call(tool, params.arguments or {}, progress)
        except Refused as refused:
            return _failed(str(refused))
        return types.CallToolResult(content=_content(result))

    async def list_resources(self, context: Context, _: object) -> types.ListResourcesResult:
        """List projects and their reports."""
        try:
            found = await _resources(self._caller_of(context))
        except Refused as refused:
            raise MCPError(types.INVALID_REQUEST, str(refused)) from refused
        return types.ListResourcesResult(resources=found, cache_scope="private")

    async def read_resource(
        self, context: Context, params: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        """Give a project or a report."""
        uri = str(params.uri)
        kind, _, identifier = uri.removeprefix(f"{SCHEME}://").partition("/")
        if kind not in {"projects", "reports"} or not _ID.fullmatch(identifier):
            raise MCPError(types.INVALID_PARAMS, f"There is no resource {uri[:200]}.")
        try:
            document = await self._caller_of(context).get(f"/api/{kind}/{identifier}")
        except Refused as refused:
            raise MCPError(types.INVALID_PARAMS, str(refused)) from refused
        text = types.TextResourceContents(
            uri=uri, mime_type="application/json", text=shorten(document)[0]
        )
        return types.ReadResourceResult(contents=[text], cache_scope="private")


async def _list_templates(_: Context, __: object) -> types.ListResourceTemplatesResult:
    templates = [
        types.ResourceTemplate(
            name=kind,
            uri_template=f"{SCHEME}://{kind}s/{{{kind}_id}}",
            mime_type="application/json",
        )
        for kind in ("project", "report")
    ]
    return types.ListResourceTemplatesResult(resource_templates=templates)


async def _list_prompts(_: Context, __: object) -> types.ListPromptsResult:
    prompts = [
        types.Prompt(
            name=one.name,
            description=one.summary,
            arguments=[
                types.PromptArgument(name=name, description=told)
                for name, told in one.inputs.items()
            ],
        )
        for one in workflows().values()
    ]
    return types.ListPromptsResult(prompts=prompts)


async def _get_prompt(_: Context, params: types.GetPromptRequestParams) -> types.GetPromptResult:
    workflow = workflows().get(params.name)
    if workflow is None:
        raise MCPError(types.INVALID_PARAMS, f"There is no prompt {params.name[:100]}.")
    text = types.TextContent(text=workflow.text(params.arguments or {}))
    message = types.PromptMessage(role="user", content=text)
    return types.GetPromptResult(description=workflow.summary, messages=[message])


async def _resources(caller: Caller) -> list[types.Resource]:
    projects = (await caller.get(f"/api/projects?limit={MOST_PROJECTS}"))["items"]
    asked = [
        caller.get(f"/api/reports?project_id={one['id']}&limit=20")
        for one in projects[:MOST_PROJECTS_WITH_REPORTS]
    ]
    pages = await asyncio.gather(*asked)
    return [
        *_named("projects", projects),
        *_named("reports", [one for page in pages for one in page["items"]]),
    ]


def _named(kind: str, items: Iterable[dict[str, Any]]) -> list[types.Resource]:
    return [
        types.Resource(
            name=one["name"], uri=f"{SCHEME}://{kind}/{one['id']}", mime_type="application/json"
        )
        for one in items
    ]


def _shown(tool: Tool) -> types.Tool:
    hints = types.ToolAnnotations(
        # What is told by silence takes no place.
        read_only_hint=True if tool.reads else None,
        destructive_hint=None if tool.reads else tool.method == "delete",
    )
    return types.Tool(
        name=tool.name,
        description=tool.description,
        input_schema=tool.schema,
        annotations=hints,
    )


def _content(result: Result) -> list[Any]:
    content: list[Any] = [types.TextContent(text=text) for text in (result.text, *result.notes)]
    if result.file_url:
        name = result.file_url.partition("?")[0].rpartition("/")[2]
        link = types.ResourceLink(name=name, uri=result.file_url, mime_type=result.media_type)
        content.append(link)
    return content


def _failed(text: str) -> types.CallToolResult:
    return types.CallToolResult(content=[types.TextContent(text=text)], is_error=True)
