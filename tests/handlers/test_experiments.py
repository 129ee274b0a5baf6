"""The operations of the tag `experiments`, one class each; no worker runs here."""

import uuid

import pytest
from sqlalchemy import select

from projects_api.models import dataset_version, experiment, job, trained_model
from projects_api.models.job_log import append

UNKNOWN = "0195d3a0-0000-7000-8000-000000000000"
CSV = b"x,colour,price\n1,red,10.5\n2,%b,11.5\n3,red,12.5\n"
FIELDS = {
    "id",
    "project_id",
    "dataset_version_id",
    "name",
    "status",
    "target_column",
    "problem_type",
    "engine",
    "execution_mode",
    "config",
    "best_model_type",
    "duration",
    "message",
    "job_id",
    "created_at",
    "started_at",
    "finished_at",
}
DEFAULTS = {
    "max_runtime_secs": 3600,
    "max_models": 20,
    "sort_metric": "AUTO",
    "seed": 42,
    "nfolds": 5,
    "exclude_algos": [],
    "balance_classes": False,
    "stopping_rounds": 3,
    "stopping_metric": "AUTO",
    "stopping_tolerance": 0.001,
    "threshold_metric": "auto",
}
EXPLANATION = {
    "permutation_importance": [{"feature": "x", "importance": 0.5, "deviation": 0.1}],
    "shap": None,
}


def path(experiment_id: str, part: str = "") -> str:
    return f"/api/experiments/{experiment_id}{part}"


@pytest.fixture
def version_id(owner, project_id):
    content = CSV % project_id.encode()  # a file that no other test has
    return owner.upload(project_id, content, name="prices.csv").json()["dataset_version_id"]


@pytest.fixture
def body(project_id, version_id):
    return {
        "project_id": project_id,
        "dataset_version_id": version_id,
        "name": "AutoML Run 1",
        "target_column": "price",
        "problem_type": "regression",
    }


