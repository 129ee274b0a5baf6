"""What stands in the README runs as it stands."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import select

from projects_api.models.job import jobs
from tests.support.processes import wait_until

README = Path(__file__).parents[2] / "README.md"


def snippets(language: str, mark: str) -> list[str]:
    found = re.findall(rf"^```{language}\n(.*?)^```", README.read_text(), re.DOTALL | re.MULTILINE)
    return [text for text in found if mark in text]


@pytest.fixture
def environment(server) -> dict[str, str]:
    return {**os.environ, "BASE_URL": server.url, "API_KEY": server.person().key}


def run(command: list[str], folder: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_session_with_curl(tmp_path, environment):
    script, back, _ = snippets("sh", "curl")
    printed = run(["bash", "-euo", "pipefail", "-c", script + back], tmp_path, environment)
    assert '"name":"Churn Prediction"' in printed
    assert '"overall_score":100.0' in printed
    assert '"rows":3,"columns":3' in printed
    assert "manifest.json" in printed
    assert '"kind":"import_project","status":"queued"' in printed


def test_the_session_with_requests(tmp_path, environment):
    (tmp_path / "cities.csv").write_text("city,population\nParis,2102650\nOslo,717710\n")
    (script,) = snippets("python", "cities.csv")
    printed = run([sys.executable, "-c", script], tmp_path, environment).splitlines()
    assert printed[0] == "201 {'overall_score': 100.0, 'issues': []}"
    assert printed[1].startswith("404 Nobody with this e-mail address is registered")
    assert printed[2].endswith("dataset cities.csv 2 rows")
    assert (tmp_path / "export.zip").stat().st_size > 0


def test_the_training(server, tmp_path):
    (script,) = snippets("sh", "/api/experiments")
    before = snippets("sh", "curl")[0]
    printed = with_its_job(server, ["bash", "-euo", "pipefail", "-c", before + script], tmp_path)
    assert '"status":"succeeded","progress":100.0,"stage":null' in printed
    assert '"logs":["learning from 400 rows with 3 columns' in printed
    assert "4 models; the best by auc is" in printed
    assert '"permutation_importance":[{"feature":"' in printed
    assert '{"predictions":[{"prediction":"left","probabilities":{"left":0.' in printed


def test_the_report(server, tmp_path):
    (tmp_path / "cities.csv").write_text("city,population\nParis,2102650\nOslo,717710\n")
    (before,), (script,) = snippets("python", "cities.csv"), snippets("python", "/api/reports")
    printed = with_its_job(server, [sys.executable, "-c", before + script], tmp_path)
    expected = ["succeeded None", "text/html b'<!doc'", "application/pdf b'%PDF-'"]
    assert printed.splitlines()[3:] == expected
    assert {path.name for path in tmp_path.iterdir()} > {"report.html", "report.pdf"}


def with_its_job(server, command: list[str], folder: Path) -> str:
    """Run what asks for a job and waits for it, and do the job; give what was printed."""
    person = server.person(scopes=("read", "write", "predict"))
    asked_for = select(jobs.c.id).where(jobs.c.user_id == person.user_id)

    def find_job() -> str | None:
        with server.services.database.transaction(writing=False) as connection:
            return connection.scalar(asked_for)

    with subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, "BASE_URL": server.url, "API_KEY": person.key},
        stdout=subprocess.PIPE,
        text=True,
    ) as session:
        wait_until(find_job, "a job is asked for")
        server.run_job(find_job())
        printed, _ = session.communicate(timeout=60)
    assert session.returncode == 0, printed
    return printed


def test_the_session_with_a_model(server, tmp_path, environment, training):
    person = server.person()
    project_id = person.create_project()
    training.keep(server, project_id)
    (script,) = snippets("python", "/predict")
    environment |= {"API_KEY": person.key, "PROJECT_ID": project_id}
    model, predictions, deployed, amount, country, refusal = run(
        [sys.executable, "-c", script], tmp_path, environment
    ).splitlines()
    assert model == "DRF 1.0"
    assert "'prediction': 'no'" in predictions
    assert "'prediction': 'yes'" in predictions
    assert predictions.endswith("ignored: ['merchant']")
    assert deployed == "production active"
    assert (amount.split()[0], amount.split()[2]) == ("amount", "drift")
    assert (country.split()[0], country.split()[2]) == ("country", "drift")
    assert refusal.startswith("The deployment is not in production")


def test_the_settings_are_all_described(server):
    text = README.read_text()
    for name in type(server.settings).model_fields:
        assert f"PROJECTS_API_{name.upper()}`" in text, name
