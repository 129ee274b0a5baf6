"""Search: what FLAML proposes to try next for one kind of model.

FLAML's `AutoML` class gives a log of trials and one model, and what it tries depends on how long
each trial took. So its parts are used without it: the learners with their search spaces, the
portfolios (good settings for tables of similar shape, found offline), and CFO, which goes on from
the best of them. What CFO proposes depends on the losses and the seed alone.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from flaml.automl.task.task import Task as FlamlTask
from flaml.default.suggest import suggest_config
from flaml.tune.sample import Categorical, Integer, lograndint, randint
from flaml.tune.searcher.blendsearch import CFO

from projects_api.engines.flaml.fitting import FASTEST

Config = dict[str, Any]

# Names of the models as callers know them, and of FLAML's learners, in the order of their trials.
LEARNERS = {
    "classification": {
        "GBM": "lgbm",
        "XGBoost": "xgb_limitdepth",
        "GLM": "lrl2",
        "DRF": "rf",
        "XRT": "extra_tree",
    },
    "regression": {
        "GBM": "lgbm",
        "XGBoost": "xgb_limitdepth",
        "GLM": "enet",
        "DRF": "rf",
        "XRT": "extra_tree",
    },
}
# The libraries' own defaults: the first trial, and what a portfolio means by an empty proposal.
_DEFAULTS: dict[str, Config] = {
    "lgbm": {
        "n_estimators": 100,
        "num_leaves": 31,
        "min_child_samples": 20,
        "learning_rate": 0.1,
        "log_max_bin": 8,
        "colsample_bytree": 1.0,
        "reg_alpha": 0.0,
        "reg_lambda": 0.0,
    },
    "xgb_limitdepth": {
        "n_estimators": 100,
        "max_depth": 6,
        "min_child_weight": 1.0,
        "learning_rate": 0.3,
        "subsample": 1.0,
        "colsample_bylevel": 1.0,
        "colsample_bytree": 1.0,
        "reg_alpha": 0.0,
        "reg_lambda": 1.0,
    },
    "rf": {"n_estimators": 100, "max_leaves": 32768, "criterion": "gini"},
    "extra_tree": {"n_estimators": 100, "max_leaves": 32768, "criterion": "gini"},
}
# However few rows there are, the libraries' defaults stay within the space.
_LEAST_MOST_TREES = 100
_LEAST_DEPTH = 6
_ATTEMPTS = 20
# More trees make a forest slow to load and to ask, and hardly better.
_FORESTS = {"rf", "extra_tree"}
_MOST_TREES = 256
_MOST_BYTES = 1 << 29


class Search:
    """Proposals for one learner, each made after the loss of the one before is known."""

    def __init__(
        self, learner: str, task: FlamlTask, values: np.ndarray, target: np.ndarray, seed: int
    ) -> None:
        learner_class = task.estimator_class_from_str(learner)
        space = learner_class.search_space(data_size=values.shape, task=task)
        self._rows = len(values)
        self._widen(learner, space)
        copies = len(np.unique(target)) if task.name == "multiclass" else 1

        def size(config: Config) -> float:
            """Bytes that the model may need, with trees or leaf values for each label."""
            return float(learner_class.size(config)) * copies

        self._space = {name: about["domain"] for name, about in space.items()}
        self._searcher = CFO(
            metric="val_loss",
            mode="min",
            space=self._space,
            low_cost_partial_config={
                name: about["low_cost_init_value"]
                for name, about in space.items()
                if "low_cost_init_value" in about
            },
            config_constraints=[(size, "<=", _MOST_BYTES)],
            points_to_evaluate=list(self._starts(learner, task, values, target, space)),
            seed=seed,
        )
        self._number = 0
        self._proposed: Config = {}
        self._seen: set[str] = set()

    def _widen(self, learner: str, space: dict[str, Any]) -> None:
        """Let the libraries' defaults be within the space, and no forest beyond what is good."""
        if "n_estimators" not in space:
            return
        if "max_depth" in space:
            deepest = max(_LEAST_DEPTH + 1, space["max_depth"]["domain"].upper)
            space["max_depth"]["domain"] = randint(lower=1, upper=deepest)
        upper = max(_LEAST_MOST_TREES + 1, space["n_estimators"]["domain"].upper)
        if learner in _FORESTS:
            upper = min(_MOST_TREES, upper)
            space["max_leaves"]["domain"] = lograndint(lower=4, upper=max(5, self._rows))
        space["n_estimators"]["domain"] = lograndint(lower=4, upper=upper)

    def _starts(
        self,
        learner: str,
        task: FlamlTask,
        values: np.ndarray,
        target: np.ndarray,
        space: dict[str, Any],
    ) -> Iterator[Config]:
        """List where to begin: with the library's defaults, and go on with the portfolio's."""
        if learner not in _DEFAULTS:
            yield {name: about["init_value"] for name, about in space.items()}
            return
        defaults = self._within(_DEFAULTS[learner] | _features(learner, task, values))
        portfolio = suggest_config(str(task.name), values, target, learner)
        starts = [self._fitting(entry["hyperparameters"]) or defaults for entry in portfolio]
        yield from {repr(start): start for start in (defaults, *starts)}.values()

    def _fitting(self, config: Config) -> Config:
        """Move settings that were found on a larger table to where they mean the same on this one.

        Fewer trees learn as much by learning faster: trees and rate only move together.
        """
        moved = self._within(config)
        if "learning_rate" in moved and "n_estimators" in moved:
            learned = config["learning_rate"] * config["n_estimators"]
            moved["learning_rate"] = min(
                learned / moved["n_estimators"], max(FASTEST, moved["learning_rate"])
            )
        if "min_child_samples" in moved:  # Leaves of a quarter of the rows would learn nothing.
            moved["min_child_samples"] = min(moved["min_child_samples"], max(2, self._rows // 20))
        return moved

    def _within(self, config: Config) -> Config:
        """Move settings into the search space of this table, each by itself."""
        moved = {
            name: _within(value, self._space[name])
            for name, value in config.items()
            if name in self._space
        }
        if "min_child_samples" in moved:
            moved["min_child_samples"] = min(moved["min_child_samples"], max(2, self._rows // 4))
        return moved

    def propose(self) -> Config | None:
        """Say what to try next, nothing twice; None when there is nothing left."""
        for _ in range(_ATTEMPTS):
            self._number += 1
            proposal = self._searcher.suggest(str(self._number))
            if proposal is None:
                continue
            self._proposed = proposal
            plain = {name: np.asarray(value).item() for name, value in sorted(proposal.items())}
            if repr(plain) not in self._seen:
                self._seen.add(repr(plain))
                return plain
            self.tell(float("inf"))
        return None

    def tell(self, loss: float) -> None:
        """Take how the proposal did."""
        settings = {f"config/{name}": value for name, value in self._proposed.items()}
        result = {"val_loss": loss, "config": self._proposed, **settings}
        self._searcher.on_trial_complete(str(self._number), result)


def _features(learner: str, task: FlamlTask, values: np.ndarray) -> Config:
    """Tell which share of the columns a split of a forest looks at, as scikit-learn has it."""
    if learner not in _FORESTS:
        return {}
    width = values.shape[1]
    return {"max_features": 1.0 if task.name == "regression" else max(1, int(width**0.5)) / width}


def _within(value: Any, domain: Any) -> Any:
    if isinstance(domain, Categorical):
        return value if value in domain.categories else domain.categories[0]
    highest = domain.upper - 1 if isinstance(domain, Integer) else domain.upper
    return type(domain.lower)(min(max(value, domain.lower), highest))
