"""What goes wrong: each fault is made, lasts, and is over; then the server must be ready again."""

import itertools
import random
import resource
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import zip_longest

import psutil

from tests.soak.figures import Figures
from tests.soak.installation import Installation
from tests.support.processes import wait_until
from tests.support.work import job_processes

READY_SECONDS = 60
AWAY_SECONDS, FULL_SECONDS = 15.0, 8.0
ROOM = 16 * 1024
"""Bytes to which a file may still grow where the disk is full."""
JOB_PATIENCE = 20.0
GENTLE_FROM = 0.5
"""The part of a run after which no process of the server is killed, so that growth shows."""
QUIET_FROM = 0.9
SPACING = (8.0, 40.0)


class Faults:
    def __init__(self, installation: Installation, figures: Figures, over: threading.Event) -> None:
        self._installation = installation
        self._figures = figures
        self._over = over
        self._chance = random.Random(1)

    def run(self, seconds: float) -> None:
        """Make one after another for some time, with pauses in which work goes on."""
        began = time.monotonic()
        spacing = min(
            max(seconds * GENTLE_FROM / len(self.kills() + self.others()), SPACING[0]), SPACING[1]
        )
        for fault in self._turns(began, seconds):
            name = (fault.__doc__ or "").rstrip(".").lower()
            print(f"{time.monotonic() - began:6.0f} s  {name}", flush=True)
            fault()
            over = time.monotonic()
            try:
                wait_until(self._installation.is_ready, "ready again", READY_SECONDS)
            except AssertionError:
                self._figures.fail(f"not ready {READY_SECONDS} s after: {name}")
            self._figures.recoveries.append((name, time.monotonic() - over))
            self._over.wait(spacing)
        self._over.wait(began + seconds - time.monotonic())

    def _turns(self, began: float, seconds: float) -> Iterator[Callable[[], None]]:
        while True:
            present = (time.monotonic() - began) / seconds
            kills = self.kills() if present < GENTLE_FROM else []
            pairs = zip_longest(self.others(), kills)
            for fault in filter(None, itertools.chain.from_iterable(pairs)):
                present = (time.monotonic() - began) / seconds
                if present > QUIET_FROM or self._over.is_set():
                    return
                if fault not in self.kills() or present < GENTLE_FROM:
                    yield fault

    def kills(self) -> list[Callable[[], None]]:
        return [self.kill_process, self.kill_server, self.kill_first, self.kill_worker]

    def others(self) -> list[Callable[[], None]]:
        if not self._installation.postgresql:
            return [self.fill_disk, self.kill_job]
        return [self.fill_disk, self.kill_postgresql, self.lose_store, self.kill_job]

    def kill_process(self) -> None:
        """Kill a process of the server."""
        self._chance.choice(self._installation.server_processes()).kill()

    def kill_server(self) -> None:
        """Kill the server with all its processes, and start it again."""
        self._installation.server.kill()
        self._installation.start_server()

    def kill_first(self) -> None:
        """Kill the server's first process, and start it again."""
        self._installation.server.kill(with_children=False)
        self._installation.start_server()

    def kill_worker(self) -> None:
        """Kill the worker with all its processes, and start it again."""
        self._installation.worker.kill()
        self._installation.start_worker()

    def kill_job(self) -> None:
        """Kill the process of a job."""
        deadline = time.monotonic() + JOB_PATIENCE
        while time.monotonic() < deadline and not self._over.is_set():
            for command in self._installation.commands():
                with suppress(psutil.NoSuchProcess):
                    for one in job_processes(command.process)[:1]:
                        one.kill()
                        return
            time.sleep(0.02)

    def kill_postgresql(self) -> None:
        """Kill PostgreSQL with all its processes, and start it again."""
        assert self._installation.postgresql
        self._installation.postgresql.kill()
        self._over.wait(2)
        self._installation.postgresql.start()

    def lose_store(self) -> None:
        """Stop the store for 15 seconds."""
        assert self._installation.store
        self._installation.store.go_away()
        self._over.wait(AWAY_SECONDS)
        self._installation.store.come_back()

    def fill_disk(self) -> None:
        """Let no file of the server or worker grow for 8 seconds."""
        everyone = [one for command in self._installation.commands() for one in command.everyone()]
        before = {}
        for one in everyone:
            with suppress(ProcessLookupError):
                before[one.pid] = resource.prlimit(one.pid, resource.RLIMIT_FSIZE)
                resource.prlimit(one.pid, resource.RLIMIT_FSIZE, (ROOM, before[one.pid][1]))
        self._over.wait(FULL_SECONDS)
        # Whatever was started meanwhile has the limit, too.
        for command in self._installation.commands():
            for one in command.everyone():
                hard = resource.prlimit(one.pid, resource.RLIMIT_FSIZE)[1]
                soft = before[one.pid][0] if one.pid in before else hard
                with suppress(ProcessLookupError):
                    resource.prlimit(one.pid, resource.RLIMIT_FSIZE, (soft, hard))
