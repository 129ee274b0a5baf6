"""Names in pictures: short ones, which still tell apart what differs."""

import numpy as np
import pytest

from projects_api.rendering.confusion import MAX_CLASSES, _most_confused
from projects_api.rendering.document import shorts


@pytest.mark.parametrize(
    ("names", "longest"),
    [
        ([f"Klasse Nummer {one:02} mit langem Namen" for one in range(60)], 14),
        ([f"Klasse Nummer {one:02} mit langem Namen" for one in range(8)], 16),
        ([f"{'a' * 30}{one}{'b' * 30}" for one in ("x", "yy", "")], 14),
        (["w" * 40 + x + "middle" * 9 + y + "z" * 40 for x in "ab" for y in "cd"], 14),
        (["north " * 9, "north " * 10, "north " * 11], 14),
        (["one", "two", "a name that is too long for the picture"], 14),
        (
            [
                f"\N{CJK UNIFIED IDEOGRAPH-9000}長い名前{one}の分類です長い名前の分類"
                for one in "甲乙丙"
            ],
            14,
        ),
    ],
)
def test_names_that_differ_still_do(names, longest):
    told = shorts(names, longest)
    assert len(set(told)) == len(set(names))
    assert all(len(one) <= longest for one in told)


def test_what_tells_them_apart_is_shown():
    told = shorts([f"Klasse Nummer {one:02} mit langem Namen" for one in range(60)], 14)
    assert all(f"{place:02}" in one for place, one in enumerate(told))


def test_names_that_differ_anyway_are_as_they_were():
    assert shorts(["cat", "a very long name of a dog"], 14) == ["cat", "a very l…a dog"]
    assert shorts([], 14) == []


def test_few_classes_are_all_there():
    assert _most_confused([[1, 2], [3, 4]]) == [0, 1]


@pytest.mark.parametrize("seed", range(5))
def test_the_most_confused_classes_are_shown(seed):
    """However small they are beside those that nobody confuses."""
    chance = np.random.default_rng(seed)
    matrix = np.diag(chance.integers(1000, 2000, 60))
    pairs = chance.permutation(60)[:6].reshape(3, 2)
    for number, (row, column) in enumerate(pairs):
        matrix[row, row] = 5
        matrix[row, column] = 50 + number
    kept = _most_confused(matrix.tolist())
    assert len(kept) == MAX_CLASSES
    assert kept == sorted(kept)
    assert set(pairs.ravel()) <= set(kept)
    others = [one for one in kept if one not in pairs]
    left = [one for one in range(60) if one not in kept]
    assert matrix[others, others].min() >= matrix[left, left].max()
