"""The operations of the tag `trained_models`, one class each."""

import hashlib
import io
import math

import orjson
import pandas as pd
import pytest
from sqlalchemy import select, update

from projects_api import model_file
from projects_api.handlers import dataset_predictions
from projects_api.models import dataset_version, trained_model
from projects_api.models.artifact import artifacts
from projects_api.models.job import jobs
from tests.training import change_engine, train_on_payments

MIB = 1024 * 1024
UNKNOWN = "0195d3a0-0000-7000-8000-000000000000"
FIELDS = {
    *("id", "project_id", "experiment_id", "name", "model_type", "engine", "rank", "is_best"),
    *("metrics", "training_seconds", "size_bytes", "sha256", "created_at"),
}
SMALL = {"amount": 12.5, "country": "DE"}
LARGE = {"amount": 980, "country": "FR"}


def path(model_id: str, of: str = "") -> str:
    return f"/api/models/{model_id}{of}"


@pytest.fixture
def kept(server, project_id, training):
    return training.keep(server, project_id)


@pytest.fixture
def model_id(kept):
    return kept.model_ids[0]


@pytest.fixture(scope="module")
def of_boosting(tmp_path_factory):
    """Models that have SHAP values; the shared ones have none."""
    return train_on_payments(tmp_path_factory.mktemp("boosting"), ("DRF", "XRT", "XGBoost", "GLM"))


@pytest.fixture
def explained(server, project_id, of_boosting):
    return of_boosting.keep(server, project_id)


class TestListModels:
    def test_lists_by_experiment_and_rank(self, server, owner, project_id, training):
        first, second = (training.keep(server, project_id) for _ in range(2))
        listed = owner.get("/api/models", params={"project_id": project_id}).json()
        ids = [item["id"] for item in listed["items"]]
        assert ids == [*second.model_ids, *first.model_ids]
        assert (listed["total"], listed["limit"], listed["offset"]) == (len(ids), 50, 0)
        best = listed["items"][0]
        assert set(best) == FIELDS
        assert (best["rank"], best["is_best"]) == (1, True)
        assert best["metrics"]["auc"] > 0.9
        assert best["experiment_id"] == second.experiment_id

    def test_lists_a_page_of_one_experiment(self, server, owner, project_id, training):
        first, _ = (training.keep(server, project_id) for _ in range(2))
        query = {"project_id": project_id, "experiment_id": first.experiment_id.upper()}
        listed = owner.get("/api/models", params={**query, "limit": 1, "offset": 1}).json()
        assert [item["id"] for item in listed["items"]] == first.model_ids[1:2]
        assert (listed["total"], listed["limit"], listed["offset"]) == (2, 1, 1)

    def test_another_projects_experiment_has_no_models_here(self, owner, kept):
        query = {"project_id": owner.create_project(), "experiment_id": kept.experiment_id}
        assert owner.get("/api/models", params=query).json()["items"] == []

    @pytest.mark.parametrize("query", [{}, {"project_id": "x"}, {"experiment_id": "x"}])
    def test_refuses_what_breaks_the_contract(self, owner, problem, project_id, query):
        query = {"project_id": project_id, **query} if "experiment_id" in query else query
        problem(owner.get("/api/models", params=query), 422, "contract-violation")

    def test_no_such_project(self, owner, problem):
        answer = owner.get("/api/models", params={"project_id": UNKNOWN})
        problem(answer, 404, "project-not-found")


