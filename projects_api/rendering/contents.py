"""What stands in a report: facts become sections with texts, tables and pictures."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from projects_api.rendering import SECTIONS, data, drift, summary, trainings
from projects_api.rendering.document import (
    NONE,
    Block,
    Document,
    Note,
    Section,
    duration,
    label,
    moment,
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
        if "deployments" in wanted and facts["kind"] == "deployment":
            document.sections.append(Section("Drift", list(drift.blocks(facts["drift"]))))
        document.sections += trainings.sections(facts, wanted)
    return document


def _of_project(facts: Facts, wanted: Sequence[str]) -> Iterator[Section]:
    if "data" in wanted:
        count = facts["project"]["dataset_count"]
        yield Section("Data sets", list(data.of_project(facts["datasets"], count)))
    if "experiments" in wanted:
        yield Section(
            "Experiments",
            list(_experiments(facts["experiments"], facts["project"]["experiment_count"])),
        )
    for experiment in facts["detailed"]:
        kept = [one for one in wanted if one not in {"data", "configuration"}]
        alone = {"experiments": [experiment], "models": _models_of(facts, experiment)}
        parts = list(trainings.sections({**facts, **alone, "model_id": None}, kept))
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
