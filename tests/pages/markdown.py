"""Pages as tests read them: their texts, links and headings, without what stands in blocks."""

import re
import subprocess
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FENCED = re.compile(r"^[ ]*```.*?^[ ]*```$", re.DOTALL | re.MULTILINE)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_CODE = re.compile(r"`([^`]+)`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def pages() -> list[str]:
    """List every page of the checkout, new ones too, by its path."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True)
    return sorted(path for path in set(done.stdout.split()) if (ROOT / path).exists())


def text_of(page: str) -> str:
    """Give a page without its blocks and comments."""
    return _COMMENT.sub("", _FENCED.sub("", (ROOT / page).read_text()))


def code_in(page: str) -> list[str]:
    """Give what stands in a page as code within sentences."""
    return [" ".join(code.split()) for code in _CODE.findall(text_of(page))]


def links_of(page: str) -> list[str]:
    """Give where a page's links and pictures lead."""
    return _LINK.findall(_CODE.sub("code", text_of(page)))


def anchors_of(page: Path) -> set[str]:
    """Give the anchors of a page's headings, as forges make them."""
    found: set[str] = set()
    counts: Counter[str] = Counter()
    for heading in _HEADING.findall(_FENCED.sub("", page.read_text())):
        plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").lower()
        slug = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        found.add(f"{slug}-{counts[slug]}" if counts[slug] else slug)
        counts[slug] += 1
    return found
