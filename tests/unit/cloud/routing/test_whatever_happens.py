"""Whatever providers do: a whole answer of one of them or a typed error, charged within bounds."""

import asyncio
from dataclasses import replace
from random import Random

import pytest

from cloud.charges import Tally
from cloud.routing.budget import BudgetSettings
from cloud.routing.settings import RoutingSettings
from runtime.errors import LeewardError
from runtime.ports import Chunk, Completion
from runtime.testing.scripted_provider import Script
from tests.unit.cloud.routing.house import CALL, House, house_of, text_of

SETTINGS = RoutingSettings(
    backoff_s=0.001,
    longest_backoff_s=0.05,
    hedges=BudgetSettings(share=1, reserve=100),
    least_hedge_s=0.0,
)
PLAYS = (
    Script(),
    Script(),
    Script(pause_s=0.03),
    Script(usage=None),
    Script(usage=(10**9, 10**9)),
    Script(status=500),
    Script(status=503, headers=[("retry-after", "0.02")]),
    Script(status=429, headers=[("retry-after", "0.01")]),
    Script(status=429),
    Script(status=404),
    Script(cut_before=0),
    Script(cut_before=1),
    Script(finish_reason=None),
    Script(finish_reason="abort"),
    Script(stall_before=0),
    Script(raw=b"data: {oops\n\n"),
    Script(pieces=(), finish_reason="stop"),
)


async def one_call(house: House, random: Random) -> tuple[list[Chunk], Tally, str]:
    """Ask once; sometimes leave early. Returns what came, what it cost, and the error's name."""
    chunks: list[Chunk] = []
    tally, leave_after = Tally(), random.choice([1, 99, 99, 99])
    stream = house.router.generate(replace(CALL, timeout_s=1.0), tally)
    try:
        async for chunk in stream:
            chunks.append(chunk)
            if len(chunks) >= leave_after:
                return chunks, tally, "left"
    except LeewardError as error:
        return chunks, tally, type(error).__name__
    finally:
        await stream.aclose()
    return chunks, tally, ""


@pytest.mark.parametrize("seed", range(12))
async def test_it_ends_well_or_by_name_and_within_what_was_reserved(seed: int) -> None:
    random = Random(seed)
    spec = {"first_token_timeout_s": 0.1, "idle_timeout_s": 0.1}
    async with house_of(
        Script(), Script(), Script(), settings=SETTINGS, spec=spec, route={"may_hedge": True}
    ) as house:
        for provider in house.providers:
            provider.queue = random.choices(PLAYS, k=60)
        ended = await asyncio.gather(*(one_call(house, random) for _ in range(40)))
        worst = house.router.worst_case(CALL)

    for chunks, tally, error in ended:
        wholes = [chunk for chunk in chunks if isinstance(chunk, Completion)]
        charged = tally.within(worst)
        assert worst.cost_micros is not None
        assert charged.prompt_tokens <= worst.prompt_tokens
        assert charged.completion_tokens <= worst.completion_tokens
        assert charged.cost_usd * 1e6 <= worst.cost_micros
        # Whole, or named: never a part that looks like an answer, never two answers in one.
        assert bool(wholes) == (error == "") or error == "left"
        assert not wholes or text_of(chunks) in {"fourty-two", ""}
        assert not wholes or wholes[0].usage.cost_usd == charged.cost_usd
    board = house.router.board
    assert [one.slots.in_flight for one in board.upstreams.values()] == [0, 0, 0]
    assert not any(breaker._is_probing for breaker in board.breakers.values())
