"""What tools write into pages and folders, and that it is current."""

import copy
import sys

import pytest

from projects_api.openapi import contract
from tools import describe_operations, draw_rooms


@pytest.mark.parametrize("tool", [describe_operations, draw_rooms])
def test_pages_are_current(tool, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["tool", "--check"])
    assert tool.main() == 0


@pytest.mark.parametrize("tool", [describe_operations, draw_rooms])
def test_a_page_that_is_not_is_told(tool, monkeypatch, tmp_path, capsys):
    page = tmp_path / "page.md"
    page.write_text(f"# A page\n\n{draw_rooms.BEGIN}\nold\n\n{draw_rooms.END}")
    monkeypatch.setattr(tool, "TARGET", page)
    monkeypatch.setattr(sys, "argv", ["tool", "--check"])
    assert tool.main() == 1
    assert "make docs" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["tool"])
    assert tool.main() == 0
    monkeypatch.setattr(sys, "argv", ["tool", "--check"])
    assert tool.main() == 0


def test_operations_of_every_method_are_described():
    changed = copy.deepcopy(contract())
    path = changed["paths"]["/api/projects/{project_id}"]
    path["patch"] = {**path["put"], "operationId": "rename_project"}
    assert "`PATCH /api/projects/{project_id}`<br>`rename_project`" in describe_operations.describe(
        changed
    )


class TestRooms:
    def test_ways_that_others_lead_are_left_out(self):
        arrows = {"cli": {"app", "files"}, "app": {"models", "files"}, "models": {"files"}}
        shown = draw_rooms.without_detours(arrows)
        assert shown == {"cli": ["app"], "app": ["models"], "models": ["files"]}

    def test_every_room_is_drawn(self):
        picture = draw_rooms.draw([["__main__"], ["app", "handlers"]], {"__main__": {"app"}})
        assert 'subgraph floor2["2"]' in picture
        assert 'room_main["__main__"]' in picture
        assert 'room_handlers["handlers"]' in picture
        assert "room_main --> room_app" in picture

    def test_every_import_goes_down(self):
        floor_of = {
            room: number for number, rooms in enumerate(draw_rooms.read_floors()) for room in rooms
        }
        arrows = draw_rooms.read_imports()
        assert len(arrows) > 10
        for room, others in arrows.items():
            assert {other for other in others if floor_of[other] <= floor_of[room]} == set()

    def test_a_page_without_marks_is_refused(self):
        with pytest.raises(ValueError, match="lacks the marks"):
            draw_rooms.insert("# A page\n", "picture")
