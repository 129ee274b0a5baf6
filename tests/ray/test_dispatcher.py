"""What is handed over to Ray, when and in which order; told without Ray, by a stand-in for it."""

import random
from collections.abc import Iterator

import pytest
from sqlalchemy import update

from projects_api.jobs import KINDS
from projects_api.jobs.ray import dispatcher as dispatching
from projects_api.jobs.ray.dispatcher import Dispatcher, handing_over
from projects_api.jobs.ray.link import Cluster, RayAway
from projects_api.jobs.worker import Workers
from projects_api.metrics import Metrics, metrics
from projects_api.models import job, job_lease
from projects_api.models.base import new_id
from projects_api.models.job import jobs
from projects_api.settings import Settings
from tests.support import job_kinds
from tests.support.processes import wait_until
from tests.support.work import PROMPT, Work

ROOM = 3


class StandIn:
    """Has what was handed over until it is told otherwise."""

    def __init__(self) -> None:
        self.held: list[str] = []
        self.asked_for: list[dict] = []
        self.starts = 0
        self.questions = 0
        self.is_away = False
        self.gpu_bytes = 0

    def start(self, _settings, _stopping) -> "StandIn":
        self.starts += 1
        return self

    def ask(self, hand_over=(), withdraw=()) -> Cluster:
        if self.is_away:
            raise RayAway("nobody is there")
        self.questions += 1
        self.asked_for += hand_over
        self.held = [one for one in self.held if one not in withdraw]
        self.held += [one["id"] for one in hand_over]
        has = {"nodes": 2, "cpus": 2.0, "gpus": 1.0, "memory_bytes": 1 << 34}
        lately = {one["id"]: one["gpus"] for one in self.asked_for}
        with_gpu = {one for one, gpus in lately.items() if gpus}
        has |= {"largest_bytes": 1 << 33, "gpu_bytes": self.gpu_bytes}
        return Cluster(frozenset(self.held), frozenset(with_gpu.intersection(self.held)), **has)

    def close(self) -> None: ...


@pytest.fixture(autouse=True)
def nothing_seen() -> Iterator[None]:
    """Have the servers of this process not tell others' tests of what was a stand-in."""
    yield
    for name in Metrics.__slots__:
        if name.startswith("ray_"):
            getattr(metrics(), name).clear()


@pytest.fixture
def ray(monkeypatch) -> StandIn:
    stand_in = StandIn()
    monkeypatch.setattr(dispatching, "Link", stand_in.start)
    return stand_in


def on_ray(work: Work, **more) -> Settings:
    changed = {**PROMPT, "job_engine": "ray", "ray_jobs": ROOM, "embedded_workers": 0, **more}
    return work.server.settings.model_copy(update=changed)


@pytest.fixture
def step(work: Work, ray: StandIn):
    """Have one step of a dispatcher made, as its thread does."""
    dispatcher = Dispatcher(on_ray(work))
    dispatcher._database = work.server.services.database
    return dispatcher.hand_over


def claim(work: Work, job_id: str, seconds: float = 60) -> dict:
    with work.server.services.database.transaction() as connection:
        taken = job_lease.claim(
            connection, new_id(), kinds=KINDS, lease_seconds=seconds, job_id=job_id
        )
    assert taken
    return taken


def set_columns(work: Work, job_id: str, **values) -> None:
    with work.server.services.database.transaction() as connection:
        connection.execute(update(jobs).where(jobs.c.id == job_id).values(**values))


@pytest.mark.parametrize("seed", range(4))
def test_jobs_are_listed_in_the_order_in_which_workers_take_them(work: Work, seed):
    chance = random.Random(seed)
    people = [work.server.person().user_id for _ in range(4)]
    with work.server.services.database.transaction() as connection:
        for number in range(20):
            job_id = job.create(
                connection,
                user_id=chance.choice(people),
                project_id=work.project_id,
                kind=job_kinds.KIND,
                entity_id=new_id(),
                arguments={},
                max_runtime_seconds=60,
            )
            begun = {"started_at": f"2026-01-01T00:00:{chance.randint(10, 59)}.000000Z"}
            if number < 3:
                ended = {**begun, "status": "succeeded"}
                connection.execute(update(jobs).where(jobs.c.id == job_id).values(**ended))
    taken = []
    with work.server.services.database.transaction(writing=False) as connection:
        listed = [one["id"] for one in job_lease.list_waiting(connection, KINDS, 100)]
        assert [one["id"] for one in job_lease.list_waiting(connection, KINDS, 5)] == listed[:5]
        assert job_lease.list_waiting(connection, ["train"], 100) == []
    with work.server.services.database.transaction() as connection:
        while one := job_lease.claim(connection, new_id(), kinds=KINDS, lease_seconds=60):
            taken.append(one["id"])
    assert len(taken) == 17
    assert listed == taken


def test_no_more_jobs_are_handed_over_than_the_settings_let(work: Work, ray: StandIn, step):
    ids = [work.add("succeed") for _ in range(ROOM + 2)]
    step()
    step()
    assert ray.held == ids[:ROOM]
    ray.held.remove(ids[1])
    set_columns(work, ids[1], status="succeeded")
    step()
    step()
    assert ray.held == [ids[0], ids[2], ids[3]]


def test_what_a_job_may_have_is_told(work: Work, ray: StandIn, step):
    work.add("succeed", memory=100_000_000)
    work.add("succeed")
    step()
    told = [(one["cpus"], one["memory_bytes"]) for one in ray.asked_for]
    assert told == [(1.0, 100_000_000), (1.0, work.server.settings.job_memory_bytes)]


