"""What is gathered for a report, on both databases."""

import pytest
from sqlalchemy import delete, insert

from projects_api.jobs import report_facts
from projects_api.models import (
    blob,
    dataset,
    dataset_version,
    experiment,
    project,
    report,
    trained_model,
    user,
)
from projects_api.models.base import new_id, now
from projects_api.models.deployment import deployments
from tests.rendering import facts as made

SHA256 = "0" * 64


@pytest.fixture
def ids(connection):
    """A project with a data set of two versions, a training with two models, and a deployment."""
    owner_id = user.create(connection, email="alice@example.com", name="Alice Chen")
    project_id = project.create(connection, owner_id, name="Churn", description="")["id"]
    blob.put(connection, sha256=SHA256, size_bytes=1, crc32=0)
    version = {"sha256": SHA256, "media_type": "text/csv", "format": "csv", "dialect": {}}
    version |= {
        "rows": 9,
        "columns": 2,
        "reading": {},
        "quality": {"overall_score": 100, "issues": []},
    }
    table = dataset.create(connection, project_id, name="t.csv", description="", **version)
    kept = ("name", "status", "target_column", "problem_type", "config", "signature", "reference")
    facts = {name: value for name, value in made.experiment("regression").items() if name in kept}
    experiment_id = experiment.create(
        connection, project_id, dataset_version_id=table["dataset_version_id"], **facts
    )
    left_out = ("id", "experiment_id")
    models = [
        trained_model.create(
            connection,
            project_id,
            experiment_id,
            sha256=SHA256,
            media_type="application/vnd.skops",
            **{name: value for name, value in one.items() if name not in left_out},
        )
        for one in reversed(made.models("regression"))
    ]
    deployment = {"id": new_id(), "project_id": project_id, "model_id": models[0], "name": "live"}
    deployment |= {"stage": "staging", "status": "active", "traffic_percent": 100}
    moments = {"created_at": now(), "updated_at": now()}
    connection.execute(insert(deployments).values(**deployment, **moments))
    second_best, best = models
    return {
        "project": project_id,
        "experiment": experiment_id,
        "model": second_best,
        "deployment": deployment["id"],
        "best": best,
    }


def gather(connection, ids, kind, **options):
    about = {"kind": kind, "entity_id": ids[kind], "name": "A report", "options": options}
    return report_facts.gather(connection, report.create(connection, ids["project"], **about))


def shown_closely(facts) -> list[str]:
    return [one["id"] for one in facts["models"] if one["evaluation"]]


def test_of_a_project(connection, ids):
    facts = gather(connection, ids, "project", sections=["data"])
    assert (facts["title"], facts["sections"]) == ("A report", ["data"])
    assert facts["project"]["name"] == "Churn"
    assert [one["name"] for one in facts["datasets"]] == ["t.csv"]
    assert [one["reference"]["rows"] for one in facts["detailed"]] == [900]
    assert [one["id"] for one in facts["experiments"]] == [ids["experiment"]]
    assert [one["rank"] for one in facts["models"]] == [1, 2]
    assert shown_closely(facts) == [ids["best"]]
    assert [one["model_name"] for one in facts["deployments"]] == [
        made.models("regression")[1]["name"]
    ]


@pytest.mark.parametrize(
    ("kind", "model", "closely"),
    [("experiment", None, "best"), ("model", "model", "model"), ("deployment", "model", "model")],
)
def test_of_a_training(connection, ids, kind, model, closely):
    facts = gather(connection, ids, kind)
    (training,) = facts["experiments"]
    assert training["signature"] == made.experiment("regression")["signature"]
    assert facts["model_id"] == (model and ids[model])
    assert len(facts["models"]) == 2
    assert shown_closely(facts) == [ids[closely]]
    assert [one["version"] for one in facts["datasets"]] == [1]
    assert len(facts["deployments"]) == (kind == "deployment")


@pytest.mark.parametrize("kind", ["experiment", "model", "deployment"])
def test_of_what_is_gone(connection, ids, kind):
    table = experiment.experiments
    connection.execute(delete(table).where(table.c.id == ids["experiment"]))
    assert gather(connection, ids, kind) is None


def test_a_data_set_that_is_gone_leaves_the_rest(connection, ids):
    connection.execute(delete(dataset_version.dataset_versions))
    assert gather(connection, ids, "experiment")["datasets"] == []
