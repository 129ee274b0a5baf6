"""The wheel: what `pip install` brings, and that it works where no checkout is."""

import json
import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
STATEMENT = """
import json
from projects_api import openapi
from projects_api.database import schema
from projects_api.app.application import create_application
from projects_api.rendering import render
from projects_api.app.services import Services
from projects_api.settings import Settings
from pathlib import Path
settings = Settings(_env_file=None)
services = Services.from_settings(settings)
schema.upgrade(services.database)
with services.database.transaction() as connection:
    differences = schema.differences(connection)
counts = {"dataset_count": 0, "experiment_count": 0, "model_count": 0}
moment = "2026-02-10T09:00:00Z"
project = {"name": "Churn", "description": "", "created_at": moment, **counts}
parts = {part: [] for part in ("datasets", "experiments", "models", "deployments", "detailed")}
facts = {"kind": "project", "title": "Churn", "created_at": moment, "project": project, **parts}
report = render(facts, Path())["text/html"]
assert create_application(settings)
print(json.dumps({
    "contract": openapi.contract()["openapi"],
    "differences": differences,
    "package": openapi.__file__,
    "report": report.read_text()[:15],
}))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--quiet", "-w", folder, ROOT]
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    assert done.returncode == 0, done.stderr
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def names(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def packaged(*folders: str) -> set[str]:
    """List the files of a folder as the version control knows them."""
    done = subprocess.run(
        ["git", "ls-files", *folders], cwd=ROOT, capture_output=True, check=True, text=True
    )
    return set(done.stdout.split())


def test_nothing_but_the_package_is_at_the_top(names):
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"projects_api"}
    assert len(tops) == 2


def test_every_file_of_the_package_is_in_it(names):
    files = packaged("projects_api")
    assert len(files) > 50
    assert files <= names
    assert "projects_api/openapi.yaml" in names
    assert any(name.endswith("dist-info/licenses/LICENSE") for name in names)


def test_nothing_is_in_it_that_nobody_keeps(names):
    extra = {name for name in names if name.startswith("projects_api/")} - packaged("projects_api")
    assert not [name for name in extra if name.endswith((".pyc", ".db", ".sqlite", ".log"))]


def test_the_contract_in_it_is_the_contract(wheel):
    with zipfile.ZipFile(wheel) as archive:
        assert archive.read("projects_api/openapi.yaml") == (ROOT / "openapi.yaml").read_bytes()


def test_it_gives_the_command(wheel, names):
    (points,) = [name for name in names if name.endswith("entry_points.txt")]
    with zipfile.ZipFile(wheel) as archive:
        text = archive.read(points).decode()
    assert "projects-api = projects_api.cli:app" in text


def test_it_works_without_the_checkout(wheel, tmp_path):
    """The contract, the migrations, the pages and the templates are found inside the package."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", STATEMENT],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert Path(found["package"]).is_relative_to(tmp_path / "site")
    assert found["contract"].startswith("3.")
    assert found["differences"] == []
    assert found["report"].lower() == "<!doctype html>"


def pins(lock: str) -> dict[str, tuple[Requirement, int]]:
    """Read a lock: what is pinned, and by how many hashes."""
    found = {}
    for entry in (ROOT / "locks" / lock).read_text().replace("\\\n", "").splitlines():
        requirement = Requirement(entry.partition(" --hash")[0])
        found[canonicalize_name(requirement.name)] = (requirement, entry.count("--hash=sha256:"))
    return found


@pytest.mark.parametrize(
    ("lock", "extras"), [("core.lock", []), ("ml.lock", ["ml"]), ("dev.lock", ["ml", "dev"])]
)
def test_a_lock_pins_all_that_is_asked_for(lock, extras):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [*project["dependencies"]]
    for extra in extras:
        asked += project["optional-dependencies"][extra]
    pinned = pins(lock)
    for requirement in map(Requirement, asked):
        pin, _ = pinned[canonicalize_name(requirement.name)]
        (specifier,) = pin.specifier
        assert specifier.operator == "=="
        assert specifier.version in requirement.specifier, requirement
    assert all(hashes for _, hashes in pinned.values())
    everything = pins("dev.lock")
    for name, (pin, _) in pinned.items():
        assert everything[name][0].specifier == pin.specifier
