"""`/llms.txt`: what this server is and how to use it, for readers that are no people."""

from collections.abc import Mapping
from typing import Any

from projects_api.agents.slim import first_sentence
from projects_api.agents.workflows import workflows
from projects_api.contract.support import METHODS

MOST_BYTES = 20_000
"""Bytes of the page."""

MOST_SUMMARY = 1000


def llms_text(contract: Mapping[str, Any], base_url: str, *, has_mcp: bool) -> str:
    """Write the page from the contract."""
    how = (
        "Send an API key with every request: `Authorization: Bearer <API key>`. Errors are problems"
        " (RFC 9457), whose `detail` tells what to do. Lists go on with `limit` and `offset`."
        " Trainings, reports and imports are jobs: ask `GET /api/jobs/{job_id}` until `status` is"
        " `succeeded`, `failed` or `cancelled`."
    )
    lines = [
        f"# {contract['info']['title']}",
        "",
        f"> {first_sentence(contract['info'].get('description', ''), MOST_SUMMARY)}.",
        "",
        how,
        "",
        "## Documents",
        "",
        f"- [Contract]({base_url}/openapi.json): OpenAPI {contract['openapi']}",
        f"- [Reference]({base_url}/docs): the contract as a page",
    ]
    if has_mcp:
        lines.append(f"- [Tools]({base_url}/mcp): Model Context Protocol, streamable HTTP")
    lines += ["", "## Workflows", ""]
    lines += [
        f"- {one.name}: {one.summary}. {' > '.join(_names(one.steps))}"
        for one in workflows().values()
    ]
    lines += ["", "## Operations", ""]
    lines += [
        f"- {method.upper()} {path}: {operation['summary']} (`{operation['operationId']}`,"
        f" scope {operation.get('x-required-scope', 'none')})"
        for path, item in contract["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    ]
    return "\n".join(lines) + "\n"


def _names(steps: list[str]) -> list[str]:
    return [step.partition(" ")[0] for step in steps]
