"""Places for requests that take long: bounded, shared, and waited for without a thread."""

import asyncio

import pytest

from projects_api.access import places as module
from projects_api.access.places import NoPlace, Places
from projects_api.access.problems import TooManyAtOnce, Unavailable


@pytest.mark.parametrize(
    ("threads", "most", "of_one"), [(1, 1, 1), (2, 1, 1), (4, 3, 1), (16, 12, 6), (256, 192, 96)]
)
def test_a_quarter_of_the_threads_is_kept_and_half_of_the_rest(threads, most, of_one):
    places = Places(threads)
    assert sum(places.turns.enter("eve") for _ in range(threads)) == of_one
    others = sum(places.turns.enter(str(number)) for number in range(threads))
    assert of_one + others == most


def test_one_that_is_given_back_is_anothers():
    places = Places(1)
    with places.taken("eve"):
        with pytest.raises(NoPlace) as full, places.taken("alice"):
            pass
        assert full.value.user_id == "alice"

        async def scenario():
            async def wait():
                async with places.awaited("alice"):
                    return places.turns.going_on

            waiting = asyncio.create_task(wait())
            await asyncio.sleep(0)
            assert places.turns.waiting == 1
            places.turns.leave("eve")
            assert await waiting == 1
            assert places.turns.going_on == 0
            assert places.turns.enter("eve")

        asyncio.run(scenario())
    assert places.turns.going_on == 0


def test_whoever_waits_too_long_is_asked_to_come_later(monkeypatch):
    monkeypatch.setattr(module, "WAIT_SECONDS", 0.01)
    places = Places(1)

    async def scenario():
        async with places.awaited("alice"):
            pass

    with places.taken("eve"), pytest.raises(Unavailable) as late:
        asyncio.run(scenario())
    assert late.value.headers["Retry-After"] == "5"
    assert (places.turns.going_on, places.turns.waiting) == (0, 0)


def test_whoever_goes_meanwhile_leaves_nothing_behind():
    places = Places(1)

    async def scenario():
        async def wait():
            async with places.awaited("alice"):
                raise AssertionError

        for given_back in (False, True):
            waiting = asyncio.create_task(wait())
            await asyncio.sleep(0)
            if given_back:  # in the moment in which it goes
                places.turns.leave("eve")
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting

    places.turns.enter("eve")
    asyncio.run(scenario())
    assert (places.turns.going_on, places.turns.waiting) == (0, 0)


def test_as_many_wait_as_may(monkeypatch):
    monkeypatch.setattr(module, "MAX_WAITING", 3)
    monkeypatch.setattr(module, "MAX_WAITING_OF_ONE", 2)
    places = Places(1)

    async def scenario():
        async def wait(who):
            async with places.awaited(who):
                return who

        whole = ["eve", "eve", "alice"]
        waiting = [asyncio.create_task(wait(who)) for who in whole]
        await asyncio.sleep(0)
        with pytest.raises(TooManyAtOnce) as own:
            await wait("eve")
        assert own.value.headers["Retry-After"] == "5"
        with pytest.raises(Unavailable):
            await wait("bob")
        places.turns.leave("first")
        assert await asyncio.gather(*waiting) == whole

    places.turns.enter("first")
    asyncio.run(scenario())
    assert (places.turns.going_on, places.turns.waiting) == (0, 0)
