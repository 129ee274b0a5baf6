"""The operations of the tag `deployments`, one class each."""

import csv
import io
import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from projects_api.models import deployment_input
from tests.training import change_engine

UNKNOWN = "0195d3a0-0000-7000-8000-000000000000"
FIELDS = {
    *("id", "project_id", "model_id", "name", "stage", "status", "traffic_percent"),
    *("replaced_id", "threshold", "created_at", "updated_at"),
}
LARGE = {"amount": 980, "country": "FR"}


def path(deployment_id: str, of: str = "") -> str:
    return f"/api/mlops/deployments/{deployment_id}{of}"


def all_of(project_id: str) -> str:
    return f"/api/mlops/projects/{project_id}/deployments"


@pytest.fixture
def kept(server, project_id, training):
    return training.keep(server, project_id)


@pytest.fixture
def deploy(owner, project_id, kept):
    def deploy(stage: str = "production", rank: int = 1, **more) -> str:
        body = {"model_id": kept.model_ids[rank - 1], "name": "A model", "stage": stage, **more}
        answer = owner.post(all_of(project_id), json=body)
        assert answer.status_code == 201, answer.text
        return answer.json()["deployment_id"]

    return deploy


@pytest.fixture
def see(owner):
    """Tell stage and status of a deployment, and what it replaced."""

    def see(deployment_id: str) -> tuple[str, str, str | None]:
        found = owner.get(path(deployment_id)).json()["deployment"]
        return found["stage"], found["status"], found["replaced_id"]

    return see


class TestListDeployments:
    def test_lists_newest_first(self, owner, project_id, deploy):
        ids = [deploy("staging") for _ in range(3)]
        listed = owner.get(all_of(project_id)).json()
        assert [item["id"] for item in listed["items"]] == ids[::-1]
        assert (listed["total"], listed["limit"], listed["offset"]) == (3, 50, 0)
        assert set(listed["items"][0]) == FIELDS
        page = owner.get(all_of(project_id), params={"limit": 1, "offset": 1}).json()
        assert [item["id"] for item in page["items"]] == [ids[1]]

    @pytest.mark.parametrize("bad", [UNKNOWN, "x"])
    def test_no_such_project(self, owner, problem, bad):
        problem(owner.get(all_of(bad)), 404, "project-not-found")


