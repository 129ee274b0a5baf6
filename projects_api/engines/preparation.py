"""Preparation: what turns the columns of a table into the numbers that models learn from.

One `ColumnTransformer` of scikit-learn for all models of a training, fitted on the training rows,
and one for each fold of the cross validation, fitted on the rows that the fold fits on.
Missing numbers stay missing (tree models learn from that; linear models fill them in themselves);
a missing category is a category; categories that training did not see are no category at all, or
stand for the mean of the target.
"""

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, TargetEncoder

from projects_api.engines.columns import Column
from projects_api.engines.transformers import DateParts, Numbers, WordWeights

_ONE_HOT_VALUES = 30
_MAX_WIDTH = 10_000
_WORDS = 50
_PARTS = 5  # in which the means of categories are found, each by the other parts
_WORD = r"\w+"


def build(
    columns: list[Column], label_count: int, seed: int, target: np.ndarray
) -> ColumnTransformer:
    """Choose how to prepare columns of rows with that target; `label_count` is 0 for numbers."""
    positions: dict[str, list[int]] = {"number": [], "date": [], "few": [], "many": [], "text": []}
    for position, column in enumerate(columns):
        positions[_treatment(column)].append(position)
    kind = {0: "continuous", 2: "binary"}.get(label_count, "multiclass")
    # How often the most frequent label is there bounds how many parts rows can be put into.
    parts = min(_PARTS, int(np.bincount(target).max()) if label_count else len(target))
    width = len(positions["few"]) * _ONE_HOT_VALUES + len(positions["many"]) * max(label_count, 1)
    ordinal = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    means = TargetEncoder(target_type=kind, cv=max(2, parts), random_state=seed)
    steps = [
        ("number", Numbers(), positions["number"]),
        ("date", DateParts(), positions["date"]),
        ("few", ordinal if width > _MAX_WIDTH else one_hot, positions["few"]),
        ("many", ordinal if width > _MAX_WIDTH else means, positions["many"]),
    ]
    texts = [
        (f"text{position}", WordWeights(max_features=_WORDS, token_pattern=_WORD), position)
        for position in positions["text"]
    ]
    return ColumnTransformer([*(step for step in steps if step[2]), *texts], sparse_threshold=0)


def _treatment(column: Column) -> str:
    if column.kind == "boolean":
        return "number"
    if column.kind != "category":
        return column.kind
    return "few" if len(set(column.cells)) <= _ONE_HOT_VALUES else "many"


def sources(prepared: ColumnTransformer) -> np.ndarray:
    """Tell for each prepared column from which column of the table it was made, by position."""
    made: list[int] = []
    for name, transformer, positions in prepared.transformers_:
        if name == "remainder":
            continue
        where = prepared.output_indices_[name]
        width = where.stop - where.start
        if isinstance(transformer, OneHotEncoder):
            counts = [len(categories) for categories in transformer.categories_]
            made += np.repeat(positions, counts).tolist()
        else:
            each = np.atleast_1d(positions)
            made += np.repeat(each, width // len(each)).tolist()
    return np.array(made)
