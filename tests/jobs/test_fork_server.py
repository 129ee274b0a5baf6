"""What jobs are forked from: one process for many jobs, each of which has a process of its own."""

import json
import os
import signal
import socket
import time

import psutil

from projects_api.jobs import KINDS, fork_server, messages
from tests.support import job_kinds, slow_kind
from tests.support.processes import wait_until
from tests.support.work import Work, is_dead, job_processes


def shown(work: Work) -> dict:
    done = work.run("show")
    assert done["status"] == "succeeded", done["message"]
    line = work.log(done["id"])[-1]
    return json.loads(line[line.index("{") :])


def test_jobs_of_a_kind_are_forked_from_one_process(work: Work, monkeypatch):
    monkeypatch.setenv("MARK", "first")
    first = shown(work)
    monkeypatch.setenv("MARK", "second")
    second = shown(work)
    assert first["parent"] == second["parent"]
    assert first["id"] != second["id"]
    assert (first["mark"], second["mark"]) == ("first", "second")
    assert first["folder"] != second["folder"]


def test_a_job_has_no_socket_to_the_worker(work: Work):
    opened = shown(work)["open"]
    assert [opened[place] for place in "012"] == ["/dev/null", "pipe", "pipe"]
    if work.server.kind == "sqlite":  # which has none to the database
        assert "socket" not in opened.values()


def test_one_that_waited_too_long_has_ended_and_another_is_started(work: Work, monkeypatch):
    waiting = fork_server.ForkServer(job_kinds.MODULE, idle_seconds=0.1)
    waiting._process.wait(30)
    monkeypatch.setitem(fork_server._idle, job_kinds.MODULE, [waiting])
    assert shown(work)["parent"] != waiting._process.pid


def test_a_job_ends_with_what_it_was_forked_from(work: Work, workers):
    job_id = work.add("wait")
    processes = work.processes(job_id, 2)
    os.kill(processes[0].ppid(), signal.SIGKILL)
    done = work.wait_for(job_id, "failed")
    assert "SIGKILL" in done["message"]
    assert all(map(is_dead, processes))
    work.wait_for(work.add("succeed"), "succeeded")


def test_cancel_while_it_still_loads(work: Work, monkeypatch, workers):
    monkeypatch.setitem(KINDS, job_kinds.KIND, slow_kind.MODULE)
    job_id = work.add("succeed")
    wait_until(lambda: work.server.job(job_id)["status"] == "running", "the job has begun")
    began = time.monotonic()
    work.cancel(job_id)
    work.wait_for(job_id, "cancelled")
    assert time.monotonic() - began < 10
    assert job_processes(psutil.Process()) == []
    assert fork_server._idle[slow_kind.MODULE] == []


def test_messages_say_what_their_numbers_are():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        messages.send(theirs, messages.Tag.BEGAN, 4_194_304)
        messages.send(theirs, messages.Tag.ENDED, -9)
        assert messages.receive(ours) == (messages.Tag.BEGAN, 4_194_304)
        assert messages.receive(ours) == (messages.Tag.ENDED, -9)
        theirs.send(b"B\0")
        theirs.close()
        assert messages.receive(ours) is None
