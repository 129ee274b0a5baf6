"""While a model takes its time, everybody else is served."""

from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from projects_api.predictions import PROCESS
from projects_api.processes.pool import _pools
from tests.conftest import Person
from tests.support.processes import PATIENCE, wait_until

QUESTION = {"inputs": {"amount": 700, "country": "DE"}}


def idle() -> int:
    """Count the prediction processes of this process's servers that have nothing to do."""
    return sum(len(pool._idle) for pool in _pools if PROCESS in pool._command)


@pytest.fixture
def owner(server) -> Person:
    return server.person()


@pytest.fixture
def asked(server, owner, training) -> dict[str, str]:
    """The paths that ask a model of the owner's, after each was asked once."""
    project_id = owner.create_project()
    (model_id, *_) = training.keep(server, project_id).model_ids
    body = {"model_id": model_id, "name": "A model", "stage": "production"}
    deployed = owner.post(f"/api/mlops/projects/{project_id}/deployments", json=body)
    assert deployed.status_code == 201, deployed.text
    deployment = f"/api/mlops/deployments/{deployed.json()['deployment_id']}"
    return {
        "predict": f"/api/models/{model_id}/predict",
        "predict_with_deployment": f"{deployment}/predict",
        "get_drift": f"{deployment}/drift",
    }


@pytest.mark.parametrize("operation", ["predict", "predict_with_deployment", "get_drift"])
def test_a_model_that_works_holds_up_nobody_else(server, owner, asked, operation):
    def ask() -> int:
        path = asked[operation]
        person = Person(server, owner.user_id, owner.email, owner.key)
        answer = person.get(path) if operation == "get_drift" else person.post(path, json=QUESTION)
        return answer.status_code

    assert ask() == 200
    before = idle()
    everyone = psutil.Process().children(recursive=True)
    working = [one for one in everyone if asks_models(one)]
    for one in working:
        one.suspend()
    with ThreadPoolExecutor(1) as thread:
        try:
            answer = thread.submit(ask)
            wait_until(lambda: idle() < before, "the model is asked")
            for path in (
                "/health/live",
                "/health/ready",
                "/api/projects",
                asked["predict"].removesuffix("/predict"),
            ):
                assert owner.get(path, timeout=PATIENCE).status_code == 200
            assert owner.create_project()
            assert not answer.done()
        finally:
            for one in working:
                one.resume()
        assert answer.result(PATIENCE) == 200


def asks_models(process: psutil.Process) -> bool:
    """Return whether a process asks models; one of another test's may have ended meanwhile."""
    try:
        return PROCESS in process.cmdline()
    except psutil.Error:
        return False
