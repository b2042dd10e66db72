"""A real HTTP front on loopback, over the real core with models that play a script."""

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from openai import AsyncOpenAI
from opentelemetry.trace import NoOpTracer

from cloud.absent import NoCache, NoInspection
from cloud.calls import Call, Caller
from cloud.charges import Tally
from cloud.collaboration import GatewayGraphs, GraphLibrary
from cloud.front.asking import FrontDefaults
from cloud.front.endpoints import Endpoints
from cloud.front.front import FrontBounds, HttpFront
from cloud.serving import Serving
from cloud.stages import Embedded, Outcome, WorstCase
from cloud.upstreams.model import Route, Target
from runtime.clock import Clock, SystemClock
from runtime.errors import LeewardError, NotFound, NotPermitted
from runtime.graph.document import parse_graph
from runtime.http.protocol import BoundedProtocol
from runtime.http.server import bind_http, serving_http
from runtime.ids import ModelName, NodeName
from runtime.policy.document import parse_policy
from runtime.ports import (
    Chunk,
    Completion,
    EmbedRequest,
    FinishReason,
    GenerateRequest,
    TextDelta,
    Usage,
)
from runtime.sentinel.defaults import default_detectors
from runtime.sentinel.scan import Sentinel

KEY = "lw-clinic-0123456789"
BIG = ModelName("big")
ROUTE = Route(model=BIG, targets=(Target("a", "x"),))
END = Completion(FinishReason.STOP, usage=Usage(10, 2, cached_tokens=4, cost_usd=0.25), model=BIG)
WHOLE: tuple[Chunk, ...] = (TextDelta("for"), TextDelta("ty-two"), END)
Played = Chunk | Exception | asyncio.Event


class Models:
    """Plays ``script``; remembers what it was asked and whether it was told to stop."""

    def __init__(self) -> None:
        self.script: Sequence[Played] = WHOLE
        self.routes = (ROUTE,)
        self.asked: list[GenerateRequest | EmbedRequest] = []
        self.made = 0
        self.started = asyncio.Event()
        self.closing_s = 0.0
        """How long it takes to close an answer."""
        self.closed = asyncio.Event()

    def worst_case(self, request: GenerateRequest | EmbedRequest) -> WorstCase:
        if request.model != BIG:
            raise NotFound("nothing of that name")
        return WorstCase(100, 512, 700)

    async def generate(self, request: GenerateRequest, tally: Tally) -> AsyncGenerator[Chunk, None]:
        self.asked.append(request)
        self.started.set()
        try:
            for item in self.script:
                if isinstance(item, asyncio.Event):
                    await item.wait()
                elif isinstance(item, Exception):
                    raise item
                else:
                    self.made += 1
                    yield item
        finally:
            await asyncio.sleep(self.closing_s)
            self.closed.set()

    async def embed(self, request: EmbedRequest) -> Embedded:
        self.asked.append(request)
        return Embedded(tuple((1.0, 0.5) for _ in request.texts), BIG, Usage(3, 0))


class Budgets:
    """Reserves everything, or refuses; remembers how calls ended and for whom."""

    def __init__(self) -> None:
        self.refusal: LeewardError | None = None
        self.callers: list[Caller] = []
        self.graphs: list[str] = []
        self.settled: list[Outcome] = []
        self.ended = asyncio.Event()

    repeats = 0

    async def reserve(self, call: Call, worst: WorstCase) -> "Budgets":
        if self.refusal is not None:
            raise self.refusal
        self.callers.append(call.caller)
        where = call.request.provenance
        self.graphs.append(where.graph if where else "")
        return self

    async def settle(self, outcome: Outcome) -> None:
        self.settled.append(outcome)
        self.ended.set()


GRAPHS = {
    graph.name: graph
    for graph in map(
        parse_graph,
        (
            "{leeward: graph/v1, name: ask-big, steps: {answer: {role: assistant, model: big}}}",
            (
                "{leeward: graph/v1, name: twice, edges: [first -> second], steps: "
                "{first: {role: assistant, model: big}, second: {role: assistant, model: big}}}"
            ),
            (
                "{leeward: graph/v1, name: needs-edge, edges: [near -> far], steps: "
                "{near: {role: assistant, model: small}, far: {role: assistant, model: big}}}"
            ),
        ),
    )
}
POLICY = """
leeward: policy/v1
categories: {person: confidential, contact: confidential, health: restricted}
clearance: {edge: restricted, cloud: internal}
releases: [{categories: [person, contact], to: cloud, by: redact}]
when_unsure: restricted
"""


class OneKey:
    """Knows one key."""

    async def by_key(self, bearer: str) -> Caller:
        if bearer != KEY:
            raise NotPermitted(f"no key {bearer}")
        return Caller(tenant="clinic", kind="key", id="k1")


@dataclass(slots=True)
class Front:
    """A running front and what is behind it."""

    app: HttpFront
    models: Models
    budgets: Budgets
    port: int
    headers: dict[str, str] = field(default_factory=lambda: {"authorization": f"Bearer {KEY}"})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class Impatient(BoundedProtocol):
    head_timeout_s = 1.0
    unread_timeout_s = 0.3


def core_of(
    models: Models, budgets: Budgets, *, default_graph: str, clock: Clock
) -> tuple[Serving, GatewayGraphs]:
    """What stands behind either front."""
    serving = Serving(
        models=models,
        admission=budgets,
        inspector=NoInspection(),
        cache=NoCache(),
        clock=clock,
    )
    graphs = GatewayGraphs(
        serving,
        library=GraphLibrary(GRAPHS, default_graph),
        policy=parse_policy(POLICY),
        sentinel=Sentinel(default_detectors()),
        node=NodeName("cloud"),
        clock=clock,
        rng=random.Random(1),
        tracer=NoOpTracer(),
    )
    return serving, graphs


@asynccontextmanager
async def running_front(
    bounds: FrontBounds | None = None, *, default_graph: str = ""
) -> AsyncIterator[Front]:
    models, budgets, clock = Models(), Budgets(), SystemClock()
    serving, graphs = core_of(models, budgets, default_graph=default_graph, clock=clock)
    endpoints = Endpoints(
        serving,
        graphs,
        node=NodeName("cloud"),
        clock=clock,
        defaults=FrontDefaults(),
    )
    app = HttpFront(endpoints, OneKey(), bounds=bounds or FrontBounds())
    bound = bind_http("127.0.0.1:0")
    async with serving_http(app, bound, protocol=Impatient, grace_s=1):
        yield Front(app, models, budgets, bound.getsockname()[1])


@pytest.fixture
async def front() -> AsyncIterator[Front]:
    async with running_front() as running:
        yield running


@pytest.fixture
async def client(front: Front) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=f"{front.url}/v1", api_key=KEY, max_retries=0) as opened:
        yield opened