class TestCreateDeployment:
    def test_creates(self, owner, project_id, kept):
        body = {"model_id": kept.model_ids[0].upper(), "name": "Fraud check"}
        answer = owner.post(all_of(project_id), json=body)
        assert answer.status_code == 201
        assert set(answer.json()) == {"deployment_id", "deployment"}
        created = answer.json()["deployment"]
        assert set(created) == FIELDS
        assert created["id"] == answer.json()["deployment_id"]
        assert answer.headers["location"] == path(created["id"])
        assert owner.get(path(created["id"])).json() == {"deployment": created}
        assert (created["project_id"], created["model_id"]) == (project_id, kept.model_ids[0])
        assert (created["name"], created["stage"], created["status"]) == (
            *("Fraud check", "staging", "active"),
        )
        assert (created["traffic_percent"], created["replaced_id"]) == (100, None)

    def test_a_new_one_in_production_takes_the_place_of_the_former(self, deploy, see):
        former, staged, new = deploy(), deploy("staging"), deploy()
        assert see(former) == ("production", "archived", None)
        assert see(staged) == ("staging", "active", None)
        assert see(new) == ("production", "active", former)

    def test_projects_do_not_disturb_each_other(self, server, owner, training, deploy, see):
        here, elsewhere = deploy(), owner.create_project()
        model_id = training.keep(server, elsewhere).model_ids[0]
        body = {"model_id": model_id, "name": "x", "stage": "production"}
        assert owner.post(all_of(elsewhere), json=body).json()["deployment"]["replaced_id"] is None
        assert see(here) == ("production", "active", None)

    def test_refuses_a_model_that_cannot_predict(self, server, owner, problem, project_id, kept):
        change_engine(server, kept.model_ids[0], "h2o")
        body = {"model_id": kept.model_ids[0], "name": "x"}
        problem(owner.post(all_of(project_id), json=body), 409, "model-unusable", "engine h2o")
        assert owner.get(all_of(project_id)).json()["total"] == 0

    def test_another_projects_model_is_none_here(self, owner, problem, kept):
        body = {"model_id": kept.model_ids[0], "name": "x"}
        problem(owner.post(all_of(owner.create_project()), json=body), 404, "model-not-found")

    @pytest.mark.parametrize(
        "changed",
        [
            {"model_id": "x"},
            {"model_id": None},
            {"name": ""},
            {"stage": "nowhere"},
            {"traffic_percent": 0},
            {"traffic_percent": 101},
            {"traffic_percent": 1.5},
            {"unknown": 1},
        ],
    )
    def test_refuses_what_breaks_the_contract(self, owner, problem, project_id, kept, changed):
        body = {"model_id": kept.model_ids[0], "name": "x", **changed}
        problem(owner.post(all_of(project_id), json=body), 422, "contract-violation")

    def test_no_such_model_or_project(self, owner, problem, project_id):
        body = {"model_id": UNKNOWN, "name": "x"}
        problem(owner.post(all_of(project_id), json=body), 404, "model-not-found")
        problem(owner.post(all_of(UNKNOWN), json=body), 404, "project-not-found")

    def test_a_deployed_model_stays(self, owner, problem, kept, deploy):
        deployment_id = deploy()
        model = f"/api/models/{kept.model_ids[0]}"
        experiment = f"/api/experiments/{kept.experiment_id}"
        for each in (model, experiment):
            problem(owner.delete(each), 409, "model-deployed")
            assert owner.get(each).status_code == 200
        assert owner.post(path(deployment_id, "/deactivate")).status_code == 200
        assert owner.delete(model).status_code == 200
        problem(owner.get(path(deployment_id)), 404, "deployment-not-found")


class TestGetDeployment:
    def test_gets(self, owner, project_id, kept, deploy):
        deployment_id = deploy(traffic_percent=25)
        found = owner.get(path(deployment_id)).json()["deployment"]
        assert set(found) == FIELDS
        assert (found["id"], found["project_id"]) == (deployment_id, project_id)
        assert (found["model_id"], found["traffic_percent"]) == (kept.model_ids[0], 25)

    @pytest.mark.parametrize("bad", [UNKNOWN, "x"])
    def test_no_such_deployment(self, owner, problem, bad):
        problem(owner.get(path(bad)), 404, "deployment-not-found")

    def test_a_strangers_looks_like_none(self, other, problem, deploy):
        problem(other.get(path(deploy())), 404, "deployment-not-found")


