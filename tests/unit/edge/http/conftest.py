"""A real HTTP front on loopback over scripted models."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from edge.capture.capture import Capture
from edge.http.browsers import Browsers
from edge.http.console.routes import Console
from edge.http.front import HttpFront
from runtime.catalog.document import parse_catalog
from runtime.clock import SystemClock
from runtime.collaboration.collaboration import Collaboration
from runtime.collaboration.graphs import GraphBook
from runtime.executor.executor import Executor
from runtime.graph.document import parse_graph
from runtime.http.server import bind_http, serving_http
from runtime.ids import ModelName, NodeName
from runtime.policy.document import parse_policy
from runtime.ports import Embeddings, Usage
from runtime.sentinel.defaults import default_detectors
from runtime.sentinel.scan import Sentinel
from runtime.testing.fakes import FakeReleases, ScriptedModel

POLICY = """
leeward: policy/v1
categories: {person: confidential, contact: confidential, health: restricted}
clearance: {edge: restricted, cloud: internal}
releases: [{categories: [person, contact], to: cloud, by: redact}]
when_unsure: restricted
"""
CATALOG = """
leeward: catalog/v1
nodes: {edge: {zone: edge}, cloud: {zone: cloud}}
models:
  small: {node: edge}
  large: {node: cloud, fallback: small}
"""
ASK_CLOUD = """
leeward: graph/v1
name: ask-cloud
steps: {answer: {role: assistant, model: large}}
"""


class NoEmbeddings:
    """An embedding port without models."""

    async def embed(
        self, model: ModelName, texts: object, *, timeout_s: float = 60.0, caller: str = ""
    ) -> Embeddings:
        return Embeddings([[1.0, 0.0]], Usage(prompt_tokens=3))


@dataclass(slots=True)
class Front:
    """A running front and the models behind it."""

    near: ScriptedModel = field(default_factory=lambda: ScriptedModel("edge"))
    far: ScriptedModel = field(default_factory=lambda: ScriptedModel("cloud"))
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@asynccontextmanager
async def running_front(
    *,
    bearer_token: str | None = None,
    policy: str = POLICY,
    max_priority: int = 0,
    capture: Capture | None = None,
    origins: frozenset[str] = frozenset(),
    console: Console | None = None,
) -> AsyncIterator[Front]:
    front = Front()
    rules, catalog, clock = parse_policy(policy), parse_catalog(CATALOG), SystemClock()
    graph = parse_graph(ASK_CLOUD)
    book = GraphBook({graph.name: graph}, catalog, default=graph.name)
    executor = Executor(
        {NodeName("edge"): front.near, NodeName("cloud"): front.far},
        FakeReleases({"Anna Kowalska": "person"}),
        policy=rules,
        catalog=catalog,
        clock=clock,
        rng=random.Random(1),
    )
    collaboration = Collaboration(
        graphs=book,
        policy=rules,
        catalog=catalog,
        sentinel=Sentinel(default_detectors()),
        executor=executor,
        healthy=lambda: frozenset({NodeName("edge"), NodeName("cloud")}),
        clock=clock,
    )
    app = HttpFront(
        collaboration=collaboration,
        graphs=book,
        catalog=catalog,
        embedder=NoEmbeddings(),
        clock=clock,
        deadline_s=10.0,
        bearer_token=bearer_token,
        browsers=Browsers(origins, knows_callers=bearer_token is not None),
        max_priority=max_priority,
        exposition=lambda: b"leeward_runs_total 1",
        capture=capture,
        console=console,
    ).app()
    bound = bind_http("127.0.0.1:0")
    front.port = bound.getsockname()[1]
    async with serving_http(app, bound):
        yield front


@pytest.fixture
async def front() -> AsyncIterator[Front]:
    async with running_front() as running:
        yield running
