"""The threads of requests, and the way to them and back."""

import asyncio
import gc
import subprocess
import sys
import threading
import weakref
from collections import deque

import pytest

from projects_api.threads import Line, Threads, WorkItem, tell


@pytest.fixture
def threads():
    threads = Threads(4)
    yield threads
    threads.shutdown()


@pytest.mark.parametrize("fails", [False, True])
def test_what_is_busy_is_what_runs_and_what_waits_for_a_thread(fails):
    threads, come = Threads(1), threading.Event()

    def work(number: int) -> int:
        assert come.wait(30)
        return 1 // number

    async def scenario():
        tasks = [asyncio.create_task(threads.run(work, number)) for number in (1, 1, 1 - fails)]
        await asyncio.sleep(0)
        busy = threads.busy
        come.set()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        return busy, [str(one) for one in ended], threads.busy

    last = "integer division or modulo by zero" if fails else "1"
    assert asyncio.run(scenario()) == (3, ["1", "1", last], 0)


def test_there_are_as_many_threads_as_may_be_and_no_more_than_needed(threads):
    names, together = [], threading.Barrier(4)

    def work(number: int) -> None:
        names.append(threading.current_thread().name)
        if number < 4:
            together.wait(30)

    async def scenario():
        await threads.run(work, 4)
        await threads.run(work, 4)
        assert len(set(names)) == len(threads._threads) == 1
        await asyncio.gather(*(threads.run(work, number) for number in range(12)))

    asyncio.run(scenario())
    assert len(set(names)) == 4


def test_each_gets_its_own_answer(threads):
    """Also where many are ready together, of which the event loop is told once."""

    async def scenario():
        return await asyncio.gather(*(threads.run(str, number) for number in range(5000)))

    for _ in range(3):  # each time an event loop of its own
        assert asyncio.run(scenario()) == list(map(str, range(5000)))


@pytest.mark.parametrize("error", [LookupError, StopIteration, GeneratorExit])
def test_an_error_is_raised_where_it_is_waited_for(threads, error):
    def fail(_argument: object) -> None:
        raise error

    async def scenario():
        try:
            await asyncio.wait_for(threads.run(fail, None), 10)
        except BaseException as raised:  # noqa: BLE001 - it may be any
            return raised
        raise AssertionError("nothing was raised")

    raised = asyncio.run(scenario())
    assert isinstance(raised, RuntimeError if error is StopIteration else error)
    assert asyncio.run(threads.run(str, 1)) == "1"


def test_an_error_keeps_nothing_in_memory(threads):
    class Body:
        pass

    found = []

    def fail(body: Body) -> None:
        found.append(weakref.ref(body))
        raise LookupError

    async def scenario():
        with pytest.raises(LookupError):
            await threads.run(fail, Body())

    gc.disable()
    try:
        asyncio.run(scenario())
        asyncio.run(threads.run(str, 1))  # Until then, the thread knows its last work.
        assert found[0]() is None
    finally:
        gc.enable()


def test_who_has_gone_before_their_turn_changes_nothing():
    threads, come, done = Threads(1), threading.Event(), []

    async def scenario():
        first = asyncio.create_task(threads.run(come.wait, 30))
        gone = asyncio.create_task(threads.run(done.append, 1))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.sleep(0)
        busy = threads.busy
        come.set()
        await first
        await threads.run(done.append, 2)
        return busy, threads.busy

    assert asyncio.run(scenario()) == (1, 0)
    threads.shutdown()
    assert done == [2]


def test_who_has_gone_meanwhile_keeps_no_answer_from_others():
    threads, come = Threads(1), threading.Event()

    async def scenario():
        gone = asyncio.create_task(threads.run(come.wait, 30))
        others = [asyncio.create_task(threads.run(str, number)) for number in range(9)]
        await asyncio.sleep(0)
        gone.cancel()
        come.set()
        return await asyncio.wait_for(asyncio.gather(*others), 30)

    assert asyncio.run(scenario()) == list(map(str, range(9)))
    threads.shutdown()


def test_work_that_outlives_its_event_loop_is_told_to_nobody():
    threads, come = Threads(1), threading.Event()

    async def begin():
        asyncio.create_task(threads.run(come.wait, 30))  # noqa: RUF006 - nobody waits for it
        await asyncio.sleep(0)

    async def go_on():
        return await asyncio.wait_for(threads.run(str, 1), 30)

    asyncio.run(begin())
    come.set()
    assert asyncio.run(go_on()) == "1"  # by the same thread, for there is no other
    threads.shutdown()


def test_an_answer_that_is_ready_as_the_last_one_is_told_wakes_the_loop_again():
    line = Line()

    class Late(deque[WorkItem]):
        """Another thread's answer comes between the look for more and what follows it."""

        def __bool__(self) -> bool:
            if found := len(self) > 0:
                return found
            if late:
                tell([late.pop()])
            return False

    async def scenario():
        first, last = line.put(lambda: 1), line.put(lambda: 2)
        late.append(last)
        last.do()
        first.do()
        first.answers._done = Late()
        tell([first])
        return await asyncio.wait_for(asyncio.gather(first.answer, last.answer), 10)

    late: list[WorkItem] = []
    assert asyncio.run(scenario()) == [1, 2]


def test_who_came_first_is_served_first():
    threads, come, done = Threads(1), threading.Event(), []

    async def scenario():
        tasks = [asyncio.create_task(threads.run(come.wait, 30))]
        tasks += [asyncio.create_task(threads.run(done.append, number)) for number in range(9)]
        await asyncio.sleep(0)
        come.set()
        await asyncio.gather(*tasks)

    asyncio.run(scenario())
    threads.shutdown()
    assert done == list(range(9))


def test_no_thread_keeps_a_process_from_ending():
    code = """if True:
        import threading
        from projects_api.threads import start
        start(threading.Event().wait, "one that waits for ever")
    """
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_what_is_in_line_is_done_before_the_end():
    threads, come, done = Threads(2), threading.Event(), []

    async def scenario():
        waiting = [asyncio.create_task(threads.run(lambda _: come.wait(30), None)) for _ in "12"]
        waiting += [asyncio.create_task(threads.run(done.append, number)) for number in range(9)]
        await asyncio.sleep(0)
        threading.Timer(0.1, come.set).start()
        await asyncio.to_thread(threads.shutdown)
        at_the_end = sorted(done)
        await asyncio.gather(*waiting)
        return at_the_end

    assert asyncio.run(scenario()) == list(range(9))
