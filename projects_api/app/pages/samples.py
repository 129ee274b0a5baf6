"""Code samples of every operation, for curl, Python and TypeScript, made from the contract.

Their values are the examples of the contract, so that each is a whole request. The server's
address and the key come from `BASE_URL` and `API_KEY`, as the first start prints them.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from pprint import pformat
from shlex import quote as for_shell
from textwrap import indent
from typing import Any
from urllib.parse import quote, urlencode

from projects_api.contract.resolver import resolved
from projects_api.contract.support import METHODS

Sample = dict[str, str]
_JSON, _FORM = "application/json", "multipart/form-data"
_SUFFIXES = {
    "application/zip": "zip",
    "text/csv": "csv",
    "text/html": "html",
    "application/pdf": "pdf",
    "application/octet-stream": "bin",
}


@dataclass(frozen=True, slots=True)
class _Request:
    """A request that the contract's examples make, and what comes back."""

    method: str
    target: str
    needs_key: bool
    body: Any
    form: dict[str, Any] | None
    files: dict[str, str]
    answers_json: bool
    saved_as: str | None


def code_samples(contract: Mapping[str, Any]) -> dict[str, Sample]:
    """Give the samples of each operation by its id, and then by language."""
    return {
        operation["operationId"]: {
            "curl": _curl(request),
            "Python": _python(request),
            "TypeScript": _typescript(request),
        }
        for operation, request in _requests(contract)
    }


def _requests(contract: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], _Request]]:
    for path, item in contract["paths"].items():
        for method in METHODS:
            if operation := item.get(method):
                given = [*item.get("parameters", []), *operation.get("parameters", [])]
                parameters = [resolved(contract, one) for one in given]
                target = _target(path, parameters)
                yield operation, _request(contract, method, target, operation)


def _target(path: str, parameters: list[Any]) -> str:
    """Write the path with what an operation must be told."""
    required = [one for one in parameters if one.get("required")]
    for one in required:
        if one["in"] == "path":
            path = path.replace(f"{{{one['name']}}}", quote(str(one["example"]), safe=""))
    query = {one["name"]: one["example"] for one in required if one["in"] == "query"}
    return f"{path}?{urlencode(query, quote_via=quote)}" if query else path


def _request(
    contract: Mapping[str, Any], method: str, target: str, operation: Mapping[str, Any]
) -> _Request:
    content = resolved(contract, operation.get("requestBody", {})).get("content", {})
    form, files = None, {}
    if _FORM in content:
        schema = resolved(contract, content[_FORM]["schema"])
        form = dict(_example(content[_FORM]))
        for name, given in schema["properties"].items():
            if resolved(contract, given).get("format") == "binary":
                form.pop(name, None)
                files[name] = _file_name(form.get("name", ""), content[_FORM], name)
    success = next(_successes(contract, operation), {})
    is_json = _JSON in success
    return _Request(
        method=method.upper(),
        target=target,
        needs_key=operation.get("security") != [],
        body=_example(content[_JSON]) if _JSON in content else None,
        form=form,
        files=files,
        answers_json=is_json,
        saved_as=None if is_json or not success else _answer_name(success),
    )


def _example(media: Mapping[str, Any]) -> Any:
    examples: Mapping[str, Any] = media["examples"]
    return next(iter(examples.values()))["value"]


def _successes(
    contract: Mapping[str, Any], operation: Mapping[str, Any]
) -> Iterator[Mapping[str, Any]]:
    for status, response in operation["responses"].items():
        if str(status).startswith("2"):
            yield resolved(contract, response).get("content", {})


def _file_name(name: str, media: Mapping[str, Any], field: str) -> str:
    """Name a file as its example does, or by what it is."""
    if PurePath(name).suffix:
        return name
    kinds = media.get("encoding", {}).get(field, {}).get("contentType", "").split(", ")
    return f"{field}.{_SUFFIXES.get(kinds[0], 'csv')}"


def _answer_name(content: Mapping[str, Any]) -> str:
    return f"answer.{_SUFFIXES.get(next(iter(content)), 'bin')}"


