"""What was computed for a caller is not computed again for it, and serves nobody else."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest_asyncio

from edge.engine.engine import NodeEngine
from edge.engine.options import EngineOptions
from runtime.ids import ModelName, PlanId, RequestId, SessionId, StepId
from runtime.ports import (
    ChatMessage,
    Completion,
    GenerateRequest,
    Provenance,
    Sampling,
)
from tests.integration.engine_calls import ask_of, said, serving_model

MODEL = Path(__file__).parents[2] / "reference" / "weights" / "tern-s.gguf"
NAME = ModelName("tern-s")
OPTIONS = EngineOptions(threads=1, queue_limit=64, slots=2, cache_tokens=1024, kept_prefixes=3)
LONG = "A ward has 4 beds. Each bed needs 3 sheets. " * 8
ENDLESS = "root ::= [a-z] root"


@pytest_asyncio.fixture
async def engine() -> AsyncIterator[NodeEngine]:
    async with serving_model(NAME, MODEL, OPTIONS) as serving:
        yield serving


async def answered(
    engine: NodeEngine, *turns: str, caller: str = "", max_tokens: int = 20, **more: Any
) -> tuple[str, Completion]:
    roles = ("user", "assistant")
    chat = tuple(ChatMessage(roles[place % 2], turn) for place, turn in enumerate(turns))
    sampling = Sampling(max_tokens=max_tokens, **more)
    request = GenerateRequest(NAME, chat, sampling, timeout_s=60.0)
    deltas, last = await said(engine, request, caller=caller)
    return "".join(item.text for item in deltas), last


async def test_a_repeated_prompt_is_computed_once_and_answered_the_same(
    engine: NodeEngine,
) -> None:
    first, cold = await answered(engine, LONG, caller="a")

    again, warm = await answered(engine, LONG, caller="a")

    assert cold.usage.cached_tokens == 0
    assert warm.usage.cached_tokens == warm.usage.prompt_tokens - 1
    assert again == first


async def test_a_running_call_lends_its_prompt_to_its_callers_next_one(
    engine: NodeEngine,
) -> None:
    cold, _ = await answered(engine, LONG)
    running = engine.generate(ask_of(NAME, LONG, max_tokens=400, grammar=ENDLESS), caller="a")
    await anext(running)

    beside, warm = await answered(engine, LONG, caller="a")
    _, foreign = await answered(engine, LONG, caller="b")

    assert warm.usage.cached_tokens == warm.usage.prompt_tokens - 1
    assert beside == cold
    assert foreign.usage.cached_tokens == 0
    *_, last = [item async for item in running]
    assert isinstance(last, Completion)


async def test_the_next_turn_of_a_chat_reuses_the_prompt_and_the_answer(
    engine: NodeEngine,
) -> None:
    answer, first = await answered(engine, LONG, caller="a")

    text, second = await answered(engine, LONG, answer, "And how many beds?", caller="a")

    assert second.usage.cached_tokens >= first.usage.prompt_tokens
    await engine.unload(NAME)
    await engine.load(NAME, MODEL)
    assert (await answered(engine, LONG, answer, "And how many beds?"))[0] == text


async def test_another_caller_and_a_nameless_one_compute_for_themselves(
    engine: NodeEngine,
) -> None:
    await answered(engine, LONG, caller="a")
    await answered(engine, LONG)

    for caller in ("b", "", ""):
        _, completion = await answered(engine, LONG, caller=caller)
        assert completion.usage.cached_tokens == 0


async def test_a_request_names_its_caller_by_its_provenance(engine: NodeEngine) -> None:
    origin = Provenance(RequestId("r"), SessionId("s"), PlanId("p"), StepId("x"))
    request = GenerateRequest(NAME, (ChatMessage("user", LONG),), Sampling(max_tokens=1))
    cached = []
    for provenance in (
        replace(origin, caller="a"),
        replace(origin, caller="b"),
        replace(origin, caller="a", request_id=RequestId("r2")),
        origin,
        replace(origin, request_id=RequestId("r3")),
    ):
        *_, last = [c async for c in engine.generate(replace(request, provenance=provenance))]
        assert isinstance(last, Completion)
        cached.append(last.usage.cached_tokens > 0)

    assert cached == [False, False, True, False, True]


async def test_kept_prompts_give_way_to_calls_that_need_the_room_and_come_back(
    engine: NodeEngine,
) -> None:
    first, _ = await answered(engine, LONG, caller="a")

    _, whole = await answered(engine, "x", caller="b", grammar=ENDLESS, max_tokens=100_000)

    assert whole.usage.prompt_tokens + whole.usage.completion_tokens == 1024
    # It waited outside of the cache, and is what it was.
    again, warm = await answered(engine, LONG, caller="a")
    assert warm.usage.cached_tokens == warm.usage.prompt_tokens - 1
    assert again == first


async def test_what_half_a_cache_cannot_hold_is_dropped(engine: NodeEngine) -> None:
    longer = LONG * 3
    _, cold = await answered(engine, longer, caller="a")
    assert cold.usage.prompt_tokens > 512

    await answered(engine, "x", caller="b", grammar=ENDLESS, max_tokens=100_000)

    _, again = await answered(engine, longer, caller="a")
    assert again.usage.cached_tokens == 0


async def test_more_callers_than_can_be_kept_push_the_oldest_out(engine: NodeEngine) -> None:
    for caller in "abcd":
        await answered(engine, f"{caller} likes numbers and " + "one two " * 20, caller=caller)

    cached = [
        (await answered(engine, f"{caller} likes numbers and " + "one two " * 20, caller=caller))[
            1
        ].usage.cached_tokens
        for caller in "dcba"
    ]

    assert [count > 0 for count in cached] == [True, True, True, False]


async def test_a_deterministic_model_keeps_nothing(engine: NodeEngine) -> None:
    await engine.unload(NAME)
    await engine.load(NAME, MODEL, options=replace(OPTIONS, is_deterministic=True))

    usages = [(await answered(engine, LONG, caller="a"))[1].usage for _ in range(2)]

    assert [usage.cached_tokens for usage in usages] == [0, 0]
