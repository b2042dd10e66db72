"""Health of providers: what calls have shown and what they answer, told at every change."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

import pytest

from cloud.routing.board import End
from cloud.routing.watch import UpstreamWatch, watching
from runtime.testing.scripted_provider import Script
from tests.unit.cloud.routing.house import House, house_of

DOWN = Script(status=500)


@asynccontextmanager
async def reports_of(house: House) -> AsyncIterator[asyncio.Queue[tuple[str, bool]]]:
    told: asyncio.Queue[tuple[str, bool]] = asyncio.Queue()

    async def report(name: str, is_serving: bool) -> None:
        told.put_nowait((name, is_serving))

    watch = UpstreamWatch(house.router.board, report, every_s=0.1, random=Random(1))
    async with asyncio.timeout(20), watching(watch):
        yield told


async def test_one_that_answers_is_serving_and_one_that_is_broken_is_not() -> None:
    async with house_of(Script(), Script()) as house:
        house.providers[1].health = 503
        async with reports_of(house) as told:
            found = {await told.get(), await told.get()}

    assert found == {("p0", True), ("p1", False)}


@pytest.mark.parametrize("status", [404, 405, 429])
async def test_a_server_without_a_list_of_models_is_there_all_the_same(status: int) -> None:
    async with house_of(Script()) as house:
        house.providers[0].health = status
        async with reports_of(house) as told:
            assert await told.get() == ("p0", True)


async def test_one_that_refuses_our_key_is_not_serving() -> None:
    async with house_of(Script()) as house:
        house.providers[0].health = 401
        async with reports_of(house) as told:
            assert await told.get() == ("p0", False)


async def test_changes_are_told_both_ways() -> None:
    async with house_of(Script()) as house, reports_of(house) as told:
        first = await told.get()
        house.providers[0].health = 500
        second = await told.get()
        house.providers[0].health = 200
        third = await told.get()

    assert [first, second, third] == [("p0", True), ("p0", False), ("p0", True)]


async def test_a_breaker_that_is_open_counts_more_than_a_good_answer() -> None:
    async with house_of(Script()) as house, reports_of(house) as told:
        await told.get()
        breaker = house.router.board.breakers["p0"]
        permit = breaker.enter()
        assert permit is not None
        breaker.trip(permit)

        assert await told.get() == ("p0", False)


async def test_nobodys_call_is_the_probe_of_one_that_does_not_answer() -> None:
    async with house_of(DOWN, Script()) as house:
        house.providers[0].health = 401
        target = house.router.routes[0].targets[0]
        permit = house.router.board.enter(target)
        assert permit is not None
        house.router.board.breakers["p0"].trip(permit)
        house.router.board.ended(target, permit, End.CANCELLED)

        async with reports_of(house) as told:
            await told.get()
            breaker = house.router.board.breakers["p0"]
            open_s = breaker.open_left_s
            await asyncio.sleep(0.5)

            # Held again and again: open for longer than the time it had when we looked.
            assert breaker.open_left_s > open_s - 0.5