class TestPredictWithDeployment:
    def test_predicts_in_every_stage_and_keeps_the_rows(self, server, owner, deploy):
        for stage in ("staging", "production"):
            deployment_id = deploy(stage)
            for inputs in (LARGE, [LARGE, {"amount": 1, "id": 7}]):
                answer = owner.post(path(deployment_id, "/predict"), json={"inputs": inputs})
                assert answer.status_code == 200, answer.text
                assert answer.json()["predictions"][0]["prediction"] == "yes"
            assert answer.json()["ignored_fields"] == ["id"]
            with server.services.database.transaction(writing=False) as connection:
                rows = deployment_input.list_newest(connection, deployment_id)
            assert rows == [LARGE, LARGE, {"amount": 1, "country": None}]

    def test_its_threshold_decides_unless_the_request_has_another(self, owner, deploy):
        lenient, plain = deploy("staging", threshold=0.0), deploy("staging")
        assert owner.get(path(lenient)).json()["deployment"]["threshold"] == 0.0
        assert owner.get(path(plain)).json()["deployment"]["threshold"] is None

        def ask(deployment_id, **options):
            body = {"inputs": [{"amount": 1}, LARGE], "options": options}
            answer = owner.post(path(deployment_id, "/predict"), json=body).json()["predictions"]
            return [each["prediction"] for each in answer]

        assert ask(lenient) == ask(plain, threshold=0.0) == ["yes", "yes"]
        assert ask(lenient, threshold=0.5) == ask(plain) == ["no", "yes"]

    def test_explains_as_the_model_does(self, owner, kept, deploy):
        body = {"inputs": LARGE, "options": {"explain": True}}
        for rank, model_id in enumerate(kept.model_ids, 1):
            of_model = owner.post(f"/api/models/{model_id}/predict", json=body)
            answer = owner.post(path(deploy("staging", rank), "/predict"), json=body)
            assert answer.status_code == of_model.status_code
            if answer.ok:
                told, known = (one.json()["predictions"][0] for one in (answer, of_model))
                assert told == {**known, "row_id": 1}

    def test_keeps_the_newest_rows_only(self, server, owner, deploy, monkeypatch):
        monkeypatch.setattr(deployment_input, "MAX_KEPT", 3)
        deployment_id = deploy()
        for amount in range(5):
            owner.post(path(deployment_id, "/predict"), json={"inputs": {"amount": amount}})
        owner.post(path(deployment_id, "/predict"), json={"inputs": [{"amount": 5}] * 2})
        with server.services.database.transaction(writing=False) as connection:
            rows = deployment_input.list_newest(connection, deployment_id)
        assert [row["amount"] for row in rows] == [4, 5, 5]

    def test_rows_of_many_at_once_are_all_kept(self, server, owner, deploy):
        deployment_id = deploy()

        def ask(number):
            body = {"inputs": [{"amount": number}] * 3}
            return owner.post(path(deployment_id, "/predict"), json=body).status_code

        with ThreadPoolExecutor(8) as threads:
            assert set(threads.map(ask, range(24))) == {200}
        with server.services.database.transaction(writing=False) as connection:
            rows = deployment_input.list_newest(connection, deployment_id)
        assert sorted(row["amount"] for row in rows) == sorted([*range(24)] * 3)

    def test_what_is_refused_is_not_kept(self, server, owner, problem, deploy):
        deployment_id = deploy()
        answer = owner.post(path(deployment_id, "/predict"), json={"inputs": {"amount": "many"}})
        document = problem(answer, 422, "inputs-refused")
        assert document["errors"][0]["pointer"] == "/inputs/amount"
        with server.services.database.transaction(writing=False) as connection:
            assert deployment_input.list_newest(connection, deployment_id) == []

    def test_one_that_is_not_active_does_not_answer(self, owner, problem, deploy):
        archived, inactive = deploy(), deploy()
        owner.post(path(inactive, "/deactivate"))
        for each in (archived, inactive):
            answer = owner.post(path(each, "/predict"), json={"inputs": LARGE})
            problem(answer, 409, "deployment-inactive")

    @pytest.mark.parametrize("bad", [UNKNOWN, "x"])
    def test_no_such_deployment(self, owner, problem, bad):
        answer = owner.post(path(bad, "/predict"), json={"inputs": LARGE})
        problem(answer, 404, "deployment-not-found")


