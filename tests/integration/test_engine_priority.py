"""Who has priority overtakes those who wait, also one that is ready and waits for room."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from edge.engine.engine import NodeEngine
from edge.engine.options import EngineOptions
from runtime.clock import SystemClock
from runtime.ids import ModelName, NodeName
from runtime.ports import ChatMessage, Completion, GenerateRequest, Sampling

MODEL = Path(__file__).parents[2] / "reference" / "weights" / "tern-s.gguf"
NAME = ModelName("tern-s")
CACHE_TOKENS = 512
ENDLESS = "root ::= [a-z] root"


@pytest_asyncio.fixture
async def engine() -> AsyncIterator[NodeEngine]:
    options = EngineOptions(
        threads=1, context_tokens=CACHE_TOKENS, cache_tokens=CACHE_TOKENS, kept_prefixes=0
    )
    async with NodeEngine(node=NodeName("edge-1"), clock=SystemClock(), options=options) as engine:
        await engine.load(NAME, MODEL)
        yield engine


def ask(prompt_tokens: int, *, max_tokens: int, priority: int = 0) -> GenerateRequest:
    messages = (ChatMessage("user", "7" * prompt_tokens),)
    sampling = Sampling(grammar=ENDLESS, max_tokens=max_tokens)
    return GenerateRequest(NAME, messages, sampling, timeout_s=60.0, priority=priority)


async def test_one_that_waits_for_room_is_overtaken(engine: NodeEngine) -> None:
    """Half the cache is held; of those that wait each needs more than the other half."""
    ended: list[int] = []

    async def answer(priority: int) -> None:
        request = ask(280, max_tokens=20, priority=priority)
        *_, last = [item async for item in engine.generate(request)]
        assert isinstance(last, Completion)
        prompts.append(last.usage.prompt_tokens)
        ended.append(priority)

    prompts: list[int] = []
    async with asyncio.TaskGroup() as group:
        holder = engine.generate(ask(1, max_tokens=400))
        await anext(holder)
        for priority in (0, -1, 2, 1):
            group.create_task(answer(priority))
            await asyncio.sleep(0.1)
        assert ended == []
        await holder.aclose()

    assert ended == [2, 1, 0, -1]
    assert min(prompts) > CACHE_TOKENS // 2


async def test_who_has_priority_keeps_its_place_when_the_cache_overflows(
    engine: NodeEngine,
) -> None:
    """Both begin with room for 256 more tokens; later one of them must give way."""
    ended: list[int] = []

    async def answer(priority: int) -> None:
        request = ask(1, max_tokens=300, priority=priority)
        async for _ in engine.generate(request):
            pass
        ended.append(priority)

    async with asyncio.TaskGroup() as group:
        for priority in (0, 1):
            group.create_task(answer(priority))

    assert ended == [1, 0]
