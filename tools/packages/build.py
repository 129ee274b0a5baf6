"""Build the packages for callers: a wheel, a source archive, and a tarball for npm.

`python -m tools.packages.build` writes them to `build/packages/`, from `clients/`, the contract and
what is installed, without the network. What is made from the contract is not committed: the
contract is, and a copy would only be one more thing to keep current.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from projects_api.openapi import contract
from tools import node_tools
from tools.packages import write_python, write_typescript

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "clients"
TARGET = ROOT / "build/packages"
BLOBS = ROOT / "tools/clients/typescript-openapi-fetch/generate.mjs"
PLACEHOLDER = "0.0.0"
# What is built twice of one commit is the same.
STABLE = {"SOURCE_DATE_EPOCH": "1767225600"}


def main() -> int:
    """Build all that can be built here, print where it is, and give the exit status."""
    built = build_python()
    if reason := node_tools.reason_to_skip():
        print(f"No package for npm: {reason}")
    else:
        built.append(build_typescript())
    for path in built:
        print(path.relative_to(ROOT))
    return 0


def build_python() -> list[Path]:
    """Build the wheel and the source archive."""
    folder = prepare_python()
    for old in [*TARGET.glob("*.whl"), *TARGET.glob("*.tar.gz")]:
        old.unlink()
    run([sys.executable, "-m", "hatchling", "build", "-d", str(TARGET)], folder)
    return [*TARGET.glob("*.whl"), *TARGET.glob("*.tar.gz")]


def prepare_python() -> Path:
    """Write the package's source, whole, and return its folder."""
    folder = _copied("python", "pyproject.toml")
    package = folder / "projects_api_client"
    (package / "contract.py").write_text(write_python.types(), encoding="utf-8")
    (package / "client.py").write_text(write_python.client(), encoding="utf-8")
    return folder


def build_typescript() -> Path:
    """Build the tarball."""
    folder = _copied("typescript", "package.json")
    commands = node_tools.install()
    # The generator finds its libraries beside itself.
    (folder / "node_modules").symlink_to(commands.parent)
    shutil.copy(BLOBS, folder / "generate.mjs")
    types = folder / "src/contract.ts"
    run(["node", "generate.mjs", str(ROOT / "openapi.yaml"), str(types)], folder)
    (folder / "src/client.ts").write_text(write_typescript.client(), encoding="utf-8")
    run([str(commands / "tsc"), "--project", "."], folder)
    for old in TARGET.glob("*.tgz"):
        old.unlink()
    run(["npm", "pack", "--silent", "--offline", "--pack-destination", str(TARGET)], folder)
    (tarball,) = TARGET.glob("*.tgz")
    return tarball


def run(command: list[str], folder: Path) -> None:
    """Run a command in a folder; raises with what it printed where it fails."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | STABLE,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}")


def _copied(language: str, versioned: str) -> Path:
    """Copy a package's source, with the licence and the contract's version."""
    folder = TARGET / "source" / language
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(SOURCE / language, folder)
    shutil.copy(ROOT / "LICENSE", folder)
    file = folder / versioned
    text, count = re.subn(
        rf'(?<=["= ])"{re.escape(PLACEHOLDER)}"',
        json.dumps(contract()["info"]["version"]),
        file.read_text(encoding="utf-8"),
    )
    assert count == 1, f"{versioned} has the placeholder of a version {count} times"
    file.write_text(text, encoding="utf-8")
    return folder


if __name__ == "__main__":
    sys.exit(main())
