"""Vectors over real providers: checked, of unit length, from whoever answers."""

import asyncio
from typing import Any

import pytest

from runtime.errors import DeadlineExceeded, LeewardError, RequestInvalid, UpstreamUnavailable
from runtime.ports import EmbedRequest
from runtime.testing.scripted_provider import Script
from tests.unit.cloud.routing.house import MODEL, House, house_of

EMBEDS: dict[str, Any] = {"embeds": True}
TEXTS = ("a", "bb")
GOOD = Script(vectors=((3.0, 4.0), (0.0, 2.0)), usage={"prompt_tokens": 3, "total_tokens": 3})


async def embed(house: House, timeout_s: float = 5.0) -> Any:
    return await house.router.embed(EmbedRequest(MODEL, TEXTS, timeout_s=timeout_s))


async def test_vectors_come_in_order_and_of_unit_length_and_are_charged() -> None:
    async with house_of(GOOD, route=EMBEDS) as house:
        embedded = await embed(house)

    assert [list(vector) for vector in embedded.vectors] == [[0.6, 0.8], [0.0, 1.0]]
    assert embedded.model == MODEL
    assert (embedded.usage.prompt_tokens, embedded.usage.cost_usd) == (3, 3 / 1e6)


async def test_the_next_answers_when_the_first_is_down() -> None:
    async with house_of(Script(status=503), GOOD, route=EMBEDS) as house:
        await embed(house)

        assert house.calls() == [1, 1]


@pytest.mark.parametrize(
    "vectors",
    [
        (),
        ((1.0, 0.0),),
        ((1.0, 0.0), (0.0,)),
        ((0.0, 0.0), (1.0, 0.0)),
        (("x", "y"), (1.0, 0.0)),
        ((float("nan"), 1.0), (1.0, 0.0)),
        ((float("inf"), 1.0), (1.0, 0.0)),
        ((), ()),
    ],
)
async def test_what_are_no_vectors_for_these_texts_is_refused(vectors: Any) -> None:
    async with house_of(Script(vectors=vectors), route=EMBEDS) as house:
        with pytest.raises(UpstreamUnavailable):
            await embed(house)


async def test_usage_that_is_missing_or_impossible_is_counted_by_us() -> None:
    lying = Script(vectors=GOOD.vectors, usage={"prompt_tokens": -1})
    async with house_of(lying, route=EMBEDS) as house:
        embedded = await embed(house)

    assert embedded.usage.estimated
    assert embedded.usage.prompt_tokens == 2


@pytest.mark.parametrize("embeds", [True, False])
async def test_a_model_serves_one_or_the_other(embeds: bool) -> None:
    async with house_of(GOOD, route={"embeds": embeds}) as house:
        wrong = house.ask() if embeds else embed(house)
        with pytest.raises(RequestInvalid):
            await wrong


async def test_the_callers_time_is_kept() -> None:
    async with house_of(Script(pause_s=30), route=EMBEDS) as house:
        with pytest.raises(DeadlineExceeded):
            await embed(house, timeout_s=0.2)


async def test_a_caller_who_leaves_gives_the_place_back() -> None:
    async with house_of(Script(pause_s=30), route=EMBEDS, spec={"max_concurrency": 1}) as house:
        first = asyncio.create_task(embed(house, timeout_s=20))
        async with asyncio.timeout(10):
            await house.providers[0].asked.wait()

        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first

        assert house.router.board.upstreams["p0"].slots.in_flight == 0


async def test_a_failure_quotes_nothing() -> None:
    async with house_of(Script(status=500), route=EMBEDS) as house:
        with pytest.raises(LeewardError) as failed:
            await house.router.embed(EmbedRequest(MODEL, ("Anna Kowalska",), timeout_s=2))

    assert "Kowalska" not in str(failed.value)
