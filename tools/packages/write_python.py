"""Write what of the Python package is made from the contract: types, a method an operation."""

import re
from collections.abc import Iterator

from tools.make_schemas import formatted, is_named, names_in, type_of, written
from tools.packages.operations import Operation, Parameter, longest_wait, operations, resolved

TYPES_HEAD = '''"""What requests and answers hold, made from the contract."""

from typing import Any, Literal, NotRequired, TypedDict
'''
CLIENT_HEAD = '''"""The client: a method an operation, made from the contract."""

from collections.abc import Callable, Iterator

from pathlib import Path
from typing import Any, Literal
from uuid import UUID

from projects_api_client.contract import (
    {names},
)
from projects_api_client.files import FileSource, Progress
from projects_api_client.jobs import wait_for_end
from projects_api_client.transport import Request, Transport, fresh, segment


class Client(Transport):
    """The Projects API as the owner of a key sees it; each operation is a method of its name.

    What is left out of a call is left out of the request. An answer that is no success is raised
    as a `ProblemError`.
    """
'''
WAIT = '''
    def wait_for_job(
        self,
        job_id: str | UUID,
        *,
        timeout: float | None = None,
        on_progress: Callable[[Job], Any] | None = None,
    ) -> Job:
        """Wait for a job's end; raises JobFailed, and JobTimeout after `timeout` seconds."""
        def ask(seconds: float) -> Job:
            return self.get_job(job_id{wait})["job"]

        return wait_for_end(ask, timeout, on_progress, {longest})
'''


def types() -> str:
    """Write the types of all that operations take and answer."""
    names = [name for one in operations() for name in _names(one)]
    return formatted("\n\n".join([TYPES_HEAD, *written(names).values()]) + "\n")


def client() -> str:
    """Write the class of the client."""
    body = "\n".join(line for one in operations() for line in _methods(one))
    longest = longest_wait()
    wait = ", wait=int(seconds)" if longest else ""
    body += WAIT.format(wait=wait, longest=longest)
    every = written([name for one in operations() for name in _names(one)])
    used = [name for name in every if re.search(rf"\b{name}\b", body)]
    return formatted(CLIENT_HEAD.format(names=",\n    ".join(used)) + body)


def _names(operation: Operation) -> Iterator[str]:
    if operation.answer:
        yield operation.answer
    for one in (*operation.query, *operation.body):
        yield from names_in(one.schema)


def _methods(operation: Operation) -> Iterator[str]:
    yield _method(operation)
    if operation.list_member:
        yield _pager(operation)


def _method(operation: Operation) -> str:
    takes = [f"{one.name}: str | UUID" for one in operation.path_parameters]
    if not operation.answer:
        takes.append("target: Path")
    optional = [_argument(one) for one in (*operation.body, *operation.query)]
    optional += [f"{name}: str | None = None" for name in _headers(operation).values()]
    if operation.is_form or not operation.answer:
        optional.append("on_progress: Progress | None = None")
    signature = ", ".join(["self", *takes, *(["*", *optional] if optional else [])])
    call = (
        f"self._call({operation.answer}, request)"
        if operation.answer
        else "self._download(request, target)"
    )
    answers = operation.answer or "Path"
    return f'''
    def {operation.name}({signature}) -> {answers}:
        """{operation.summary}."""
        request = {_request(operation)}
        return {call}
'''


def _request(operation: Operation) -> str:
    path = re.sub(r"\{(\w+)\}", r"{segment(\1)}", operation.path)
    parts = [f'"{operation.method}"', f'f"{path}"' if "{" in path else f'"{path}"']
    if operation.query:
        parts.append(f"query={_mapping(operation.query)}")
    fields = tuple(one for one in operation.body if one.name != "file")
    if operation.is_form:
        named = any(one.name == "name" and one.is_required for one in fields)
        parts += [f"form={_mapping(fields)}", "file=file", *(["file_name=name"] * named)]
    elif operation.body:
        parts.append(f"json={_mapping(fields)}")
    if headers := _headers(operation):
        values = {
            header: f"fresh({name})" if header == "Idempotency-Key" else name
            for header, name in headers.items()
        }
        parts.append(f"headers={{{', '.join(f'{name!r}: {one}' for name, one in values.items())}}}")
    if operation.is_form or not operation.answer:
        parts.append("on_progress=on_progress")
    return f"Request({', '.join(parts)})"


def _pager(operation: Operation) -> str:
    filters = tuple(one for one in operation.query if one.name not in {"limit", "offset"})
    takes = [f"{one.name}: str | UUID" for one in operation.path_parameters]
    optional = [*map(_argument, filters), "limit: int | None = None"]
    given = [one.name for one in operation.path_parameters]
    given += [f"{one.name}={one.name}" for one in filters]
    item = _item_type(operation)
    plural = operation.name.partition("_")[2]
    return f'''
    def iterate_{plural}({", ".join(["self", *takes, "*", *optional])}) -> Iterator[{item}]:
        """Go through all pages of `{operation.name}`, `limit` items at a time."""
        def page(offset: int) -> {operation.answer}:
            return self.{operation.name}({", ".join([*given, "limit=limit", "offset=offset"])})

        return self._pages(page, "{operation.list_member}")
'''


def _item_type(operation: Operation) -> str:
    page = resolved({"$ref": f"#/components/schemas/{operation.answer}"})
    return type_of(resolved(page["properties"][operation.list_member])["items"])


def _argument(one: Parameter) -> str:
    kind = "FileSource" if one.name == "file" else _widened(one)
    return f"{one.name}: {kind}" if one.is_required else f"{one.name}: {kind} | None = None"


def _widened(one: Parameter) -> str:
    """Take an id as the object too that Python has for it."""
    is_id = resolved(one.schema).get("format") == "uuid"
    return "str | UUID" if is_id and not is_named(one.schema) else type_of(one.schema)


def _headers(operation: Operation) -> dict[str, str]:
    """Name the arguments for the headers that a caller may want to set."""
    offered = {"Idempotency-Key": "idempotency_key", "If-Match": "if_match"}
    return {header: name for header, name in offered.items() if header in operation.headers}


def _mapping(fields: tuple[Parameter, ...]) -> str:
    pairs = [f'"{one.name}": {one.name}' for one in fields]
    return f"{{{', '.join(pairs)}}}"
