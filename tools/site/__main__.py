"""Build the pages as a site: `python -m tools.site` writes build/site, and fails at a broken link.

It needs zensical (`tools/site/requirements.txt`), which `make site` keeps in .venv-site.
"""

import shutil
import subprocess
import sys

from tools.site.stage import ROOT, SETTINGS, stage

STAGED = ROOT / "build" / "site-source"
SITE = ROOT / "build" / "site"
COMMAND = ROOT / ".venv-site" / "bin" / "zensical"


def main() -> int:
    """Stage and build."""
    stage(STAGED)
    shutil.rmtree(SITE, ignore_errors=True)
    done = subprocess.run(
        [COMMAND, "build", "--clean", "--strict", "--config-file", STAGED / SETTINGS.name],
        cwd=STAGED,
        check=False,
    )
    if done.returncode == 0:
        shutil.move(STAGED / "site", SITE)
        # The builder leaves out what looks like its own source, such as modules and settings.
        bring = shutil.ignore_patterns("*.md")
        shutil.copytree(STAGED / "pages", SITE, ignore=bring, dirs_exist_ok=True)
        print(f"{SITE}/index.html")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