class TestGetModel:
    def test_gets(self, owner, project_id, kept):
        answer = owner.get(path(kept.model_ids[1]))
        assert answer.status_code == 200
        assert set(answer.json()) == {"model", "signature"}
        model, signature = answer.json()["model"], answer.json()["signature"]
        assert set(model) == FIELDS
        assert (model["id"], model["project_id"]) == (kept.model_ids[1], project_id)
        assert (model["rank"], model["is_best"]) == (2, False)
        assert (signature["target"], signature["labels"]) == ("is_fraud", ["no", "yes"])
        assert {field["name"]: field["kind"] for field in signature["inputs"]} == {
            "amount": "number",
            "country": "category",
        }

    def test_says_nothing_of_a_signature_that_nobody_kept(
        self, server, owner, project_id, training
    ):
        kept = training.keep(server, project_id, signature=None)
        assert set(owner.get(path(kept.model_ids[0])).json()) == {"model"}

    @pytest.mark.parametrize("bad", [UNKNOWN, "x"])
    def test_no_such_model(self, owner, problem, bad):
        problem(owner.get(path(bad)), 404, "model-not-found")

    def test_a_strangers_looks_like_none(self, other, problem, model_id):
        problem(other.get(path(model_id)), 404, "model-not-found")


class TestDeleteModel:
    def test_deletes_once_and_counts(self, server, owner, problem, project_id, kept):
        best, second = kept.model_ids
        sha256 = owner.get(path(best)).json()["model"]["sha256"]
        assert owner.delete(path(best)).json() == {"ok": True}
        problem(owner.delete(path(best)), 404, "model-not-found")
        assert owner.get(f"/api/projects/{project_id}").json()["project"]["model_count"] == 1
        with server.services.database.transaction(writing=False) as connection:
            here = artifacts.select().where(artifacts.c.project_id == project_id)
            assert sha256 not in {row.sha256 for row in connection.execute(here)}
        assert owner.get(path(second)).json()["model"]["rank"] == 2

    def test_the_best_of_the_rest_takes_the_place_of_the_best(self, owner, project_id, kept):
        def best_model_type():
            events = owner.get(f"/api/projects/{project_id}/timeline").json()["events"]
            return events[0]["best_model_type"]

        best, second = (owner.get(path(one)).json()["model"] for one in kept.model_ids)
        assert best_model_type() == best["model_type"]
        owner.delete(path(best["id"]))
        assert owner.get(path(second["id"])).json()["model"]["is_best"]
        assert best_model_type() == second["model_type"]
        owner.delete(path(second["id"]))
        assert best_model_type() is None

    def test_another_than_the_best_leaves_the_best(self, owner, kept):
        owner.delete(path(kept.model_ids[1]))
        assert owner.get(path(kept.model_ids[0])).json()["model"]["is_best"]

    @pytest.mark.parametrize("bad", [UNKNOWN, "x"])
    def test_no_such_model(self, owner, problem, bad):
        problem(owner.delete(path(bad)), 404, "model-not-found")


class TestExplainModel:
    def test_tells_what_counts(self, owner, model_id):
        answer = owner.get(path(model_id, "/explain"))
        assert answer.status_code == 200
        assert answer.json()["model_id"] == model_id
        explanation = answer.json()["explanation"]
        importance = explanation["permutation_importance"]
        assert [one["feature"] for one in importance] == ["amount", "country"]
        assert importance[0]["importance"] > 10 * abs(importance[1]["importance"])
        if explanation["shap"] is not None:
            assert explanation["shap"][0]["feature"] == "amount"

    @pytest.mark.parametrize("bad", [UNKNOWN, "x"])
    def test_no_such_model(self, owner, problem, bad):
        problem(owner.get(path(bad, "/explain")), 404, "model-not-found")


class TestGetModelEvaluation:
    def test_gets(self, owner, training, model_id):
        answer = owner.get(path(model_id, "/evaluation"))
        assert answer.status_code == 200
        evaluation = training.result.candidates[0].evaluation
        assert answer.json() == {"model_id": model_id, "evaluation": evaluation}
        assert evaluation["confusion"]["labels"] == ["no", "yes"]
        shown = {"rows", "class_balance", "confusion", "roc", "precision_recall", "calibration"}
        assert evaluation.keys() == shown

    @pytest.mark.parametrize("bad", [UNKNOWN, "x"])
    def test_no_such_model(self, owner, problem, bad):
        problem(owner.get(path(bad, "/evaluation")), 404, "model-not-found")


