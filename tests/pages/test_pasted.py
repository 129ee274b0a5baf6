"""What stands in the pages runs as it stands: pasted block by block into a fresh shell."""

import os
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.conftest import new_postgresql
from tests.contract.test_ci_docs import blocks as blocks_of_section
from tests.pages.blocks import ROOT, Block, blocks, pasting
from tests.support.processes import COMMAND, Deployment, Process
from tools import node_tools
from tools.clients import build

NOT_RUN = {
    ("README.md", "it installs, serves until it is stopped, and runs this very test"): 1,
    ("docs/tutorial.md", "it trains for a minute or two, and the tests of the command do that"): 1,
    ("docs/clients.md", "they need Java and tools of each language; `make clients` runs them"): 4,
    ("docs/clients.md", "it needs the network"): 2,
    ("docs/clients.md", "a part of the story, which tests/contract/test_clients.py runs"): 2,
}
"""How many blocks for a shell or for Python of each page stand there unproved, and why."""
PAGES = ("README.md", "docs/tutorial.md", "docs/clients.md", "docs/ci.md")
LANGUAGES = {"sh", "python"}


def runnable(page: str) -> list[Block]:
    wanted = [block for block in blocks(page) if block.language in LANGUAGES or block.file]
    return [block for block in wanted if block.not_run is None]


def test_what_is_not_run_has_a_reason_and_is_listed_here():
    found = Counter(
        (page, block.not_run)
        for page in PAGES
        for block in blocks(page)
        if block.not_run and block.language in LANGUAGES
    )
    assert found == NOT_RUN


def introduction(process: Process) -> str:
    """Give the two lines that the first start prints."""
    return process.output.read_text()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def printed(request, tmp_path_factory) -> dict[str, str]:
    """What each block printed, by its section, in one session of a newcomer."""
    folder = tmp_path_factory.mktemp("checkout")
    (folder / ".venv").symlink_to(sys.prefix)
    deployment = Deployment(folder)
    if request.param == "postgresql":
        url = new_postgresql(request.getfixturevalue("postgresql"))
        deployment.variables["PROJECTS_API_DATABASE_URL"] = url
    found: dict[str, str] = {}
    with deployment.serve() as process, pasting(folder, deployment.environment) as session:
        session.shell.paste(introduction(process), "what `serve` printed")
        for block in [*runnable("README.md"), *runnable("docs/tutorial.md")]:
            key = f"{block.language}: {block.section}"
            found[key] = found.get(key, "") + session.paste(block)
    return found


class TestTheReadmeAndTheTutorial:
    def test_the_session_with_curl(self, printed):
        text = printed["sh: A session"]
        assert '"name":"Churn Prediction"' in text
        assert '"overall_score":100.0' in text
        assert '"rows":3,"columns":3' in text
        assert "manifest.json" in text

    def test_the_session_with_requests(self, printed):
        score, refusal, event = printed["python: A session"].splitlines()
        assert score == "201 {'overall_score': 100.0, 'issues': []}"
        assert refusal.startswith("404 Nobody with this e-mail address is registered")
        assert event.endswith("dataset cities.csv 3 rows")

    def test_the_member(self, printed):
        assert printed["python: Share a project"] == "201 Bob is a member now.\n"

    def test_the_export_that_comes_back(self, printed):
        text = printed["sh: Take an export back"]
        assert "export.zip is whole." in text
        assert '"kind":"import_project","status":"queued"' in text

    def test_the_training(self, printed):
        text = printed["sh: Train models"]
        assert '"status":"succeeded","progress":100.0,"stage":null' in text
        assert '"logs":["learning from 400 rows with 3 columns' in text
        assert "4 models; the best by auc is" in text
        assert '"permutation_importance":[{"feature":"' in text
        assert '{"predictions":[{"prediction":"left","probabilities":{"left":0.' in text

    def test_the_report(self, printed):
        expected = ["succeeded None", "text/html b'<!doc'", "application/pdf b'%PDF-'"]
        assert printed["python: Read a report"].splitlines() == expected

    def test_the_model(self, printed):
        model, left, stays, ignored, *deployed = printed["python: Ask a model"].splitlines()
        assert float(model.split()[1]) > 0.9
        assert (left.split()[0], stays.split()[0]) == ("left", "stayed")
        assert ignored == "ignored: ['colour']"
        assert deployed[:2] == ["production active", "200 300 predictions"]
        assert [line.split()[0] for line in deployed[2:5]] == ["months", "calls", "plan"]
        assert {line.split()[2] for line in deployed[2:5]} == {"drift"}
        assert deployed[5].startswith("The deployment is not in production")


class TestTheClients:
    """Those that no Java is needed for; the story's folder gives what the page says to copy."""

    def programs(self, section: str, folder: Path) -> str:
        (start, *_) = runnable("docs/clients.md")
        path = f"{build.install()}:{COMMAND.parent}:{os.environ['PATH']}"
        (folder / "openapi.yaml").symlink_to(ROOT / "openapi.yaml")
        printed = ""
        with pasting(folder, Deployment(folder, {"PATH": path}).environment) as session:
            session.paste(start)
            for block in runnable("docs/clients.md"):
                if block.section == section:
                    printed += session.paste(block)
            session.shell.paste('kill "$SERVER_PID"', "the end")
        return printed

    @pytest.fixture
    def expected(self) -> str:
        (_, printed, *_) = blocks("docs/clients.md")
        assert printed.text.startswith("model:")
        return printed.text

    def test_openapi_python_client(self, tmp_path, expected):
        config = ROOT / "tools/clients/python-openapi-client/config.yaml"
        (tmp_path / "config.yaml").symlink_to(config)
        assert self.programs("openapi-python-client", tmp_path).endswith(expected)

    @pytest.mark.skipif(
        bool(node_tools.reason_to_skip()), reason=node_tools.reason_to_skip() or "-"
    )
    def test_openapi_typescript(self, tmp_path, expected):
        source = ROOT / "tools/clients/typescript-openapi-fetch"
        (tmp_path / "generate.mjs").write_text((source / "generate.mjs").read_text())
        # What the commands leave that need the network.
        (tmp_path / "node_modules").symlink_to(node_tools.install().parent)
        (tmp_path / "package.json").write_text('{"type": "module"}')
        printed = self.programs("openapi-typescript with openapi-fetch", tmp_path)
        assert printed.endswith(expected)


def test_every_section_of_the_page_about_ci_is_run_by_a_test():
    """They write files, and are run by `tests/contract/test_ci_docs.py`, each in a shell."""
    tested = (ROOT / "tests/contract/test_ci_docs.py").read_text()
    sections = {block.section for block in runnable("docs/ci.md")}
    assert len(sections) >= 5
    for section in sections:
        assert f'run_section("{section}", tmp_path)' in tested
        assert {language for language, _ in blocks_of_section(section)} & LANGUAGES
