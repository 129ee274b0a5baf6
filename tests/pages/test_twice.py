"""What is written twice says the same twice: settings, commands, variables, targets, versions."""

import re
import tomllib
from collections.abc import Iterator

import pytest
import yaml
from typer.main import get_command

from projects_api.cli import app
from projects_api.contract.checker import parse_yaml
from projects_api.ephemeral.seed import DEMO
from projects_api.ephemeral.server import EphemeralServer
from projects_api.openapi import contract
from projects_api.settings import Settings
from tests.pages.blocks import blocks
from tests.pages.markdown import ROOT, code_in, pages, text_of
from tools.draw_rooms import read_floors

SETTING = re.compile(r"\bPROJECTS_API_[A-Z0-9_]*[A-Z]\b")
COMMAND = re.compile(r"(?<![/\w.-])projects-api ([^|;&#`)\"]+)")
TARGET = re.compile(r"(?:^|; )make ([a-z-]+)", re.MULTILINE)
CODE = re.compile(r"`[^`]+`(, `[^`]+`)*")
FILES_WITH_SETTINGS = ("compose.yaml", "Dockerfile", "action.yml", "Makefile")


def settings_of(text: str) -> set[str]:
    return {name.removeprefix("PROJECTS_API_").lower() for name in SETTING.findall(text)}


def rows(page: str) -> list[list[str]]:
    """Give the cells of each row of a page's tables."""
    lines = text_of(page).splitlines()
    return [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")]


class TestSettings:
    def test_each_has_a_row(self):
        described = [name for row in rows("docs/configuration.md") for name in settings_of(row[0])]
        assert sorted(described) == sorted(Settings.model_fields)

    def test_defaults_are_those_of_the_code(self):
        for names, default, *_ in rows("docs/configuration.md"):
            fields = [name.removeprefix("PROJECTS_API_").lower() for name in SETTING.findall(names)]
            values = [Settings.model_fields[name].default for name in fields]
            if CODE.fullmatch(default):
                assert default == ", ".join(map(self.shown, values))
            else:
                assert not any(values), names

    def shown(self, value: object) -> str:
        """Write a default as the page does."""
        text = str(value).lower() if isinstance(value, bool) else str(value)
        return f"`{text.removesuffix('.0')}`"

    @pytest.mark.parametrize("path", [*pages(), *FILES_WITH_SETTINGS])
    def test_none_is_named_that_does_not_exist(self, path):
        assert settings_of((ROOT / path).read_text()) - set(Settings.model_fields) == set()


def commands() -> dict[str, set[str]]:
    """Give every command of the command line with its options."""

    def walk(command, words: tuple[str, ...]) -> Iterator[tuple[str, set[str]]]:
        options = {option for one in command.params for option in one.opts if option[0] == "-"}
        yield " ".join(words), options
        for name, one in getattr(command, "commands", {}).items():
            yield from walk(one, (*words, name))

    return dict(walk(get_command(app), ()))


class TestCommands:
    def test_each_has_a_row(self):
        described = {
            code.removeprefix("projects-api ")
            for row in rows("docs/operating.md")
            for code in re.findall(r"`(projects-api [^`]+)`", row[0])
        }
        groups = {name.rpartition(" ")[0] for name in commands()}
        assert described - {"--version"} == set(commands()) - groups

    @pytest.mark.parametrize("page", pages())
    def test_none_is_shown_that_does_not_exist(self, page):
        lines = code_in(page)
        for block in blocks(page):
            if block.language in {"sh", "bash", "yaml"}:
                lines += block.text.replace("\\\n", " ").splitlines()
        known = commands()
        for line in lines:
            for words in COMMAND.findall(line):
                name = next((one for one in self.prefixes(words) if one in known), "")
                options = set(re.findall(r"(?<!\S)--[a-z-]+", words))
                assert options - known[name] <= {"--help"}, line

    def prefixes(self, words: str) -> Iterator[str]:
        """Give the beginnings of some words, the longest first."""
        split = words.split()
        yield from (" ".join(split[:count]) for count in range(len(split), 0, -1))


def test_variables_of_an_ephemeral_server_are_those_of_its_page():
    with EphemeralServer.temporary(DEMO) as server:
        printed = set(server.variables("http://127.0.0.1:1"))
    names = re.compile(r"`([A-Z_]+)`")
    shown = {name for row in rows("docs/ci.md") for name in names.findall(row[0])}
    assert shown == printed


@pytest.mark.parametrize("page", pages())
def test_targets_of_make_exist(page):
    known = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    shown = [*code_in(page), *(block.text for block in blocks(page) if block.language == "sh")]
    assert {name for text in shown for name in TARGET.findall(text)} - known == set()


def test_versions_are_one():
    package = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    workflows = yaml.safe_load((ROOT / "docs/workflows.arazzo.yaml").read_text())
    assert contract()["info"]["version"] == package
    assert str(workflows["info"]["version"]) == package
    released = parse_yaml((ROOT / "docs/released/openapi.yaml").read_bytes())
    assert released["info"]["version"] <= package


class TestArchitecture:
    def test_each_floor_has_its_sentence(self):
        text = text_of("ARCHITECTURE.md").partition("## The floors")[2].partition("\n## ")[0]
        sentences = dict(re.findall(r"^- \*\*(\d+)\*\* ((?:.+\n)(?:  .+\n)*)", text, re.MULTILINE))
        floors = read_floors()
        assert len(sentences) == len(floors)
        for number, rooms in zip(range(len(floors), 0, -1), floors, strict=True):
            told = " ".join(sentences[str(number)].split())
            assert re.findall(r"`(\w+)`", told.partition(": ")[0]) == rooms
            assert re.search(r"\bnever imports?\b", told), told

    def test_the_engine_is_as_long_as_decided(self):
        (told,) = re.findall(
            r"([\d,]+) lines of the room `contract`",
            text_of("docs/decisions/0002-compiled-enforcement.md"),
        )
        paths = (ROOT / "projects_api/contract").rglob("*.py")
        lines = sum(len(path.read_text().splitlines()) for path in paths)
        assert int(told.replace(",", "")) == pytest.approx(lines, rel=0.1)


def test_names_that_are_injected_are_those_of_the_page():
    with EphemeralServer.temporary(None) as server:
        injected = server.services.rules.injected
    shown = {name for row in rows("CONTRIBUTING.md") for name in re.findall(r"`(\w+)`", row[0])}
    assert shown == injected


def test_folders_of_the_tests_are_all_described():
    folders = {path.parent.name for path in (ROOT / "tests").glob("*/test_*.py")}
    shown = {name for row in rows("tests/README.md") for name in re.findall(r"\[`(\w+)`\]", row[0])}
    assert shown == folders
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    tested = settings["tool"]["pytest"]["ini_options"]["testpaths"]
    assert {path.removeprefix("tests/") for path in tested} == folders


def test_what_a_comparison_says_of_this_server_leads_to_what_shows_it():
    (_, _, *compared) = rows("docs/comparison.md")
    assert len(compared) > 15
    unproved = [name for name, ours, *_ in compared if not re.search(r"\]\([^)]+\)", ours)]
    assert unproved == []
