"""What is told about data: of a project's data sets, and of what a training learnt from."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from projects_api.rendering import figures
from projects_api.rendering.document import NONE, Block, Note, label, number, size, table_of

MAX_ISSUES = 20
"""The issues of one data set that are listed."""
_GAPS = {"missing_values", "empty_column"}
Facts = Mapping[str, Any]


def of_project(rows: Sequence[Facts], total: int) -> Iterator[Block]:
    """Return the data sets of a project, what is wanting in them, and where cells are empty."""
    if not rows:
        yield Note("The project has no data sets.")
        return
    yield from table_of(
        ("Name", "Version", "Rows", "Columns", "Size", "Quality"),
        [
            (
                label(one["name"]),
                number(one["version"]),
                number(one["rows"]),
                number(one["columns"]),
                size(one["size_bytes"]),
                f"{one['quality']['overall_score']:.1f}",
            )
            for one in rows
        ],
        total=total,
        numeric=frozenset({1, 2, 3, 4, 5}),
    )
    yield Note("Quality is from 0, unusable, to 100, nothing wanting.")
    for one in rows:
        yield from _gaps(one)
    issues = [found for one in rows for found in _issues(one)]
    if issues:
        yield from table_of(("Data set", "Column", "What is wanting"), issues)


def of_training(experiment: Facts, datasets: Sequence[Facts]) -> Iterator[Block]:
    """Return what a training learnt from; where it left nothing, what its table holds."""
    reference, signature = experiment["reference"] or {}, experiment["signature"] or {}
    if not reference.get("rows"):
        for one in datasets:
            yield from _table(experiment, one)
        return
    inputs = signature.get("inputs") or ()
    yield Note(
        f"The models learnt from {number(reference['rows'])} rows with {number(len(inputs))} input "
        "columns; other rows were held out, and the models were tested on those."
    )
    missing = {name: one["missing"] for name, one in reference["inputs"].items()}
    if any(missing.values()):
        yield figures.missing_values(missing, reference["rows"], "the training data")
    else:
        yield Note("No input column has empty cells.")


def _issues(dataset: Facts) -> Iterator[tuple[str, str, str]]:
    """List what is wanting in a data set, but for what a picture shows."""
    name = label(dataset["name"])
    pictured = _GAPS if dataset.get("profile") else ()
    issues = [one for one in dataset["quality"]["issues"] if one["kind"] not in pictured]
    for one in issues[:MAX_ISSUES]:
        yield name, label(one["column"] or "the whole table"), label(one["message"])
    if len(issues) > MAX_ISSUES:
        yield name, NONE, f"{number(len(issues) - MAX_ISSUES)} more are not listed."


def _table(experiment: Facts, dataset: Facts) -> Iterator[Block]:
    target = next(
        (
            one
            for one in dataset.get("profile") or ()
            if one["name"] == experiment["target_column"]
            and experiment["problem_type"] == "classification"
            and one["top_values"]
        ),
        None,
    )
    if target:
        counts = {one["value"]: one["count"] for one in target["top_values"]}
        others = dataset["rows"] - target["missing_count"] - sum(counts.values())
        left_out = target["distinct_count"] - len(counts)
        yield figures.class_balance(counts, "rows", others=others, left_out=left_out)
    yield from _gaps(dataset)


def _gaps(dataset: Facts) -> Iterator[Block]:
    missing = {one["name"]: one["missing_count"] for one in dataset.get("profile") or ()}
    if any(missing.values()):
        name = f"{label(dataset['name'], 80)}, version {dataset['version']}"
        yield figures.missing_values(missing, dataset["rows"], name)
