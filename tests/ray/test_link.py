"""The process that speaks with Ray: what it answers, and how long it is waited for."""

import threading
from collections.abc import Iterator

import pytest

from projects_api.jobs.ray import link
from projects_api.jobs.ray.link import Cluster, Link, RayAway
from tests.ray.test_dispatcher import on_ray
from tests.support.work import Work


@pytest.fixture
def stopping() -> threading.Event:
    return threading.Event()


@pytest.fixture
def linked(work: Work, stopping, monkeypatch) -> Iterator:
    monkeypatch.setattr(link, "PROGRAM", "tests.support.ray_stand_in")
    links = []

    def start(does: str) -> Link:
        monkeypatch.setenv("STAND_IN", does)
        links.append(Link(on_ray(work), stopping))
        return links[-1]

    yield start
    for one in links:
        one.close()


def test_answers(linked):
    started = linked("answer")
    assert started.ask().job_ids == frozenset()
    assert started.ask([{"id": "a"}, {"id": "b"}]).job_ids == {"a", "b"}
    assert started.ask(withdraw=["a"]) == Cluster(
        frozenset({"b"}), frozenset(), 4, 4.0, 0.0, 4096, 1024, 0
    )


@pytest.mark.parametrize("does", ["end", "talk"])
def test_a_process_that_ends_or_never_comes_to_an_end(linked, does):
    with pytest.raises(RayAway, match="has ended"):
        linked(does).ask()


def test_silence(linked, monkeypatch):
    monkeypatch.setattr(link, "CONNECT_SECONDS", 0.3)
    with pytest.raises(RayAway, match=r"no answer in 0\.3 seconds"):
        linked("wait").ask()


def test_a_server_that_stops_waits_for_no_answer(linked, stopping):
    started = linked("wait")
    stopping.set()
    with pytest.raises(RayAway, match="stops"):
        started.ask()


def test_secrets_are_no_words_of_a_command(linked, work: Work):
    command = " ".join(linked("wait")._process.args)
    assert command.endswith("-P -m tests.support.ray_stand_in")
