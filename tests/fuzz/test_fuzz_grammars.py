"""Hostile grammars and schemas: refused, or run in a process whose end takes nobody along."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from itertools import islice
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio

from edge.engine.engine import NodeEngine
from edge.engine.limits import check_schema
from edge.engine.options import EngineOptions
from edge.engine.schema import grammar_from_schema
from runtime.clock import SystemClock
from runtime.errors import LeewardError, RequestInvalid
from runtime.ids import ModelName, NodeName
from runtime.ports import ChatMessage, Completion, GenerateRequest, Sampling
from tests.fuzz.hostile import grammars, schemas

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

MODEL: Final = Path(__file__).parents[2] / "reference" / "weights" / "tern-s.gguf"
NAME: Final = ModelName("tern-s")
OPTIONS: Final = EngineOptions(
    threads=1, ping_interval_s=0.1, step_limit_s=1.0, hang_limit_s=2.0, context_tokens=512
)
CALL_S: Final = 6.0
EYE_S: Final = 1.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine() -> AsyncIterator[NodeEngine]:
    async with NodeEngine(node=NodeName("edge-1"), clock=SystemClock(), options=OPTIONS) as engine:
        await engine.load(NAME, MODEL)
        yield engine


def ask(**sampling: str) -> GenerateRequest:
    drawn = Sampling(max_tokens=8, **sampling)  # type: ignore[arg-type]
    return GenerateRequest(NAME, (ChatMessage("user", "Hello"),), drawn, timeout_s=CALL_S)


async def ended(engine: NodeEngine, request: GenerateRequest) -> str:
    """Return how a call ended; anything unnamed, or without end, fails the test."""
    try:
        async with asyncio.timeout(3 * CALL_S):
            *_, last = [chunk async for chunk in engine.generate(request)]
    except LeewardError as error:
        return type(error).__name__
    assert isinstance(last, Completion)
    return "answered"


async def attack(engine: NodeEngine, requests: list[GenerateRequest]) -> None:
    ends = [await ended(engine, request) for request in requests]
    async with asyncio.timeout(30):
        while await ended(engine, ask()) != "answered":  # noqa: ASYNC110 - it may be starting again
            await asyncio.sleep(0.1)

    assert {"answered", "RequestInvalid"} <= set(ends)


@pytest.mark.parametrize("seed", [1])
async def test_schemas_become_grammars_or_are_refused_in_the_blink_of_an_eye(seed: int) -> None:
    ends = Counter(converted(text) for text in islice(schemas(random.Random(seed)), 3_000))

    assert set(ends) == {"grammar", "refused"}


def converted(schema: str) -> str:
    since_s = time.process_time()
    try:
        check_schema(schema)
        grammar_from_schema(schema)
        end = "grammar"
    except RequestInvalid:
        end = "refused"
    return end if time.process_time() - since_s < EYE_S else "slow"


@pytest.mark.parametrize("seed", [1])
async def test_grammars_end_no_more_than_their_own_call(engine: NodeEngine, seed: int) -> None:
    texts = islice(grammars(random.Random(seed)), 70)

    await attack(engine, [ask(grammar='root ::= "a"'), *(ask(grammar=text) for text in texts)])


@pytest.mark.parametrize("seed", [1])
async def test_schemas_end_no_more_than_their_own_call(engine: NodeEngine, seed: int) -> None:
    texts = islice(schemas(random.Random(seed)), 120)

    await attack(
        engine, [ask(json_schema='{"type": "null"}'), *(ask(json_schema=text) for text in texts)]
    )


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 110))
async def test_many_grammars_and_schemas(engine: NodeEngine, seed: int) -> None:
    rng = random.Random(seed)
    asked = [ask(grammar=text) for text in islice(grammars(rng), 1_000)]
    asked += [ask(json_schema=text) for text in islice(schemas(rng), 1_000)]

    await attack(engine, [ask(grammar='root ::= "a"'), *asked])
