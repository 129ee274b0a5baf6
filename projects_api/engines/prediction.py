"""Predictions of a stored model. Loads machine learning libraries: use it in a child process."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from projects_api.engines import model_files
from projects_api.engines.columns import frame_of_rows
from projects_api.engines.decision import Decision
from projects_api.engines.flaml.explanation import contributions
from projects_api.engines.labels import label_text
from projects_api.engines.model_files import ModelRefused
from projects_api.engines.preparation import sources

__all__ = ["ModelRefused", "NotExplained", "Predictor", "load"]

TOLERANCE = 1e-3
"""How far probabilities that are computed in single precision may be from adding up to one."""


class NotExplained(Exception):
    """The model has no SHAP values."""


def load(path: Path, signature: Mapping[str, Any]) -> "Predictor":
    """Load a model, without running anything that its file brings along.

    Raises `ModelRefused` for a file that is no model of ours, or none with that signature.
    """
    pipeline = model_files.load(path)
    try:
        return Predictor(pipeline, signature)
    except (AttributeError, KeyError, TypeError, ValueError) as reason:
        raise ModelRefused(f"the model does not work: {reason}") from reason


class Predictor:
    """A model that answers for rows, as `inputs.check_rows` gives them."""

    def __init__(self, pipeline: Pipeline, signature: Mapping[str, Any]) -> None:
        self._pipeline = pipeline
        self._inputs = signature["inputs"]
        self._labels: list[Any] | None = signature["labels"]
        known = pipeline.steps[0][1].n_features_in_
        if known != len(self._inputs):
            raise ModelRefused(f"the model takes {known} inputs, not {len(self._inputs)}")
        labels = len(getattr(pipeline.steps[-1][1], "classes_", ()))
        if labels != len(self._labels or ()):
            raise ModelRefused(f"the model tells {labels} labels apart, not those")
        names = [label_text(label) for label in self._labels or ()]
        if len(set(names)) < len(names):
            raise ModelRefused("two of its labels are written alike")
        self.names = names
        positive = signature.get("positive_label")
        if positive is not None and label_text(positive) not in names:
            raise ModelRefused("its positive label is none of its labels")
        self._plain = Decision(1 if positive is None else names.index(label_text(positive)))

    def predict(
        self,
        rows: Sequence[Mapping[str, Any]],
        threshold: float | None = None,
        *,
        explain: bool = False,
    ) -> list[dict[str, Any]]:
        """Answer for each row with `prediction` and `probabilities`, and, if wanted, `explanation`.

        Of two labels the positive one is chosen from `threshold` on, of more the likeliest. A
        prediction has the type of the target: a label, or a float. The probabilities are by
        label, written as text; None for regression.

        Raises `ModelRefused` where the model says what is no number, or no probability, and
        `NotExplained`.
        """
        if not rows:
            return []
        frame = frame_of_rows(self._inputs, rows)
        answers = self.ask(frame)
        told = self._told(answers, threshold)
        if explain:
            for one, explanation in zip(
                told, self._explain(frame, answers, threshold), strict=True
            ):
                one["explanation"] = explanation
        return told

    def _told(self, answers: np.ndarray, threshold: float | None) -> list[dict[str, Any]]:
        chosen = self.choose(answers, threshold)
        if self._labels is None:
            return [{"prediction": number, "probabilities": None} for number in chosen]
        return [
            {"prediction": label, "probabilities": dict(zip(self.names, row, strict=True))}
            for label, row in zip(chosen, answers.tolist(), strict=True)
        ]

    def _explain(
        self, frame: pd.DataFrame, answers: np.ndarray, threshold: float | None
    ) -> list[dict[str, float]]:
        """Give for each row what each input adds to the number, or to the chosen label's odds."""
        preparation, model = (step for _, step in self._pipeline.steps)
        values = preparation.transform(frame)
        told = contributions(model, values, sources(preparation), len(self._inputs))
        if told is None:
            raise NotExplained
        if self._labels is None:
            of_chosen = told[:, 0]
        else:
            places = self._places(answers, threshold)
            # Of two labels, what speaks for the second speaks as much against the first.
            of_chosen = (
                told[:, 0] * (2 * places - 1)[:, np.newaxis]
                if told.shape[1] == 1
                else told[np.arange(len(places)), places]
            )
        names = [one["name"] for one in self._inputs]
        return [dict(zip(names, row, strict=True)) for row in of_chosen.tolist()]

    def ask(self, frame: pd.DataFrame) -> np.ndarray:
        """Return a number for each row, or a probability for each row and label.

        The frame is one of `columns` or `model_file.frames`. Raises `ModelRefused` as `predict`
        does.
        """
        if self._labels is None:
            numbers = np.asarray(self._pipeline.predict(frame), dtype=np.float64)
            if not np.isfinite(numbers).all():
                raise ModelRefused("what it says is not always a number")
            return numbers
        table = np.asarray(self._pipeline.predict_proba(frame), dtype=np.float64)
        _check_probabilities(table)
        return table

    def choose(self, answers: np.ndarray, threshold: float | None = None) -> list[Any]:
        """Make of what `ask` returns the predictions: labels, or floats."""
        if self._labels is None:
            numbers: list[Any] = answers.tolist()
            return numbers
        return [self._labels[place] for place in self._places(answers, threshold).tolist()]

    def _places(self, answers: np.ndarray, threshold: float | None) -> np.ndarray:
        decision = (
            replace(self._plain, threshold=threshold) if threshold is not None else self._plain
        )
        return decision.choose(answers)


def _check_probabilities(table: np.ndarray) -> None:
    """Raise `ModelRefused` unless each row's numbers are probabilities that add up to one.

    Training gives no others; a file that was changed may.
    """
    is_probability = (table >= -TOLERANCE) & (table <= 1 + TOLERANCE)
    if not is_probability.all() or (np.abs(table.sum(axis=1) - 1) > TOLERANCE).any():
        raise ModelRefused("what it says of the labels are no probabilities")
