"""What stands in the pages runs as it stands: pasted block by block into a fresh shell."""

import re
import sys
from collections import Counter

import pytest

from tests.conftest import new_postgresql
from tests.contract.test_ci_docs import blocks as blocks_of_section
from tests.pages.blocks import LANGUAGES, ROOT, blocks, pasting, runnable
from tests.support.processes import Deployment, Process

NOT_RUN = {
    ("README.md", "it installs, serves until it is stopped, and runs this very test"): 1,
    ("docs/tutorial.md", "it trains for a minute or two, and the tests of the command do that"): 1,
    ("docs/clients.md", "they need Java and tools of each language; `make clients` runs them"): 4,
    ("docs/clients.md", "it needs the network"): 2,
    (
        "docs/ci.md",
        "the testers are large, and one needs Java; a test sends the same examples",
    ): 3,
    ("docs/clients.md", "a part of the story, which tests/contract/test_clients.py runs"): 2,
}
"""How many blocks for a shell or for Python of each page stand there unproved, and why."""
PAGES = ("README.md", "docs/tutorial.md", "docs/clients.md", "docs/ci.md")


def test_what_is_not_run_has_a_reason_and_is_listed_here():
    found = Counter(
        (page, block.not_run)
        for page in PAGES
        for block in blocks(page)
        if block.not_run and block.language in LANGUAGES
    )
    assert found == NOT_RUN


def comparable(text: str) -> str:
    """Give a text without line breaks, and without what is new in every run."""
    text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "ID", text)
    text = re.sub(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z?( +\d+)?", "MOMENT", text)
    return re.sub(r"\s", "", text)


def shown_after(page: str, language: str, section: str) -> str:
    """Give what a page shows that the last block of a section prints; `...` is left out."""
    of_section = [block for block in blocks(page) if block.section == section]
    (*_, last) = (i for i, block in enumerate(of_section) if block.language == language)
    assert of_section[last + 1].language == ""
    return of_section[last + 1].text


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
    @pytest.mark.parametrize(
        ("page", "language", "section"),
        [
            ("README.md", "sh", "A session"),
            ("README.md", "python", "A session"),
            ("docs/tutorial.md", "python", "Share a project"),
            ("docs/tutorial.md", "sh", "See what is wrong with the data"),
            ("docs/tutorial.md", "python", "Read a report"),
        ],
    )
    def test_what_is_shown_is_what_is_printed(self, printed, page, language, section):
        parts = map(comparable, shown_after(page, language, section).split("..."))
        found = comparable(printed[f"{language}: {section}"])
        assert re.fullmatch(".*".join(map(re.escape, parts)), found)

    def test_the_export_that_comes_back(self, printed):
        text = printed["sh: Take an export back"]
        assert "export.zip is whole." in text
        # How far it is by then is the machine's affair.
        assert re.search(r'"kind":"import_project","status":"(queued|running|succeeded)"', text)

    def test_the_training(self, printed):
        text = printed["sh: Train models"]
        assert '"status":"succeeded","progress":100.0,"stage":null' in text
        assert '"logs":["learning from 400 rows with 3 columns' in text
        assert "4 models; the best by auc is" in text
        assert '"permutation_importance":[{"feature":"' in text
        assert '{"predictions":[{"prediction":"left","probabilities":{"left":0.' in text

    def test_the_models_beside_one_another(self, printed):
        lines = [line.rsplit(" ", 1) for line in printed["sh: Compare the models"].splitlines()]
        scores = [float(score) for _, score in lines]
        assert len(scores) == 4
        assert scores == sorted(scores, reverse=True)

    def test_the_model(self, printed):
        model, left, stays, ignored, *deployed = printed["python: Ask a model"].splitlines()
        assert float(model.split()[1]) > 0.9
        assert (left.split()[0], stays.split()[0]) == ("left", "stayed")
        assert ignored == "ignored: ['colour']"
        assert deployed[:2] == ["production active", "200 300 predictions"]
        assert [line.split()[0] for line in deployed[2:5]] == ["months", "calls", "plan"]
        assert {line.split()[2] for line in deployed[2:5]} == {"drift"}
        assert deployed[5].startswith("The deployment is not in production")


def test_the_clicks_of_the_tutorial_are_on_the_consoles_pages():
    """At most three from the project's page; each label stands there in the console."""
    source = "".join(
        file.read_text() for file in (ROOT / "projects_api/app/console_ui").rglob("*.js")
    )
    table = (ROOT / "docs/tutorial.md").read_text().partition("| to | by a request")[2]
    rows = [line for line in table.splitlines()[2:15] if line.startswith("| ")]
    assert len(rows) == 12
    for row in rows:
        clicks = row.split("|")[3]
        labels = re.findall(r"\*([^*]+)\*", clicks)
        assert labels, row
        assert [label for label in labels if label not in source] == []
        assert len(re.split(r", then |, |: ", clicks)) <= 4


def test_pictures_are_small():
    pictures = [*(ROOT / "docs/pictures").iterdir()]
    assert len(pictures) == 3
    assert {picture.suffix for picture in pictures} == {".png"}
    assert max(picture.stat().st_size for picture in pictures) <= 150_000


def test_every_section_of_the_page_about_ci_is_run_by_a_test():
    """They write files, and are run by `tests/contract/test_ci_docs.py`, each in a shell."""
    tested = (ROOT / "tests/contract/test_ci_docs.py").read_text()
    sections = {block.section for block in runnable("docs/ci.md")}
    assert len(sections) >= 5
    for section in sections:
        assert re.search(rf'(run_section|blocks)\("{re.escape(section)}"', tested), section
        assert {language for language, _ in blocks_of_section(section)} & LANGUAGES
