"""Calls: a tool and its arguments made a request, sent, and its answer made short."""

import asyncio
import mimetypes
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from projects_api.agents.shortening import shorten
from projects_api.agents.tools import FORM, JSON, MOST_WAIT_SECONDS, WAIT, Argument, Tool

SECONDS = 310.0
"""A little more than the server works on a request."""
_WAIT_SECONDS = 5
_POLL_SECONDS = 0.5
"""Between two times of waiting, for the server may answer at once where too many wait."""
_ENDED = frozenset({"succeeded", "failed", "cancelled"})
_ERRORS = 400

Progress = Callable[[float, str], Awaitable[None]]


class Refused(Exception):
    """A call that did not succeed; the text tells the agent what to do."""


@dataclass(slots=True)
class Result:
    """What a call gave: a text, or a file by its address."""

    text: str
    notes: list[str] = field(default_factory=list)
    file_url: str = ""
    media_type: str = ""


@dataclass(slots=True)
class Caller:
    """Sends requests to the server with a key; `public_url` is how others reach it."""

    client: httpx.AsyncClient
    key: str
    public_url: str

    async def call(self, tool: Tool, given: Mapping[str, Any], progress: Progress) -> Result:
        """Call a tool; raises Refused."""
        arguments = {name: value for name, value in given.items() if value is not None}
        _check(tool, arguments)
        if tool.name == WAIT:
            return await self._wait(tool, arguments, progress)
        if tool.file_types:
            return await self._file(tool, arguments)
        answer = await self._send(tool, arguments)
        text, cuts = shorten(answer.json())
        notes = [f"{cut}: ask for less, or on with limit and offset" for cut in cuts]
        if tag := answer.headers.get("etag"):
            notes.append(f"etag: {tag} (give it as if_match to change only what you have seen)")
        return Result(text, notes)

    async def get(self, path: str) -> Any:
        """Give what a path answers as JSON; raises Refused."""
        return (await self._request("GET", path)).json()

    async def status(self, method: str, path: str, body: Any = None) -> int:
        """Give the status that a request has."""
        answer = await self.client.request(method, path, json=body, headers=self._headers())
        return answer.status_code

    async def _wait(self, tool: Tool, arguments: dict[str, Any], progress: Progress) -> Result:
        seconds = arguments.pop("seconds", 60)
        if not isinstance(seconds, int) or not 1 <= seconds <= MOST_WAIT_SECONDS:
            raise Refused(f"Give seconds as a number from 1 to {MOST_WAIT_SECONDS}.")
        deadline = asyncio.get_running_loop().time() + seconds
        told = -1.0
        while True:
            left = deadline - asyncio.get_running_loop().time()
            asked = {**arguments, "wait": min(_WAIT_SECONDS, max(0, int(left)))}
            document = (await self._send(tool, asked)).json()
            job = document.get("job", document)
            if (job.get("progress") or 0.0) > told:
                told = job.get("progress") or 0.0
                await progress(told, job["status"])
            left = deadline - asyncio.get_running_loop().time()
            if job["status"] in _ENDED or left <= 0:
                return Result(shorten(document)[0])
            await asyncio.sleep(min(_POLL_SECONDS, left))

    async def _file(self, tool: Tool, arguments: dict[str, Any]) -> Result:
        save_to = arguments.pop("save_to", None)
        path, query = _address(tool, arguments)
        url = path + (f"?{httpx.QueryParams(query)}" if query else "")
        if save_to:
            return await self._save(url, Path(save_to))
        # That it is there and may be read is asked without reading it; why not has a body.
        try:
            answer = await self._request("HEAD", url)
        except Refused:
            answer = await self._request("GET", url)
        media_type = answer.headers.get("content-type", tool.file_types[0])
        address = f"{self.public_url}{url}"
        how = f"GET {address} with the header Authorization: Bearer <API key>"
        return Result(how, file_url=address, media_type=media_type)

    async def _save(self, url: str, path: Path) -> Result:
        size = 0
        try:
            async with self.client.stream("GET", url, headers=self._headers()) as answer:
                if answer.status_code >= _ERRORS:
                    await answer.aread()
                    raise Refused(_told(answer))
                with path.open("xb") as file:
                    async for piece in answer.aiter_bytes():
                        file.write(piece)
                        size += len(piece)
        except OSError as error:
            raise Refused(f"{path} cannot be written: {error.strerror}.") from error
        except httpx.HTTPError as error:
            raise Refused(_unreachable(error)) from error
        return Result(f"{size} bytes are saved in {path}.")

    async def _send(self, tool: Tool, arguments: Mapping[str, Any]) -> httpx.Response:
        path, query = _address(tool, arguments)
        headers = {
            one.name: str(arguments[name])
            for name, one in _at(tool, "header").items()
            if name in arguments
        }
        body = {
            one.name: arguments[name]
            for name, one in _at(tool, "body").items()
            if name in arguments
        }
        options: dict[str, Any] = {"params": query, "headers": headers}
        if tool.media_type == JSON:
            options["json"] = body
        elif tool.media_type == FORM:
            options["files"] = _form(tool, arguments)
        return await self._request(tool.method.upper(), path, **options)

    async def _request(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = self._headers() | options.pop("headers", {})
        try:
            answer = await self.client.request(method, path, headers=headers, **options)
        except httpx.HTTPError as error:
            raise Refused(_unreachable(error)) from error
        if answer.status_code >= _ERRORS:
            raise Refused(_told(answer))
        return answer

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}


