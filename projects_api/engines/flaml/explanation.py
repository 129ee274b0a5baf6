"""Explanation: which columns a model goes by, measured on rows that it has not seen."""

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.linear_model import ElasticNet, LogisticRegression
from sklearn.pipeline import Pipeline
from xgboost import DMatrix

from projects_api.engines.calibration import Calibrated
from projects_api.engines.ensemble import Weighted, mean
from projects_api.engines.training_data import TrainingData

_FEATURES = 100
_ROWS = 500
_SHAP_ROWS = 200
_REPEATS = 3


def explain(
    model: Any,
    prepared: TrainingData,
    ask: Callable[[np.ndarray], np.ndarray],
    measure: Callable[[np.ndarray, np.ndarray], float],
    seed: int,
) -> dict[str, Any]:
    """Explain a model by permutation importance and, where its kind allows, by SHAP values.

    `ask` gives predictions for prepared values, `measure` the loss of predictions for held-out rows
    by their numbers. An importance is how much the loss grows when a column is shuffled, the mean
    of three times; of more than 100 columns those are tried that the model itself weighs most.
    """
    values, made_of, names = prepared.held_out, prepared.made_of, prepared.names
    model = _inside(model)
    random = np.random.default_rng(seed)
    rows = np.sort(random.permutation(len(values))[:_ROWS])
    shap = _shap(model, values[rows[:_SHAP_ROWS]], made_of, len(names))
    weights = _native_weights(model, made_of, len(names)) if shap is None else shap
    tried = np.argsort(-weights, kind="stable")[:_FEATURES]
    orders = [random.permutation(len(rows)) for _ in range(_REPEATS)]

    def losses(shuffled: np.ndarray) -> np.ndarray:
        answers = np.split(ask(shuffled), len(shuffled) // len(rows))
        return np.array([measure(answer, rows) for answer in answers])

    importances = _permute(values[rows], made_of, tried, orders, losses)
    ranked = sorted(zip(tried, importances, strict=True), key=lambda item: -item[1].mean())
    return {
        "permutation_importance": [
            {
                "feature": names[column],
                "importance": float(changes.mean()),
                "deviation": float(changes.std()),
            }
            for column, changes in ranked
        ],
        "shap": None
        if shap is None
        else [{"feature": names[column], "mean_absolute": float(shap[column])} for column in tried],
    }


def _permute(
    values: np.ndarray,
    made_of: np.ndarray,
    tried: np.ndarray,
    orders: list[np.ndarray],
    losses: Callable[[np.ndarray], np.ndarray],
) -> list[np.ndarray]:
    """Shuffle each column in all orders; all of them are asked at once."""
    usual = losses(values)[0]
    order = np.concatenate(orders)
    shuffled = np.tile(values, (len(orders), 1))
    importances = []
    for column in tried:
        places = np.flatnonzero(made_of == column)
        kept = shuffled[:, places].copy()
        shuffled[:, places] = values[np.ix_(order, places)]
        importances.append(np.nan_to_num(losses(shuffled) - usual, posinf=0, neginf=0))
        shuffled[:, places] = kept
    return importances


def _native_weights(model: Any, made_of: np.ndarray, count: int) -> np.ndarray:
    if isinstance(model, Weighted):
        total = np.zeros(count)
        for one, weight in zip(model.models, model.weights, strict=True):
            weighed = _native_weights(_inside(one), made_of, count)
            total += weight * weighed / (weighed.sum() or 1)
        return total
    weights = getattr(model, "feature_importances_", np.zeros(len(made_of)))
    return np.bincount(made_of, weights=weights, minlength=count)


def _inside(model: Any) -> Any:
    return model.model if isinstance(model, Calibrated) else model


def _shap(model: Any, values: np.ndarray, made_of: np.ndarray, count: int) -> np.ndarray | None:
    """Mean absolute SHAP value of each column, over rows and labels; None where there are none."""
    by_column = contributions(model, values, made_of, count)
    return None if by_column is None else np.abs(by_column).mean(axis=(0, 1))


def contributions(
    model: Any, values: np.ndarray, made_of: np.ndarray, count: int
) -> np.ndarray | None:
    """SHAP values by row, label and column of the table; None where the model has none.

    Of two labels there are those of the second one alone.
    """
    told = _contributions(_inside(model), values)
    if told is None:
        return None
    order = np.argsort(made_of, kind="stable")
    columns, starts = np.unique(made_of[order], return_index=True)
    by_column = np.zeros((*told.shape[:2], count))
    by_column[:, :, columns] = np.add.reduceat(told[:, :, order], starts, axis=2)
    return by_column


def _contributions(model: Any, values: np.ndarray) -> np.ndarray | None:
    """SHAP values by row, label and prepared column; of an ensemble the weighted mean."""
    if isinstance(model, Weighted):
        of_models = [_contributions(_inside(one), values) for one in model.models]
        known = [one for one in of_models if one is not None]
        return mean(known, model.weights) if len(known) == len(of_models) else None
    if isinstance(model, Pipeline):
        return _linear_contributions(model, values)
    kind = type(model).__module__.partition(".")[0]
    if kind == "lightgbm":
        flat = model.booster_.predict(values, pred_contrib=True, num_threads=1)
        return np.asarray(flat).reshape(len(values), -1, values.shape[1] + 1)[:, :, :-1]
    if kind == "xgboost":
        told = model.get_booster().predict(DMatrix(values), pred_contribs=True)
        told = np.asarray(told, dtype=np.float64)
        return told.reshape(len(values), -1, values.shape[1] + 1)[:, :, :-1]
    return None


def _linear_contributions(model: Pipeline, values: np.ndarray) -> np.ndarray | None:
    """Coefficient by distance from the mean: exact for linear models of scaled values."""
    imputer, scaler, linear = (step for _, step in model.steps)
    if not isinstance(linear, LogisticRegression | ElasticNet):
        return None
    scaled = scaler.transform(imputer.transform(values))
    told: np.ndarray = np.atleast_2d(linear.coef_)[np.newaxis] * scaled[:, np.newaxis]
    width = values.shape[1]
    if imputer.indicator_ is not None and told.shape[-1] > width:
        for place, column in enumerate(imputer.indicator_.features_):
            told[:, :, column] += told[:, :, width + place]
    return told[:, :, :width]
