"""The rooms of the package stay of a size that one can know; the lint proves who imports whom."""

from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2] / "projects_api"
MAX_MODULES = 24
MAX_SHARE = 0.2
"""Of all lines, in one room."""


def modules():
    return [path for path in ROOT.rglob("*.py") if "versions" not in path.parts]


def test_no_folder_holds_too_many_modules():
    counts = Counter(path.parent.relative_to(ROOT) for path in modules())
    assert {str(folder): count for folder, count in counts.items() if count > MAX_MODULES} == {}


def test_no_room_is_most_of_the_house():
    lines = Counter[str]()
    for path in modules():
        lines[path.relative_to(ROOT).parts[0]] += len(path.read_text(encoding="utf-8").splitlines())
    shares = {room: count / lines.total() for room, count in lines.items()}
    assert {room: share for room, share in shares.items() if share > MAX_SHARE} == {}
    assert len(shares) > 15
