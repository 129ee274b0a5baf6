"""Turns: bounded, fair between those who wait, and never lost."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from projects_api.processes.turns import QueueFull, Turns


def test_as_many_go_on_as_may_and_of_one_as_one_may():
    turns = Turns(3, most_of_one=2)
    assert [turns.enter("eve") for _ in range(3)] == [True, True, False]
    assert [turns.enter("alice") for _ in range(2)] == [True, False]
    turns.leave("eve")
    assert turns.enter("alice")
    assert turns.going_on == 3


def test_next_is_the_one_of_whom_the_fewest_go_on():
    turns, order = Turns(2, waiting=9), []
    turns.enter("eve")
    turns.enter("eve")
    for who in ("eve", "eve", "alice", "bob", "alice"):
        turns.queue(who, lambda who=who: order.append(who))
    for leaver in ("eve", "eve", "alice", "bob", "alice"):
        turns.leave(leaver)
    # One of eve goes on when the first has left, and none when the second has.
    assert order == ["alice", "eve", "bob", "alice", "eve"]
    assert (turns.going_on, turns.waiting) == (2, 0)


def test_a_share_keeps_one_waiting_while_places_are_free():
    turns, woken = Turns(4, most_of_one=1, waiting=9), []
    assert turns.enter("eve")
    assert turns.queue("eve", lambda: woken.append("eve"))
    assert turns.queue("alice", lambda: woken.append("alice")) is None
    turns.leave("alice")
    assert woken == []
    turns.leave("eve")
    assert woken == ["eve"]


def test_the_queue_is_bounded_and_so_is_the_part_of_one():
    turns = Turns(1, waiting=3, waiting_of_one=2)
    turns.enter("eve")
    for _ in range(2):
        turns.queue("eve", Event().set)
    with pytest.raises(QueueFull) as refused:
        turns.queue("eve", Event().set)
    assert refused.value.is_own
    turns.queue("alice", Event().set)
    with pytest.raises(QueueFull) as refused:
        turns.queue("bob", Event().set)
    assert not refused.value.is_own
    assert (turns.going_on, turns.waiting) == (1, 3)


def test_whoever_withdraws_leaves_nothing_behind():
    turns, woken = Turns(1, waiting=3), []
    turns.enter("eve")
    early = turns.queue("alice", lambda: woken.append("alice"))
    late = turns.queue("bob", lambda: woken.append("bob"))
    turns.withdraw(early)
    turns.leave("eve")
    assert woken == ["bob"]
    turns.withdraw(late)  # whose turn has come, so that it is the next one's
    assert (turns.going_on, turns.waiting) == (0, 0)
    assert turns.enter("eve")


def test_threads_take_turns():
    turns, together, most = Turns(2, waiting=20), [], []

    def work(number):
        with turns.turn(str(number % 3)):
            together.append(number)
            most.append(len(together))
            together.remove(number)

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(work, range(200)))
    assert len(most) == 200
    assert max(most) <= 2
    assert (turns.going_on, turns.waiting) == (0, 0)