def _check(tool: Tool, arguments: Mapping[str, Any]) -> None:
    taken = tool.schema["properties"]
    takes = ", ".join(taken) or "no arguments"
    if unknown := sorted(set(arguments) - set(taken)):
        raise Refused(f"{tool.name} takes {takes}, and not {', '.join(unknown)}.")
    missing = [name for name in tool.schema.get("required", ()) if name not in arguments]
    if missing:
        raise Refused(f"{tool.name} needs {', '.join(missing)}.")


def _at(tool: Tool, location: str) -> dict[str, Argument]:
    return {name: one for name, one in tool.arguments.items() if one.location == location}


def _address(tool: Tool, arguments: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    path = tool.path
    for name, one in _at(tool, "path").items():
        path = path.replace(f"{{{one.name}}}", quote(str(arguments[name]), safe=""))
    query = {
        one.name: _text(arguments[name])
        for name, one in _at(tool, "query").items()
        if name in arguments
    }
    return path, query


def _form(tool: Tool, arguments: Mapping[str, Any]) -> dict[str, Any]:
    form: dict[str, Any] = {
        one.name: (None, _text(arguments[name]).encode())
        for name, one in _at(tool, "form").items()
        if name in arguments
    }
    for name, one in _at(tool, "file").items():
        if name in arguments:
            shown = str(arguments.get("name", "file.csv"))
            form[one.name] = (shown, str(arguments[name]).encode())
    for name, one in _at(tool, "file_path").items():
        if name in arguments:
            path = Path(arguments[name])
            try:
                content = path.open("rb")
            except OSError as error:
                raise Refused(f"{path} cannot be read: {error.strerror}.") from error
            form[one.name] = (path.name, content, mimetypes.guess_type(path.name)[0])
    if not form.keys() & {one.name for one in _at(tool, "file").values()}:
        raise Refused(f"Give {tool.name} a file: file_text or, where it is offered, file_path.")
    return form


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else str(value)


def _told(answer: httpx.Response) -> str:
    try:
        problem = answer.json()
        return f"{answer.status_code} {problem['title']}. {problem['detail']}"
    except (ValueError, KeyError, TypeError):
        return f"The server answered {answer.status_code}."


def _unreachable(error: httpx.HTTPError) -> str:
    return f"The server does not answer ({type(error).__name__}): is it running, at that address?"