class TestGetModelParameters:
    def test_gets(self, owner, training, model_id):
        answer = owner.get(path(model_id, "/parameters"))
        assert answer.status_code == 200
        parameters = training.result.candidates[0].parameters
        assert parameters
        assert answer.json() == {"model_id": model_id, "parameters": parameters}

    @pytest.mark.parametrize("bad", [UNKNOWN, "x"])
    def test_no_such_model(self, owner, problem, bad):
        problem(owner.get(path(bad, "/parameters")), 404, "model-not-found")


class TestPredict:
    @pytest.fixture
    def ask(self, owner, model_id):
        def ask(inputs, **options):
            return owner.post(path(model_id, "/predict"), json={"inputs": inputs, **options})

        return ask

    def test_of_two_labels_the_threshold_decides(self, owner, kept, ask):
        shown = owner.get(path(kept.model_ids[0])).json()
        assert shown["signature"]["positive_label"] == "yes"
        assert 0 < shown["model"]["metrics"]["threshold"] < 1
        answer = ask([SMALL, LARGE]).json()["predictions"]
        small, large = (each["probabilities"]["yes"] for each in answer)
        assert small < 0.5 < large
        for threshold in (0, small, (small + large) / 2, large, 1):
            answer = ask([SMALL, LARGE], options={"threshold": threshold}).json()
            told = ["yes" if one >= threshold else "no" for one in (small, large)]
            assert [each["prediction"] for each in answer["predictions"]] == told

    @pytest.mark.parametrize("threshold", [-0.1, 1.1, "0.5"])
    def test_a_threshold_is_a_probability(self, ask, problem, threshold):
        answer = ask(LARGE, options={"threshold": threshold})
        problem(answer, 422, "contract-violation", "/options/threshold")

    def test_every_model_predicts_one_row_and_many(self, owner, kept):
        for model_id in kept.model_ids:
            one = owner.post(path(model_id, "/predict"), json={"inputs": LARGE})
            assert one.status_code == 200, one.text
            (answer,) = one.json()["predictions"]
            assert answer["prediction"] == "yes"
            assert set(answer["probabilities"]) == {"no", "yes"}
            assert answer["probabilities"]["yes"] > 0.5
            assert math.isclose(sum(answer["probabilities"].values()), 1)
            inputs = [SMALL, LARGE] * 50
            many = owner.post(path(model_id, "/predict"), json={"inputs": inputs, "options": {}})
            told = [each["prediction"] for each in many.json()["predictions"]]
            assert told == ["no", "yes"] * 50

    @pytest.mark.parametrize(
        "row",
        [
            {"amount": 980},
            {"amount": 980, "country": None},
            {"amount": 980.0, "country": "a country that nobody has heard of"},
        ],
    )
    def test_takes_missing_fields_and_unknown_categories(self, ask, row):
        assert ask(row).json()["predictions"][0]["prediction"] == "yes"

    def test_names_the_fields_that_it_ignores(self, ask):
        answer = ask([{**SMALL, "is_fraud": "yes"}, {**SMALL, "id": 1}, SMALL]).json()
        assert answer["ignored_fields"] == ["id", "is_fraud"]
        assert len(answer["predictions"]) == 3

    def test_leaves_out_probabilities(self, ask):
        answer = ask(SMALL, options={"probabilities": False}).json()
        assert answer["predictions"] == [{"prediction": "no", "probabilities": None}]

    @pytest.mark.parametrize(
        ("inputs", "pointer"),
        [
            ({"amount": "many"}, "/inputs/amount"),
            ({"amount": True}, "/inputs/amount"),
            ({"amount": [1]}, "/inputs/amount"),
            ([SMALL, {"amount": 1, "country": 3}], "/inputs/1/country"),
            ([SMALL, {"unknown": 3}], "/inputs/1"),
            ({}, "/inputs"),
            ([], "/inputs"),
            ([SMALL] * 10_001, "/inputs"),
            ([SMALL, 3], "/inputs/1"),
            ("a text", "/inputs"),
            (None, "/inputs"),
        ],
    )
    def test_refuses_rows_that_do_not_fit(self, ask, problem, inputs, pointer):
        document = problem(ask(inputs), 422, "inputs-refused")
        (error,) = document["errors"]
        assert (error["location"], error["pointer"]) == ("body", pointer)
        assert error["message"] in document["detail"]

    def test_tells_at_most_a_hundred_faults(self, ask, problem):
        document = problem(ask([{"amount": "x"}] * 1000), 422, "inputs-refused")
        assert len(document["errors"]) == 100

    @pytest.mark.parametrize(
        "body",
        [{}, {"rows": [SMALL]}, {"inputs": SMALL, "options": {"unknown": 1}}],
    )
    def test_refuses_what_breaks_the_contract(self, owner, problem, model_id, body):
        answer = owner.post(path(model_id, "/predict"), json=body)
        problem(answer, 422, "contract-violation")

    def test_a_model_that_nobody_knows_how_to_ask(
        self, server, owner, problem, project_id, training
    ):
        model_id = training.keep(server, project_id, signature=None).model_ids[0]
        answer = owner.post(path(model_id, "/predict"), json={"inputs": SMALL})
        problem(answer, 409, "model-unusable")

    def test_a_model_of_an_engine_whose_models_cannot_predict(self, server, owner, problem, kept):
        model_id = kept.model_ids[0]
        change_engine(server, model_id, "h2o")
        answer = owner.post(path(model_id, "/predict"), json={"inputs": SMALL})
        problem(answer, 409, "model-unusable", "of the engine h2o")
        told = owner.get(path(model_id, "/download")).headers["content-disposition"]
        assert ".json" in told
        assert ".skops" not in told

    @pytest.mark.parametrize("bad", [UNKNOWN, "x"])
    def test_no_such_model(self, owner, problem, bad):
        answer = owner.post(path(bad, "/predict"), json={"inputs": SMALL})
        problem(answer, 404, "model-not-found")

    def test_explains_rows(self, owner, explained):
        for model_id in explained.model_ids:
            body = {"inputs": [SMALL, LARGE], "options": {"explain": True}}
            answer = owner.post(path(model_id, "/predict"), json=body)
            assert answer.status_code == 200, answer.text
            small, large = answer.json()["predictions"]
            assert (small["prediction"], large["prediction"]) == ("no", "yes")
            assert set(small["explanation"]) == set(large["explanation"]) == {"amount", "country"}
            # Each amount speaks for what is predicted of it, for "no" as well as for "yes".
            assert small["explanation"]["amount"] > 0
            assert large["explanation"]["amount"] > 0
            # Of the other label the same speaks against it.
            body["options"]["threshold"] = 0.0
            turned = owner.post(path(model_id, "/predict"), json=body).json()["predictions"][0]
            assert turned["prediction"] == "yes"
            against = {name: -value for name, value in small["explanation"].items()}
            assert turned["explanation"] == pytest.approx(against)

    def test_a_model_without_shap_values_explains_none(self, owner, problem, kept):
        for model_id in kept.model_ids:
            body = {"inputs": LARGE, "options": {"explain": True}}
            answer = owner.post(path(model_id, "/predict"), json=body)
            document = problem(answer, 409, "model-unusable")
            assert "have no SHAP values here. Ask without `explain`" in document["detail"]

    def test_explains_a_hundred_rows_and_only_if_asked(self, owner, problem, explained):
        model_id = explained.model_ids[0]
        for count, status in ((100, 200), (101, 422)):
            body = {"inputs": [LARGE] * count, "options": {"explain": True}}
            answer = owner.post(path(model_id, "/predict"), json=body)
            assert answer.status_code == status
        document = problem(answer, 422, "inputs-refused")
        assert document["errors"][0]["pointer"] == "/inputs"
        assert "at most 100 rows" in document["errors"][0]["message"]
        answer = owner.post(path(model_id, "/predict"), json={"inputs": [LARGE] * 101}).json()
        assert set(answer["predictions"][0]) == {"prediction", "probabilities"}

    def test_whole_tables_are_not_explained(self, owner, problem, model_id):
        body = {"dataset_version_id": UNKNOWN, "options": {"explain": True}}
        answer = owner.post(path(model_id, "/predictions"), json=body)
        problem(answer, 422, "contract-violation")

    def rows(self, count: int, columns: int = 50) -> list[dict]:
        """Make rows with numbers of 17 digits, as doubles are written."""
        return [
            {"amount": (n % 1000) + 1 / 3}
            | {f"another column {at}": n + at / 3 for at in range(columns - 1)}
            for n in range(count)
        ]

    def test_as_many_as_there_may_be(self, owner, model_id):
        rows = self.rows(10_000)
        body = orjson.dumps({"inputs": rows, "options": {"probabilities": False}})
        assert 16 * MIB < len(body) < 32 * MIB
        headers = {"Content-Type": "application/json"}
        answer = owner.post(path(model_id, "/predict"), data=body, headers=headers)
        assert answer.status_code == 200, answer.text[:500]
        told = [one["prediction"] for one in answer.json()["predictions"]]
        some = {"inputs": [{"amount": row["amount"]} for row in rows[:1000]]}
        known = owner.post(path(model_id, "/predict"), json=some).json()["predictions"]
        assert told == [one["prediction"] for one in known] * 10

    def test_more_rows_or_more_bytes_are_refused(self, owner, model_id, problem):
        answer = owner.post(path(model_id, "/predict"), json={"inputs": self.rows(10_001, 9)})
        problem(answer, 422, "inputs-refused")
        rows = [{"amount": 1, "text": "x" * 4000}] * 9000
        answer = owner.post(path(model_id, "/predict"), json={"inputs": rows})
        document = problem(answer, 413, "too-large")
        assert document["detail"].startswith(f"Send at most {32 * MIB} bytes")
        rows = [dict.fromkeys((f"c{at}" for at in range(300)), 0)] * 7000
        document = problem(
            owner.post(path(model_id, "/predict"), json={"inputs": rows}), 413, "too-large"
        )
        assert document["detail"] == "Send at most 2000000 values."

    def test_others_keep_their_limit(self, owner, model_id, problem):
        body = {"dataset_version_id": "x" * MIB}
        answer = owner.post(path(model_id, "/predictions"), json=body)
        document = problem(answer, 413, "too-large")
        assert document["detail"].startswith(f"Send at most {MIB} bytes")


