"""Who has priority overtakes those who wait, also one that is ready and waits for room."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from edge.engine.engine import NodeEngine
from edge.engine.options import EngineOptions
from runtime.ids import ModelName
from runtime.ports import GenerateRequest, TextDelta
from tests.integration.engine_calls import ask_of, finish, serving_model

MODEL = Path(__file__).parents[2] / "reference" / "weights" / "tern-s.gguf"
NAME = ModelName("tern-s")
CACHE_TOKENS = 512
ENDLESS = "root ::= [a-z] root"


@pytest_asyncio.fixture
async def engine() -> AsyncIterator[NodeEngine]:
    options = EngineOptions(
        threads=1, context_tokens=CACHE_TOKENS, cache_tokens=CACHE_TOKENS, kept_prefixes=0
    )
    async with serving_model(NAME, MODEL, options) as serving:
        yield serving


def ask(prompt_tokens: int, *, max_tokens: int, priority: int = 0) -> GenerateRequest:
    text = "7" * prompt_tokens
    return ask_of(NAME, text, priority=priority, grammar=ENDLESS, max_tokens=max_tokens)


async def test_one_that_waits_for_room_is_overtaken(engine: NodeEngine) -> None:
    """Half the cache is held; of those that wait each needs more than the other half."""
    ended: list[int] = []

    async def answer(priority: int) -> None:
        request = ask(280, max_tokens=20, priority=priority)
        prompts.append((await finish(engine, request)).usage.prompt_tokens)
        ended.append(priority)

    prompts: list[int] = []
    async with asyncio.TaskGroup() as group:
        holder = engine.generate(ask(1, max_tokens=480))
        await anext(holder)
        for waiting, priority in enumerate((0, -1, 2, 1), 1):
            group.create_task(answer(priority))
            while engine.models()[0].open_calls <= waiting:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        assert ended == []
        await holder.aclose()

    assert ended == [2, 1, 0, -1]
    assert min(prompts) > CACHE_TOKENS // 2


async def test_who_has_priority_keeps_its_place_when_the_cache_overflows(
    engine: NodeEngine,
) -> None:
    """Both begin with room; one must give way before the other has ended."""
    for _ in range(20):
        ended, lead = await _race(engine)
        if lead < 300:  # else the first had all but ended before the second began
            break

    assert ended == [1, 0]


async def _race(engine: NodeEngine) -> tuple[list[int], int]:
    """Ask without priority, then with; return who ended first, and by how many tokens one led."""
    ended: list[int] = []
    tokens = {0: 0, 1: 0}
    leads: list[int] = []

    async def answer(priority: int) -> None:
        async for chunk in engine.generate(ask(1, max_tokens=440, priority=priority)):
            if isinstance(chunk, TextDelta):
                tokens[priority] += chunk.tokens
                if priority:
                    leads.append(tokens[0])
        ended.append(priority)

    async with asyncio.TaskGroup() as group:
        for priority in (0, 1):
            group.create_task(answer(priority))
    return ended, leads[0]
