"""How far work with files is told to be, by value."""

import pytest

from projects_api.files.progress import ByteProgress


@pytest.mark.parametrize(
    ("total", "pieces", "expected"),
    [
        (4, [1, 1, 1, 1], [25, 50, 75, 100]),
        (3, [1, 1, 1], [33, 66, 100]),
        (1000, [1] * 1000, [*range(1, 101)]),
        (1000, [999, 1], [99, 100]),
        (10, [10], [100]),
        (0, [], []),
        (0, [0], [100]),
    ],
)
def test_each_whole_percent_is_told_once(total, pieces, expected):
    told: list[float] = []
    progress = ByteProgress(total, told.append)
    for piece in pieces:
        progress.add(piece)
    assert told == expected
