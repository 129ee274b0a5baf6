"""One person's requests that take long: others are answered meanwhile, and get their turn."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psutil
import pyarrow as pa
import pytest
from pyarrow import parquet

from tests.support.processes import wait_until

PATIENCE = 20
THREADS = 8
READERS = "projects_api.tables.reader"
MODELS = "projects_api.predictions.process"


@pytest.fixture
def process(local):
    with local.serve(threads=THREADS, embedded_workers=0) as process:
        yield process


def children(process, module: str) -> list[psutil.Process]:
    return [
        child
        for child in process.ps.children(recursive=True)
        if child.is_running() and module in child.cmdline()
    ]


@contextmanager
def suspended(processes):
    """Let nobody work in these processes, as one who works for minutes lets nobody."""
    for each in processes:
        each.suspend()
    try:
        yield
    finally:
        for each in processes:
            each.resume()


def metric(process, name: str) -> float:
    lines = process.server.anonymous().get("/metrics").text.splitlines()
    return next(float(line.removeprefix(name)) for line in lines if line.startswith(f"{name} "))


def running(process) -> float:
    return metric(process, "projects_api_requests_running")


def pool(process, name: str) -> tuple[float, ...]:
    """Tell how large a pool is, how much of it is used, and who waits for it."""
    facts = ("size", "used", "waiting")
    return tuple(metric(process, f'projects_api_pool_{fact}{{pool="{name}"}}') for fact in facts)


def check_others(process, alice):
    """All that takes no time is answered, though nothing of the kind that waits is."""
    assert alice.post("/api/projects", json={"name": "x"}, timeout=PATIENCE).status_code == 201
    project_id = alice.create_project()
    changed = alice.put(f"/api/projects/{project_id}", json={"name": "y"}, timeout=PATIENCE)
    assert changed.status_code == 200
    ready = process.server.anonymous().get("/health/ready", timeout=PATIENCE)
    assert ready.status_code == 200


def test_uploads_that_take_minutes(process):
    eve, alice = process.server.person(), process.server.person()
    of_eve, of_alice = eve.create_project(), alice.create_project()
    with ThreadPoolExecutor(32) as threads:
        while len(children(process, READERS)) < 2:
            assert {one.status_code for one in threads.map(eve.upload, [of_eve] * 4)} == {201}
        with suspended(children(process, READERS)):
            taken = [threads.submit(eve.upload, of_eve) for _ in range(16)]
            wait_until(lambda: running(process) > 16, "all of them have begun")
            # Of eight threads six may be theirs, and three hers; two read, and the third waits.
            wait_until(lambda: pool(process, "long_requests") == (6, 3, 13), "all but three wait")
            assert pool(process, "reader_processes") == (2, 2, 1)
            assert pool(process, "threads") == (THREADS, 3, 0)
            assert pool(process, "database_connections")[0] == 2 * THREADS + 5
            check_others(process, alice)
            own = threads.submit(alice.upload, of_alice)
            wait_until(lambda: running(process) > 17, "hers has begun, too")
        # Hers comes after one or two of the sixteen, and none of them is lost.
        assert own.result().status_code == 201
        assert {one.result().status_code for one in taken} == {201}


def test_questions_to_models_that_take_minutes(process):
    eve, alice = process.server.person(), process.server.person()
    project_id = eve.create_project()
    version_id = eve.upload(project_id).json()["dataset_version_id"]
    process.server.add_experiment(project_id, version_id)
    (model,) = eve.get(f"/api/models?project_id={project_id}").json()["items"]
    body = {"model_id": model["id"], "name": "A model", "stage": "production"}
    made = eve.post(f"/api/mlops/projects/{project_id}/deployments", json=body)
    assert made.status_code == 201, made.text
    path = f"/api/mlops/deployments/{made.json()['deployment_id']}/drift"
    assert eve.get(path).status_code == 200
    with ThreadPoolExecutor(32) as threads:
        with suspended(children(process, MODELS)):
            taken = [threads.submit(eve.get, path) for _ in range(18)]
            wait_until(lambda: running(process) > 18, "all of them have begun")
            wait_until(lambda: pool(process, "long_requests") == (6, 3, 15), "all but three wait")
            assert pool(process, "prediction_processes") == (2, 2, 1)
            assert pool(process, "database_connections")[1] >= 3
            check_others(process, alice)
        assert {one.result().status_code for one in taken} == {200}


def test_cells_are_counted_before_any_is_read(local):
    """Its columns have three cells each; a list has two more in each of its rows."""
    tables = {
        "flat": (pa.table({name: [1, 2, 3] for name in "abcd"}), 12),
        "lists": (pa.table({"a": [1, 2], "b": [[1, 2, 3], [4, 5, 6]]}), 8),
    }
    for name, (table, cells) in tables.items():
        path = local.folder / f"{name}.parquet"
        parquet.write_table(table, path)
        for limit, status in ((cells, 201), (cells - 1, 422)):
            with local.serve(max_table_cells=limit, embedded_workers=0) as process:
                person = process.server.person()
                answer = person.upload(person.create_project(), path.read_bytes(), name=path.name)
            assert answer.status_code == status, answer.text
            if status == 422:
                assert answer.json()["type"].endswith("not-a-table")
                assert f"has {cells} cells, and at most {limit} are read" in answer.json()["detail"]


def test_few_bytes_may_be_many_cells(process):
    """150 kB of the same number are two thousand million cells: no reader may begin with them."""
    path = process.deployment.folder / "bomb.parquet"
    rows = 2_000_000
    column = pa.array([7], pa.int64()).take(pa.array([0] * rows, pa.int64()))
    table = pa.table([column] * 300, names=[f"c{number}" for number in range(300)])
    parquet.write_table(table, path, compression="zstd", row_group_size=rows)
    person = process.server.person()
    project_id = person.create_project()
    assert person.upload(project_id).status_code == 201
    before = sum(child.cpu_times().user for child in children(process, READERS))
    answer = person.upload(project_id, path.read_bytes(), name="bomb.parquet")
    assert answer.status_code == 422
    assert "600000000 cells" in answer.json()["detail"]
    assert sum(child.cpu_times().user for child in children(process, READERS)) - before < 1
