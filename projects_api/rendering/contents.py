"""What stands in a report: facts become sections with texts, tables and pictures."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from projects_api.rendering import SECTIONS, summary, trainings
from projects_api.rendering.document import (
    NONE,
    Block,
    Document,
    Note,
    Section,
    duration,
    label,
    moment,
    number,
    size,
    table_of,
)

Facts = Mapping[str, Any]


def compose(facts: Facts) -> Document:
    """Compose a report from the facts that `render` describes."""
    wanted = facts.get("sections") or SECTIONS
    document = Document(
        kind=facts["kind"],
        about=label(facts["project"]["name"]),
        title=label(facts["title"]),
        created_at=datetime.fromisoformat(facts["created_at"]),
    )
    document.sections.append(Section("Summary", list(summary.blocks(facts))))
    if facts["kind"] == "project":
        document.sections += _of_project(facts, wanted)
    else:
        (experiment,) = facts["experiments"]
        document.sections += trainings.sections(
            experiment, facts["models"], wanted, subject=facts["model_id"]
        )
    return document


def _of_project(facts: Facts, wanted: Sequence[str]) -> Iterator[Section]:
    if "data" in wanted:
        yield Section(
            "Data sets", list(_datasets(facts["datasets"], facts["project"]["dataset_count"]))
        )
    if "experiments" in wanted:
        yield Section(
            "Experiments",
            list(_experiments(facts["experiments"], facts["project"]["experiment_count"])),
        )
    for experiment in facts["detailed"]:
        kept = [one for one in wanted if one not in {"data", "configuration"}]
        parts = list(trainings.sections(experiment, _models_of(facts, experiment), kept))
        if parts:
            heading = f"Experiment: {label(experiment['name'], 80)}"
            yield Section(heading, [Note(trainings.describe(experiment))])
        for part in parts:
            part.subordinate = True
            yield part
    if "deployments" in wanted and facts["deployments"]:
        yield Section("Deployments", list(_deployments(facts["deployments"])))


def _models_of(facts: Facts, experiment: Facts) -> list[Facts]:
    return [one for one in facts["models"] if one["experiment_id"] == experiment["id"]]


def _datasets(rows: Sequence[Facts], total: int) -> Iterator[Block]:
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
    issues = [
        (label(one["name"]), label(issue["column"] or "the whole table"), label(issue["message"]))
        for one in rows
        for issue in one["quality"]["issues"]
    ]
    if issues:
        yield from table_of(("Data set", "Column", "What is wanting"), issues)


def _experiments(rows: Sequence[Facts], total: int) -> Iterator[Block]:
    if not rows:
        yield Note("The project has no experiments.")
        return
    yield from table_of(
        ("Name", "State", "Predicts", "Best model", "Ran for", "Started"),
        [
            (
                label(one["name"]),
                one["status"],
                f"{label(one['target_column'])} ({one['problem_type']})",
                label(one["best_model_type"] or NONE),
                duration(one["duration"]),
                moment(one["created_at"]),
            )
            for one in rows
        ],
        total=total,
        numeric=frozenset({4}),
    )


def _deployments(rows: Sequence[Facts]) -> Iterator[Block]:
    yield from table_of(
        ("Name", "Model", "Stage", "State", "Traffic", "Since"),
        [
            (
                label(one["name"]),
                label(one["model_name"]),
                one["stage"],
                one["status"],
                f"{one['traffic_percent']} %",
                moment(one["created_at"]),
            )
            for one in rows
        ],
        numeric=frozenset({4}),
    )
