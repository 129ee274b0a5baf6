"""The ephemeral server: what it holds, how it is set back, how it fails, and that nothing stays."""

import csv
import io
import os
import re
import subprocess
import threading
import zipfile
from datetime import UTC, datetime

import orjson
import pytest
import requests
from sklearn.metrics import roc_auc_score

from projects_api.app.doctor import examine
from projects_api.archive.reader import verify_archive
from projects_api.contract.resolver import operations
from projects_api.engines import Task, TrainingConfig, table
from projects_api.engines.inputs import check_rows
from projects_api.engines.prediction import load
from projects_api.ephemeral.seed import DEMO, PEOPLE
from projects_api.ephemeral.server import EphemeralServer
from projects_api.openapi import contract
from projects_api.tables import convert_table, inspect_table
from tests.contract.documented import answer_of
from tests.handlers.conftest import assert_problem
from tests.support.processes import COMMAND, PATIENCE
from tools.seed_content import Quiet

CLOCK = "2026-03-01T00:00:00Z"
ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def send(server, method: str, path: str, role: str = "owner", **options) -> requests.Response:
    headers = {**server.headers(role), **options.pop("headers", {})}
    return requests.request(
        method, f"{server.base_url}{path}", headers=headers, timeout=PATIENCE, **options
    )


def manifest_of(archive: bytes) -> dict:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return orjson.loads(opened.read("manifest.json"))


def as_asked(signature: dict, row: dict[str, str]) -> dict:
    """Turn the cells of a CSV into what a caller would send."""
    kinds = {one["name"]: one["kind"] for one in signature["inputs"]}
    return {
        name: float(cell) if kinds.get(name) == "number" else cell for name, cell in row.items()
    }


def listed(server) -> list[dict]:
    return send(server, "GET", "/api/projects").json()["items"]