class TestPredictDatasetWithDeployment:
    TABLE = "amount,country\n" + "".join(
        f"{n * 40.5},{'DE' if n % 2 else 'FR'}\n" for n in range(25)
    )

    @pytest.fixture
    def predict(self, owner, project_id):
        version = owner.upload(project_id, self.TABLE.encode()).json()["dataset_version_id"]

        def predict(deployment_id: str, **body):
            sent = {"dataset_version_id": version, **body}
            return owner.post(path(deployment_id, "/predictions"), json=sent)

        return predict

    def chosen(self, owner, dataset_id: str) -> list[str]:
        answer = owner.get(f"/api/datasets/{dataset_id}/download", params={"format": "csv"})
        return [row["prediction"] for row in csv.DictReader(io.StringIO(answer.text))]

    @pytest.mark.parametrize(
        ("own", "wanted", "decides"),
        [(None, None, 0.5), (0.0, None, 0.0), (0.0, 1.0, 1.0), (None, 0.0, 0.0)],
    )
    def test_says_of_each_row_what_the_deployment_says(
        self, server, owner, deploy, predict, own, wanted, decides
    ):
        deployment_id = deploy(**({} if own is None else {"threshold": own}))
        options = {} if wanted is None else {"threshold": wanted}
        answer = predict(deployment_id, options=options)
        assert answer.status_code == 202, answer.text
        made = answer.json()
        assert answer.headers["location"].endswith(f"/api/jobs/{made['job_id']}")
        ended = server.run_job(made["job_id"])
        assert (ended["status"], ended["kind"]) == ("succeeded", "predict"), ended["message"]
        kept = owner.get(f"/api/datasets/{made['dataset_id']}").json()["dataset"]
        assert kept["name"] == "table.csv, predicted by A model"
        rows = [
            {"amount": float(row["amount"]), "country": row["country"]}
            for row in csv.DictReader(io.StringIO(self.TABLE))
        ]
        told = owner.post(
            path(deployment_id, "/predict"), json={"inputs": rows, "options": options}
        ).json()["predictions"]
        positive = [one["probabilities"]["yes"] >= decides for one in told]
        assert self.chosen(owner, made["dataset_id"]) == [
            "yes" if one else "no" for one in positive
        ]

    def test_its_rows_do_not_count_in_drift(self, server, owner, deploy, predict):
        deployment_id = deploy()
        made = predict(deployment_id, name="Judged").json()
        assert server.run_job(made["job_id"])["status"] == "succeeded"
        kept = owner.get(f"/api/datasets/{made['dataset_id']}").json()["dataset"]
        assert (kept["name"], kept["rows"]) == ("Judged", 25)
        assert owner.get(path(deployment_id, "/drift")).json()["drift"]["rows"] == 0

    def test_one_that_is_not_active_does_not_answer(self, deploy, predict, problem):
        archived = deploy()
        deploy()
        problem(predict(archived), 409, "deployment-inactive")

    def test_a_version_of_another_project(self, other, deploy, predict, problem):
        elsewhere = other.create_project()
        made = other.upload(elsewhere, self.TABLE.encode()).json()
        answer = predict(deploy(), dataset_version_id=made["dataset_version_id"])
        problem(answer, 404, "dataset-version-not-found")

    @pytest.mark.parametrize("bad", [UNKNOWN, "x"])
    def test_no_such_deployment(self, predict, problem, bad):
        problem(predict(bad), 404, "deployment-not-found")


