"""Places at a provider: how many, how long one waits for them, and that none is lost."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.upstreams.failures import Fault, UpstreamFailed
from cloud.upstreams.model import UpstreamSpec
from cloud.upstreams.slots import Slots


def slots(**bounds: float) -> Slots:
    return Slots(UpstreamSpec("p", "http://127.0.0.1:1/v1", "k", **bounds))  # type: ignore[arg-type]


async def hold(places: Slots, until: asyncio.Event, left_s: float = 30.0) -> None:
    async with places.taken(left_s):
        await until.wait()


async def fault_of(places: Slots, left_s: float = 30.0) -> Fault:
    with pytest.raises(UpstreamFailed) as failed:
        await hold(places, asyncio.Event(), left_s)
    return failed.value.fault


async def test_one_more_waits_until_a_place_is_free() -> None:
    places, done = slots(max_concurrency=1), asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        for _ in range(3):
            tasks.create_task(hold(places, done))
        await asyncio.sleep(0)
        full, in_flight = places.is_full, places.in_flight
        done.set()

    assert (full, in_flight) == (True, 1)
    assert places.in_flight == 0


async def test_nobody_waits_longer_than_allowed() -> None:
    places, done = slots(max_concurrency=1, max_wait_s=0.05), asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(hold(places, done))
        await asyncio.sleep(0)
        fault = await fault_of(places)
        done.set()

    assert fault is Fault.BUSY


async def test_a_caller_whose_time_is_over_first_is_told_so() -> None:
    places, done = slots(max_concurrency=1), asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(hold(places, done))
        await asyncio.sleep(0)
        fault = await fault_of(places, left_s=0.05)
        done.set()

    assert fault is Fault.DEADLINE


async def test_no_more_wait_than_allowed() -> None:
    places, done = slots(max_concurrency=1, max_waiting=1), asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        for _ in range(2):
            tasks.create_task(hold(places, done))
        await asyncio.sleep(0)
        fault = await fault_of(places)
        done.set()

    assert fault is Fault.BUSY


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=20))
def test_whoever_leaves_whenever_every_place_comes_back(
    callers: list[tuple[int, bool]],
) -> None:
    async def play() -> Slots:
        places, done = slots(max_concurrency=2, max_wait_s=5), asyncio.Event()
        running = []
        for turns, leaves in callers:
            task = asyncio.create_task(hold(places, done))
            for _ in range(turns):
                await asyncio.sleep(0)
            if leaves:
                task.cancel()
            running.append(task)
        done.set()
        await asyncio.gather(*running, return_exceptions=True)
        return places

    places = asyncio.run(play())

    assert places.in_flight == 0
    assert not places.is_full
    assert places._places._value == 2
