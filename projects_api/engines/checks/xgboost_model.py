"""Models of XGBoost: that their trees stay within their nodes and features.

They are read as the library has understood them, so that there is no second reading of the file
that could differ from its own.
"""

import json
from typing import Any

import numpy as np

from projects_api.engines.checks.faults import require
from projects_api.engines.checks.trees import check_asked, check_children

_OF_NODES = (
    "base_weights",
    "default_left",
    "loss_changes",
    "parents",
    "right_children",
    "split_conditions",
    "split_indices",
    "split_type",
    "sum_hessian",
)
_OF_CATEGORIES = ("categories", "categories_nodes", "categories_segments", "categories_sizes")


def check(booster: Any) -> None:
    """Check all numbers of a booster that are indices or sizes."""
    learner = json.loads(booster.save_raw("json"))["learner"]
    boosted = learner["gradient_booster"]
    require(boosted["name"] == "gbtree", "a booster is not made of trees")
    model, facts = boosted["model"], learner["learner_model_param"]
    features = int(facts["num_feature"])
    groups = max(1, int(facts["num_class"]))
    require(int(facts["num_target"]) == 1, "a booster has several targets")
    require(features == booster.num_features(), "a booster takes other features")
    require(not any(model.get("cats", {}).values()), "a booster has categories")
    _check_order(model, groups)
    for number, tree in enumerate(model["trees"]):
        require(tree["id"] == number, "a booster's trees are out of order")
        _check_tree(tree, features)


def _check_order(model: dict[str, Any], groups: int) -> None:
    """Check which trees are whose: each iteration has as many as there are labels."""
    sizes = model["gbtree_model_param"]
    count = len(model["trees"])
    require(int(sizes["num_trees"]) == count, "a booster has not as many trees as it says")
    require(int(sizes["num_parallel_tree"]) == 1, "a booster has forests")
    require(count % groups == 0, "a booster lacks trees")
    require(model["tree_info"] == [*range(groups)] * (count // groups), "trees of no label")
    rounds = model["iteration_indptr"]
    require(rounds == list(range(0, count + 1, groups)), "a booster's rounds are not its trees'")


def _check_tree(tree: dict[str, Any], features: int) -> None:
    sizes = tree["tree_param"]
    left, right = (np.array(tree[f"{side}_children"], np.int64) for side in ("left", "right"))
    require(0 < len(left) == int(sizes["num_nodes"]), "a tree has not as many nodes as it says")
    require(int(sizes["num_feature"]) == features, "a tree takes other features")
    require(int(sizes["size_leaf_vector"]) in {0, 1}, "a tree has several outputs")
    require(all(len(tree[name]) == len(left) for name in _OF_NODES), "a tree lacks numbers")
    require(not any(tree[name] for name in _OF_CATEGORIES), "a tree has categories")
    require(not any(tree["split_type"]), "a tree has categories")
    inner = check_children(left, right)
    check_asked(np.array(tree["split_indices"], np.int64)[inner], features)