class TestCommand:
    def serve(self, folder, *options, stdin=subprocess.DEVNULL, **variables):
        environment = {"PATH": os.environ["PATH"], "TMPDIR": str(folder), **variables}
        return subprocess.Popen(
            [COMMAND, "serve", "--ephemeral", "--port", "0", *options],
            cwd=folder,
            env=environment,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def test_a_shell_evaluates_its_lines_and_nothing_stays(self, tmp_path):
        script = """
            eval "$(projects-api serve --ephemeral --seed demo --port 0 --print-env &)"
            curl --fail --silent --show-error --header "Authorization: Bearer $API_KEY_VIEWER" \
                "$BASE_URL/api/projects/$PROJECT_ID"
            echo
            ls
            kill "$SERVER_PID"
            while kill -0 "$SERVER_PID" 2> /dev/null; do sleep 0.05; done
        """
        path = f"{COMMAND.parent}:{os.environ['PATH']}"
        done = subprocess.run(
            ["sh", "-eu", "-c", script],
            cwd=tmp_path,
            env={"PATH": path, "TMPDIR": str(tmp_path)},
            capture_output=True,
            timeout=2 * PATIENCE,
            check=False,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        answer, *folders = done.stdout.splitlines()
        assert orjson.loads(answer)["project"]["name"] == "Fraud Detection v2"
        assert len(folders) == 1
        assert list(tmp_path.iterdir()) == []

    def test_only_the_first_key_is_printed_unless_asked(self, tmp_path):
        process = self.serve(tmp_path)
        lines = process.stdout.read().splitlines()
        process.terminate()
        assert process.wait(PATIENCE) == 0
        assert [line.partition("=")[0] for line in lines] == ["BASE_URL", "API_KEY"]

    def test_it_stops_with_its_standard_input(self, tmp_path):
        process = self.serve(tmp_path, "--stop-with-stdin", stdin=subprocess.PIPE)
        assert process.stdout.readline().startswith("BASE_URL=http://127.0.0.1:")
        assert list(tmp_path.iterdir()) != []
        process.stdin.close()
        assert process.wait(PATIENCE) == 0
        assert list(tmp_path.iterdir()) == []

    def test_it_leaves_the_data_of_the_environment_alone(self, tmp_path):
        (tmp_path / ".env").write_text("PROJECTS_API_PUBLIC_URL=http://wrong.example\n")
        process = self.serve(
            tmp_path,
            "--seed=empty",
            PROJECTS_API_DATABASE_URL=f"sqlite:///{tmp_path / 'precious.db'}",
            PROJECTS_API_DATA_DIR=str(tmp_path / "precious"),
            PROJECTS_API_WORKERS="2",
        )
        assert process.stdout.readline().startswith("BASE_URL=http://127.0.0.1:")
        names = [path.name for path in tmp_path.iterdir() if path.name != ".env"]
        process.terminate()
        assert process.wait(PATIENCE) == 0
        assert [name.startswith("projects-api-") for name in names] == [True]

    @pytest.mark.parametrize(
        ("options", "reason"),
        [
            (["--host=0.0.0.0"], "an ephemeral server on 0.0.0.0 could be reached"),
            (["--clock=2026-03-01T00:00:00"], "has no offset from UTC"),
            (["--clock=noon"], "noon"),
            (["--clock=1969-01-01T00:00:00Z"], "not within the years 1971 to 9000"),
            (["--seed=nothing.zip"], "No such file"),
            (["--seed=text.zip"], "text.zip is no seed"),
            (["--workers=2"], "one process"),
            (["--port=70000"], "PROJECTS_API_PORT"),
        ],
    )
    def test_it_says_what_it_refuses(self, tmp_path, options, reason):
        (tmp_path / "text.zip").write_text("no archive")
        process = self.serve(tmp_path, *options)
        printed, told = process.communicate(timeout=PATIENCE)
        assert process.returncode == 1
        assert printed == ""
        assert reason in told
        assert "Traceback" not in told
        assert [path.name for path in tmp_path.iterdir()] == ["text.zip"]

    def test_a_reachable_one_must_be_asked_for_twice(self, tmp_path):
        process = self.serve(tmp_path, "--host=0.0.0.0", PROJECTS_API_ALLOW_INSECURE="true")
        assert process.stdout.readline().startswith("BASE_URL=http://127.0.0.1:")
        process.terminate()
        assert process.wait(PATIENCE) == 0

    def test_a_page_of_another_origin_may_ask_for_faults(self, tmp_path):
        origin = "http://app.example"
        process = self.serve(tmp_path, PROJECTS_API_CORS_ORIGINS=origin)
        url = process.stdout.readline().strip().removeprefix("BASE_URL=")
        asked = {
            "Origin": origin,
            "Access-Control-Request-Method": "GET",
            "Access-Control-Request-Headers": "authorization,x-inject-fault",
        }
        answer = requests.options(f"{url}/api/projects", headers=asked, timeout=PATIENCE)
        process.terminate()
        assert process.wait(PATIENCE) == 0
        assert answer.status_code == 200, answer.text
        assert "X-Inject-Fault" in answer.headers["Access-Control-Allow-Headers"]

    @pytest.mark.parametrize("option", ["--seed=demo", f"--clock={CLOCK}", "--print-env"])
    def test_its_options_need_it(self, tmp_path, option):
        done = subprocess.run(
            [COMMAND, "serve", option],
            cwd=tmp_path,
            capture_output=True,
            timeout=PATIENCE,
            check=False,
            text=True,
        )
        assert done.returncode == 1
        assert "need --ephemeral" in done.stderr
        assert list(tmp_path.iterdir()) == []


class TestSeed:
    def test_everybody_has_the_role_of_their_key(self, projects_api_server):
        path = f"/api/projects/{projects_api_server.project_id}"
        members = send(projects_api_server, "GET", f"{path}/members").json()["items"]
        assert {one["email"]: one["role"] for one in members} == {
            person.email: role
            for role, person in PEOPLE.items()
            if role not in {"stranger", "operator"}
        }
        change = {"name": "Changed"}
        reads = {role: send(projects_api_server, "GET", path, role).status_code for role in PEOPLE}
        changes = {
            role: send(projects_api_server, "PUT", path, role, json=change).status_code
            for role in PEOPLE
        }
        deletes = {
            role: send(projects_api_server, "DELETE", path, role).status_code
            for role in ("stranger", "viewer", "editor", "admin", "owner")
        }
        members = {"viewer": 200, "editor": 200, "admin": 200, "owner": 200}
        assert reads == {**members, "stranger": 404, "operator": 404}
        assert changes == {**members, "viewer": 403, "stranger": 404, "operator": 404}
        assert deletes == {
            "stranger": 404,
            "viewer": 403,
            "editor": 403,
            "admin": 403,
            "owner": 200,
        }

    def test_its_export_is_the_archive_that_it_came_from(self, projects_api_server, tmp_path):
        path = f"/api/projects/{projects_api_server.project_id}/export"
        export = send(projects_api_server, "GET", path).content
        (tmp_path / "export.zip").write_bytes(export)
        assert verify_archive(tmp_path / "export.zip") == []
        exported, seeded = manifest_of(export), manifest_of(DEMO.read_bytes())
        assert exported.pop("exported_at") != seeded.pop("exported_at")
        assert exported == seeded

    def test_the_archive_tells_the_truth_about_its_tables(self, tmp_path):
        with zipfile.ZipFile(DEMO) as archive:
            manifest = orjson.loads(archive.read("manifest.json"))
            for found in manifest["datasets"]:
                (version,) = found["versions"]
                facts = inspect_table(tmp_path / archive.extract(version["path"], tmp_path))
                columns = facts.as_columns()
                del columns["media_type"]
                assert {name: version[name] for name in columns} == columns

    def test_its_models_score_what_their_metrics_say(self, tmp_path):
        with zipfile.ZipFile(DEMO) as archive:
            manifest = orjson.loads(archive.read("manifest.json"))
            archive.extractall(tmp_path)
        (version,) = next(
            one["versions"] for one in manifest["datasets"] if one["name"] == "transactions.csv"
        )
        rows = list(csv.DictReader((tmp_path / version["path"]).read_text().splitlines()))
        convert_table(
            tmp_path / version["path"], version["dialect"], "parquet", tmp_path / "t.parquet"
        )
        first = next(one for one in manifest["experiments"] if one["name"] == "AutoML Run 1")
        config = TrainingConfig.from_mapping(first["config"])
        task = Task(tmp_path / "t.parquet", "is_fraud", "classification", config)
        unseen = [rows[number] for number in table.read(task, Quiet()).held_out]
        truth = [row["is_fraud"] == "1" for row in unseen]
        trained = {one["id"]: one for one in manifest["experiments"]}
        asked = check_rows(first["signature"], [as_asked(first["signature"], r) for r in unseen])
        for model in manifest["models"]:
            signature = trained[model["experiment_id"]]["signature"]
            answers = load(tmp_path / model["path"], signature).predict(asked)
            found = roc_auc_score(truth, [one["probabilities"]["1"] for one in answers])
            assert found == pytest.approx(model["metrics"]["auc"], abs=1e-6)

    def test_it_has_the_documented_values(self):
        with zipfile.ZipFile(DEMO) as archive:
            manifest = orjson.loads(archive.read("manifest.json"))
        runs = {one["id"]: one for one in manifest["experiments"]}
        shown = answer_of("get_experiment")["experiment"]
        same = set(shown) - {"project_id", "job_id"}
        for one in [shown, *answer_of("list_experiments")["items"]]:
            kept = runs[one["id"]]
            assert {name: kept[name] for name in same} == {name: one[name] for name in same}
        (best,) = (
            one
            for one in manifest["models"]
            if one["experiment_id"] == shown["id"] and one["is_best"]
        )
        explained = answer_of("explain_experiment")
        assert (best["id"], best["model_type"]) == (explained["model_id"], explained["model_type"])

    def test_its_deployments_and_its_report_are_the_documented_ones(self, projects_api_server):
        server = projects_api_server
        path = f"/api/mlops/projects/{server.project_id}/deployments"
        assert send(server, "GET", path).json() == answer_of("list_deployments")
        shown = answer_of("get_report")["report"]
        found = send(server, "GET", f"/api/reports/{shown['id']}").json()["report"]
        # Jobs are not exported, and are forgotten some time after they end.
        assert found == {**shown, "job_id": None}
        for format_, begin in {"html": b"<!doctype html>", "pdf": b"%PDF"}.items():
            url = f"/api/reports/{shown['id']}/download?format={format_}"
            assert send(server, "GET", url).content.lower().startswith(begin.lower())

    def test_it_has_every_id_that_the_example_of_a_request_names(self):
        with (
            EphemeralServer.temporary(DEMO) as server,
            server.services.database.transaction(writing=False) as connection,
        ):
            rows = "\n".join(connection.connection.dbapi_connection.iterdump())
        named = {
            one["example"]
            for one in contract()["components"]["parameters"].values()
            if one["in"] == "path" and ID.fullmatch(str(one.get("example")))
        }
        for operation in operations(contract()):
            content = operation.get("requestBody", {}).get("content", {})
            bodies = [media.get("examples", {}) for media in content.values()]
            named |= set(ID.findall(orjson.dumps(bodies).decode()))
        assert len(named) > 6
        lacking = {one for one in named if one not in rows}
        # No job is kept in an archive, and no webhook: it would tell others of a copy. Accounts
        # of programs stay with the server that they are for.
        parameters = contract()["components"]["parameters"]
        assert lacking == {
            parameters[name]["example"]
            for name in (
                *("JobId", "WebhookId", "DeliveryId"),
                *("ServiceAccountId", "ServiceAccountKeyId"),
            )
        }

    def test_an_archive_of_ones_own_is_a_seed(self, projects_api_server, tmp_path):
        made = send(projects_api_server, "POST", "/api/projects", json={"name": "Été"}).json()
        form = {"project_id": made["project_id"], "name": "a.csv"}
        files = {"file": ("a.csv", b"a,b\n1,2\n")}
        upload = send(projects_api_server, "POST", "/api/datasets/upload", data=form, files=files)
        assert upload.status_code == 201
        path = f"/api/projects/{made['project_id']}/export"
        (tmp_path / "own.zip").write_bytes(send(projects_api_server, "GET", path).content)
        with EphemeralServer.temporary(tmp_path / "own.zip") as server:
            assert server.variables("")["PROJECT_ID"] == made["project_id"]
            assert faults_of(server) == []

    @pytest.mark.parametrize("archive", [DEMO, None], ids=["demo", "empty"])
    def test_the_doctor_finds_nothing_wrong(self, archive):
        with EphemeralServer.temporary(archive) as server:
            assert ("PROJECT_ID" in server.variables("")) == (archive is not None)
            assert faults_of(server) == []


def faults_of(server: EphemeralServer) -> list[str]:
    return [fault for _, faults in examine(server.settings) for fault in faults]


class TestReset:
    def test_everything_is_as_it_was(self, projects_api_server):
        server = projects_api_server
        before = listed(server)
        path = f"/api/projects/{server.project_id}"
        archive = send(server, "GET", f"{path}/export").content
        repeated = {"headers": {"Idempotency-Key": "once"}, "json": {"name": "More"}}
        assert send(server, "POST", "/api/projects", **repeated).status_code == 201
        assert send(server, "DELETE", path).status_code == 200
        assert [one["name"] for one in listed(server)] == ["More"]
        server.reset()
        assert listed(server) == before
        again = manifest_of(send(server, "GET", f"{path}/export").content)
        assert again["files"] == manifest_of(archive)["files"]
        answer = send(server, "POST", "/api/projects", **repeated)
        assert answer.status_code == 201
        assert "Idempotent-Replayed" not in answer.headers

    def test_files_come_back_and_others_go(self, tmp_path):
        with EphemeralServer.temporary(DEMO) as server:
            store = server.services.artifacts.store
            seeded = sorted(store.list())
            more = tmp_path / "more"
            more.write_bytes(b"more")
            with server.services.artifacts.spool() as spool:
                spool.write(b"more")
                store.put(spool.content(), spool.path)
            store.delete(seeded[0][0])
            assert sorted(store.list()) != seeded
            server.reset()
            assert sorted(store.list()) == seeded
            assert faults_of(server) == []

    def test_it_takes_the_owners_key(self, projects_api_server):
        url = f"{projects_api_server.base_url}/_ephemeral/reset"
        assert_problem(requests.post(url, timeout=PATIENCE), 401, "unauthenticated")
        viewer = projects_api_server.headers("viewer")
        assert_problem(requests.post(url, headers=viewer, timeout=PATIENCE), 401, "unauthenticated")
        owner = projects_api_server.headers()
        assert requests.post(url, headers=owner, timeout=PATIENCE).status_code == 204

    @pytest.mark.parametrize(
        "clock",
        ["noon", "1970-12-31T23:59:59Z", "9001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"],
    )
    def test_a_wrong_clock_is_refused(self, projects_api_server, clock):
        answer = send(projects_api_server, "POST", f"/_ephemeral/reset?clock={clock}")
        assert_problem(answer, 422, "contract-violation", "clock")

    @pytest.mark.parametrize("clock", ["1971-01-01T00:00:00Z", "9000-12-31T23:59:59Z"])
    def test_the_first_and_the_last_clock_serve(self, projects_api_server, clock):
        projects_api_server.reset(clock=clock)
        for name in ("One", "Two"):
            url = f"{projects_api_server.base_url}/api/projects"
            headers = projects_api_server.headers()
            answer = requests.post(url, json={"name": name}, headers=headers, timeout=PATIENCE)
            assert answer.status_code == 201, answer.text
        projects_api_server.reset()

    def test_requests_that_run_meanwhile_do_not_fail(self, projects_api_server):
        server, statuses, stop = projects_api_server, [], threading.Event()

        def write() -> None:
            while not stop.is_set():
                answer = send(server, "POST", "/api/projects", json={"name": "Busy"})
                statuses.append(answer.status_code)

        threads = [threading.Thread(target=write) for _ in range(4)]
        for thread in threads:
            thread.start()
        for _ in range(20):
            server.reset()
        stop.set()
        for thread in threads:
            thread.join()
        server.reset()
        assert set(statuses) == {201}
        assert [one["id"] for one in listed(server)] == [server.project_id]

    def test_a_usual_server_has_none(self, server):
        answer = server.person().post("/_ephemeral/reset")
        assert_problem(answer, 404, "not-found")


class TestClock:
    def story(self, server) -> list:
        """Do what makes ids and moments of every kind."""
        server.reset(clock=CLOCK)
        body = {"name": "Churn Prediction", "description": "Telco customer churn"}
        made = send(server, "POST", "/api/projects", json=body).json()
        path = f"/api/projects/{made['project_id']}"
        bob = {"email": "bob@example.com", "role": "viewer"}
        member = send(server, "POST", f"{path}/members", json=bob).json()
        form = {"project_id": made["project_id"], "name": "a.csv"}
        files = {"file": ("a.csv", b"a,b\n1,2\n")}
        upload = send(server, "POST", "/api/datasets/upload", data=form, files=files).json()
        export = send(server, "GET", f"{path}/export").content
        return [made, member, upload, manifest_of(export)]

    def test_the_same_story_has_the_same_ids_and_moments(self, projects_api_server):
        assert self.story(projects_api_server) == self.story(projects_api_server)

    def test_time_begins_there_and_moves_with_each_request(self, projects_api_server):
        made, member, _, manifest = self.story(projects_api_server)
        assert made["project"]["created_at"] == "2026-03-01T00:00:00Z"
        assert member["member"]["created_at"] == "2026-03-01T00:00:01Z"
        assert manifest["datasets"][0]["created_at"] == "2026-03-01T00:00:02Z"
        assert manifest["exported_at"] == "2026-03-01T00:00:03Z"

    def test_a_change_has_another_tag_although_time_is_fixed(self, projects_api_server):
        projects_api_server.reset(clock=CLOCK)
        path = f"/api/projects/{projects_api_server.project_id}"
        body = {"name": "Fraud Detection v2"}
        tags = {send(projects_api_server, "PUT", path, json=body).headers["ETag"] for _ in range(3)}
        assert len(tags) == 3

    def test_an_answer_is_replayed_under_it(self, projects_api_server):
        projects_api_server.reset(clock=CLOCK)
        options = {"json": {"name": "Once"}, "headers": {"Idempotency-Key": "k"}}
        first = send(projects_api_server, "POST", "/api/projects", **options)
        second = send(projects_api_server, "POST", "/api/projects", **options)
        assert second.headers["Idempotent-Replayed"] == "true"
        assert second.json() == first.json()

    def test_time_is_real_unless_asked(self, projects_api_server):
        projects_api_server.reset(clock=CLOCK)
        projects_api_server.reset()
        made = send(projects_api_server, "POST", "/api/projects", json={"name": "Now"}).json()
        moment = datetime.fromisoformat(made["project"]["created_at"])
        assert abs((datetime.now(UTC) - moment).total_seconds()) < PATIENCE

    def test_the_seed_is_the_same_in_every_server(self):
        rows = []
        for _ in range(2):
            with (
                EphemeralServer.temporary(DEMO) as server,
                server.services.database.transaction(writing=False) as connection,
            ):
                dump = connection.connection.dbapi_connection.iterdump()
                # The secrets of keys are what must differ.
                inserts = [line for line in dump if line.startswith("INSERT")]
                rows.append([line for line in inserts if 'INTO "api_keys"' not in line])
        assert rows[0] == rows[1]
