"""Tools: one for each operation, with where each of its arguments goes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from projects_api.agents.slim import Schema, first_sentence, resolve, slim, whole
from projects_api.contract.support import METHODS
from projects_api.openapi import contract

JSON = "application/json"
FORM = "multipart/form-data"
WAIT = "wait_for_job"
MOST_WAIT_SECONDS = 300
_LEFT_OUT = frozenset({"idempotency-key", "if-none-match"})
"""Headers for clients that repeat and keep; an agent does neither by itself."""
_OF_A_PAGE = {"limit": {"type", "maximum", "default"}, "offset": {"type"}}
"""What is told of pages beside what the server's instructions say of every list at once."""
_FILE_TEXT = "The content of the file, as text"
_FILE_PATH = "A file on this machine, in place of file_text"
_SAVE_TO = "Where on this machine to save the file"


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of a tool: where it goes, and under which name."""

    location: str
    """`path`, `query`, `header`, `body`, `form`, `file`, or `local` for what stays here."""
    name: str


@dataclass(slots=True)
class Tool:
    """An operation as a tool."""

    name: str
    description: str
    scope: str
    method: str
    path: str
    arguments: dict[str, Argument] = field(default_factory=dict)
    schema: Schema = field(default_factory=dict)
    media_type: str = ""
    """Of the body, if there is one."""
    file_types: tuple[str, ...] = ()
    """Media types of the file that it answers with, if it does."""

    @property
    def reads(self) -> bool:
        """Whether it changes nothing."""
        return self.method == "get"


@cache
def tools(*, local: bool) -> dict[str, Tool]:
    """Return the tools by their names; `local` ones may read and write files of this machine."""
    made = {}
    for path, item in contract()["paths"].items():
        for method, operation in item.items():
            if method in METHODS:
                tool = _tool(path, method, item, operation, local=local)
                made[tool.name] = tool
    made[WAIT] = _wait(made["get_job"])
    return made


def _tool(
    path: str, method: str, item: Mapping[str, Any], operation: Mapping[str, Any], *, local: bool
) -> Tool:
    tool = Tool(
        operation["operationId"],
        operation["summary"],
        operation.get("x-required-scope", "none"),
        method,
        path,
    )
    made = _Arguments(tool.arguments)
    made.add_parameters([*item.get("parameters", []), *operation.get("parameters", [])])
    body = resolve(operation.get("requestBody", {}))
    for media_type, media in body.get("content", {}).items():
        tool.media_type = media_type
        made.add_body(media_type, whole(media["schema"]), local=local)
    tool.file_types = _file_types(operation)
    if tool.file_types:
        tool.description += ": gives where to get the file"
        if local:
            made.add("save_to", Argument("local", "save_to"), _text(_SAVE_TO), needed=False)
    tool.schema = _object(made.properties, made.required)
    return tool


class _Arguments:
    """The arguments of a tool, as they are found."""

    def __init__(self, arguments: dict[str, Argument]) -> None:
        self._arguments = arguments
        self.properties: dict[str, Schema] = {}
        self.required: list[str] = []

    def add(self, name: str, argument: Argument, schema: Schema, *, needed: bool) -> None:
        """Add one; raises ValueError where there is another of its name."""
        if name in self._arguments:
            raise ValueError(f"a tool has two arguments of the name {name}")
        self._arguments[name] = argument
        self.properties[name] = schema
        if needed:
            self.required.append(name)

    def add_parameters(self, parameters: list[Any]) -> None:
        """Add parameters of path, query and headers."""
        for declared in map(resolve, parameters):
            location, name = declared["in"], declared["name"]
            if location == "header" and name.lower() in _LEFT_OUT:
                continue
            schema = slim(declared["schema"], declared.get("description"))
            if name in _OF_A_PAGE:
                schema = {key: one for key, one in schema.items() if key in _OF_A_PAGE[name]}
            shown = name.lower().replace("-", "_")
            needed = declared.get("required", False)
            self.add(shown, Argument(location, name), schema, needed=needed)

    def add_body(self, media_type: str, schema: Mapping[str, Any], *, local: bool) -> None:
        """Add the properties of a body; a file is one of two arguments, where it may be here."""
        location = "form" if media_type == FORM else "body"
        for name, declared in schema["properties"].items():
            needed = name in schema.get("required", ())
            if whole(declared).get("format") != "binary":
                self.add(name, Argument(location, name), slim(declared), needed=needed)
                continue
            self.add("file_text", Argument("file", name), _text(_FILE_TEXT), needed=not local)
            if local:
                file = Argument("file_path", name)
                self.add("file_path", file, _text(_FILE_PATH), needed=False)


def _wait(get_job: Tool) -> Tool:
    seconds = {"type": "integer", "minimum": 1, "maximum": MOST_WAIT_SECONDS, "default": 60}
    seconds["description"] = "How long to wait at most"
    properties = {name: one for name, one in get_job.schema["properties"].items() if name != "wait"}
    schema = _object({**properties, "seconds": seconds}, ["job_id"])
    return Tool(
        WAIT,
        "Wait until a job has ended, and give it; call again if it has not",
        get_job.scope,
        get_job.method,
        get_job.path,
        {**get_job.arguments, "seconds": Argument("local", "seconds")},
        schema,
    )


def _object(properties: dict[str, Schema], required: list[str]) -> Schema:
    schema: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**schema, "required": required} if required else schema


def _text(description: str) -> Schema:
    return {"type": "string", "description": description}


def _file_types(operation: Mapping[str, Any]) -> tuple[str, ...]:
    responses = operation["responses"]
    success = next(resolve(one) for status, one in responses.items() if str(status)[0] == "2")
    content = success.get("content", {})
    return () if JSON in content else tuple(content)


def describe(tool: Tool) -> str:
    """Say in a line what a tool does, for lists."""
    return first_sentence(tool.description)
