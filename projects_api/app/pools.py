"""The pools of a server process, and how much of each is in use."""

import asyncio

from projects_api.app.services import Services
from projects_api.metrics import metrics
from projects_api.tables import reader_turns

NOTE_SECONDS = 5.0
"""Between two notes, for the processes that another one answers for."""


def note_pools(services: Services) -> None:
    """Write down how much of each pool is in use now."""
    database, threads = services.database, services.threads
    _note("database_connections", database.most_connections, database.used_connections, 0)
    used = min(threads.busy, threads.size)
    _note("threads", threads.size, used, threads.busy - used)
    waiters = services.waiters
    _note("waiting_requests", waiters.most, waiters.count, 0)
    if database.is_embedded:
        group = services.group_commit
        _note("writes", group.most, group.going_on, group.waiting)
    turns = {
        "long_requests": services.places.turns,
        "prediction_processes": services.predictions.turns,
        "reader_processes": reader_turns(),
    }
    for name, of in turns.items():
        _note(name, of.most, of.going_on, of.waiting)


def _note(name: str, size: int, used: int, waiting: int) -> None:
    series = metrics()
    series.pool_size.labels(name).set(size)
    series.pool_used.labels(name).set(used)
    series.pool_waiting.labels(name).set(waiting)


async def keep_noting(services: Services) -> None:
    """Write it down at intervals, for ever."""
    while True:
        note_pools(services)
        await asyncio.sleep(NOTE_SECONDS)