@pytest.mark.parametrize(("gpu_bytes", "gpus"), [(1 << 20, 1), ((1 << 20) - 1, 0), (0, 0)])
def test_a_graphics_processor_is_asked_for_where_a_node_has_one(
    work: Work, ray: StandIn, step, gpu_bytes, gpus
):
    """And has the memory, too: no other one would ever be a place for the job."""
    ray.gpu_bytes = gpu_bytes
    wants = work.add("succeed", memory=1 << 20, use_gpu=True)
    others = [work.add("succeed", use_gpu=False), work.add("succeed")]
    step()
    assert [(one["id"], one["gpus"]) for one in ray.asked_for] == [
        (wants, gpus),
        *((one, 0) for one in others),
    ]


def test_a_job_does_without_once_the_last_graphics_processor_is_lost(
    work: Work, ray: StandIn, step
):
    ray.gpu_bytes = 1 << 40
    waits, runs = [work.add("succeed", use_gpu=True) for _ in range(2)]
    step()
    claim(work, runs)
    ray.gpu_bytes = 0
    for _ in range(4):
        step()
    asked = [(one["id"], one["gpus"]) for one in ray.asked_for]
    assert asked == [(waits, 1), (runs, 1), (waits, 0)]
    assert sorted(ray.held) == sorted([waits, runs])


def test_a_job_that_runs_or_waits_for_later_is_not_handed_over(work: Work, ray: StandIn, step):
    running, later = work.add("succeed"), work.add("succeed")
    claim(work, running)
    owner = claim(work, later)["owner"]
    with work.server.services.database.transaction() as connection:
        job_lease.postpone(connection, later, owner, 60)
    step()
    assert ray.held == []


def test_a_job_whose_node_is_lost_is_handed_over_again(work: Work, ray: StandIn, step):
    job_id = work.add("succeed")
    step()
    claim(work, job_id, seconds=60)
    ray.held.clear()
    step()
    assert ray.held == []
    set_columns(work, job_id, lease_expires_at="2026-01-01T00:00:00.000000Z")
    for _ in range(4):
        step()
        # It may wait long for its place there.
        assert ray.held == [job_id]
    assert len(ray.asked_for) == 2


@pytest.mark.parametrize("how", ["cancelled", "removed", "silent"])
def test_what_is_not_worked_on_is_taken_back(work: Work, ray: StandIn, step, how):
    """That of a node that lost the database only, or of a job that nobody waits for."""
    job_id, other = work.add("succeed"), work.add("succeed")
    step()
    assert ray.held == [job_id, other]
    long_ago = "2026-01-01T00:00:00.000000Z"
    claim(work, other)
    if how == "silent":
        claim(work, job_id)
        step()
    changed = {
        "cancelled": {"status": "cancelled", "finished_at": long_ago},
        "removed": {"id": new_id(), "status": "cancelled"},
        "silent": {"status": "running", "lease_expires_at": long_ago},
    }
    set_columns(work, job_id, **changed[how])
    for _ in range(4):
        step()
    # One that is silent is free to be taken, and so handed over anew.
    assert sorted(ray.held) == sorted([other, job_id] if how == "silent" else [other])
    assert [one["id"] for one in ray.asked_for].count(job_id) == (2 if how == "silent" else 1)


def test_one_that_ends_now_may_write_its_last_words(work: Work, ray: StandIn, step):
    job_id = work.add("succeed")
    step()
    owner = claim(work, job_id)["owner"]
    with work.server.services.database.transaction() as connection:
        job_lease.finish(connection, job_id, owner, "succeeded")
    step()
    assert ray.held == [job_id]


def test_jobs_wait_while_ray_is_away(work: Work, ray: StandIn):
    ray.is_away = True
    job_id = work.add("succeed")
    with Dispatcher(on_ray(work, job_retry_seconds=0.05)):
        wait_until(lambda: ray.starts >= 2, "Ray is looked for again")
        assert work.server.job(job_id)["status"] == "queued"
        ray.is_away = False
        wait_until(lambda: ray.held == [job_id], "Ray has the job")


def test_another_dispatcher_goes_on_where_one_was_killed(work: Work, ray: StandIn):
    first = [work.add("succeed") for _ in range(ROOM)]
    with Dispatcher(on_ray(work)):
        wait_until(lambda: ray.held == first, "Ray has them")
    work.add("succeed")
    with Dispatcher(on_ray(work)):
        wait_until(lambda: ray.starts == 2, "the second one is there")
        asked = ray.questions + 1
        wait_until(lambda: ray.questions > asked, "it has looked")
    assert ray.held == first


def test_short_jobs_stay_with_workers_where_there_are_some(work: Work, ray: StandIn, monkeypatch):
    long_ones = [job_kinds.KIND, "train", "predict_large"]
    for kind in (*long_ones, "report", "predict"):
        monkeypatch.setitem(KINDS, kind, job_kinds.MODULE)
    assert Dispatcher(on_ray(work, embedded_workers=1))._kinds == long_ones
    assert Dispatcher(on_ray(work))._kinds == [*long_ones, "report", "predict"]
    long, short = work.add("succeed"), work.add("succeed")
    set_columns(work, short, kind="report")
    with Workers(on_ray(work, embedded_workers=1), 1):
        # Its process refuses the settings, for the tests have SQLite, too.
        wait_until(lambda: work.server.job(short)["finished_at"], "somebody took it")
        assert work.server.job(long)["status"] == "queued"


def test_without_ray_nothing_is_started(work: Work, ray: StandIn):
    with handing_over(work.server.settings):
        assert ray.starts == 0
