"""What is told about a training's data: the models' signature, and the reference for drift."""

from collections import Counter
from datetime import UTC, datetime
from math import isnan
from typing import Any

import numpy as np

from projects_api.engines.columns import Column
from projects_api.engines.decision import BINARY
from projects_api.engines.inputs import bucket
from projects_api.engines.interface import Task
from projects_api.engines.moments import TIME
from projects_api.engines.monitoring import heaps
from projects_api.engines.table import Table

_CATEGORIES = 100
_CATEGORY_LENGTH = 200
_SAMPLE = 500
_VALUES = 50
_ALL = 100_000  # Bounds the sums over all columns, so that wide tables stay small documents.


def signature(table: Table, task: Task) -> dict[str, Any]:
    """Return what the models of a training take and give."""
    at_most = max(5, min(_CATEGORIES, _ALL // len(table.columns)))
    return {
        "target": task.target,
        "problem_type": task.problem_type,
        "labels": table.labels,
        **_positive(table),
        "missing": list(task.missing),
        "inputs": [
            {
                "name": column.name,
                "kind": column.kind,
                "categories": _categories(column, at_most) if column.kind == "category" else None,
            }
            | ({"format": column.format} if column.format else {})
            | ({"of": column.of} if column.of else {})
            for column in table.columns
        ],
    }


def _positive(table: Table) -> dict[str, Any]:
    if table.labels is None or len(table.labels) != BINARY:
        return {}
    return {"positive_label": table.labels[table.positive]}


def _categories(column: Column, at_most: int) -> list[str]:
    """List the most frequent categories, in alphabetical order."""
    counts = Counter(column.cells.tolist())
    frequent = sorted(counts, key=lambda value: (-counts[value], value))
    return sorted(value for value in frequent if 0 < len(value) <= _CATEGORY_LENGTH)[:at_most]


def reference(table: Table, seed: int) -> dict[str, Any]:
    """Return how the training rows are spread, for drift to be measured against.

    Numbers have `heaps` and a sorted sample, all else the counts of what `inputs.bucket` names.
    """
    random = np.random.default_rng(seed)
    size = max(20, min(_SAMPLE, _ALL // len(table.columns)))
    at_most = max(5, min(_VALUES, _ALL // len(table.columns)))
    return {
        "rows": len(table.training),
        "inputs": {
            column.name: _spread_of_numbers(column.cells[table.training], size, random)
            if column.kind == "number"
            else _spread_of_others(column, table.training, at_most)
            for column in table.columns
        },
    }


def _spread_of_numbers(
    values: np.ndarray, size: int, random: np.random.Generator
) -> dict[str, Any]:
    present = values[~np.isnan(values)]
    distinct, counts = np.unique(present, return_counts=True)
    return {
        "kind": "number",
        "heaps": [list(heap) for heap in heaps.build(distinct.tolist(), counts.tolist())],
        "sample": np.sort(random.permutation(present)[:size]).tolist(),
        "missing": len(values) - present.size,
    }


def _spread_of_others(column: Column, rows: np.ndarray, at_most: int) -> dict[str, Any]:
    values = column.cells[rows].tolist()
    if column.kind == "date":
        moments = [datetime.fromtimestamp(value, UTC) for value in values if not isnan(value)]
        present = [(one.time() if column.format == TIME else one).isoformat() for one in moments]
    elif column.kind == "boolean":
        present = [value for value in values if not isnan(value)]
    else:
        present = [value for value in values if value]
    counts = Counter(bucket(column.kind, value) for value in present)
    frequent = sorted(counts, key=lambda value: (-counts[value], value))[:at_most]
    return {
        "kind": column.kind,
        "counts": {value: counts[value] for value in frequent},
        "other": len(present) - sum(counts[value] for value in frequent),
        "missing": len(values) - len(present),
    }