class TestPredictDataset:
    TABLE = (
        "prediction,amount,country,note\n"
        + "".join(f"{n % 3},{n * 10.5},{'DE' if n % 2 else 'XX'},n{n}\n" for n in range(95))
        + "1,NA,,last\n"
    )

    def ask(self, owner, model_id, content, project_id, **body):
        made = owner.upload(project_id, content.encode()).json()
        sent = {"dataset_version_id": made["dataset_version_id"], **body}
        return owner.post(path(model_id, "/predictions"), json=sent)

    def table(self, owner, dataset_id):
        url = f"/api/datasets/{dataset_id}/download"
        return pd.read_parquet(io.BytesIO(owner.get(url).content))

    def test_says_of_each_row_what_predict_says(
        self, server, owner, project_id, model_id, monkeypatch
    ):
        answer = self.ask(owner, model_id, self.TABLE, project_id)
        assert answer.status_code == 202
        ids = answer.json()
        assert answer.headers["location"].endswith(f"/api/jobs/{ids['job_id']}")
        assert owner.get(f"/api/datasets/{ids['dataset_id']}").status_code == 404
        ended = server.run_job(ids["job_id"])
        assert (ended["status"], ended["kind"]) == ("succeeded", "predict"), ended["message"]
        kept = owner.get(f"/api/datasets/{ids['dataset_id']}").json()["dataset"]
        name = owner.get(path(model_id)).json()["model"]["name"]
        assert kept["name"] == f"table.csv, predicted by {name}"
        assert (kept["rows"], kept["columns"], kept["format"]) == (96, 7, "parquet")
        given = pd.read_csv(io.StringIO(self.TABLE))
        made = self.table(owner, ids["dataset_id"])
        pd.testing.assert_frame_equal(made[list(given)], given, check_dtype=False)
        rows = given[["amount", "country"]].astype(object).where(given.notna(), None)
        body = {"inputs": rows.to_dict(orient="records")}
        told = owner.post(path(model_id, "/predict"), json=body).json()["predictions"]
        assert made["prediction_2"].tolist() == [one["prediction"] for one in told]
        assert set(made["prediction_2"]) == {"yes", "no"}
        for label in ("no", "yes"):
            said = [one["probabilities"][label] for one in told]
            assert made[f"probability_{label}"].tolist() == said
        url = f"/api/datasets/{ids['dataset_id']}/download?format=csv"
        as_csv = pd.read_csv(io.BytesIO(owner.get(url).content))
        assert as_csv["prediction_2"].tolist() == made["prediction_2"].tolist()

    @pytest.mark.parametrize(
        ("large", "kind", "hours"), [(97, "predict", 0.5), (96, "predict_large", 6)]
    )
    def test_many_rows_are_long_work(
        self, server, owner, project_id, model_id, monkeypatch, large, kind, hours
    ):
        monkeypatch.setattr(dataset_predictions, "LARGE_ROWS", large)
        ids = self.ask(owner, model_id, self.TABLE, project_id).json()
        with server.services.database.transaction() as connection:
            this = select(jobs.c.kind, jobs.c.max_runtime_seconds).where(jobs.c.id == ids["job_id"])
            assert connection.execute(this).one() == (kind, hours * 3600)
        assert server.run_job(ids["job_id"])["status"] == "succeeded"
        assert len(self.table(owner, ids["dataset_id"])) == 96

    def test_a_threshold_a_name_and_no_probabilities(self, server, owner, project_id, model_id):
        options = {"probabilities": False, "threshold": 0.97}
        body = {"name": "Judged", "options": options}
        ids = self.ask(owner, model_id, self.TABLE, project_id, **body).json()
        assert server.run_job(ids["job_id"])["status"] == "succeeded"
        made = self.table(owner, ids["dataset_id"])
        assert list(made)[4:] == ["prediction_2"]
        assert owner.get(f"/api/datasets/{ids['dataset_id']}").json()["dataset"]["name"] == "Judged"
        given = pd.read_csv(io.StringIO(self.TABLE))[["amount", "country"]].astype(object)
        asked = {"inputs": given.where(given.notna(), None).to_dict(orient="records")}
        for threshold, is_same in ((0.97, True), (0.5, False)):
            sent = {**asked, "options": {"threshold": threshold}}
            told = owner.post(path(model_id, "/predict"), json=sent).json()["predictions"]
            same = [one["prediction"] for one in told] == made["prediction_2"].tolist()
            assert same is is_same

    def test_a_column_that_cannot_be_what_the_model_takes(
        self, server, owner, project_id, model_id
    ):
        table = "amount,country\n" + "much,DE\n" * 12
        ids = self.ask(owner, model_id, table, project_id).json()
        ended = server.run_job(ids["job_id"])
        assert ended["status"] == "failed"
        assert "cannot be asked about this data set: 'amount' holds values" in ended["message"]
        assert owner.get(f"/api/datasets/{ids['dataset_id']}").status_code == 404

    def test_what_was_deleted_before(self, server, owner, project_id, model_id):
        ids = self.ask(owner, model_id, self.TABLE, project_id).json()
        assert owner.delete(path(model_id)).ok
        ended = server.run_job(ids["job_id"])
        assert ended["status"] == "failed"
        assert "was deleted before" in ended["message"]

    def test_a_file_that_is_no_model_ends_no_worker(
        self, server, owner, project_id, model_id, training, monkeypatch
    ):
        ids = self.ask(owner, model_id, self.TABLE, project_id).json()
        with server.services.database.transaction() as connection:
            found = trained_model.find_for_prediction(connection, model_id)
            table = dataset_version.find_in_project(
                connection, project_id, server.job(ids["job_id"])["arguments"]["dataset_version_id"]
            )
            of_model = artifacts.c.sha256 == found["sha256"]
            connection.execute(
                update(artifacts)
                .where(of_model, artifacts.c.project_id == project_id)
                .values(sha256=table["sha256"])
            )
        ended = server.run_job(ids["job_id"])
        assert ended["status"] == "failed"
        assert "The model does not answer: the model file is damaged" in ended["message"]

    def test_what_is_kept_counts_for_the_quota(self, server, owner, project_id, model_id):
        ids = self.ask(owner, model_id, self.TABLE, project_id).json()
        used = owner.get("/api/usage").json()["stored_bytes"]
        ended = server.run_job(ids["job_id"], person_quota_bytes=used + 100)
        assert ended["status"] == "failed"
        assert "the most that you may keep" in ended["message"]
        assert owner.get("/api/usage").json()["stored_bytes"] == used

    def test_a_data_set_of_another_project(self, server, owner, project_id, model_id, problem):
        other = owner.post("/api/projects", json={"name": "Other"}).json()["project_id"]
        answer = self.ask(owner, model_id, self.TABLE, other)
        problem(answer, 404, "dataset-version-not-found")

    def test_a_model_that_cannot_predict(self, server, owner, project_id, model_id, problem):
        change_engine(server, model_id, "h2o")
        problem(self.ask(owner, model_id, self.TABLE, project_id), 409, "model-unusable")

    @pytest.mark.parametrize("bad", [UNKNOWN, "x"])
    def test_no_such_model(self, owner, problem, bad):
        sent = {"dataset_version_id": UNKNOWN}
        answer = owner.post(path(bad, "/predictions"), json=sent)
        problem(answer, 404, "model-not-found")