@pytest.fixture
def created(owner, body):
    answer = owner.post("/api/experiments", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


@pytest.fixture
def experiment_id(created):
    return created["experiment_id"]


@pytest.fixture
def model_ids(server, project_id, version_id, experiment_id):
    """Keep two models of the experiment, the better one last; their file is the data set's."""
    with server.services.database.transaction() as connection:
        version = dataset_version.find_in_project(connection, project_id, version_id)
        return [
            trained_model.create(
                connection,
                project_id,
                experiment_id,
                name=f"{kind} 1",
                model_type=kind,
                metrics={"rmse": 1.0},
                sha256=version["sha256"],
                media_type="application/vnd.skops",
                rank=rank,
                is_best=rank == 1,
                explanation=EXPLANATION,
            )
            for kind, rank in (("GLM", 2), ("GBM", 1))
        ]


def find_job(server, person, job_id: str) -> dict:
    with server.services.database.transaction(writing=False) as connection:
        return job.find_for_user(connection, job_id, person.user_id)


def counts(person, project_id: str) -> tuple[int, int]:
    project = person.get(f"/api/projects/{project_id}").json()["project"]
    return project["experiment_count"], project["model_count"]


class TestCreateExperiment:
    def test_creates(self, server, owner, project_id, version_id, body):
        answer = owner.post("/api/experiments", json=body)
        assert answer.status_code == 201
        created = answer.json()
        assert set(created) == {"experiment_id", "job_id", "experiment"}
        shown = created["experiment"]
        assert set(shown) == FIELDS
        assert uuid.UUID(shown["id"]).version == 7
        assert shown["id"] == created["experiment_id"]
        assert shown["job_id"] == created["job_id"]
        assert (shown["status"], shown["engine"], shown["execution_mode"]) == (
            "queued",
            "flaml",
            "single",
        )
        assert (shown["project_id"], shown["dataset_version_id"]) == (project_id, version_id)
        assert shown["config"] == DEFAULTS
        assert answer.headers["location"] == path(shown["id"])
        assert owner.get(answer.headers["location"]).json()["experiment"] == shown
        assert counts(owner, project_id) == (1, 0)
        queued = find_job(server, owner, created["job_id"])
        assert (queued["kind"], queued["status"]) == ("train", "queued")
        assert queued["entity_id"] == shown["id"]
        (event,) = (
            one
            for one in owner.get(f"/api/projects/{project_id}/timeline").json()["events"]
            if one["type"] == "experiment"
        )
        assert (event["id"], event["status"], event["duration"]) == (shown["id"], "queued", None)

    def test_the_problem_types(self, owner, body):
        for asked in ("classification", "binary", "multiclass", "regression"):
            kept = "regression" if asked == "regression" else "classification"
            answer = owner.post("/api/experiments", json={**body, "problem_type": asked})
            assert answer.json()["experiment"]["problem_type"] == kept

    def test_a_config_is_completed(self, owner, body):
        config = {"max_runtime_secs": 30, "exclude_algos": ["GBM"], "sort_metric": "rmse"}
        created = owner.post("/api/experiments", json={**body, "config": config}).json()
        assert created["experiment"]["config"] == {**DEFAULTS, **config}

    @pytest.mark.parametrize("label", ["fraud", 1, 0.5, True, None])
    def test_a_positive_label_is_kept(self, owner, body, label):
        asked = {**body, "problem_type": "binary", "config": {"positive_label": label}}
        answer = owner.post("/api/experiments", json=asked)
        assert answer.status_code == 201, answer.text
        kept = answer.json()["experiment"]["config"]["positive_label"]
        assert (kept, type(kept)) == (label, type(label))

    def test_the_job_has_a_limit(self, server, owner, body):
        created = owner.post("/api/experiments", json={**body, "config": {"max_runtime_secs": 30}})
        with server.services.database.transaction(writing=False) as connection:
            jobs = job.jobs.c
            limit = select(jobs.max_runtime_seconds).where(jobs.id == created.json()["job_id"])
            assert connection.execute(limit).scalar_one() == 30 + 600

    def test_refuses_what_breaks_the_contract(self, owner, problem, project_id, body):
        changes: list[dict] = [
            {"name": ""},
            {"target_column": ""},
            {"target_column": None},
            {"problem_type": "clustering"},
            {"engine": "another"},
            {"engines": ["flaml", "flaml"]},
            {"execution_mode": "twice"},
            {"use_gpu": "yes"},
            {"config": None},
            {"config": {"max_runtime_secs": 0}},
            {"config": {"max_runtime_secs": 1e9}},
            {"config": {"max_models": 0}},
            {"config": {"max_models": 2.5}},
            {"config": {"seed": -1}},
            {"config": {"nfolds": 100}},
            {"config": {"unknown": 1}},
            {"unknown": 1},
        ]
        for change in changes:
            answer = owner.post("/api/experiments", json={**body, **change})
            problem(answer, 422, "contract-violation")
        for missing in (
            "project_id",
            "dataset_version_id",
            "name",
            "target_column",
            "problem_type",
        ):
            less = {name: value for name, value in body.items() if name != missing}
            answer = owner.post("/api/experiments", json=less)
            problem(answer, 422, "contract-violation", missing)
        assert counts(owner, project_id) == (0, 0)

    def test_refuses_a_column_that_is_not_there(self, owner, problem, project_id, body):
        answer = owner.post("/api/experiments", json={**body, "target_column": "Price"})
        document = problem(answer, 422, "unknown-column", "It has: x, colour, price.")
        assert [fault["pointer"] for fault in document["errors"]] == ["/target_column"]
        assert counts(owner, project_id) == (0, 0)

    def test_a_problem_names_no_more_than_some_columns(self, owner, problem, body):
        header = ",".join(f"{'n' * 300}{number}" for number in range(60))
        content = f"{header}\n{','.join('1' for _ in range(60))}\n".encode()
        uploaded = owner.upload(body["project_id"], content).json()
        wrong = {"dataset_version_id": uploaded["dataset_version_id"], "target_column": "x"}
        answer = owner.post("/api/experiments", json={**body, **wrong})
        problem(answer, 422, "unknown-column", "and others")

    @pytest.mark.parametrize(
        ("problem_type", "config", "pointer", "told"),
        [
            ("regression", {"sort_metric": "auc"}, "/sort_metric", "only AUTO, rmse, mse,"),
            ("binary", {"sort_metric": "RMSE"}, "/sort_metric", "only AUTO, auc, logloss,"),
            ("multiclass", {"stopping_metric": "speed"}, "/stopping_metric", "only AUTO, auc,"),
            ("regression", {"positive_label": "x"}, "/positive_label", "is for a classification"),
            ("binary", {"positive_label": {"x": 1}}, "/positive_label", "must be a text, a num"),
            ("regression", {"exclude_algos": ["GLM", "GMB"]}, "/exclude_algos/1", "only GBM,"),
            (
                *("regression", {"exclude_algos": ["gbm", "XGBoost", "GLM", "DRF", "XRT"]}),
                *("/exclude_algos", "leaves flaml nothing"),
            ),
        ],
    )
    def test_refuses_a_config_that_fits_no_training(
        self, owner, problem, project_id, body, problem_type, config, pointer, told
    ):
        asked = {**body, "problem_type": problem_type, "config": config}
        document = problem(owner.post("/api/experiments", json=asked), 422, "config-refused", told)
        (error,) = document["errors"]
        assert (error["location"], error["pointer"]) == ("body", f"/config{pointer}")
        assert counts(owner, project_id) == (0, 0)

    def test_names_go_in_any_case_and_those_of_other_engines_too(self, owner, body):
        config = {
            "sort_metric": "R2",
            "stopping_metric": "auto",
            "exclude_algos": ["DeepLearning", "stackedensemble", "Drf"],
        }
        answer = owner.post("/api/experiments", json={**body, "config": config})
        assert answer.status_code == 201, answer.text

    def test_an_engine_that_cannot_run_here(self, owner, problem, body):
        able = owner.get("/api/experiments/capabilities").json()
        for one in able["unavailable"]:
            for asked in ({"engine": one["engine"]}, {"engines": ["flaml", one["engine"]]}):
                answer = owner.post("/api/experiments", json={**body, **asked})
                problem(answer, 409, "engine-unavailable", one["reason"])

    def test_no_such_project(self, owner, problem, body):
        answer = owner.post("/api/experiments", json={**body, "project_id": UNKNOWN})
        problem(answer, 404, "project-not-found")

    def test_no_such_version(self, owner, problem, body):
        answer = owner.post("/api/experiments", json={**body, "dataset_version_id": UNKNOWN})
        problem(answer, 404, "dataset-version-not-found")

    def test_a_version_of_another_project(self, owner, problem, body):
        elsewhere = owner.upload(owner.create_project()).json()["dataset_version_id"]
        answer = owner.post("/api/experiments", json={**body, "dataset_version_id": elsewhere})
        problem(answer, 404, "dataset-version-not-found")

    def test_a_repetition_starts_no_second_one(self, owner, project_id, body):
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        first, second = (
            owner.post("/api/experiments", json=body, headers=headers) for _ in range(2)
        )
        assert first.json() == second.json()
        assert counts(owner, project_id) == (1, 0)

    @pytest.mark.parametrize(
        ("config", "pointer", "why"),
        [
            ({"features": ["zz"]}, "/config/features/0", "no column 'zz'"),
            ({"column_kinds": {"zz": "text"}}, "/config/column_kinds/zz", "no column 'zz'"),
            ({"split": "group"}, "/config/split", "needs a split_column"),
            ({"weight_column": "price"}, "/config/weight_column", "is the target"),
            (
                {"test_dataset_version_id": UNKNOWN},
                "/config/test_dataset_version_id",
                "names no version",
            ),
        ],
    )
    def test_a_fault_of_a_column_is_named(self, owner, body, problem, config, pointer, why):
        answer = owner.post("/api/experiments", json={**body, "config": config})
        (fault,) = problem(answer, 422, "config-refused", why)["errors"]
        assert (fault["location"], fault["pointer"]) == ("body", pointer)

    @pytest.mark.parametrize(
        "config",
        [
            {"column_kinds": {"x": "nonsense"}},
            {"split": "by luck"},
            {"features": []},
            {"features": ["x", "x"]},
            {"ignored_columns": "x"},
            {"test_dataset_version_id": "x"},
        ],
    )
    def test_columns_are_named_as_the_contract_says(self, owner, body, problem, config):
        answer = owner.post("/api/experiments", json={**body, "config": config})
        problem(answer, 422, "contract-violation")

    def test_columns_that_fit_are_kept(self, owner, body, version_id):
        config = {
            "features": ["x"],
            "ignored_columns": [],
            "column_kinds": {"x": "category"},
            "split": "group",
            "split_column": "colour",
            "weight_column": None,
            "test_dataset_version_id": version_id,
        }
        answer = owner.post("/api/experiments", json={**body, "config": config})
        assert answer.status_code == 201, answer.text
        assert config.items() <= answer.json()["experiment"]["config"].items()

    def test_a_table_to_test_on_has_what_is_needed(self, owner, project_id, body, problem):
        other = owner.upload(project_id, b"colour,price\nred,1\n", name="b.csv").json()
        config = {"test_dataset_version_id": other["dataset_version_id"]}
        answer = owner.post("/api/experiments", json={**body, "config": config})
        problem(answer, 422, "config-refused", "its table has no column 'x'")
        without = {**body, "config": {**config, "ignored_columns": ["x"]}}
        assert owner.post("/api/experiments", json=without).status_code == 201

    def test_not_one_of_another_project(self, owner, body, problem):
        other = owner.upload(owner.create_project(), b"x,colour,price\n1,red,1\n").json()
        config = {"test_dataset_version_id": other["dataset_version_id"]}
        answer = owner.post("/api/experiments", json={**body, "config": config})
        problem(answer, 422, "config-refused", "names no version")


class TestListExperiments:
    def test_lists_newest_first(self, owner, project_id, body):
        ids = [
            owner.post("/api/experiments", json={**body, "name": f"Run {number}"}).json()[
                "experiment_id"
            ]
            for number in range(3)
        ]
        answer = owner.get("/api/experiments", params={"project_id": project_id})
        assert answer.status_code == 200
        listed = answer.json()
        assert [item["id"] for item in listed["items"]] == ids[::-1]
        assert (listed["total"], listed["limit"], listed["offset"]) == (3, 50, 0)
        assert set(listed["items"][0]) == FIELDS
        page = owner.get(
            "/api/experiments", params={"project_id": project_id, "limit": 1, "offset": 1}
        ).json()
        assert [item["id"] for item in page["items"]] == [ids[1]]

    @pytest.mark.parametrize("query", ["", "project_id=x", "limit=0", "limit=501", "offset=-1"])
    def test_refuses_what_breaks_the_contract(self, owner, problem, project_id, query):
        query = f"{query}&project_id={project_id}" if "=" in query[:7] else query
        problem(owner.get(f"/api/experiments?{query}"), 422, "contract-violation")

    def test_no_such_project(self, owner, problem):
        answer = owner.get("/api/experiments", params={"project_id": UNKNOWN})
        problem(answer, 404, "project-not-found")


class TestGetExperimentCapabilities:
    def test_tells_what_can_run(self, owner):
        answer = owner.get("/api/experiments/capabilities")
        assert answer.status_code == 200
        able = answer.json()
        assert "flaml" in able["allowed_engines"]
        assert able["execution_modes"] == ["single", "parallel"]
        named = [*able["allowed_engines"], *(one["engine"] for one in able["unavailable"])]
        assert sorted(named) == ["flaml", "h2o"]


class TestGetExperiment:
    def test_gets(self, owner, created):
        answer = owner.get(path(created["experiment_id"]))
        assert answer.status_code == 200
        assert answer.json() == {"experiment": created["experiment"]}

    def test_outlives_its_data_set(self, owner, project_id, experiment_id):
        (item,) = owner.get("/api/datasets", params={"project_id": project_id}).json()["items"]
        owner.delete(f"/api/datasets/{item['id']}")
        assert owner.get(path(experiment_id)).json()["experiment"]["dataset_version_id"] is None

    @pytest.mark.parametrize("bad", [UNKNOWN, "x"])
    def test_no_such_experiment(self, owner, problem, bad):
        problem(owner.get(path(bad)), 404, "experiment-not-found")

    def test_a_strangers_looks_like_none(self, other, problem, experiment_id):
        problem(other.get(path(experiment_id)), 404, "experiment-not-found")


class TestDeleteExperiment:
    def test_deletes_once(self, server, owner, problem, project_id, created, model_ids):
        experiment_id = created["experiment_id"]
        assert counts(owner, project_id) == (1, 2)
        answer = owner.delete(path(experiment_id))
        assert (answer.status_code, answer.json()) == (200, {"ok": True})
        problem(owner.delete(path(experiment_id)), 404, "experiment-not-found")
        problem(owner.get(path(experiment_id)), 404, "experiment-not-found")
        assert counts(owner, project_id) == (0, 0)
        assert find_job(server, owner, created["job_id"])["status"] == "cancelled"
        with server.services.database.transaction(writing=False) as connection:
            for model_id in model_ids:
                assert trained_model.find(connection, model_id) is None

    def test_its_files_go_with_it(self, server, owner, project_id, experiment_id, model_ids):
        (item,) = owner.get("/api/datasets", params={"project_id": project_id}).json()["items"]
        owner.delete(f"/api/datasets/{item['id']}")
        server.services.artifacts.collect()
        assert item["sha256"] in {sha256 for sha256, _ in server.services.artifacts.store.list()}
        owner.delete(path(experiment_id))
        server.services.artifacts.collect()
        kept = {sha256 for sha256, _ in server.services.artifacts.store.list()}
        assert item["sha256"] not in kept

    def test_others_keep_what_they_have(self, owner, project_id, body, experiment_id, model_ids):
        other_id = owner.post("/api/experiments", json=body).json()["experiment_id"]
        owner.delete(path(other_id))
        assert counts(owner, project_id) == (1, 2)
        assert owner.get(path(experiment_id, "/explain")).status_code == 200

    @pytest.mark.parametrize("bad", [UNKNOWN, "x"])
    def test_no_such_experiment(self, owner, problem, bad):
        problem(owner.delete(path(bad)), 404, "experiment-not-found")


class TestGetExperimentStatus:
    def test_a_queued_one(self, owner, created):
        answer = owner.get(path(created["experiment_id"], "/status"))
        assert answer.status_code == 200
        assert answer.json() == {
            "experiment_id": created["experiment_id"],
            "job_id": created["job_id"],
            "status": "queued",
            "progress": 0,
            "stage": None,
            "seconds_left": None,
            "message": None,
        }

    def test_one_without_a_job(self, server, owner, project_id):
        with server.services.database.transaction() as connection:
            experiment_id = experiment.create(
                connection,
                project_id,
                name="AutoML Run 0",
                status="completed",
                target_column="x",
                problem_type="regression",
            )
        shown = owner.get(path(experiment_id, "/status")).json()
        assert (shown["status"], shown["progress"], shown["job_id"]) == ("completed", 100, None)

    @pytest.mark.parametrize("bad", [UNKNOWN, "x"])
    def test_no_such_experiment(self, owner, problem, bad):
        problem(owner.get(path(bad, "/status")), 404, "experiment-not-found")


class TestStopExperiment:
    def test_asks_its_job_to_end(self, server, owner, project_id, version_id):
        experiment_id = server.add_running_experiment(project_id, version_id, owner.user_id)
        answer = owner.post(path(experiment_id, "/stop"))
        assert answer.status_code == 202
        assert answer.headers["Retry-After"] == "2"
        told = answer.json()
        assert told == owner.get(path(experiment_id, "/status")).json()
        assert told["status"] == "running"
        kept = server.job(told["job_id"])
        assert (kept["stop_requested"], kept["cancel_requested"]) == (True, False)
        assert owner.post(path(experiment_id, "/stop")).status_code == 202

    def test_not_without_a_model(self, server, owner, project_id, version_id, problem):
        experiment_id = server.add_running_experiment(
            project_id, version_id, owner.user_id, results=0
        )
        problem(owner.post(path(experiment_id, "/stop")), 409, "no-model-yet", "no model yet")
        job_id = owner.get(path(experiment_id, "/status")).json()["job_id"]
        assert server.job(job_id)["stop_requested"] is False

    @pytest.mark.parametrize("status", ["queued", "succeeded", "completed", "failed", "cancelled"])
    def test_not_one_that_does_not_run(
        self, server, owner, project_id, version_id, problem, status
    ):
        experiment_id = server.add_running_experiment(project_id, version_id, owner.user_id)
        with server.services.database.transaction() as connection:
            experiment.change(connection, experiment_id, status=status)
        answer = owner.post(path(experiment_id, "/stop"))
        problem(answer, 409, "experiment-not-running", f"is {status}")
        job_id = owner.get(path(experiment_id, "/status")).json()["job_id"]
        assert server.job(job_id)["stop_requested"] is False

    @pytest.mark.parametrize("bad", [UNKNOWN, "x"])
    def test_no_such_experiment(self, owner, problem, bad):
        problem(owner.post(path(bad, "/stop")), 404, "experiment-not-found")


class TestGetExperimentLogs:
    def test_pages(self, server, owner, created):
        lines = [f"Line {number}" for number in range(5)]
        with server.services.database.transaction() as connection:
            append(connection, created["job_id"], lines)
        answer = owner.get(path(created["experiment_id"], "/logs"))
        assert answer.status_code == 200
        assert answer.json() == {"logs": lines, "total": 5, "limit": 500, "offset": 0}
        page = {"limit": 2, "offset": 3}
        shown = owner.get(path(created["experiment_id"], "/logs"), params=page).json()
        assert shown == {"logs": lines[3:], "total": 5, **page}

    @pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 1001}, {"offset": -1}])
    def test_refuses_what_breaks_the_contract(self, owner, problem, experiment_id, query):
        answer = owner.get(path(experiment_id, "/logs"), params=query)
        problem(answer, 422, "contract-violation")

    @pytest.mark.parametrize("bad", [UNKNOWN, "x"])
    def test_no_such_experiment(self, owner, problem, bad):
        problem(owner.get(path(bad, "/logs")), 404, "experiment-not-found")


