"""The command that gives the operations of a server to an agent as tools."""

# ruff: noqa: PLC0415 - imported when the command runs

from importlib.util import find_spec
from typing import Annotated

import typer

from projects_api.cli.arguments import key_or_end, server_or_end
from projects_api.cli.common import USAGE, fail


def mcp(
    url: Annotated[str, typer.Option(envvar="BASE_URL", help="Where the server is.")] = "",
    key: Annotated[str, typer.Option(envvar="API_KEY", help="The key that tools send.")] = "",
) -> None:
    """Serve the tools of the Model Context Protocol to who started this, over stdin and stdout."""
    if not url or not key:
        fail("name the server by --url and --key (or BASE_URL and API_KEY)", USAGE)
    url, key = server_or_end(url), key_or_end(key)
    if find_spec("mcp") is None:
        fail("this needs the extra mcp: pip install 'projects-api[mcp]'")
    from projects_api.agents.transports import serve_stdio

    serve_stdio(url, key)
