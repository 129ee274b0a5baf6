"""Draw the rooms of the package into `ARCHITECTURE.md`: their floors, and who imports whom.

The floors are those of the lint (`[tool.importlinter]` in `pyproject.toml`), the arrows are the
imports that stand in the code. `python -m tools.draw_rooms` writes the picture between its marks;
with `--check` it only tells whether it is current.
"""

import sys
import tomllib
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path

import grimp

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "ARCHITECTURE.md"
PACKAGE = "projects_api"
BEGIN = "<!-- rooms: written by `make docs` from the imports, do not edit -->\n"
END = "<!-- end of rooms -->\n"

Arrows = Mapping[str, AbstractSet[str]]


def read_floors() -> list[list[str]]:
    """Give the rooms of each floor, the highest floor first."""
    lint = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    (layers,) = [one["layers"] for one in lint["contracts"] if one["type"] == "layers"]
    return [[room.strip() for room in layer.split("|")] for layer in layers]


def read_imports() -> dict[str, set[str]]:
    """Give the rooms that each room imports from."""
    graph = grimp.build_graph(PACKAGE, cache_dir=None)
    found: dict[str, set[str]] = {}
    for module in graph.modules:
        for imported in graph.find_modules_directly_imported_by(module):
            here, there = _room(module), _room(imported)
            if here and there and here != there:
                found.setdefault(here, set()).add(there)
    return found


def _room(module: str) -> str:
    """Give the room that a module stands in; empty for the package itself."""
    return module.removeprefix(PACKAGE).removeprefix(".").partition(".")[0]


def without_detours(arrows: Arrows) -> dict[str, list[str]]:
    """Leave out each arrow between rooms that are connected by longer ways, too."""
    return {
        room: sorted(
            one
            for one in direct
            if not any(one in _reached(arrows, other) for other in direct - {one})
        )
        for room, direct in arrows.items()
    }


def _reached(arrows: Arrows, room: str) -> set[str]:
    found: set[str] = set()
    waiting = [room]
    while waiting:
        new = arrows.get(waiting.pop(), set()) - found
        found |= new
        waiting.extend(new)
    return found


def draw(floors: Sequence[Sequence[str]], arrows: Arrows) -> str:
    """Give the picture as a block of Mermaid."""
    lines = ["```mermaid", "flowchart TB"]
    for number, rooms in zip(range(len(floors), 0, -1), floors, strict=True):
        lines += [f'    subgraph floor{number}["{number}"]', "        direction LR"]
        lines += [f'        {_node(room)}["{room}"]' for room in rooms]
        lines.append("    end")
    shown = without_detours(arrows)
    for room in (room for rooms in floors for room in rooms):
        lines += [f"    {_node(room)} --> {_node(other)}" for other in shown.get(room, [])]
    return "\n".join([*lines, "```", ""])


def _node(room: str) -> str:
    return f"room_{room.strip('_')}"


def insert(page: str, picture: str) -> str:
    """Put the picture between its marks."""
    before, _, rest = page.partition(BEGIN)
    _, mark, after = rest.partition(END)
    if not mark:
        raise ValueError(f"{TARGET.name} lacks the marks of the picture")
    return f"{before}{BEGIN}\n{picture}\n{END}{after}"


def main() -> int:
    """Write the picture, or compare it; give the exit code."""
    page = TARGET.read_text()
    drawn = insert(page, draw(read_floors(), read_imports()))
    if "--check" not in sys.argv[1:]:
        TARGET.write_text(drawn)
    elif page != drawn:
        print(f"The picture in {TARGET.name} is not what the code imports: run `make docs`.")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
