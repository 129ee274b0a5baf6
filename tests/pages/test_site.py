"""The site has every page, leads to each, and takes nothing from another machine."""

import subprocess
import tomllib
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.pages.markdown import pages
from tools.site import __main__ as site
from tools.site import stage

LOADED = {("script", "src"), ("link", "href"), ("img", "src"), ("iframe", "src")}
NO_FILES = {"canonical", "next", "prev", "alternate"}


def named(navigation: stage.Navigation) -> list[str]:
    found = []
    for entry in navigation:
        for target in entry.values():
            found += [target] if isinstance(target, str) else named(target)
    return found


class Read(HTMLParser):
    """What a page loads, where it leads, and what can be led to within it."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.loads, self.leads, self.anchors = set(), set(), set()
        self.feed(page.read_text())

    def handle_starttag(self, tag, attrs):
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        for name, value in given.items():
            if (tag, name) in LOADED and not NO_FILES & set(given.get("rel", "").split()):
                self.loads.add(value)
            elif (tag, name) == ("a", "href"):
                self.leads.add(value)


def test_the_navigation_names_every_page_of_docs_once():
    listed = named(stage.navigation())
    assert len(listed) == len(set(listed))
    wanted = {page for page in pages() if page.startswith("docs/")}
    assert wanted - set(listed) == set()
    assert {page for page in stage.pages() if page.startswith("docs/")} == wanted


def test_the_navigation_has_the_sections_of_the_index():
    titles = [next(iter(entry)) for entry in stage.navigation()]
    assert titles[:3] == ["Home", "Documentation", "To use a server"]
    assert {"To host it", "To change it"} <= set(titles)


def test_settings_are_read_back_as_they_were_meant(tmp_path):
    stage.stage(tmp_path / "staged")
    settings = tomllib.loads((tmp_path / "staged" / "zensical.toml").read_text())["project"]
    assert settings["nav"] == stage.navigation()
    assert settings["theme"]["font"] is False
    assert {one["scheme"] for one in settings["theme"]["palette"]} == {"default", "slate"}
    assert stage.toml_of([{'a "name"': "ü.md"}]) == '[{ "a \\"name\\"" = "ü.md" }]'


def checkout(folder: Path, index: str, **files: str) -> Path:
    folder.mkdir()
    for path, text in {"README.md": "# Home\n", "docs/index.md": index, **files}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    return folder


def test_links_out_of_the_pages_take_along_what_they_lead_to(tmp_path):
    index = "# I\n\n## S\n\n- [a](a.md#x): [c](../c.yaml), [`room`](../room/), `](no.md)`\n"
    files = {"docs/a.md": "# A\n", "c.yaml": "c: 1\n", "room/x.py": "x = 1\n", "room/secret": "s"}
    root = checkout(tmp_path / "root", f"{index}\n```\n[kept](../room)\n```\n", **files)
    stage.stage(tmp_path / "staged", root)
    content = tmp_path / "staged" / "pages"
    staged = (content / "docs/index.md").read_text()
    assert "[a](a.md#x): [c](../c.yaml), [`room`](../room/index.md), `](no.md)`" in staged
    assert "[kept](../room)" in staged
    assert (content / "c.yaml").read_text() == "c: 1\n"
    assert "- [`x.py`](x.py)\n" in (content / "room/index.md").read_text()
    assert (content / "room/x.py").exists()
    assert not (content / "room/secret").exists()


built = pytest.mark.skipif(not site.COMMAND.exists(), reason="`make site` has not been called here")


@built
def test_every_link_of_the_site_leads_somewhere_and_nothing_is_loaded_from_elsewhere(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(site, "STAGED", tmp_path / "staged")
    monkeypatch.setattr(site, "SITE", tmp_path / "site")
    assert site.main() == 0
    found = {page: Read(page) for page in sorted((tmp_path / "site").rglob("*.html"))}
    assert len(found) > 40
    faults = []
    for page, read in found.items():
        faults += [f"{page.name} loads {url}" for url in read.loads if "//" in url]
        if page.name == "404.html":
            continue  # it is shown at any address, and so has none of its own
        for url in read.loads | read.leads:
            parts = urlsplit(url)
            if parts.scheme or parts.netloc:
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            target = target / "index.html" if target.is_dir() else target
            if not target.exists():
                faults.append(f"{page.name}: {url} leads nowhere")
            elif parts.fragment and target in found:
                anchor = unquote(parts.fragment)
                if anchor not in found[target].anchors | {"__skip", "__toc"}:
                    faults.append(f"{page.name}: {url} has no such anchor")
    assert faults == []
    assert (tmp_path / "site" / "search.json").stat().st_size > 100_000


@built
@pytest.mark.parametrize("link", ["none.md", "a.md#none", "../none.md"])
def test_a_broken_link_fails(tmp_path, monkeypatch, link):
    files = {"docs/a.md": "# A\n"}
    root = checkout(tmp_path / "root", f"# I\n\n## S\n\n- [a](a.md), [x]({link})\n", **files)
    monkeypatch.setattr(site, "STAGED", tmp_path / "staged")
    monkeypatch.setattr(site, "SITE", tmp_path / "site")
    monkeypatch.setattr(site, "stage", lambda target: stage.stage(target, root))
    assert site.main() != 0
    assert not (tmp_path / "site").exists()
