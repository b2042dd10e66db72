"""Embedding models: real vectors from libllama, whoever else asks, and typed refusals."""

import asyncio
import math
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from bench.random_gguf import SHAPE_135M, write_model
from edge.engine.engine import NodeEngine
from edge.engine.options import EngineOptions
from runtime.clock import SystemClock
from runtime.errors import (
    ContextOverflow,
    DeadlineExceeded,
    EngineCrashed,
    ModelInvalid,
    RequestInvalid,
)
from runtime.ids import ModelName, NodeName
from runtime.ports import ChatMessage, GenerateRequest
from tests.integration.engine_calls import serving_model

pytestmark = pytest.mark.asyncio(loop_scope="module")

NAME = ModelName("vectors")
MEAN, LAST, RANK = 1, 3, 4
SMALL = replace(
    SHAPE_135M,
    layers=2,
    width=64,
    heads=4,
    kv_heads=2,
    ffn_width=128,
    vocabulary=1024,
    context_tokens=512,
)
OPTIONS = EngineOptions(threads=1, slots=4)
TEXTS = ["two cats", "two cats and a dog", "x" * 300, "two cats", "é€𝄞", "y" * 400, "z"]


@pytest_asyncio.fixture(loop_scope="module", scope="module", params=[MEAN, LAST])
async def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[NodeEngine]:
    path = tmp_path_factory.mktemp("model") / "vectors.gguf"
    write_model(path, replace(SMALL, pooling=request.param))
    async with serving_model(NAME, path, OPTIONS) as engine:
        facts = engine.models()[0].facts
        assert facts is not None
        assert facts.embeds
        yield engine


def cosine(one: list[float], other: list[float]) -> float:
    return sum(left * right for left, right in zip(one, other, strict=True))


async def test_every_text_gets_a_vector_of_unit_length_in_its_place(engine: NodeEngine) -> None:
    found = await engine.embed(NAME, TEXTS)

    assert len(found.vectors) == len(TEXTS)
    assert {len(vector) for vector in found.vectors} == {SMALL.width}
    for vector in found.vectors:
        assert math.hypot(*vector) == pytest.approx(1.0, abs=1e-5)
    assert cosine(found.vectors[0], found.vectors[3]) == pytest.approx(1.0, abs=1e-3)
    assert cosine(found.vectors[0], found.vectors[1]) < 0.999
    assert found.usage.prompt_tokens >= sum(map(len, TEXTS))


async def test_a_vector_does_not_depend_on_what_else_is_asked(engine: NodeEngine) -> None:
    alone = [(await engine.embed(NAME, [text])).vectors[0] for text in TEXTS]

    together = (await engine.embed(NAME, TEXTS)).vectors
    answers = await asyncio.gather(*(engine.embed(NAME, [text]) for text in TEXTS))

    for mine, batched, concurrent in zip(alone, together, answers, strict=True):
        assert cosine(mine, batched) == pytest.approx(1.0, abs=1e-3)
        assert cosine(mine, concurrent.vectors[0]) == pytest.approx(1.0, abs=1e-3)


async def test_what_cannot_be_embedded_is_refused_and_the_rest_goes_on(
    engine: NodeEngine,
) -> None:
    restarts = engine.models()[0].restarts
    with pytest.raises(ContextOverflow, match=r"a text of 6.. tokens; .* at most 512"):
        await engine.embed(NAME, ["fine", "x" * 600])
    with pytest.raises(RequestInvalid, match="0 texts"):
        await engine.embed(NAME, [])
    with pytest.raises(DeadlineExceeded):
        await engine.embed(NAME, TEXTS * 200, timeout_s=0.001)
    request = GenerateRequest(NAME, (ChatMessage("user", "x"),))
    with pytest.raises(RequestInvalid, match="writes no text"):
        [chunk async for chunk in engine.generate(request)]

    assert len((await engine.embed(NAME, TEXTS)).vectors) == len(TEXTS)
    assert engine.models()[0].restarts == restarts


async def test_a_death_fails_the_call_and_the_next_one_works(engine: NodeEngine) -> None:
    call = asyncio.create_task(engine.embed(NAME, ["y" * 400] * 2000))
    async with asyncio.timeout(10.0):
        while not engine.models()[0].open_calls:  # noqa: ASYNC110 - a process gives no event
            await asyncio.sleep(0.001)
    pid = engine.models()[0].pid
    assert pid is not None

    os.kill(pid, signal.SIGKILL)

    with pytest.raises(EngineCrashed):
        await call
    assert len((await engine.embed(NAME, ["x"])).vectors) == 1


async def test_a_ranking_model_is_refused_at_load(tmp_path: Path) -> None:
    write_model(tmp_path / "ranks.gguf", replace(SMALL, pooling=RANK))
    async with NodeEngine(node=NodeName("edge-1"), clock=SystemClock(), options=OPTIONS) as engine:
        with pytest.raises(ModelInvalid, match="ranks texts"):
            await engine.load(NAME, tmp_path / "ranks.gguf")
