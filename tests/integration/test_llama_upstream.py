"""The router over llama.cpp's packaged server: two real ones, and one of them killed."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest
import pytest_asyncio
from opentelemetry.trace import NoOpTracer
from prometheus_client import CollectorRegistry

from cloud.admission.prices import Prices
from cloud.charges import Tally
from cloud.routing.metrics import UPSTREAM_ROWS, UpstreamMetrics
from cloud.routing.router import Router
from cloud.routing.settings import RoutingSettings
from cloud.upstreams.model import Capabilities, Route, Target, UpstreamSpec
from cloud.upstreams.openai_upstream import OpenAIUpstream
from runtime.clock import SystemClock
from runtime.errors import LeewardError, UpstreamUnavailable
from runtime.ids import ModelName, NodeName
from runtime.local.llm import RunningLlm, running_llm
from runtime.ports import (
    ChatMessage,
    Chunk,
    Completion,
    EmbedRequest,
    FinishReason,
    GenerateRequest,
    Sampling,
    TextDelta,
)
from runtime.telemetry.metrics import Metrics

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="module"),
]

WEIGHTS = Path(__file__).parents[2] / "reference" / "weights"
MODEL = ModelName("big")
# Of the kind that the reference models were trained on, so that they end by themselves.
QUESTION = "A shelf holds 7 boxes of 2 bulbs. Then 6 bulbs arrive. How many bulbs are there now?"
CALL = GenerateRequest(
    MODEL,
    (ChatMessage("user", QUESTION),),
    sampling=Sampling(max_tokens=96, seed=1),
    timeout_s=60.0,
)


@dataclass(slots=True)
class Pair:
    """Two servers of the same weights, and a router over both."""

    first: RunningLlm
    second: RunningLlm
    router: Router

    async def ask(self, request: GenerateRequest = CALL) -> list[Chunk]:
        return [chunk async for chunk in self.router.generate(request, Tally())]


def _spec(name: str, llm: RunningLlm) -> UpstreamSpec:
    return UpstreamSpec(
        name,
        llm.base_url,
        llm.api_key,
        capabilities=Capabilities(stream_usage=False, schema="json_object"),
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pair(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pair]:
    async with _serving_pair(tmp_path_factory.mktemp("llms")) as served:
        yield served


@pytest_asyncio.fixture(loop_scope="module")
async def doomed(tmp_path: Path) -> AsyncIterator[Pair]:
    """A pair of its own for a test that kills."""
    async with _serving_pair(tmp_path) as served:
        yield served


@asynccontextmanager
async def _serving_pair(root: Path) -> AsyncIterator[Pair]:
    clock = SystemClock()
    weights = WEIGHTS / "gannet-s.gguf"
    async with (
        running_llm(
            weights, context_tokens=512, log=root / "a.log", environment=os.environ
        ) as first,
        running_llm(
            weights, context_tokens=512, log=root / "b.log", environment=os.environ
        ) as second,
    ):
        specs = [_spec("a", first), _spec("b", second)]
        targets = tuple(
            Target(one.name, llm.model, priority=0)
            for one, llm in zip(specs, (first, second), strict=True)
        )
        router = Router(
            {one.name: OpenAIUpstream(one, clock) for one in specs},
            [Route(MODEL, targets), Route(ModelName("vectors"), targets, embeds=True)],
            RoutingSettings(),
            prices=Prices(),
            node=NodeName("cloud"),
            metrics=UpstreamMetrics(Metrics(CollectorRegistry(), UPSTREAM_ROWS)),
            tracer=NoOpTracer(),
            clock=clock,
            random=Random(5),
        )
        yield Pair(first, second, router)
        await router.close()


def text_of(chunks: list[Chunk]) -> str:
    return "".join(chunk.text for chunk in chunks if isinstance(chunk, TextDelta))


async def test_a_real_server_answers_to_the_end(pair: Pair) -> None:
    chunks = await pair.ask()

    last = chunks[-1]
    assert isinstance(last, Completion)
    assert last.finish_reason is FinishReason.STOP
    assert text_of(chunks).strip()
    assert last.usage.completion_tokens > 3


async def test_a_limit_of_tokens_is_told_from_an_end(pair: Pair) -> None:
    last = (await pair.ask(GenerateRequest(MODEL, CALL.messages, Sampling(max_tokens=3))))[-1]

    assert isinstance(last, Completion)
    assert last.finish_reason is FinishReason.LENGTH


async def test_a_schema_binds_the_answer(pair: Pair) -> None:
    schema = '{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]}'
    sampling = Sampling(max_tokens=64, json_schema=schema)

    chunks = await pair.ask(GenerateRequest(MODEL, CALL.messages, sampling))

    assert text_of(chunks).lstrip().startswith("{")


async def test_vectors_that_the_server_does_not_give_are_a_named_failure(pair: Pair) -> None:
    # The packaged server needs to be started for embeddings; this one is not.
    with pytest.raises(LeewardError):
        await pair.router.embed(EmbedRequest(ModelName("vectors"), ("a",), timeout_s=20))


async def test_when_one_of_two_is_killed_every_call_is_answered(doomed: Pair) -> None:
    before = await asyncio.gather(*(doomed.ask() for _ in range(4)))

    os.kill(doomed.first.process.pid, signal.SIGKILL)
    after = await asyncio.gather(*(doomed.ask() for _ in range(8)))

    assert {text_of(chunks) for chunks in (*before, *after)} == {text_of(before[0])}
    assert all(isinstance(chunks[-1], Completion) for chunks in after)


async def test_when_both_are_gone_the_caller_is_told(doomed: Pair) -> None:
    for server in (doomed.first, doomed.second):
        os.kill(server.process.pid, signal.SIGKILL)

    with pytest.raises(UpstreamUnavailable):
        await doomed.ask()