class TestExplainExperiment:
    def test_explains_the_best_model(self, owner, experiment_id, model_ids):
        answer = owner.get(path(experiment_id, "/explain"))
        assert answer.status_code == 200
        assert answer.json() == {
            "experiment_id": experiment_id,
            "model_id": model_ids[1],
            "model_type": "GBM",
            "explanation": EXPLANATION,
        }

    def test_has_none_while_there_is_no_model(self, owner, problem, experiment_id):
        answer = owner.get(path(experiment_id, "/explain"))
        problem(answer, 409, "no-model-yet", "This experiment is queued")

    @pytest.mark.parametrize("bad", [UNKNOWN, "x"])
    def test_no_such_experiment(self, owner, problem, bad):
        problem(owner.get(path(bad, "/explain")), 404, "experiment-not-found")


class TestListEngineRuns:
    def test_lists(self, owner, body):
        asked = {**body, "engines": ["flaml"], "engine": "h2o"}
        created = owner.post("/api/experiments", json=asked).json()
        answer = owner.get(path(created["experiment_id"], "/engine-runs"))
        assert answer.status_code == 200
        run = {
            "engine": "flaml",
            "status": "queued",
            "model_count": 0,
            "best_model_type": None,
            "duration": None,
            "message": None,
        }
        assert answer.json() == {"items": [run], "total": 1, "limit": 50, "offset": 0}
        beyond = owner.get(
            path(created["experiment_id"], "/engine-runs"), params={"offset": 1}
        ).json()
        assert (beyond["items"], beyond["total"]) == ([], 1)

    @pytest.mark.parametrize("bad", [UNKNOWN, "x"])
    def test_no_such_experiment(self, owner, problem, bad):
        problem(owner.get(path(bad, "/engine-runs")), 404, "experiment-not-found")
