"""What a report finds out for itself: where tables have gaps, and how far deployments drifted."""

import random
import re

import pytest
from sqlalchemy import select

from projects_api.models import deployment_input, experiment
from projects_api.models.dataset_version import dataset_versions
from projects_api.rendering.document import number
from tests.rendering.test_rendering import Reader

GAPPY = b"a,b,c\n1,x,\n,y,\n3,x,\n,x,4\n"
WHOLE = b"a,b\n1,x\n2,y\n3,x\n"


@pytest.fixture
def owner(server):
    return server.person("Alice Chen")


@pytest.fixture
def project_id(owner):
    return owner.create_project("Churn")


@pytest.fixture
def rendered(server, owner, project_id):
    """Have a report of the wanted sections rendered; give its text with what pictures say."""

    def rendered(kind: str, entity_id: str, *sections: str) -> tuple[str, str]:
        options = {"options": {"sections": sections}, "entity_id": entity_id}
        body = {"project_id": project_id, "kind": kind, **options}
        made = owner.post("/api/reports", json=body).json()
        assert server.run_job(made["job_id"])["status"] == "succeeded"
        path = f"/api/reports/{made['report_id']}/download"
        page = owner.get(path).content.decode()
        printed = owner.get(path, params={"format": "pdf"}).content
        assert printed.startswith(b"%PDF-")
        return Reader(page).text, " ".join(re.findall(r'role="img" aria-label="([^"]*)"', page))

    return rendered


def test_the_newest_versions_of_data_sets_show_their_gaps(server, owner, project_id, rendered):
    whole = owner.upload(project_id, WHOLE, name="whole.csv").json()["dataset_version_id"]
    uploaded = owner.upload(project_id, WHOLE, name="gappy.csv").json()
    assert owner.upload_version(uploaded["id"], GAPPY).status_code == 201
    text, pictures = rendered("project", project_id, "data")
    assert pictures == (
        "Empty cells in gappy.csv, version 2: 2 of 3 columns have some. c: 75.0% (3); a: 50.0% (2)."
    )
    assert "values are missing" not in text
    with server.services.database.transaction(writing=False) as connection:
        looked_at = select(dataset_versions.c.dataset_id, dataset_versions.c.version)
        found = connection.execute(looked_at.where(dataset_versions.c.profile.is_not(None)))
        assert (uploaded["id"], 2) in [tuple(row) for row in found]
        at_whole = select(dataset_versions.c.profile).where(dataset_versions.c.id == whole)
        assert connection.scalar(at_whole) is None


def test_a_training_that_left_nothing_shows_its_table(server, owner, project_id, rendered):
    version_id = owner.upload(project_id, GAPPY, name="gappy.csv").json()["dataset_version_id"]
    about = {"dataset_version_id": version_id, "name": "Run", "status": "failed"}
    target = {"target_column": "b", "problem_type": "classification"}
    with server.services.database.transaction() as connection:
        experiment_id = experiment.create(connection, project_id, **about, **target)
    _, pictures = rendered("experiment", experiment_id, "data")
    assert pictures == (
        "How many rows each class has. x: 3 (75.0%); y: 1 (25.0%). "
        "Empty cells in gappy.csv, version 1: 2 of 3 columns have some. "
        "c: 75.0% (3); a: 50.0% (2)."
    )


def test_a_deployment_tells_its_drift_as_the_api_does(
    server, owner, project_id, rendered, training
):
    model_id = training.keep(server, project_id).model_ids[0]
    body = {"model_id": model_id, "name": "Fraud check", "stage": "staging"}
    deployments = f"/api/mlops/projects/{project_id}/deployments"
    deployment_id = owner.post(deployments, json=body).json()["deployment_id"]
    chance = random.Random(2)
    rows = [{"amount": chance.uniform(700, 1500), "country": "ES"} for _ in range(600)]
    with server.services.database.transaction() as connection:
        assert deployment_input.keep(connection, deployment_id, rows)
    drift = owner.get(f"/api/mlops/deployments/{deployment_id}/drift").json()["drift"]
    text, pictures = rendered("deployment", deployment_id, "deployments")
    amount, country = drift["features"]
    assert "The newest 600 rows" in text
    assert "Of 2 columns: 2 drifted. Verdict: drift." in text
    for one in (amount, country):
        assert f"{one['name']} {one['kind']} {number(one['psi'])}" in text
    assert f"{number(amount['ks_statistic'], 3)} < 0.001 0.0% 0.0% drift" in text
    assert "moderate from 0.1 and drift above 0.25" in pictures
    # What moved more comes first.
    assert "spread over country and amount" in pictures
    assert "all others: 0.0%, now 100.0%" in pictures
    assert re.search(r"above all: 0\.0%, now 6\d\.\d%", pictures)
