"""Trees: that each way through one ends, within its nodes, and asks for features that there are."""

from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.tree._tree import Tree

from projects_api.engines.checks.faults import require

LEAF = -1


def check_children(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Check the children of all nodes, and tell which nodes are no leaves.

    Each child is a node, and that of one only; the root is none. So every way from it ends.
    """
    inner: np.ndarray = left != LEAF
    require((right[~inner] == LEAF).all(), "a tree has a leaf with a child")
    children = np.concatenate([left[inner], right[inner]]).astype(np.int64)
    require(((children > 0) & (children < len(left))).all(), "a tree has a child that is no node")
    require(np.bincount(children, minlength=1).max() <= 1, "a tree has a node with two parents")
    return inner


def check_asked(features: np.ndarray, width: int) -> None:
    """Check that a row has the features that a tree asks for."""
    there = (features >= 0) & (features < width)
    require(there.all(), "a tree asks for a feature that there is not")


def check_forest(forest: Any) -> None:
    """Check that the trees of a forest are made for the same rows and labels as it is."""
    require(forest.n_outputs_ == 1, "a forest has several outputs")
    require(forest.estimators_, "a forest has no trees")
    for estimator in forest.estimators_:
        require(type(estimator) is type(forest.estimator), "a forest has a tree of another kind")
        require(estimator.n_features_in_ == forest.n_features_in_, "a tree takes other features")
        if is_classifier(forest):
            require(estimator.n_classes_ == forest.n_classes_, "a tree tells other labels apart")
    _check_labels(forest)


def check_estimator(estimator: Any) -> None:
    """Check a decision tree of scikit-learn, which trusts all numbers of its nodes."""
    tree = estimator.tree_
    require(type(tree) is Tree, "a tree is none of scikit-learn's")
    # More nodes than there are: to look at them would read what is behind them.
    require(0 < tree.node_count == tree.capacity, "a tree has not as many nodes as it says")
    require(tree.n_outputs == estimator.n_outputs_ == 1, "a tree has several outputs")
    require(tree.n_features == estimator.n_features_in_, "a tree takes other features")
    count = estimator.n_classes_ if is_classifier(estimator) else 1
    require(tree.n_classes.tolist() == [count], "a tree tells other labels apart")
    require(tree.max_n_classes == count, "a tree tells other labels apart")
    _check_labels(estimator)
    _check_nodes(tree)


def _check_labels(estimator: Any) -> None:
    if is_classifier(estimator):
        require(len(estimator.classes_) == estimator.n_classes_, "a tree has too few labels")


def _check_nodes(tree: Tree) -> None:
    left, right = tree.children_left, tree.children_right
    inner = check_children(left, right)
    places = np.flatnonzero(inner)
    require((left[inner] > places).all(), "a tree has a child before its parent")
    require((right[inner] > places).all(), "a tree has a child before its parent")
    check_asked(tree.feature[inner], tree.n_features)
    # A threshold may be infinite: then it parts what is missing from all else.
    require(not np.isnan(tree.threshold[inner]).any(), "a tree has a threshold that is no number")
    require(np.isfinite(tree.value).all(), "a tree has a value that is no number")
    require(_depth(left, right) == tree.max_depth, "a tree has another depth than it says")


def _depth(left: np.ndarray, right: np.ndarray) -> int:
    """Return how many steps the longest way has, in a tree whose children are right."""
    depth = 0
    level = np.zeros(1, dtype=np.int64)
    while (level := level[left[level] != LEAF]).size:
        level = np.concatenate([left[level], right[level]])
        depth += 1
    return depth