class TestGiveFeedback:
    @pytest.fixture
    def asked(self, owner, deploy):
        """A deployment that was asked about three rows, and their ids."""
        deployment_id = deploy()
        inputs = [{"amount": 12.5, "country": "DE"}, LARGE, {"amount": 1}]
        answer = owner.post(path(deployment_id, "/predict"), json={"inputs": inputs})
        return deployment_id, [each["row_id"] for each in answer.json()["predictions"]]

    @pytest.fixture
    def tell(self, owner):
        def tell(deployment_id: str, *truths: tuple):
            body = {"truths": [{"row_id": row_id, "truth": truth} for row_id, truth in truths]}
            return owner.post(path(deployment_id, "/feedback"), json=body)

        return tell

    @pytest.fixture
    def kept_truths(self, server):
        def kept_truths(deployment_id: str) -> list:
            with server.services.database.transaction(writing=False) as connection:
                found = deployment_input.list_answers(connection, deployment_id)
            return [each["truth"] for each in found]

        return kept_truths

    def test_keeps_what_turned_out(self, asked, tell, kept_truths):
        deployment_id, ids = asked
        assert ids == [1, 2, 3]
        answer = tell(deployment_id, (1, "no"), (3, "yes"), (4, "yes"), (99, "no"))
        assert answer.status_code == 200, answer.text
        assert answer.json() == {"kept": 2, "unknown_row_ids": [4, 99]}
        assert kept_truths(deployment_id) == [0, None, 1]
        # The last truth counts, within a request as between two.
        assert tell(deployment_id, (1, "no"), (1, "yes")).json()["kept"] == 1
        assert kept_truths(deployment_id) == [1, None, 1]

    def test_ids_are_those_of_the_rows(self, server, owner, asked):
        deployment_id, _ = asked
        body = {"inputs": LARGE, "options": {"probabilities": False}}
        told = owner.post(path(deployment_id, "/predict"), json=body).json()["predictions"][0]
        assert told == {"prediction": "yes", "probabilities": None, "row_id": 4}
        with server.services.database.transaction(writing=False) as connection:
            answers = deployment_input.list_answers(connection, deployment_id)
        assert [one["prediction"] for one in answers] == [0, 1, 0, 1]
        # Kept in the order of the labels, although the request wanted none.
        assert answers[3]["probabilities"] == answers[1]["probabilities"]
        assert answers[3]["probabilities"][1] > 0.5

    def test_a_row_that_is_forgotten_is_unknown(self, owner, asked, tell, monkeypatch):
        deployment_id, _ = asked
        monkeypatch.setattr(deployment_input, "MAX_KEPT", 2)
        owner.post(path(deployment_id, "/predict"), json={"inputs": LARGE})
        answer = tell(deployment_id, *((row_id, "no") for row_id in (1, 2, 3, 4))).json()
        assert answer == {"kept": 2, "unknown_row_ids": [1, 2]}

    def test_a_row_of_another_deployment_is_unknown(self, asked, deploy, tell, kept_truths):
        deployment_id, _ = asked
        assert tell(deploy(), (1, "yes")).json() == {"kept": 0, "unknown_row_ids": [1]}
        assert kept_truths(deployment_id) == [None] * 3

    def test_a_row_kept_without_an_answer_is_unknown(self, server, deploy, tell):
        deployment_id = deploy()
        with server.services.database.transaction() as connection:
            assert deployment_input.keep(connection, deployment_id, [LARGE]) == 1
        assert tell(deployment_id, (1, "yes")).json() == {"kept": 0, "unknown_row_ids": [1]}

    def test_what_the_model_cannot_say_is_refused_whole(self, asked, tell, problem, kept_truths):
        deployment_id, _ = asked
        answer = tell(deployment_id, (1, "yes"), (2, "perhaps"), (3, None), (3, ["no"]))
        document = problem(answer, 422, "inputs-refused")
        assert [error["pointer"] for error in document["errors"]] == [
            *("/truths/1/truth", "/truths/2/truth", "/truths/3/truth"),
        ]
        assert document["errors"][0]["message"] == "must be a label of the model, such as no, yes"
        assert kept_truths(deployment_id) == [None] * 3

    def test_truths_come_when_the_deployment_answers_no_more(self, owner, asked, tell):
        deployment_id, _ = asked
        owner.post(path(deployment_id, "/deactivate"))
        assert tell(deployment_id, (2, "no")).json()["kept"] == 1

    @pytest.mark.parametrize("count", [0, 10_001])
    def test_bounds_of_a_body(self, asked, tell, problem, count):
        deployment_id, _ = asked
        answer = tell(deployment_id, *((row_id, "no") for row_id in range(1, count + 1)))
        problem(answer, 422, "contract-violation")

    def test_as_many_as_are_kept(self, server, deploy, tell):
        deployment_id = deploy()
        answers = [{"prediction": 1, "probabilities": [0.25, 0.75]}] * 10_000
        with server.services.database.transaction() as connection:
            deployment_input.keep(connection, deployment_id, [LARGE] * 10_000, answers)
        told = tell(deployment_id, *((row_id, "no") for row_id in range(1, 10_001)))
        assert told.json() == {"kept": 10_000, "unknown_row_ids": []}

    @pytest.mark.parametrize("bad", [UNKNOWN, "x"])
    def test_no_such_deployment(self, tell, problem, bad):
        problem(tell(bad, (1, "yes")), 404, "deployment-not-found")


