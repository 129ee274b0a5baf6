"""What stands first in a report: what it is about, in a few lines."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from projects_api.rendering import trainings
from projects_api.rendering.document import Block, Note, Pairs, label, moment, number

Facts = Mapping[str, Any]


def blocks(facts: Facts) -> Iterator[Block]:
    """Return the summary of a report of any kind."""
    yield from _BY_KIND[facts["kind"]](facts)


def _of_project(facts: Facts) -> Iterator[Block]:
    project = facts["project"]
    if project["description"]:
        yield Note(label(project["description"], 2000))
    yield Pairs(
        [
            ("Data sets", number(project["dataset_count"])),
            ("Experiments", number(project["experiment_count"])),
            ("Models", number(project["model_count"])),
            ("Created", moment(project["created_at"])),
        ]
    )


def _of_experiment(facts: Facts) -> Iterator[Block]:
    (experiment,) = facts["experiments"]
    yield Note(trainings.describe(experiment))
    if experiment["message"]:
        yield Note(label(experiment["message"], 2000))
    yield Pairs([("Project", label(facts["project"]["name"])), *_data(facts), *_ran(experiment)])
    best = trainings.best_of(facts["models"])
    if best:
        yield Pairs([("Best model", label(best["name"])), *trainings.scores(best)])


def _of_model(facts: Facts) -> Iterator[Block]:
    (experiment,) = facts["experiments"]
    model = next(one for one in facts["models"] if one["id"] == facts["model_id"])
    yield from _model(facts, experiment, model)


def _of_deployment(facts: Facts) -> Iterator[Block]:
    (experiment,) = facts["experiments"]
    (deployment,) = facts["deployments"]
    yield Pairs(
        [
            ("Stage", deployment["stage"]),
            ("State", deployment["status"]),
            ("Traffic", f"{deployment['traffic_percent']} %"),
            ("Since", moment(deployment["created_at"])),
            ("Changed", moment(deployment["updated_at"])),
        ]
    )
    model = next(one for one in facts["models"] if one["id"] == facts["model_id"])
    yield from _model(facts, experiment, model)


def _model(facts: Facts, experiment: Facts, model: Facts) -> Iterator[Block]:
    best = " It is the best of its experiment." if model["is_best"] else ""
    yield Note(
        f"{label(model['name'])} predicts {trainings.target(experiment)}. It has place "
        f"{number(model['rank'])} of {number(len(facts['models']))} in the leaderboard of its "
        f"experiment, {label(experiment['name'])}.{best}"
    )
    yield Pairs(
        [
            ("Model", label(model["name"])),
            ("Family", label(model["model_type"])),
            ("Engine", label(model["engine"])),
            ("Project", label(facts["project"]["name"])),
            *_data(facts),
            ("Trained in", trainings.duration(model["training_seconds"])),
        ]
    )


def _data(facts: Facts) -> Iterator[tuple[str, str]]:
    for one in facts["datasets"]:
        shape = f"{number(one['rows'])} rows, {number(one['columns'])} columns"
        yield "Data set", f"{label(one['name'])}, version {one['version']}: {shape}"


def _ran(experiment: Facts) -> Iterator[tuple[str, str]]:
    yield "State", experiment["status"]
    yield "Engine", label(experiment["engine"])
    yield "Started", moment(experiment["started_at"] or experiment["created_at"])
    yield "Ran for", trainings.duration(experiment["duration"])


_BY_KIND: Mapping[str, Callable[[Facts], Iterator[Block]]] = {
    "project": _of_project,
    "experiment": _of_experiment,
    "model": _of_model,
    "deployment": _of_deployment,
}