class TestDownloadModel:
    def test_sends_the_file(self, owner, model_id):
        answer = owner.get(path(model_id, "/download"))
        model = owner.get(path(model_id)).json()["model"]
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["content-length"] == str(model["size_bytes"])
        assert f'filename="{model["name"]}.skops"' in answer.headers["content-disposition"]
        assert hashlib.sha256(answer.content).hexdigest() == model["sha256"]

    def test_what_was_downloaded_answers_as_the_server_does(self, owner, model_id, tmp_path):
        rows = [SMALL, LARGE, {"country": "IT"}, {"amount": 501.5, "country": "XX"}]
        asked = owner.post(path(model_id, "/predict"), json={"inputs": rows}).json()
        file = tmp_path / "model.skops"
        file.write_bytes(owner.get(path(model_id, "/download")).content)
        model, told = model_file.load(file), owner.get(path(model_id)).json()
        assert model.predict(pd.DataFrame(rows)).tolist() == [
            one["prediction"] for one in asked["predictions"]
        ]
        assert model.predict_proba(pd.DataFrame(rows)).to_dict(orient="records") == [
            one["probabilities"] for one in asked["predictions"]
        ]
        assert model.signature == told["signature"]
        assert model.name == told["model"]["name"]

    @pytest.mark.parametrize("bad", [UNKNOWN, "x"])
    def test_no_such_model(self, owner, problem, bad):
        problem(owner.get(path(bad, "/download")), 404, "model-not-found")
