"""Noise: what is told of the best model of nothing is what chance gives.

A search that sees the held-out rows, or tells of the best what chose it, would tell more.
"""

import numpy as np
import pandas as pd
import pytest

ROWS, SEEDS = 600, 6


def noise(seed: int) -> pd.DataFrame:
    """Columns of each kind that tell nothing of the label."""
    chance = np.random.default_rng(seed)
    frame = pd.DataFrame(chance.normal(size=(ROWS, 4)), columns=list("abcd"))
    frame["few"] = chance.choice(["x", "y", "z"], ROWS)
    frame["many"] = [f"town {one}" for one in chance.integers(0, 80, ROWS)]
    return frame.assign(label=np.where(chance.permutation(ROWS) % 2, "yes", "no"))


def standard_error(positive: int, negative: int) -> float:
    """Of the AUC of ranks that tell nothing (Mann and Whitney)."""
    return float(np.sqrt((positive + negative + 1) / (12 * positive * negative)))


@pytest.mark.parametrize("told", ["auc"])
def test_the_score_of_the_best_model_of_noise_is_within_chance(train, told):
    """Two standard errors of the mean over seeds: one run in twenty is beyond its own."""
    scores, errors = [], []
    for seed in range(SEEDS):
        training = train(
            noise(seed), "label", "classification", seed=seed, max_models=5, nfolds=2,
            exclude_algos=["DRF", "XRT"], stopping_rounds=0,
        )  # fmt: skip
        best = training.result.candidates[0]
        scores.append(best.metrics[told])
        errors.append(standard_error(*best.evaluation["class_balance"].values()))
    spread = float(np.sqrt(np.square(errors).sum())) / SEEDS
    assert abs(np.mean(scores) - 0.5) < 2 * spread
    assert all(abs(one - 0.5) < 4 * error for one, error in zip(scores, errors, strict=True))
