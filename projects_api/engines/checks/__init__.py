"""Checks of the numbers in a model that native code takes for indices and sizes.

That a file is built from known classes says nothing of what these hold: a tree that asks for a
feature far outside of the row reads other memory, and its answers tell what stood there. So a
loaded model is looked at before it is asked anything.
"""

from collections.abc import Callable, Iterator
from typing import Any

import lightgbm
import numpy as np
import xgboost
from sklearn.base import BaseEstimator
from sklearn.ensemble._forest import BaseForest
from sklearn.preprocessing import OneHotEncoder, TargetEncoder
from sklearn.tree import BaseDecisionTree
from sklearn.tree._tree import Tree

from projects_api.engines.checks import encoders, ensembles, trees, xgboost_model
from projects_api.engines.checks.faults import Fault, require
from projects_api.engines.checks.lightgbm_text import check_features, checking_texts
from projects_api.engines.ensemble import Weighted
from projects_api.engines.transformers import WordWeights

__all__ = ["Fault", "check", "checking_texts"]

# With each kind, what it has learnt: without that it is a pattern only, and cannot be asked.
_CHECKS: tuple[tuple[type, str, Callable[[Any], None]], ...] = (
    (BaseDecisionTree, "tree_", trees.check_estimator),
    (BaseForest, "estimators_", trees.check_forest),
    (lightgbm.LGBMModel, "_Booster", check_features),
    (xgboost.Booster, "handle", xgboost_model.check),
    (OneHotEncoder, "categories_", encoders.check_one_hot),
    (TargetEncoder, "categories_", encoders.check_target),
    (Weighted, "models", ensembles.check_weights),
    (WordWeights, "vocabulary_", encoders.check_words),
)
_LEAVES = (str, bytes, bytearray, int, float, slice, type, np.generic, np.dtype)


def check(model: Any) -> None:
    """Look at everything that a loaded model is made of.

    Raises `Fault` where a number does not fit; AttributeError, KeyError, IndexError, TypeError,
    ValueError and OverflowError where something is missing or of another type.
    """
    for part in _parts(model):
        for kind, learnt, check_part in _CHECKS:
            if isinstance(part, kind) and learnt in vars(part):
                check_part(part)


def _parts(model: Any) -> Iterator[Any]:
    """Yield each object that a model is made of, once."""
    seen: set[int] = set()
    left = [model]
    while left:
        part = left.pop()
        if isinstance(part, _LEAVES) or id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, dict):
            left += part.values()
        elif isinstance(part, list | tuple):
            left += part
        elif isinstance(part, np.ndarray):
            left += part.ravel().tolist() if part.dtype.hasobject else ()
        elif isinstance(part, BaseEstimator | lightgbm.Booster | xgboost.Booster):
            yield part
            left += [own for own in vars(part).values() if not isinstance(own, Tree)]
        else:
            require(part is None or _is_handle(part), f"a {type(part).__name__} stands alone in it")


def _is_handle(part: Any) -> bool:
    """Return whether it is what a booster's library gave."""
    return type(part).__name__ == "c_void_p"