class TestPromoteDeployment:
    @pytest.fixture
    def promote(self, owner):
        def promote(deployment_id: str, to_stage: str = "production", **more):
            body = {"to_stage": to_stage, **more}
            return owner.post(path(deployment_id, "/promote"), json=body)

        return promote

    def test_from_staging_to_production(self, deploy, promote, see):
        former, staged = deploy(), deploy("staging")
        answer = promote(staged)
        assert answer.status_code == 200
        assert set(answer.json()["deployment"]) == FIELDS
        assert see(staged) == ("production", "active", former)
        assert see(former) == ("production", "archived", None)

    def test_where_it_is_already_changes_nothing(self, owner, deploy, promote):
        deploy()
        deployment_id = deploy()
        before = owner.get(path(deployment_id)).json()
        assert promote(deployment_id).json() == before
        assert owner.get(path(deployment_id)).json() == before

    def test_back_to_staging_leaves_production_empty(self, deploy, promote, see):
        deployment_id = deploy()
        assert promote(deployment_id, "staging").status_code == 200
        assert see(deployment_id)[:2] == ("staging", "active")
        assert see(deploy()) == ("production", "active", None)

    def test_archived_and_inactive_ones_answer_again(self, owner, deploy, promote, see):
        first, second = deploy(), deploy()
        assert promote(first).status_code == 200
        assert see(first) == ("production", "active", second)
        assert see(second)[1] == "archived"
        owner.post(path(first, "/deactivate"))
        assert promote(first, "staging").status_code == 200
        assert see(first)[:2] == ("staging", "active")

    def test_at_once_leave_one_in_production(self, owner, project_id, deploy, promote):
        ids = [deploy("staging") for _ in range(6)]
        with ThreadPoolExecutor(6) as threads:
            assert {each.status_code for each in threads.map(promote, ids)} == {200}
        items = owner.get(all_of(project_id)).json()["items"]
        in_production = [each for each in items if each["stage"] == "production"]
        assert len(in_production) == 6
        assert [each["status"] for each in in_production].count("active") == 1
        # Each replaced another one, but for the first.
        assert len({each["replaced_id"] for each in in_production}) == 6

    @pytest.mark.parametrize("body", [{}, {"to_stage": "nowhere"}, {"to_stage": None}])
    def test_refuses_what_breaks_the_contract(self, owner, problem, deploy, body):
        answer = owner.post(path(deploy(), "/promote"), json=body)
        problem(answer, 422, "contract-violation")

    @pytest.mark.parametrize("bad", [UNKNOWN, "x"])
    def test_no_such_deployment(self, promote, problem, bad):
        problem(promote(bad), 404, "deployment-not-found")


