"""A slow call asked twice: the faster answer counts, the slower one is stopped and paid for."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from cloud.charges import Tally
from cloud.routing.board import End
from cloud.routing.budget import BudgetSettings
from cloud.upstreams.estimate import rough_prompt_tokens
from runtime.errors import RequestInvalid, UpstreamUnavailable
from runtime.ports import Sampling
from runtime.testing.scripted_provider import Script
from tests.unit.cloud.routing.house import (
    CALL,
    SETTINGS,
    House,
    completion_of,
    house_of,
    text_of,
)

HEDGED: dict[str, Any] = {"may_hedge": True}
STUCK = Script(stall_before=0)
QUICK = replace(SETTINGS, hedges=BudgetSettings(share=0, reserve=3, per_s=0))


def warm(house: House) -> None:
    """Let the router know that the first provider usually answers in 10 ms."""
    board = house.router.board
    target = house.router.routes[0].targets[0]
    for _ in range(20):
        permit = board.enter(target)
        assert permit is not None
        board.answered(target, permit, 0.01)
        board.ended(target, permit, End.WHOLE)


async def test_the_second_answers_when_the_first_is_slower_than_usual() -> None:
    async with house_of(Script(), Script(pieces=("b",)), route=HEDGED, settings=QUICK) as house:
        warm(house)
        house.providers[0].script = STUCK

        chunks = await house.ask(timeout_s=20)

        assert text_of(chunks) == "b"
        assert house.calls() == [1, 1]
        async with asyncio.timeout(5):
            await house.providers[0].hung_up.wait()
        name = "leeward_upstream_hedges_total"
        assert house.metric(name, upstream="p1", outcome="won") == 1


async def test_what_the_slower_one_may_charge_is_added() -> None:
    fast = Script(pieces=("b",), usage=(7, 2))
    async with house_of(Script(), fast, route=HEDGED, settings=QUICK) as house:
        warm(house)
        house.providers[0].script = STUCK

        usage = completion_of(await house.ask(timeout_s=20)).usage

    prompt_tokens = 7 + rough_prompt_tokens(CALL)
    assert (usage.prompt_tokens, usage.completion_tokens) == (prompt_tokens, 2)
    assert usage.cost_usd == (prompt_tokens * 1 + 2 * 10) / 1e6
    assert usage.estimated


async def test_a_first_that_answers_after_all_is_kept_and_the_second_stopped() -> None:
    async with house_of(Script(), STUCK, route=HEDGED, settings=QUICK) as house:
        warm(house)
        house.providers[0].script = Script(pieces=("a",), pause_s=0.6)

        chunks = await house.ask(timeout_s=20)

        assert text_of(chunks) == "a"
        assert house.calls() == [1, 1]
        async with asyncio.timeout(5):
            await house.providers[1].hung_up.wait()


async def test_a_second_that_fails_leaves_the_first_its_chance() -> None:
    async with house_of(Script(), Script(status=500), route=HEDGED, settings=QUICK) as house:
        warm(house)
        house.providers[0].script = Script(pieces=("a",), pause_s=0.6)

        assert text_of(await house.ask(timeout_s=20)) == "a"


async def test_when_both_fail_the_failure_is_named() -> None:
    late = Script(status=500, pause_s=0.6)
    settings = replace(QUICK, max_attempts=2)
    async with house_of(Script(), Script(status=500), route=HEDGED, settings=settings) as house:
        warm(house)
        house.providers[0].script = late

        with pytest.raises(UpstreamUnavailable):
            await house.ask(timeout_s=20)

        assert house.calls() == [1, 1]


async def test_a_request_that_the_second_rejects_ends_the_first_too() -> None:
    async with house_of(Script(), Script(status=400), route=HEDGED, settings=QUICK) as house:
        warm(house)
        house.providers[0].script = STUCK

        with pytest.raises(RequestInvalid):
            await house.ask(timeout_s=20)

        async with asyncio.timeout(5):
            await house.providers[0].hung_up.wait()


async def test_a_caller_who_leaves_meanwhile_stops_both() -> None:
    async with house_of(Script(), STUCK, route=HEDGED, settings=QUICK) as house:
        warm(house)
        house.providers[0].script = STUCK
        running = asyncio.create_task(house.ask(timeout_s=20))
        async with asyncio.timeout(10):
            await house.providers[1].asked.wait()

        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

        async with asyncio.timeout(5):
            await house.providers[0].hung_up.wait()
            await house.providers[1].hung_up.wait()


async def test_a_request_that_cannot_be_written_leaves_nothing_behind() -> None:
    async with house_of(Script(), Script(), route=HEDGED, settings=QUICK) as house:
        warm(house)

        with pytest.raises(RequestInvalid):
            await house.ask(sampling=Sampling(json_schema="{"))

        name = "leeward_upstream_attempts_total"
        assert house.metric(name, upstream="p0", outcome="cancelled") == 1


async def test_the_budget_bounds_second_calls() -> None:
    settings = replace(SETTINGS, hedges=BudgetSettings(share=0, reserve=1, per_s=0))
    async with house_of(Script(), Script(), route=HEDGED, settings=settings) as house:
        warm(house)
        house.providers[0].script = Script(pause_s=0.5)

        await house.ask(timeout_s=20)
        await house.ask(timeout_s=20)

        assert house.calls() == [2, 1]


async def test_without_leave_a_slow_call_is_waited_for() -> None:
    async with house_of(Script(), Script(), settings=QUICK) as house:
        warm(house)
        house.providers[0].script = Script(pause_s=0.5)

        await house.ask(timeout_s=20)

        assert house.calls() == [1, 0]


async def test_all_that_is_charged_was_reserved() -> None:
    async with house_of(Script(), Script(), route=HEDGED, settings=QUICK) as house:
        warm(house)
        house.providers[0].script = STUCK
        tally = Tally()
        worst = house.router.worst_case(CALL)

        async for _ in house.router.generate(CALL, tally):
            pass

    assert worst.cost_micros is not None
    assert tally.total.prompt_tokens <= worst.prompt_tokens
    assert tally.total.completion_tokens <= worst.completion_tokens
    assert tally.total.cost_usd * 1e6 <= worst.cost_micros
