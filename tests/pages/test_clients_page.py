"""The page about clients: what can run without Java is pasted, from the generator to the answers.

It has a file of its own, so that it runs beside the other pages. `tests/contract/test_clients.py`
proves the programs of all languages.
"""

import os
from pathlib import Path

import pytest

from tests.pages.blocks import ROOT, blocks, pasting, runnable
from tests.support.processes import COMMAND, Deployment
from tools import node_tools
from tools.clients import build

PAGE = "docs/clients.md"


def programs(section: str, folder: Path) -> str:
    (start, *_) = runnable(PAGE)
    path = f"{build.install()}:{COMMAND.parent}:{os.environ['PATH']}"
    (folder / "openapi.yaml").symlink_to(ROOT / "openapi.yaml")
    printed = ""
    with pasting(folder, Deployment(folder, {"PATH": path}).environment) as session:
        session.paste(start)
        session.shell.paste("""trap 'kill "$SERVER_PID"' EXIT""", "the trap")
        for block in runnable(PAGE):
            if block.section == section:
                printed += session.paste(block)
    return printed


@pytest.fixture
def expected() -> str:
    (_, printed, *_) = blocks(PAGE)
    assert printed.text.startswith("model:")
    return printed.text


def test_openapi_python_client(tmp_path, expected):
    config = ROOT / "tools/clients/python-openapi-client/config.yaml"
    (tmp_path / "config.yaml").symlink_to(config)
    assert programs("openapi-python-client", tmp_path).endswith(expected)


@pytest.mark.skipif(bool(node_tools.reason_to_skip()), reason=node_tools.reason_to_skip() or "-")
def test_openapi_typescript(tmp_path, expected):
    source = ROOT / "tools/clients/typescript-openapi-fetch"
    (tmp_path / "generate.mjs").write_text((source / "generate.mjs").read_text())
    # What the commands leave that need the network.
    (tmp_path / "node_modules").symlink_to(node_tools.install().parent)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    printed = programs("openapi-typescript with openapi-fetch", tmp_path)
    assert printed.endswith(expected)