class TestRollbackDeployment:
    @pytest.fixture
    def roll_back(self, owner):
        def roll_back(deployment_id: str, **options):
            return owner.post(path(deployment_id, "/rollback"), **options)

        return roll_back

    def test_step_by_step_to_the_first(self, problem, deploy, roll_back, see):
        first, second, third = deploy(), deploy(rank=2), deploy()
        answer = roll_back(third)
        assert answer.status_code == 200
        assert answer.json()["deployment"]["id"] == second
        assert [see(each)[1] for each in (first, second, third)] == [
            *("archived", "active", "archived")
        ]
        assert roll_back(second).json()["deployment"]["id"] == first
        assert [see(each)[1] for each in (first, second, third)] == [
            *("active", "archived", "archived")
        ]
        problem(roll_back(first), 409, "nothing-to-roll-back")

    def test_only_what_is_in_production(self, problem, deploy, roll_back):
        archived = deploy()
        deploy()
        for each in (archived, deploy("staging")):
            problem(roll_back(each), 409, "nothing-to-roll-back")

    @pytest.mark.parametrize("fate", ["deactivated", "promoted", "deleted"])
    def test_only_to_what_is_archived(self, owner, problem, kept, deploy, roll_back, fate):
        former, now = deploy(rank=2), deploy()
        if fate == "deactivated":
            owner.post(path(former, "/deactivate"))
        elif fate == "promoted":
            owner.post(path(former, "/promote"), json={"to_stage": "staging"})
        else:
            assert owner.delete(f"/api/models/{kept.model_ids[1]}").status_code == 200
        problem(roll_back(now), 409, "nothing-to-roll-back")

    def test_with_a_key_it_is_done_once(self, deploy, roll_back, see):
        first, second, third = deploy(), deploy(), deploy()
        key = {"headers": {"Idempotency-Key": third}}
        assert roll_back(third, **key).json() == roll_back(third, **key).json()
        assert [see(each)[1] for each in (first, second, third)] == [
            *("archived", "active", "archived")
        ]

    @pytest.mark.parametrize("bad", [UNKNOWN, "x"])
    def test_no_such_deployment(self, roll_back, problem, bad):
        problem(roll_back(bad), 404, "deployment-not-found")


class TestDeactivateDeployment:
    def test_as_often_as_one_likes(self, owner, deploy, see):
        deployment_id = deploy()
        first = owner.post(path(deployment_id, "/deactivate"))
        assert first.status_code == 200
        assert first.json()["deployment"]["status"] == "inactive"
        assert owner.post(path(deployment_id, "/deactivate")).json() == first.json()
        assert see(deploy()) == ("production", "active", None)

    @pytest.mark.parametrize("bad", [UNKNOWN, "x"])
    def test_no_such_deployment(self, owner, problem, bad):
        problem(owner.post(path(bad, "/deactivate")), 404, "deployment-not-found")


