"""A cache inside the real core, over models and a budget that remember what they were asked."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import Any

from cloud.absent import NoInspection
from cloud.cache.cache import KeptQuestion, MemoryCache
from cloud.cache.digest import Digester, Sharing
from cloud.cache.memory import AnswerMemory
from cloud.cache.rules import CacheRules, ModelRule
from cloud.cache.similarity import Similarity
from cloud.calls import Call, Caller, EmbedCall, GenerateCall
from cloud.charges import Tally
from cloud.metrics import gateway_metrics
from cloud.serving import Serving
from cloud.stages import CacheState, Embedded, Outcome, WorstCase
from cloud.upstreams.model import Route
from runtime.errors import LeewardError
from runtime.ids import Category, ModelName
from runtime.labels import PUBLIC, Label, Level
from runtime.policy.model import Policy
from runtime.ports import (
    ChatMessage,
    Chunk,
    Completion,
    EmbedRequest,
    FinishReason,
    GenerateRequest,
    Sampling,
    TextDelta,
    Usage,
)
from runtime.sentinel.embedding import SentenceEncoder
from runtime.testing.fakes import ManualClock

BIG = ModelName("big")
ENCODER = ModelName("encoder")
POLICY = Policy(
    {Category("project"): Level.INTERNAL, Category("person"): Level.CONFIDENTIAL},
    {"edge": Level.RESTRICTED, "cloud": Level.CONFIDENTIAL},
)
END = Completion(FinishReason.STOP, usage=Usage(10, 5, cost_usd=0.25))
WORST = WorstCase(100, 512, 700)


def asking(
    text: str = "What is it?",
    *,
    tenant: str = "clinic",
    caller: str = "edge-1",
    label: Label = PUBLIC,
    before: Sequence[ChatMessage] = (),
    **sampling: Any,
) -> GenerateCall:
    """Return a call, greedy unless ``sampling`` says otherwise."""
    request = GenerateRequest(
        model=BIG,
        messages=(*before, ChatMessage("user", text)),
        sampling=Sampling(**sampling),
        label=label,
    )
    return GenerateCall(Caller(tenant, "device", caller), request)


@dataclass
class Models:
    """Answers every call with its number, in two pieces."""

    routes: tuple[Route, ...] = ()
    asked: list[GenerateRequest] = field(default_factory=list)
    embedded: list[EmbedRequest] = field(default_factory=list)
    failures: list[LeewardError] = field(default_factory=list)
    """Raised by the next calls after their first piece, one each."""
    end: Completion = END
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a call arrives."""
    go: asyncio.Event | None = None
    """Awaited before the second piece."""
    vectors: tuple[Sequence[float], ...] = ((1.0, 0.0), (1.0, 0.0))
    encoder_failure: LeewardError | None = None

    def worst_case(self, request: GenerateRequest | EmbedRequest) -> WorstCase:
        return WORST

    async def generate(self, request: GenerateRequest, tally: Tally) -> AsyncGenerator[Chunk, None]:
        self.asked.append(request)
        self.reached.set()
        number = len(self.asked)
        yield TextDelta("answer ")
        if self.go is not None:
            await self.go.wait()
        if self.failures:
            raise self.failures.pop(0)
        yield TextDelta(str(number))
        yield self.end

    async def embed(self, request: EmbedRequest) -> Embedded:
        self.embedded.append(request)
        if self.encoder_failure is not None:
            raise self.encoder_failure
        return Embedded(self.vectors, request.model, Usage(4, 0))


@dataclass
class Budget:
    """Admits everything, unless told to refuse the next calls."""

    reserved: list[tuple[Call, WorstCase]] = field(default_factory=list)
    settled: list[Outcome] = field(default_factory=list)
    refusals: list[LeewardError] = field(default_factory=list)

    repeats = 0

    async def reserve(self, call: Call, worst: WorstCase) -> "Budget":
        await asyncio.sleep(0)
        if self.refusals:
            raise self.refusals.pop(0)
        self.reserved.append((call, worst))
        return self

    async def settle(self, outcome: Outcome) -> None:
        self.settled.append(outcome)


class House:
    """Everything together."""

    def __init__(
        self,
        rule: ModelRule | None = None,
        *,
        max_level: Level = Level.PUBLIC,
        sharing: Sharing = "tenant",
        max_answer_bytes: int = 100_000,
        wait_s: float = 5.0,
        own: SentenceEncoder | None = None,
    ) -> None:
        self.models = Models()
        self.budget = Budget()
        self.clock = ManualClock()
        self.metrics = gateway_metrics()
        self.memory: AnswerMemory[KeptQuestion] = AnswerMemory(max_bytes=1_000_000, ttl_s=60.0)
        self.cache = MemoryCache(
            CacheRules(POLICY, max_level, {BIG: rule or ModelRule()}),
            Digester(bytes(32), sharing=sharing, version=lambda: self.core.succession.version),
            self.memory,
            similarity=Similarity(self._embed, own=own),
            metrics=self.metrics,
            clock=self.clock,
            max_answer_bytes=max_answer_bytes,
            wait_s=wait_s,
        )
        self.core = Serving(
            models=self.models,
            admission=self.budget,
            inspector=NoInspection(),
            cache=self.cache,
            clock=self.clock,
        )

    async def _embed(self, call: EmbedCall) -> Embedded:
        return await self.core.embed(call)

    async def ask(self, call: GenerateCall) -> tuple[CacheState, str]:
        """Return how the cache served a call, and the answer's text."""
        state, chunks = await self.chunks(call)
        return state, "".join(chunk.text for chunk in chunks if isinstance(chunk, TextDelta))

    async def chunks(self, call: GenerateCall) -> tuple[CacheState, list[Chunk]]:
        """Return how the cache served a call, and the whole stream."""
        async with self.core.answering(call) as answer:
            return answer.cache, [chunk async for chunk in answer.chunks]
