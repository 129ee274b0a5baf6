"""Stopping: when a search is given up because it gets no better."""

import numpy as np

from projects_api.engines.interface import TrainingConfig


class Stopping:
    """Whether the search has stopped getting better, as `TrainingConfig` tells."""

    def __init__(self, config: TrainingConfig, metric: str) -> None:
        self.metric = metric
        self._config = config
        self._best = self._round = float("inf")
        self._stale = 0

    def take(self, value: float) -> None:
        """Take a model's loss in the cross validation."""
        self._round = min(self._round, value)

    def end_round(self) -> bool:
        """Return whether this round was one too many."""
        margin = self._config.stopping_tolerance * abs(self._best)
        better = self._round < self._best - (margin if np.isfinite(margin) else 0)
        self._stale = 0 if better else self._stale + 1
        self._best, self._round = min(self._best, self._round), float("inf")
        return 0 < self._config.stopping_rounds <= self._stale
