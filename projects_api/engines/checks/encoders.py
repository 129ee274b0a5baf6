"""Encoders: that they write as many columns as they make room for.

Both write through a sparse matrix, which does not look where its columns end.
"""

from typing import Any

import numpy as np

from projects_api.engines.checks.faults import require


def check_one_hot(encoder: Any) -> None:
    """Check that there is one column for each category, and nothing that changes their number."""
    counts = [len(categories) for categories in encoder.categories_]
    require(len(counts) == encoder.n_features_in_, "an encoder has no categories for a column")
    outs = [int(width) for width in encoder._n_features_outs]  # noqa: SLF001 - what it indexes by
    require(outs == counts, "an encoder makes room for other categories than it has")
    require(encoder.drop_idx_ is None, "an encoder leaves out categories")
    require(not encoder._infrequent_enabled, "an encoder groups categories")  # noqa: SLF001


def check_target(encoder: Any) -> None:
    """Check that each category has a number."""
    labels = len(encoder.classes_) if encoder.target_type_ == "multiclass" else 1
    counts = np.repeat([len(categories) for categories in encoder.categories_], labels)
    require(len(encoder.categories_) == encoder.n_features_in_, "an encoder lacks a column")
    told = [len(numbers) for numbers in encoder.encodings_]
    require(told == counts.tolist(), "an encoder has not one number for each category")


def check_words(vectorizer: Any) -> None:
    """Check that each word has a column of its own, and a weight."""
    places = sorted(vectorizer.vocabulary_.values())
    require(places == list(range(len(places))), "a text's words have not one column each")
    weights = np.asarray(vectorizer._tfidf.idf_)  # noqa: SLF001 - what it indexes
    require(weights.shape == (len(places),), "a text's words have not one weight each")
