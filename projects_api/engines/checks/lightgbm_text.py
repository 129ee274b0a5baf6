"""Models of LightGBM, which are texts: checked before the library reads one.

Its own reader believes every size in it. So the text must be as LightGBM writes those of our
trainings, to the letter: no other line, no line twice, no category and no linear leaf.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any
from unittest.mock import patch

import lightgbm
import numpy as np

from projects_api.engines.checks.faults import require
from projects_api.engines.checks.trees import LEAF, check_asked

_HEADER = frozenset(
    b"version num_class num_tree_per_iteration label_index max_feature_idx objective"
    b" feature_names feature_infos tree_sizes".split()
)
_OF_SPLITS = (
    b"split_feature split_gain threshold decision_type left_child right_child"
    b" internal_value internal_weight internal_count".split()
)
_OF_LEAVES = b"leaf_value leaf_weight leaf_count".split()
_TREE = frozenset([b"Tree", b"num_leaves", b"num_cat", b"is_linear", b"shrinkage"])
_LINES_OF_TREE = _TREE.union(_OF_SPLITS, _OF_LEAVES)
_WHOLE = re.compile(rb"-?[0-9]{1,9}")
_NUMBER = re.compile(rb"-?([0-9.]+(e[+-]?[0-9]{1,3})?|inf)")
_OBJECTIVE = re.compile(rb"regression|binary sigmoid:1|multiclass num_class:([0-9]{1,9})")
_DECISIONS = {0, 2, 4, 6, 8, 10}
"""Which way missing values go, and what is missing. An odd number is a split by categories."""
_SETTINGS = {"deterministic", "force_row_wise", "max_bin", "n_estimators", "n_jobs", "verbose"}
"""`n_estimators` is there where time cut a booster short, and FLAML told it its trees."""


@contextmanager
def checking_texts() -> Iterator[None]:
    """Have each text checked that the library is given in the block to make a model of."""
    usual = lightgbm.Booster.__setstate__

    def checked(booster: lightgbm.Booster, state: dict[str, Any]) -> None:
        require("handle" not in state, "a booster has two texts")
        check_text(state["_handle"].encode())
        usual(booster, state)

    with patch.object(lightgbm.Booster, "__setstate__", checked):
        yield


def check_features(model: Any) -> None:
    """Check that a model takes what its booster takes, and has no setting that turns checks off."""
    width = model._Booster.num_feature()  # noqa: SLF001 - the attributes are what it goes by
    require(model._n_features == model._n_features_in == width, "a booster takes other features")  # noqa: SLF001
    others = model._other_params  # noqa: SLF001
    require(_SETTINGS.issuperset(others), "a booster has settings that are not ours")
    are_plain = all(type(one) in {bool, int} for one in others.values())  # a text may hold several
    require(are_plain, "a booster has a setting that is no number")


def check_text(text: bytes) -> None:
    """Check a model's text. Raises `Fault`, KeyError or ValueError."""
    require(not re.search(rb"[\r\0]", text), "a booster's text has signs that end it")
    begin = text.index(b"\n\nTree=0\n") + 2
    first, _, lines = text[:begin].partition(b"\n")
    require(first == b"tree", "a booster is not made of trees")
    header = _values(lines, _HEADER)
    width = _whole(header[b"max_feature_idx"]) + 1
    require(len(header[b"feature_names"].split()) == width, "a booster lacks names of features")
    require(len(header[b"feature_infos"].split()) == width, "a booster lacks facts of features")
    sizes = [_whole(size) for size in header[b"tree_sizes"].split()]
    require(sizes and min(sizes) > 0, "a tree has no size")
    _check_groups(header, len(sizes))
    ends = np.cumsum([begin, *sizes]).tolist()
    for number, (start, end) in enumerate(pairwise(ends)):
        require(end <= len(text), "a tree is longer than its text")
        tree = _values(text[start:end], _LINES_OF_TREE)
        require(tree[b"Tree"] == b"%d" % number, "a tree has another size than it says")
        _check_tree(tree, width)
    require(text.startswith(b"end of trees\n", ends[-1]), "a booster has other trees than it says")


def _check_groups(header: dict[bytes, bytes], trees: int) -> None:
    """Check that each round has one tree, or one for each label."""
    objective = _OBJECTIVE.fullmatch(header[b"objective"])
    require(objective, "a booster has an objective that is none of ours")
    assert objective is not None
    groups = _whole(objective[1] or b"1")
    told = {_whole(header[name]) for name in (b"num_class", b"num_tree_per_iteration")}
    require(told == {groups}, "a booster tells other labels apart than its objective")
    require(groups > 0 and trees % groups == 0, "a booster lacks trees")


def _check_tree(tree: dict[bytes, bytes], width: int) -> None:
    leaves = _whole(tree[b"num_leaves"])
    require(leaves > 0, "a tree has no leaves")
    require(tree[b"num_cat"] == b"0", "a tree has categories")
    require(tree[b"is_linear"] == b"0", "a tree has linear leaves")
    require(_NUMBER.fullmatch(tree[b"shrinkage"]), "a tree has no shrinkage")
    require(len(_numbers(tree[b"leaf_value"])) == leaves, "a tree lacks leaves")
    if leaves == 1:
        return  # Nothing else of it is read.
    for names, count in ((_OF_SPLITS, leaves - 1), (_OF_LEAVES, leaves)):
        require(all(len(_numbers(tree[name])) == count for name in names), "a tree lacks numbers")
    check_asked(_wholes(tree[b"split_feature"]), width)
    require(_DECISIONS.issuperset(_wholes(tree[b"decision_type"])), "a tree has categories")
    _check_children(_wholes(tree[b"left_child"]), _wholes(tree[b"right_child"]), leaves)


def _check_children(left: np.ndarray, right: np.ndarray, leaves: int) -> None:
    """Check that each leaf, and each split but the first, is the child of one split before it."""
    children = np.sort(np.concatenate([left, right]))
    expected = np.concatenate([np.arange(-leaves, 0), np.arange(1, leaves - 1)])
    require(
        np.array_equal(children, expected), "a tree has a child that is no node, or two parents"
    )
    places = np.arange(leaves - 1)
    for side in (left, right):
        require(((side <= LEAF) | (side > places)).all(), "a tree has a child before its parent")


def _values(lines: bytes, known: frozenset[bytes]) -> dict[bytes, bytes]:
    """Read lines of names and values, each at most once."""
    values: dict[bytes, bytes] = {}
    for line in filter(None, lines.split(b"\n")):
        name, _, value = line.partition(b"=")
        require(
            name in known and name not in values, "a booster's text has a line that is not ours"
        )
        values[name] = value
    return values


def _whole(text: bytes) -> int:
    require(_WHOLE.fullmatch(text), "a booster has a size that is no number")
    return int(text)


def _wholes(text: bytes) -> np.ndarray:
    return np.array([_whole(one) for one in text.split(b" ")], np.int64)


def _numbers(text: bytes) -> list[bytes]:
    numbers = text.split(b" ")
    require(all(map(_NUMBER.fullmatch, numbers)), "a tree has a value that is no number")
    return numbers
