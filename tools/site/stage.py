"""What the site is built from: the pages where they stand, and all that they link to.

Pages link to one another and to the source as they do in a checkout, and the site keeps the same
folders; so every link leads to the same in both. A folder gets a page that lists what is in it.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
SETTINGS = Path(__file__).parent / "zensical.toml"
INDEX = "docs/index.md"
ELSEWHERE = ("https://", "http://", "mailto:")
LISTING = "index.md"
_CODE = re.compile(r"(^[ ]*```.*?^[ ]*```$|`[^`]+`)", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\(([^)\s#]+)(#[^)\s]*)?\)")
_ENTRY = re.compile(r"\[([^]]+)\]\(([^)\s#]+\.md)\)")
Navigation = list[dict[str, "str | Navigation"]]


def pages(root: Path = ROOT) -> list[str]:
    """List the pages of the checkout, but for the templates of a forge."""
    return [path for path in _listed(root, "*.md") if not path.startswith(".")]


def navigation(root: Path = ROOT) -> Navigation:
    """Give the pages in the order in which docs/index.md names them, below its headings."""
    found: Navigation = [{"Home": "README.md"}]
    seen = {"README.md"}
    section: Navigation = [{"All pages": INDEX}]
    found.append({"Documentation": section})
    seen.add(INDEX)
    for line in (root / INDEX).read_text().splitlines():
        if line.startswith("## "):
            section = []
            found.append({line.removeprefix("## "): section})
        for name, link in _ENTRY.findall(line):
            path = _within(root, root / INDEX, link)
            if path not in seen and (root / path).is_file():
                seen.add(path)
                section.append({name[0].upper() + name[1:]: path})
    return found


def stage(target: Path, root: Path = ROOT) -> None:
    """Write the sources of the site and its settings into a folder, which is made anew."""
    shutil.rmtree(target, ignore_errors=True)
    content = target / "pages"
    for page in pages(root):
        _write(content / page, _page(page, content, root))
    listed = toml_of(navigation(root))
    _write(
        target / SETTINGS.name,
        SETTINGS.read_text().replace("[project]\n", f"[project]\nnav = {listed}\n", 1),
    )


def toml_of(value: "str | Navigation | dict[str, str | Navigation]") -> str:
    """Write names and lists as TOML does, within one line."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{toml_of(k)} = {toml_of(v)}' for k, v in value.items())} }}"
    return f"[{', '.join(map(toml_of, value))}]"


def _page(page: str, content: Path, root: Path) -> str:
    """Give a page with its links to folders led to what lists them; bring what it links to."""

    def lead(link: re.Match[str]) -> str:
        path, anchor = link[1], link[2] or ""
        if path.startswith(ELSEWHERE):
            return link[0]
        target = _within(root, root / page, path)
        if (root / target).is_dir():
            return f"]({path.rstrip('/')}/{_listing(target, content, root)})"
        if not target.endswith(".md"):
            (content / target).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(root / target, content / target)
        return f"]({path}{anchor})"

    parts = _CODE.split((root / page).read_text())
    return "".join(
        part if number % 2 else _LINK.sub(lead, part) for number, part in enumerate(parts)
    )


def _listing(folder: str, content: Path, root: Path) -> str:
    """Give the page of a folder; one without a page of its own gets a list of what is in it."""
    for own in (LISTING, "README.md"):
        if (root / folder / own).is_file():
            return own
    lines = [f"# {folder}", ""]
    for path in _listed(root, folder):
        name = path.removeprefix(f"{folder}/")
        if path.endswith(".md"):
            lines.append(f"- [{_title(root / path)}]({name})")
        elif "/" not in name and path.endswith((".py", ".js", ".yaml", ".yml", ".json")):
            (content / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(root / path, content / path)
            lines.append(f"- [`{name}`]({name})")
        else:
            lines.append(f"- `{name}`")
    _write(content / folder / LISTING, "\n".join([*lines, ""]))
    return LISTING


def _title(page: Path) -> str:
    first = next(iter(_headings(page)), page.stem)
    return first.replace("`", "")


def _headings(page: Path) -> Iterator[str]:
    return (line.removeprefix("# ") for line in page.open() if line.startswith("# "))


def _within(root: Path, page: Path, link: str) -> str:
    return (page.parent / link).resolve().relative_to(root.resolve()).as_posix()


def _listed(root: Path, what: str) -> list[str]:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", what]
    done = subprocess.run(command, cwd=root, capture_output=True, check=True, text=True)
    return sorted(path for path in set(done.stdout.split()) if (root / path).exists())


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