def _curl(request: _Request) -> str:
    first = "curl --fail-with-body --silent --show-error"
    if request.method not in {"GET", "POST"}:
        first += f" --request {request.method}"
    elif request.method == "POST" and request.body is None and request.form is None:
        first += " --request POST"
    lines = [f'{first} "$BASE_URL{request.target}"']
    if request.needs_key:
        lines.append('--header "Authorization: Bearer $API_KEY"')
    if request.body is not None:
        lines.append(f"--json {for_shell(_as_json(request.body))}")
    for name, value in (request.form or {}).items():
        lines.append(f"--form-string {for_shell(f'{name}={_text(value)}')}")
    lines += [f"--form {for_shell(f'{field}=@{name}')}" for field, name in request.files.items()]
    if request.saved_as:
        lines.append(f"--output {request.saved_as}")
    return " \\\n    ".join(lines) + "\n"


def _python(request: _Request) -> str:
    lines = [f"f\"{{os.environ['BASE_URL']}}{request.target}\""]
    if request.needs_key:
        lines.append('headers={"Authorization": f"Bearer {os.environ[\'API_KEY\']}"}')
    if request.body is not None:
        lines.append(f"json={pformat(request.body, width=80, sort_dicts=False)}")
    if request.form is not None:
        texts = {name: _text(value) for name, value in request.form.items()}
        lines.append(f"data={pformat(texts, width=80, sort_dicts=False)}")
    if request.files:
        opened = ", ".join(
            f"{json.dumps(field)}: open({json.dumps(name)}, 'rb')"
            for field, name in request.files.items()
        )
        lines.append(f"files={{{opened}}}")
    lines.append("timeout=60")
    call = "".join(f"{indent(line, '    ')},\n" for line in lines)
    start = (
        f"import os\n\nimport requests\n\nanswer = requests.{request.method.lower()}(\n{call})\n"
    )
    return f"{start}answer.raise_for_status()\n{_python_end(request)}"


def _python_end(request: _Request) -> str:
    if request.saved_as:
        return f'with open("{request.saved_as}", "wb") as file:\n    file.write(answer.content)\n'
    return "print(answer.json())\n" if request.answers_json else "print(answer.status_code)\n"


def _typescript(request: _Request) -> str:
    headers = ["Authorization: `Bearer ${process.env.API_KEY}`"] if request.needs_key else []
    lines = [f"method: {json.dumps(request.method)}"]
    start = []
    if request.body is not None:
        headers.append('"Content-Type": "application/json"')
    if headers:
        lines.append(f"headers: {{ {', '.join(headers)} }}")
    if request.body is not None:
        lines.append(f"body: JSON.stringify({_as_json(request.body)})")
    if request.form is not None:
        start = list(_typescript_form(request))
        lines.append("body: form")
    options = "".join(f"{indent(line, '  ')},\n" for line in lines)
    imports = [_import(request)] if request.files or request.saved_as else []
    call = (
        f"const answer = await fetch(`${{process.env.BASE_URL}}{request.target}`, {{\n{options}}});"
    )
    check = "if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);"
    return "\n".join([*imports, *start, call, check, _typescript_end(request)]) + "\n"


def _import(request: _Request) -> str:
    if request.files:
        return 'import { openAsBlob } from "node:fs";\n'
    return 'import { writeFile } from "node:fs/promises";\n'


def _typescript_form(request: _Request) -> Iterator[str]:
    yield "const form = new FormData();"
    for name, value in (request.form or {}).items():
        yield f"form.append({json.dumps(name)}, {json.dumps(_text(value))});"
    for field, name in request.files.items():
        file = json.dumps(name)
        yield f"form.append({json.dumps(field)}, await openAsBlob({file}), {file});"


def _typescript_end(request: _Request) -> str:
    if request.saved_as:
        return f'await writeFile("{request.saved_as}", new Uint8Array(await answer.arrayBuffer()));'
    if request.answers_json:
        return "console.log(JSON.stringify(await answer.json()));"
    return "console.log(answer.status);"


def _as_json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def _text(value: Any) -> str:
    """Write a field of a form."""
    return value if isinstance(value, str) else json.dumps(value)
