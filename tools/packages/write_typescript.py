"""Write what of the TypeScript package is made from the contract beside types: its methods."""

import re
from collections.abc import Iterator

from tools.packages.operations import Operation, longest_wait, operations

HEAD = """\
// The client: a method an operation, made from the contract.

import { Transport, segment } from "./transport.js";
import { waitForEnd } from "./jobs.js";
import type { Job, WaitOptions } from "./jobs.js";
import type { Answer, Body, Form, Item, Query } from "./types.js";
import type { CallOptions, DownloadOptions, UploadOptions } from "./transport.js";

/**
 * The Projects API as the owner of a key sees it; each operation is a method of its name.
 *
 * An answer that is no success is thrown as a `ProblemError`.
 */
export class Client extends Transport {
"""
WAIT = """\
  /** Wait for a job's end; throws JobFailed, and JobTimeout after `timeoutSeconds`. */
  waitForJob(jobId: string, options: WaitOptions = {{}}): Promise<Job> {{
    const ask = async (seconds: number): Promise<Job> => {{
      const answer = await this.getJob(jobId{wait}, {{ signal: options.signal }});
      return answer.job;
    }};
    return waitForEnd(ask, options, {longest});
  }}
}}
"""


def client() -> str:
    """Write the class of the client."""
    methods = "\n".join(line for one in operations() for line in _methods(one))
    longest = longest_wait()
    # Without the query the server does not wait.
    wait = ", { wait: Math.floor(seconds) }" if longest else ""
    text = HEAD + methods + "\n" + WAIT.format(wait=wait, longest=longest or "undefined")
    return text if longest else text.replace("(seconds: number)", "()")


def camel(name: str) -> str:
    """Write a name as TypeScript does: `create_project` is `createProject`."""
    first, *others = name.split("_")
    return first + "".join(one.capitalize() for one in others)


def _methods(operation: Operation) -> Iterator[str]:
    yield _method(operation)
    if operation.list_member:
        yield _pager(operation)


def _method(operation: Operation) -> str:
    kind = f'"{operation.name}"'
    options = _options(operation)
    takes = [
        *_path_arguments(operation),
        *([f"{_content(operation)}<{kind}>"] if operation.media_type else []),
        *([_query_argument(operation)] if operation.query else []),
        f"options: {options} = {{}}",
    ]
    takes = [f"body: {one}" if one.startswith(("Body", "Form")) else one for one in takes]
    call, answer = (
        (f"json<Answer<{kind}>>", f"Answer<{kind}>") if operation.answer else ("file", "Blob")
    )
    return f"""\
  /** {operation.summary}. */
  {camel(operation.name)}({", ".join(takes)}): Promise<{answer}> {{
    return this.{call}({{ {", ".join(_request(operation))} }}, options);
  }}
"""


def _request(operation: Operation) -> Iterator[str]:
    yield f'method: "{operation.method}"'
    path = re.sub(r"\{(\w+)\}", lambda match: f"${{segment({camel(match[1])})}}", operation.path)
    yield f"path: `{path}`"
    if operation.query:
        yield "query"
    if operation.media_type:
        yield "form: body" if operation.is_form else "body"
    if "Idempotency-Key" in operation.headers:
        yield "takesKey: true"


def _pager(operation: Operation) -> str:
    name, kind = operation.name, f'"{operation.name}"'
    plural = name.partition("_")[2]
    paths = [camel(one.name) for one in operation.path_parameters]
    page = ", ".join([*paths, "{ ...query, offset }", "options"])
    takes = ", ".join(
        [*_path_arguments(operation), _query_argument(operation), "options: CallOptions = {}"]
    )
    return f"""\
  /** Go through all pages of `{camel(name)}`, `limit` items at a time. */
  {camel(f"iterate_{plural}")}({takes}): AsyncGenerator<Item<{kind}, "{operation.list_member}">> {{
    const page = (offset: number) => this.{camel(name)}({page});
    return this.pages(page, (found) => found.{operation.list_member});
  }}
"""


def _path_arguments(operation: Operation) -> list[str]:
    return [f"{camel(one.name)}: string" for one in operation.path_parameters]


def _query_argument(operation: Operation) -> str:
    default = "" if any(one.is_required for one in operation.query) else " = {}"
    return f'query: Query<"{operation.name}">{default}'


def _content(operation: Operation) -> str:
    return "Form" if operation.is_form else "Body"


def _options(operation: Operation) -> str:
    if operation.is_form:
        return "UploadOptions"
    return "CallOptions" if operation.answer else "DownloadOptions"
