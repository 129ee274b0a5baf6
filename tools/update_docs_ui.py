"""Refresh the packaged documentation UI from npm: `python tools/update_docs_ui.py [VERSION]`.

The page and its initializer are this project's own and stay as they are.
"""

import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

PACKAGE = "swagger-ui-dist"
VERSION = "5.35.0"
FILES = (
    "LICENSE",
    "NOTICE",
    "favicon-32x32.png",
    "swagger-ui-bundle.js",
    "swagger-ui-bundle.js.LICENSE.txt",
    "swagger-ui.css",
)
TARGET = Path(__file__).resolve().parents[1] / "projects_api" / "app" / "docs_ui"


def update(version: str, target: Path = TARGET) -> None:
    """Replace the packaged files by those of a version; raises when npm or a file is missing."""
    with tempfile.TemporaryDirectory() as folder:
        packed = subprocess.run(
            ["npm", "pack", "--json", f"{PACKAGE}@{version}"],
            cwd=folder,
            check=True,
            stdout=subprocess.PIPE,
        )
        (described,) = json.loads(packed.stdout)
        with tarfile.open(Path(folder) / described["filename"]) as archive:
            for name in FILES:
                source = archive.extractfile(f"package/{name}")
                if source is None:
                    raise FileNotFoundError(name)
                (target / name).write_bytes(_without_source_map(source.read()))
    print(f"{PACKAGE} {described['version']} ({described['integrity']}) is in {target}")


def _without_source_map(content: bytes) -> bytes:
    """Drop the last line's reference to a map that is not packaged: browsers would ask for it."""
    kept, mark, _ = content.rpartition(b"\n/*# sourceMappingURL=")
    return kept if mark else content


if __name__ == "__main__":
    update(sys.argv[1] if len(sys.argv) > 1 else VERSION)
