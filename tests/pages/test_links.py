"""What pages point to is there: files, folders, headings, modules."""

import re
from pathlib import PurePosixPath

import pytest

from tests.pages.markdown import ROOT, anchors_of, code_in, links_of, pages

ELSEWHERE = ("https://", "http://", "mailto:")
FILE = re.compile(r"[\w.-]+(/[\w.-]+)+\.(py|md|yaml|yml|toml|json|mjs|ts|lock|csv|svg)(:\d+)?")
FOLDER = re.compile(r"(projects_api|tests|tools|docs)(/[\w.-]+)*/?")
ROOMS = ("", "projects_api/", "docs/", "tests/")
"""Where a path in a sentence may begin."""


@pytest.mark.parametrize("page", pages())
def test_links_lead_somewhere(page):
    faults = []
    for link in links_of(page):
        if link.startswith(ELSEWHERE):
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / page).parent / path if path else ROOT / page
        if not target.exists():
            faults.append(f"{link}: no such file")
        elif anchor and anchor not in anchors_of(target):
            faults.append(f"{link}: no such heading")
    assert faults == []


@pytest.mark.parametrize("page", pages())
def test_paths_in_sentences_are_there(page):
    here = PurePosixPath(page).parent.as_posix() + "/"
    faults = [
        code
        for code in code_in(page)
        if FILE.fullmatch(code) or FOLDER.fullmatch(code)
        if not any((ROOT / f"{start}{code.partition(':')[0]}").exists() for start in (here, *ROOMS))
    ]
    assert faults == []


def test_every_page_is_reached_from_the_readme():
    """By links, of whatever length; but for templates, which a forge shows, and decisions."""
    reached, waiting = set(), ["README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached:
            continue
        reached.add(page)
        for link in links_of(page):
            target = ((ROOT / page).parent / link.partition("#")[0]).resolve()
            if not link.startswith(ELSEWHERE) and target.suffix == ".md":
                waiting.append(target.relative_to(ROOT).as_posix())
    unreached = [page for page in pages() if page not in reached and not page.startswith(".")]
    assert unreached == []
