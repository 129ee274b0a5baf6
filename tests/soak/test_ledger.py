"""The soak notices: what is lost, altered or there twice, and what grows."""

import copy
import json
import random

import pytest

from tests.soak.checks import logs
from tests.soak.growth import MEBIBYTE, Life, Sample, growth
from tests.soak.ledger import Ledger, Project, differences
from tests.soak.tables import table

KEPT = Ledger(
    {
        "p1": Project(
            "Churn",
            {"d1": {"v1": "aa", "v2": "bb"}, "d2": {"v3": "cc"}},
            reports={"r1"},
            experiments={"e1"},
            jobs={"j1": "queued", "j2": "queued"},
        ),
        "p2": Project("Fraud"),
    },
    deleted={"p0"},
)


def seen() -> Ledger:
    """Give what a server shows that kept everything, and ended its jobs."""
    shown = copy.deepcopy(KEPT)
    shown.projects["p1"].jobs = {"j1": "succeeded", "j2": "failed"}
    return shown


def test_nothing_is_said_of_what_is_the_same():
    assert differences(KEPT, seen()) == []


@pytest.mark.parametrize(
    ("plant", "told"),
    [
        (lambda s: s.projects.pop("p2"), "project p2 is lost"),
        (lambda s: s.projects.update(p3=Project("x")), "project p3 is there, and nobody"),
        (lambda s: s.projects.update(p0=Project("x")), "project p0 is there, and nobody"),
        (lambda s: s.deleted.clear(), "project p0 was deleted and is there"),
        (lambda s: setattr(s.projects["p1"], "name", "old"), "its name is 'old'"),
        (lambda s: s.projects["p1"].datasets.pop("d2"), "data set d2 is lost"),
        (lambda s: s.projects["p1"].datasets["d1"].pop("v1"), "version of data set d1 v1 is lost"),
        (lambda s: s.projects["p1"].datasets["d1"].update(v2="bc"), "version v2 has other bytes"),
        (lambda s: s.projects["p1"].datasets["d2"].update(v9="cc"), "d2 v9 is there, and nobody"),
        (lambda s: s.projects["p1"].reports.add("r2"), "report r2 is there, and nobody"),
        (lambda s: s.projects["p1"].experiments.clear(), "experiment e1 is lost"),
        (lambda s: s.projects["p1"].jobs.pop("j1"), "job j1 is lost"),
        (lambda s: s.projects["p1"].jobs.update(j1="running"), "job j1 is still running"),
    ],
)
def test_each_difference_is_told(plant, told):
    shown = seen()
    plant(shown)
    assert any(told in fault for fault in differences(KEPT, shown)), differences(KEPT, shown)


def life(role: str, **rising: float) -> Life:
    """Give ten minutes of a process, of which something rises a bit with every second."""
    still = {"memory": 100.0 * MEBIBYTE, "threads": 20.0, "files": 40.0}
    return Life(
        role,
        [
            Sample(at, **{name: held + rising.get(name, 0) * at for name, held in still.items()})
            for at in map(float, range(0, 600, 2))
        ],
    )


def test_growth_is_told():
    assert growth(life("server process")) == []
    assert "memory grew" in growth(life("server process", memory=0.3 * MEBIBYTE))[0]
    assert "threads grew" in growth(life("worker", threads=0.05))[0]
    assert "files grew" in growth(life("predictions", files=0.5))[0]


def test_growth_of_what_is_not_warm_is_none():
    warming = life("server")
    warming.samples = [
        one._replace(memory=min(one.seconds, 250.0) * MEBIBYTE) for one in warming.samples
    ]
    assert growth(warming) == []
    assert growth(Life("server", warming.samples[:30])) == []


LINES = [
    ({"event": "request"}, ""),
    ({"event": "maintenance_failed", "error": "OperationalError"}, ""),
    ({"event": "maintenance_failed", "exception": "Traceback ... KeyError"}, "KeyError"),
    ({"event": "unhandled_error", "request_id": "r1", "exception": "x"}, "r1"),
    ({"event": "job_broke", "job_id": "j1", "traceback": "x"}, "job_broke"),
]


@pytest.mark.parametrize(("line", "told"), LINES)
def test_lines_of_the_log_are_judged(tmp_path, line, told):
    log = tmp_path / "server.log"
    log.write_text(json.dumps(line))
    events, found = logs(log)
    assert events == {line["event"]: 1}
    assert [told in one for one in found] == ([True] if told else [])


def test_a_thread_that_ended_and_a_job_done_twice_are_told(tmp_path):
    log = tmp_path / "server.log"
    done = json.dumps({"event": "job_ended", "status": "succeeded", "job_id": "j1"})
    log.write_text(f"Exception in thread worker-0:\nTraceback (most recent call last):\n{done}\n")
    assert len(logs(log)[1]) == 1
    log.write_text(f"{done}\n{done}\n")
    assert logs(log)[1] == ["job j1 was done 2 times"]


def test_tables_differ():
    chance = random.Random(1)
    made = [table(chance, parquet=number % 2 == 0) for number in range(20)]
    assert len(set(made)) == len(made)
