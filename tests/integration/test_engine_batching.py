"""Many calls of one model at the same time: who waits, who does not, and what it changes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge.engine.engine import NodeEngine
from edge.engine.options import EngineOptions
from runtime.errors import LeewardError, RequestInvalid
from runtime.ids import ModelName
from runtime.ports import Completion, GenerateRequest
from tests.integration.engine_calls import ask_of, finish, said, serving_model

MODEL = Path(__file__).parents[2] / "reference" / "weights" / "tern-s.gguf"
NAME = ModelName("tern-s")
OPTIONS = EngineOptions(threads=1, queue_limit=64)
ENDLESS = "root ::= [a-z] root"
NO_TOKEN = 'root ::= "\\u0000" | "\\x00"'
QUESTIONS = [
    f"A ward has {number} beds. Each bed needs 3 sheets. How many sheets are needed?"
    for number in range(2, 10)
] + ["count " * 290, "Hello"]

Answered = tuple[str, list[Any]]


@asynccontextmanager
async def serving(**options: Any) -> AsyncIterator[NodeEngine]:
    async with serving_model(NAME, MODEL, replace(OPTIONS, **options)) as engine:
        yield engine


def ask(content: str = "Hello", **sampling: Any) -> GenerateRequest:
    return ask_of(NAME, content, **sampling)


async def answered(engine: NodeEngine, request: GenerateRequest) -> Answered:
    """Return the text and every log-probability: equal ones mean equal logits."""
    deltas, _ = await said(engine, request)
    entries = [entry for delta in deltas for entry in delta.logprobs]
    return "".join(delta.text for delta in deltas), entries


async def wait_idle(engine: NodeEngine, limit_s: float = 5.0) -> None:
    async with asyncio.timeout(limit_s):
        while engine.models()[0].open_calls:  # noqa: ASYNC110 - a process gives no event
            await asyncio.sleep(0.005)


async def test_deterministic_logits_do_not_depend_on_what_else_runs() -> None:
    requests = [
        ask(question, max_tokens=40, logprobs=20, temperature=temperature, seed=5)
        for question in QUESTIONS
        for temperature in (0.0, 1.0)
    ]
    async with serving(is_deterministic=True) as engine:
        alone = [await answered(engine, request) for request in requests]

        together = await asyncio.gather(*(answered(engine, request) for request in requests))

    assert together == alone


async def test_a_call_alone_has_the_same_logits_in_both_modes() -> None:
    requests = [ask(question, max_tokens=40, logprobs=20) for question in QUESTIONS]
    answers = []
    for is_deterministic in (False, True):
        # A guess puts several tokens into one decode, which changes the last bits.
        async with serving(is_deterministic=is_deterministic, guesses=False) as engine:
            answers.append([await answered(engine, request) for request in requests])

    assert answers[0] == answers[1]


@pytest.mark.parametrize("is_deterministic", [False, True])
async def test_a_short_call_does_not_wait_for_a_long_one(*, is_deterministic: bool) -> None:
    async with serving(is_deterministic=is_deterministic) as engine:
        long = engine.generate(ask(grammar=ENDLESS, max_tokens=100_000))
        async with aclosing(long) as running:
            await anext(running)

            short = await finish(engine, ask(max_tokens=5))

            assert short.usage.completion_tokens == 5
            assert engine.models()[0].open_calls == 1  # the long one goes on
            await anext(running)


async def test_calls_that_need_the_whole_cache_wait_for_each_other_and_all_end() -> None:
    async with serving(cache_tokens=1024) as engine:
        endless = ask(grammar=ENDLESS, max_tokens=100_000)

        first, second, small = await asyncio.gather(
            finish(engine, endless), finish(engine, endless), finish(engine, ask(max_tokens=3))
        )

    totals = [one.usage.prompt_tokens + one.usage.completion_tokens for one in (first, second)]
    assert totals == [1024, 1024]
    assert small.usage.completion_tokens == 3


async def test_calls_may_grow_beyond_the_room_that_is_there_and_all_are_answered() -> None:
    """Six calls that need 1,024 cells each in a cache for two of them, so four lose their place."""
    request = ask(grammar=ENDLESS, max_tokens=100_000)
    async with serving(cache_tokens=2048, guesses=False) as engine:
        alone, _ = await answered(engine, request)

        together = await asyncio.gather(*(answered(engine, request) for _ in range(6)))
        small = await finish(engine, ask(max_tokens=3))
        traffic = engine.models()[0].traffic

    assert small.usage.completion_tokens == 3
    assert traffic.prompt_tokens < 8 * 40  # a call that lost its place is counted once
    for text, _ in together:
        assert len(text) == len(alone)
        assert text[:100] == alone[:100]


async def test_one_call_that_fails_in_a_batch_fails_alone() -> None:
    async with serving() as engine:
        results = await asyncio.gather(
            *(finish(engine, ask(max_tokens=50)) for _ in range(3)),
            finish(engine, ask(grammar=NO_TOKEN, max_tokens=50)),
            return_exceptions=True,
        )
        restarts = engine.models()[0].restarts

    assert [type(result) for result in results[:3]] == [Completion] * 3
    assert isinstance(results[3], RequestInvalid)
    assert "no token" in str(results[3])
    assert restarts == 0


async def test_cancelled_and_refused_calls_leave_every_slot_free() -> None:
    async with serving(slots=4) as engine:
        for _ in range(3):
            endless = [
                asyncio.create_task(finish(engine, ask(grammar=ENDLESS, max_tokens=100_000)))
                for _ in range(6)
            ]
            late = asyncio.create_task(finish(engine, replace(ask(), timeout_s=0.001)))
            await asyncio.sleep(0.05)
            for task in endless:
                task.cancel()
            ended = await asyncio.gather(*endless, late, return_exceptions=True)
            assert all(isinstance(end, asyncio.CancelledError | LeewardError) for end in ended)
            await wait_idle(engine)

        done = await asyncio.gather(*(finish(engine, ask(max_tokens=9)) for _ in range(4)))

    assert [one.usage.completion_tokens for one in done] == [9] * 4


async def test_calls_that_end_with_the_step_they_begin_in_all_end() -> None:
    async with serving(slots=1) as engine:
        calls = (finish(engine, ask(f"Hello {number}", max_tokens=1)) for number in range(12))
        async with asyncio.timeout(30.0):
            ends = await asyncio.gather(*calls)

    assert [end.usage.completion_tokens for end in ends] == [1] * 12
