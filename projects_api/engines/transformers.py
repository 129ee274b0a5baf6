"""Preparation that scikit-learn has no class for. Stored in model files by these names."""

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_extraction.text import TfidfVectorizer

_DAY = 86_400.0


class Numbers(TransformerMixin, BaseEstimator):
    """Takes numbers as they are; missing ones stay NaN, for models that know what to do."""

    def fit(self, values: Any, target: Any = None) -> Self:
        """Learn how many columns there are."""
        del target
        self.n_features_in_ = values.shape[1]
        return self

    def transform(self, values: Any) -> np.ndarray:
        """Return the numbers as one array."""
        return np.asarray(values, dtype=np.float64)


class DateParts(TransformerMixin, BaseEstimator):
    """Turns seconds since 1970 into days since then, month, day of month, weekday and hour."""

    PARTS = 5

    def fit(self, values: Any, target: Any = None) -> Self:
        """Learn how many columns there are."""
        del target
        self.n_features_in_ = values.shape[1]
        return self

    def transform(self, values: Any) -> np.ndarray:
        """Return the parts of each date beside each other; a missing date has NaN for all."""
        seconds = np.asarray(values, dtype=np.float64)
        missing = np.isnan(seconds)
        whole = np.floor(np.where(missing, 0, seconds)).astype("int64").astype("datetime64[s]")
        days = whole.astype("datetime64[D]")
        months = whole.astype("datetime64[M]")
        parts = [
            seconds / _DAY,
            months.astype("int64") % 12 + 1,
            (days - months.astype("datetime64[D]")).astype("int64") + 1,
            (days.astype("int64") + 3) % 7,
            (whole - days.astype("datetime64[s]")).astype("int64") // 3600,
        ]
        stacked = np.stack([np.where(missing, np.nan, part) for part in parts], axis=2)
        return stacked.reshape(len(seconds), -1)


class WordWeights(TfidfVectorizer):
    """TF-IDF of the words of a text.

    A stored `TfidfVectorizer` can be set to take its texts for names of files and read those; here
    a text is always a text.
    """

    def decode(self, doc: str) -> str:
        """Return the text."""
        return doc