class TestGetDrift:
    @pytest.fixture
    def drift(self, server, owner, deploy):
        """Measure the drift of a new deployment that was asked about rows."""

        def drift(rows) -> dict:
            deployment_id = deploy()
            with server.services.database.transaction() as connection:
                assert deployment_input.keep(connection, deployment_id, rows)
            answer = owner.get(path(deployment_id, "/drift"))
            assert answer.status_code == 200, answer.text
            assert answer.json()["deployment_id"] == deployment_id
            return answer.json()["drift"]

        return drift

    def rows(self, least: float, most: float, countries=("DE", "FR", "IT"), count=600):
        chance = random.Random(2)
        return [
            {"amount": chance.uniform(least, most), "country": chance.choice(countries)}
            for _ in range(count)
        ]

    def test_rows_like_those_of_the_training_are_stable(self, drift):
        found = drift(self.rows(0, 1000))
        assert (found["rows"], found["reference_rows"], found["verdict"]) == (600, 240, "stable")
        amount, country = found["features"]
        assert (amount["name"], country["name"]) == ("amount", "country")
        assert amount["psi"] < 0.1
        assert amount["ks_p_value"] > 0.05
        assert (country["ks_statistic"], country["verdict"]) == (None, "stable")

    def test_other_numbers_are_drift(self, drift):
        found = drift(self.rows(700, 1500))
        amount, country = found["features"]
        assert (found["verdict"], amount["verdict"], country["verdict"]) == (
            *("drift", "drift", "stable"),
        )
        assert amount["ks_statistic"] > 0.5
        assert amount["ks_p_value"] < 1e-6

    def test_other_categories_are_drift(self, drift):
        found = drift(self.rows(0, 1000, countries=("ES", "PT")))
        amount, country = found["features"]
        assert (amount["verdict"], country["verdict"]) == ("stable", "drift")

    def test_missing_values_are_drift(self, drift):
        rows = self.rows(0, 1000)
        for row in rows[::2]:
            row["amount"] = None
        amount, _ = drift(rows)["features"]
        assert (amount["rows"], amount["missing"], amount["verdict"]) == (600, 300, "drift")

    def test_few_rows_do_not_tell(self, drift):
        found = drift(self.rows(5000, 6000, count=299))
        assert (found["rows"], found["minimum_rows"]) == (299, 300)
        assert {found["verdict"], *(one["verdict"] for one in found["features"])} == {
            "not_enough_data"
        }

    def test_what_was_asked_counts(self, owner, deploy):
        deployment_id = deploy()
        rows = [{"amount": 990, "country": "DE"}] * 300
        owner.post(path(deployment_id, "/predict"), json={"inputs": rows})
        assert owner.get(path(deployment_id, "/drift")).json()["drift"]["verdict"] == "drift"

    def test_without_a_reference_nothing_can_be_told(self, server, owner, project_id, training):
        model_id = training.keep(server, project_id, reference=None).model_ids[0]
        body = {"model_id": model_id, "name": "x"}
        deployment_id = owner.post(all_of(project_id), json=body).json()["deployment_id"]
        found = owner.get(path(deployment_id, "/drift")).json()["drift"]
        assert (found["verdict"], found["features"]) == ("not_enough_data", [])

    @pytest.mark.parametrize("bad", [UNKNOWN, "x"])
    def test_no_such_deployment(self, owner, problem, bad):
        problem(owner.get(path(bad, "/drift")), 404, "deployment-not-found")

    def test_without_answers_there_is_no_drift_of_them(self, drift):
        found = drift(self.rows(0, 1000))
        assert not {"predictions", "quality"} & found.keys()

    def test_quality_by_the_truths_that_came_back(self, owner, kept, deploy):
        deployment_id = deploy(threshold=0.0)
        asked = [{"amount": amount} for amount in (5, 10, 15, 985, 990)]
        answer = owner.post(path(deployment_id, "/predict"), json={"inputs": asked})
        truths = ["no", "no", "yes", "yes", "yes"]
        body = {"truths": [{"row_id": at, "truth": told} for at, told in enumerate(truths, 1)]}
        assert owner.post(path(deployment_id, "/feedback"), json=body).json()["kept"] == 5
        owner.post(path(deployment_id, "/predict"), json={"inputs": LARGE})  # of unknown truth
        found = owner.get(path(deployment_id, "/drift")).json()["drift"]["quality"]
        predicted = [one["probabilities"]["yes"] for one in answer.json()["predictions"]]
        right = [one == "yes" for one in truths]
        assert found["rows"] == 5
        # All were answered with "yes", which the threshold of the deployment had them be.
        assert found["metrics"]["accuracy"] == pytest.approx(3 / 5)
        assert found["metrics"]["recall"] == 1.0
        assert found["metrics"]["auc"] == pytest.approx(roc_auc_score(right, predicted))
        assert found["metrics"]["logloss"] == pytest.approx(
            log_loss(right, np.clip(predicted, 1e-15, 1))  # as the models' metrics have it
        )
        of_model = owner.get(f"/api/models/{kept.model_ids[0]}").json()["model"]["metrics"]
        assert found["held_out"] == {name: of_model[name] for name in found["metrics"]}

    def test_predictions_beside_those_of_the_test(self, owner, kept, deploy):
        deployment_id = deploy()
        owner.post(path(deployment_id, "/predict"), json={"inputs": [LARGE] * 300})
        found = owner.get(path(deployment_id, "/drift")).json()["drift"]["predictions"]
        # The model was tested on fewer rows than it takes to tell.
        assert (found["name"], found["rows"], found["verdict"]) == (
            *("prediction", 300, "not_enough_data"),
        )
        evaluation = owner.get(f"/api/models/{kept.model_ids[0]}/evaluation").json()["evaluation"]
        assert found["reference_rows"] == evaluation["rows"] < 300
