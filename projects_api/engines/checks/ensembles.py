"""Ensembles: that their weights are those of a mean, and that their models answer alike."""

from typing import Any

import numpy as np

from projects_api.engines.checks.faults import require

_TOLERANCE = 1e-9


def check_weights(ensemble: Any) -> None:
    """Check that each model has its weight, and that all tell the same labels apart."""
    models, weights = ensemble.models, np.asarray(ensemble.weights)
    require(isinstance(models, list) and models, "an ensemble has no models")
    require(
        weights.shape == (len(models),) and weights.dtype == np.float64,
        "an ensemble has not one weight for each model",
    )
    is_mean = bool((weights >= 0).all()) and abs(weights.sum() - 1) < _TOLERANCE
    require(is_mean, "an ensemble weighs its models by what is no share")
    labels = [np.asarray(getattr(model, "classes_", ())).tolist() for model in models]
    require(all(one == labels[0] for one in labels), "the models of an ensemble tell other labels")
