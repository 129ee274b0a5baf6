"""The packages for callers: built, checked as a user's program is, and run against the server.

The story is told twice by each: once without faults, once with one at every place where the
package promises to cope. What the server's journal has then says what was really sent.
"""

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from hashlib import sha256
from pathlib import Path

import pytest

from projects_api.openapi import contract
from tools import node_tools
from tools.packages import build
from tools.packages.operations import operations
from tools.packages.write_typescript import camel

STORIES = build.SOURCE / "stories"
STORY = """\
created: Iris
of this name: 1
uploaded: all true
data sets: iris.csv part0.csv part1.csv part2.csv
downloaded: same true
imported: succeeded 100
training: train
404 model-not-found with a request id true
422 contract-violation /name
deleted: true
"""
ROWS = 20_000
FAULTS = [
    ("429", "create_project"),
    ("drop-after", "create_project"),
    ("503", "list_projects"),
    ("502", "upload_dataset"),
    ("drop-after", "upload_dataset"),
    ("drop", "list_datasets"),
    ("truncate", "download_dataset"),
    ("truncate", "export_project"),
    ("503", "get_job"),
    ("504", "delete_experiment"),
    ("429", "predict"),
]


class Package:
    """A package as it is installed beside a user's program."""

    def __init__(self, language: str, folder: Path) -> None:
        self.language = language
        self.folder = folder
        getattr(self, f"_install_{language}")()

    def _install_python(self) -> None:
        (wheel,) = (one for one in build.build_python() if one.suffix == ".whl")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(self.folder)
        (self.folder / "story.py").write_text((STORIES / "story.py").read_text())

    def _install_typescript(self) -> None:
        if reason := node_tools.reason_to_skip():
            pytest.skip(reason)
        modules = self.folder / "node_modules"
        modules.mkdir()
        with tarfile.open(build.build_typescript()) as archive:
            archive.extractall(self.folder, filter="data")
        (self.folder / "package").rename(modules / "projects-api-client")
        (modules / "@types").symlink_to(node_tools.install().parent / "@types")
        (self.folder / "package.json").write_text('{"type": "module"}')
        (self.folder / "story.ts").write_text((STORIES / "story.ts").read_text())
        self.check()

    def check(self, program: str = "") -> str:
        """Check the story, or another program, strictly; give what is found fault with."""
        name = "story" if not program else "other"
        if self.language == "python":
            file = self.folder / f"{name}.py"
            command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", file]
        else:
            file = self.folder / f"{name}.ts"
            options = ["--strict", "--target", "es2022", "--module", "nodenext"]
            more = ["--noUncheckedIndexedAccess", "--exactOptionalPropertyTypes"]
            command = [node_tools.install() / "tsc", *options, *more, "--types", "node", file]
        if program:
            file.write_text(program)
        done = self._run(command)
        return "" if done.returncode == 0 else done.stdout

    def tell(self, server, table: Path) -> str:
        """Run the story and give what it prints."""
        program = (
            [sys.executable, "story.py"] if self.language == "python" else ["node", "story.js"]
        )
        where = {"BASE_URL": server.base_url, "API_KEY": server.api_key}
        done = self._run(program, DATASET=str(table), FOLDER=str(table.parent), **where)
        assert done.returncode == 0, done.stderr
        return done.stdout.replace("True", "true")

    def _run(self, command, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"PYTHONPATH": str(self.folder), **variables}
        return subprocess.run(
            command,
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )


@pytest.fixture(scope="module", params=["python", "typescript"])
def package(request, tmp_path_factory) -> Package:
    return Package(request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture
def table(tmp_path) -> Path:
    path = tmp_path / "iris.csv"
    rows = (f"{number},{number % 7 / 10},{'abc'[number % 3]}\n" for number in range(ROWS))
    path.write_text("sepal,petal,species\n" + "".join(rows))
    return path


def headers_of(server, operation: str, header: str) -> list[str | None]:
    """Give what each request of an operation had as a header."""
    return [one["headers"].get(header) for one in server.requests(operation=operation)]


def test_a_users_program_has_no_fault(package):
    assert package.check() == ""


def test_a_users_mistakes_are_found(package):
    mistakes = {
        "python": [
            'client.create_project(nam="x")',
            'client.get_job("1")["job"]["stat"]',
            'client.add_member("1", email="a", role="king")',
        ],
        "typescript": [
            'await client.createProject({ nam: "x" });',
            'console.log((await client.getJob("1")).job.stat);',
            'await client.addMember("1", { email: "a", role: "king" });',
        ],
    }[package.language]
    begin = {
        "python": 'from projects_api_client import Client\n\nclient = Client("", "")\n',
        "typescript": 'import { Client } from "projects-api-client";\n'
        'const client = new Client("", "");\n',
    }[package.language]
    for mistake in mistakes:
        assert "error" in package.check(begin + mistake + "\n"), mistake


def test_the_story_is_told(package, projects_api_server, table):
    assert package.tell(projects_api_server, table) == STORY
    # Without a fault everything is asked once.
    assert len(projects_api_server.requests(operation="download_dataset")) == 1


def test_the_story_is_told_in_spite_of_faults(package, projects_api_server, table):
    server = projects_api_server
    for fault, operation in FAULTS:
        server.inject_fault(fault, operation=operation)
    assert package.tell(server, table) == STORY

    keys = headers_of(server, "create_project", "idempotency-key")
    # The first call has two faults; the other is refused for its name, with a key of its own.
    assert keys[:3] == [keys[0]] * 3
    assert len({*keys} - {None}) == 2
    uploads = headers_of(server, "upload_dataset", "idempotency-key")
    assert uploads[:3] == [uploads[0]] * 3
    assert len(set(uploads)) == 4

    first, second = server.requests(operation="download_dataset")
    come = first["response"]["size"]
    assert 0 < come < table.stat().st_size
    ranges = headers_of(server, "download_dataset", "range")
    assert ranges[0] is None
    assert second["status"] == 206
    assert headers_of(server, "download_dataset", "if-range")[1].strip('"') == (
        sha256(table.read_bytes()).hexdigest()
    )
    # An export is made for the answer and has no tag: it begins anew.
    assert headers_of(server, "export_project", "range") == [None, None]
    assert len(server.requests(operation="predict")) == 2


def test_the_packages_are_of_the_contracts_version(package):
    version = contract()["info"]["version"]
    name = f"projects_api_client-{version}.dist-info/METADATA"
    if package.language == "python":
        assert f"\nVersion: {version}\n" in (package.folder / name).read_text()
    else:
        manifest = package.folder / "node_modules/projects-api-client/package.json"
        assert f'"version": "{version}"' in manifest.read_text()


def test_each_operation_is_a_method(package):
    is_python = package.language == "python"
    file = (
        "projects_api_client/client.py"
        if is_python
        else "node_modules/projects-api-client/dist/client.js"
    )
    text = (package.folder / file).read_text()
    for one in operations():
        call = f"    def {one.name}(" if is_python else f"\n    {camel(one.name)}("
        assert text.count(call) == 1, one.name


def test_snippets_of_the_page_are_taken_from_the_stories():
    page = (build.ROOT / "docs/packages.md").read_text()
    snippets = re.findall(r"^```(python|ts)\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    assert len(snippets) >= 12
    for language, snippet in snippets:
        story = STORIES / ("story.py" if language == "python" else "story.ts")
        assert snippet in story.read_text(), snippet
