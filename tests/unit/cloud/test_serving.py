"""Every call is settled once, however it ends, and before its completion is passed on."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from cloud.absent import NoCache, NoInspection
from cloud.calls import Call, Caller, CallT, EmbedCall, GenerateCall
from cloud.charges import Tally
from cloud.serving import Serving
from cloud.spans import CallSpans
from cloud.stages import (
    FREE,
    AnswerCache,
    CacheState,
    Embedded,
    Inspector,
    Lookup,
    Outcome,
    WorstCase,
    micros,
)
from cloud.upstreams.model import Route
from runtime.errors import (
    CapacityExhausted,
    LeewardError,
    NotFound,
    NotPermitted,
    PolicyViolation,
    StreamBroken,
)
from runtime.ids import ModelName, NodeName
from runtime.ports import (
    ChatMessage,
    Chunk,
    Completion,
    EmbedRequest,
    FinishReason,
    GenerateRequest,
    TextDelta,
    Usage,
)
from runtime.testing.fakes import ManualClock

CALLER = Caller(tenant="clinic", kind="device", id="edge-1")
BIG = ModelName("big")
CALL = GenerateCall(CALLER, GenerateRequest(model=BIG, messages=(ChatMessage("user", "hi"),)))
EMBED = EmbedCall(CALLER, EmbedRequest(model=BIG, texts=("hi",)))
WORST = WorstCase(100, 512, 700)
END = Completion(FinishReason.STOP, usage=Usage(10, 5, cost_usd=0.25))


class Scripted:
    """Models that play chunks and failures."""

    routes: tuple[Route, ...] = ()

    def __init__(self, *items: Chunk | Exception | asyncio.Event) -> None:
        self._items = items
        self.calls = 0
        self.closed = 0

    def worst_case(self, request: GenerateRequest | EmbedRequest) -> WorstCase:
        return WORST

    async def generate(self, request: GenerateRequest, tally: Tally) -> AsyncGenerator[Chunk, None]:
        self.calls += 1
        try:
            for item in self._items:
                if isinstance(item, asyncio.Event):
                    await item.wait()
                elif isinstance(item, Exception):
                    raise item
                else:
                    if isinstance(item, TextDelta):
                        tally.add(Usage(7, item.tokens, estimated=True))
                    yield item
        finally:
            self.closed += 1

    async def embed(self, request: EmbedRequest) -> Embedded:
        if self._items and isinstance(self._items[0], Exception):
            raise self._items[0]
        return Embedded(((1.0,),), BIG, Usage(3, 0))


class Budget:
    """An admission that remembers what was reserved and settled."""

    def __init__(self, refusal: LeewardError | None = None) -> None:
        self.reserved: list[WorstCase] = []
        self.settled: list[Outcome] = []
        self._refusal = refusal

    repeats = 0

    async def reserve(self, call: Call, worst: WorstCase) -> "Budget":
        if self._refusal is not None:
            raise self._refusal
        self.reserved.append(worst)
        return self

    async def settle(self, outcome: Outcome) -> None:
        await asyncio.sleep(0)
        self.settled.append(outcome)


class Remembered:
    """A cache that has one answer, or none and records."""

    def __init__(self, *answer: Chunk) -> None:
        self._answer = answer
        self.kept: list[Chunk] = []
        self._played = self._play()

    @asynccontextmanager
    async def opened(self, call: GenerateCall) -> AsyncIterator[Lookup]:
        yield self

    @property
    def state(self) -> CacheState:
        return "hit" if self._answer else "miss"

    @property
    def found(self) -> AsyncGenerator[Chunk, None] | None:
        return self._played if self._answer else None

    async def _play(self) -> AsyncGenerator[Chunk, None]:
        for chunk in self._answer:
            yield chunk

    async def recording(self, chunks: AsyncGenerator[Chunk, None]) -> AsyncGenerator[Chunk, None]:
        async with aclosing(chunks):
            async for chunk in chunks:
                self.kept.append(chunk)
                yield chunk


def serving(
    models: Scripted,
    budget: Budget,
    *,
    inspector: Inspector | None = None,
    cache: AnswerCache | None = None,
) -> Serving:
    return Serving(
        models=models,
        admission=budget,
        inspector=inspector or NoInspection(),
        cache=cache or NoCache(),
        clock=ManualClock(),
    )


async def whole(core: Serving) -> list[Chunk]:
    async with core.answering(CALL) as answer:
        return [chunk async for chunk in answer.chunks]


async def test_a_finished_call_is_settled_once_with_its_usage() -> None:
    budget = Budget()

    chunks = await whole(serving(Scripted(TextDelta("a"), END), budget))

    assert chunks == [TextDelta("a"), END]
    assert budget.reserved == [WORST]
    assert [(o.status, o.usage, o.cache_hit) for o in budget.settled] == [
        ("stop", END.usage, False)
    ]


async def test_it_is_settled_before_the_completion_is_passed_on() -> None:
    budget = Budget()
    async with serving(Scripted(END), budget).answering(CALL) as answer:
        await anext(answer.chunks)
        assert len(budget.settled) == 1
    assert len(budget.settled) == 1


async def test_a_broken_call_is_settled_with_what_had_arrived() -> None:
    budget = Budget()
    broken = StreamBroken("gone", received_tokens=2)
    core = serving(Scripted(TextDelta("a"), TextDelta("b"), broken), budget)

    with pytest.raises(StreamBroken):
        await whole(core)

    (outcome,) = budget.settled
    assert (outcome.status, outcome.usage.completion_tokens) == ("StreamBroken", 2)


async def test_a_caller_that_goes_away_is_settled_and_the_source_closed() -> None:
    budget, models = Budget(), Scripted(TextDelta("a"), TextDelta("b"), END)
    async with serving(models, budget).answering(CALL) as answer:
        await anext(answer.chunks)

    (outcome,) = budget.settled
    assert (outcome.status, outcome.usage.completion_tokens) == ("cancelled", 1)
    assert models.closed == 1


async def test_an_answer_that_nobody_starts_to_read_is_settled_too() -> None:
    budget = Budget()
    async with serving(Scripted(END), budget, cache=Remembered()).answering(CALL):
        pass
    assert [outcome.status for outcome in budget.settled] == ["cancelled"]


async def test_a_cancelled_task_is_settled_all_the_same() -> None:
    budget = Budget()
    core = serving(Scripted(TextDelta("a"), asyncio.Event(), END), budget)
    task = asyncio.create_task(whole(core))
    await asyncio.sleep(0.01)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert [outcome.status for outcome in budget.settled] == ["cancelled"]


async def test_a_call_without_budget_reaches_no_model() -> None:
    models = Scripted(END)
    core = serving(models, Budget(CapacityExhausted("used up", retry_after_s=1.0)))

    with pytest.raises(CapacityExhausted):
        await whole(core)

    assert models.calls == 0


async def test_an_alias_that_the_key_may_not_use_reaches_neither_budget_nor_model() -> None:
    models, budget = Scripted(END), Budget()
    small_only = replace(CALLER, kind="key", models=frozenset({ModelName("small")}))
    served = serving(models, budget)

    with pytest.raises(NotPermitted):
        await served.embed(replace(EMBED, caller=small_only))
    with pytest.raises(NotPermitted):
        async with served.answering(replace(CALL, caller=small_only)):
            pass

    assert (models.calls, budget.reserved) == (0, [])


async def test_refused_content_reaches_neither_budget_nor_model() -> None:
    class Strict:
        async def inspect(self, call: CallT) -> CallT:
            raise PolicyViolation("above the clearance")

    budget, models = Budget(), Scripted(END)
    core = serving(models, budget, inspector=Strict())

    with pytest.raises(PolicyViolation):
        await whole(core)
    with pytest.raises(PolicyViolation):
        await core.embed(EMBED)

    assert (budget.reserved, models.calls) == ([], 0)


async def test_a_hit_is_replayed_for_nothing() -> None:
    budget, models = Budget(), Scripted(END)
    hit = Completion(FinishReason.STOP, usage=Usage(10, 5))
    core = serving(models, budget, cache=Remembered(TextDelta("a"), hit))

    async with core.answering(CALL) as answer:
        assert answer.cache == "hit"
        assert [chunk async for chunk in answer.chunks] == [TextDelta("a"), hit]

    assert models.calls == 0
    assert budget.reserved == [FREE]
    assert [outcome.cache_hit for outcome in budget.settled] == [True]


async def test_a_miss_is_recorded() -> None:
    cache = Remembered()
    core = serving(Scripted(TextDelta("a"), END), Budget(), cache=cache)

    async with core.answering(CALL) as answer:
        assert answer.cache == "miss"
        _ = [chunk async for chunk in answer.chunks]

    assert cache.kept == [TextDelta("a"), END]


async def test_vectors_are_settled_once() -> None:
    budget = Budget()
    embedded = await serving(Scripted(), budget).embed(EMBED)
    assert embedded.vectors == ((1.0,),)
    assert [(o.status, o.usage) for o in budget.settled] == [("embedded", Usage(3, 0))]


async def test_vectors_that_fail_are_settled_for_nothing_received() -> None:
    budget = Budget()
    with pytest.raises(StreamBroken):
        await serving(Scripted(StreamBroken("gone", received_tokens=0)), budget).embed(EMBED)
    assert [(o.status, o.usage) for o in budget.settled] == [("StreamBroken", Usage())]


@pytest.mark.parametrize(
    ("usd", "expected"),
    [(0.0, 0), (0.3, 300_000), (0.1 + 0.2, 300_000), (1e-7, 1), (0.25, 250_000)],
)
def test_money_is_rounded_up_to_a_micro_dollar(usd: float, expected: int) -> None:
    assert micros(usd) == expected


@pytest.mark.parametrize("name", ["Anna Kowalska has diabetes", "", "x" * 121, "big\nsecret", "ä"])
async def test_what_cannot_be_a_model_s_name_is_refused_before_it_is_written_anywhere(
    name: str,
) -> None:
    kept = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    spans = CallSpans(provider.get_tracer("t"), node=NodeName("cloud"))
    models, budget = Scripted(END), Budget()
    core = Serving(
        models=models,
        admission=budget,
        inspector=NoInspection(),
        cache=NoCache(),
        clock=ManualClock(),
        spans=spans,
    )
    call = replace(CALL, request=replace(CALL.request, model=ModelName(name)))

    with pytest.raises(NotFound) as refused:
        async with core.answering(call):
            pass

    assert kept.get_finished_spans() == ()
    assert not name or name not in str(refused.value)
