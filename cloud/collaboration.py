"""Graphs on the gateway: planned and checked as on an edge, with this gateway as the only node.

Nothing is released here: placeholders are made where the originals may be seen, which is on an
edge. So a graph that needs an edge, or a request whose label is above this gateway's clearance, is
refused with the step or the path that would need one. Every step is a call of its own through
``cloud.serving``: inspected, admitted and settled under the graph's name.
"""

import hashlib
import random
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, NoReturn

from opentelemetry.trace import Tracer

from cloud.calls import Caller, GenerateCall
from cloud.config_fronts import GraphsConfig
from cloud.serving import Serving
from cloud.upstreams.model import Route
from runtime.catalog.model import Catalog, Model, Node
from runtime.clock import Clock
from runtime.collaboration.collaboration import Collaboration
from runtime.collaboration.graph_files import load_graphs
from runtime.collaboration.graphs import AUTO, GraphBook, GraphChoice
from runtime.errors import ConfigInvalid, GraphInvalid, PolicyViolation
from runtime.executor.executor import Executor
from runtime.graph.model import Graph, Step
from runtime.ids import NodeName, RequestId
from runtime.policy.model import Policy
from runtime.ports import Chunk, GenerateRequest
from runtime.sentinel.scan import Sentinel
from runtime.telemetry.traced import TracedModel

__all__ = ["GatewayGraphs", "GraphLibrary", "load_library", "run_id"]

_ID_DIGITS: Final = 32
"""As many as a random id has, so that it is a trace id too."""


@dataclass(frozen=True, slots=True)
class GraphLibrary:
    """The graphs that a gateway knows by name."""

    graphs: Mapping[str, Graph] = field(default_factory=dict)
    default: str = ""
    """The graph that answers who lets the gateway choose; empty for none."""


def load_library(config: GraphsConfig | None) -> GraphLibrary:
    """Read the configured graphs; none when there is no such part of the configuration.

    Raises:
        GraphInvalid: A graph cannot run as written, or two have one name.
        SignatureInvalid: A graph is not signed as it must be, or as its file says.
        ConfigInvalid: There is no such directory or default graph, or a key cannot be used.
    """
    if config is None:
        return GraphLibrary()
    graphs = load_graphs(config.directory, config.signers)
    if config.default and config.default not in graphs:
        known = ", ".join(sorted(graphs)) or "none"
        reason = f'there is no graph named "{config.default}"; known: {known}'
        raise ConfigInvalid(reason, file=str(config.directory), field="graphs.default")
    return GraphLibrary(graphs, config.default)


def run_id(caller: Caller, idempotency_key: str) -> RequestId | None:
    """Return the id of a run that bears an idempotency key, ``None`` for one that bears none.

    The calls of a run are named after it, so that one that is sent again repeats its calls under
    their own keys: each is answered again and charged once.
    """
    if not idempotency_key:
        return None
    named = "\0".join((caller.tenant, caller.kind, caller.id, idempotency_key))
    return RequestId(hashlib.sha256(named.encode()).hexdigest()[:_ID_DIGITS])


class GatewayGraphs:
    """Runs graphs on the models of this gateway alone.

    Args:
        serving: Answers every step.
        library: The graphs known here by name.
        policy: Categories and clearances; its releases are not used.
        sentinel: Labels what arrives.
        node: This gateway's name.
        clock: What plans are dated by, and deadlines read from.
        rng: Where the jitter of retries is drawn from.
        tracer: Makes one span for each step.
    """

    def __init__(
        self,
        serving: Serving,
        *,
        library: GraphLibrary,
        policy: Policy,
        sentinel: Sentinel,
        node: NodeName,
        clock: Clock,
        rng: random.Random,
        tracer: Tracer,
    ) -> None:
        self._serving = serving
        self.library = library
        self._policy = replace(policy, releases=())
        self._sentinel = sentinel
        self._node = node
        self._clock = clock
        self._rng = rng
        self._tracer = tracer

    def names(self, caller: Caller) -> tuple[str, ...]:
        """Names of the graphs that a caller can run here; ``auto`` first, if it means one."""
        names = self._book(self._catalog(caller)).servable()
        return (AUTO, *names) if self.library.default in names else names

    def of(self, caller: Caller) -> Collaboration:
        """Return what plans and runs the requests of one caller."""
        catalog = self._catalog(caller)
        models = TracedModel(
            _ServedModels(self._serving, caller), self._tracer, node=str(self._node)
        )
        executor = Executor(
            {self._node: models},
            _NoReleases(),
            policy=self._policy,
            catalog=catalog,
            clock=self._clock,
            rng=self._rng,
        )
        return Collaboration(
            graphs=self._book(catalog),
            policy=self._policy,
            catalog=catalog,
            sentinel=self._sentinel,
            executor=executor,
            healthy=lambda: frozenset({self._node}),
            clock=self._clock,
        )

    def _catalog(self, caller: Caller) -> Catalog:
        """The models here that the caller may use: others do not exist for it."""
        routes = [r for r in self._serving.models.routes if caller.may_use(r.model)]
        return _catalog_of(routes, self._node)

    def _book(self, catalog: Catalog) -> "_ServableGraphs":
        return _ServableGraphs(self.library.graphs, catalog, default=self.library.default)


class _ServableGraphs(GraphBook):
    """Refuses graphs whose models stand elsewhere."""

    def __init__(self, graphs: Mapping[str, Graph], catalog: Catalog, *, default: str) -> None:
        super().__init__(graphs, catalog, default=default)
        self._known = graphs
        self._here = catalog.model_by_name

    def servable(self) -> tuple[str, ...]:
        return tuple(name for name in self.names() if self._elsewhere(self._known[name]) is None)

    def find(self, choice: GraphChoice) -> Graph:
        graph = super().find(choice)
        step = self._elsewhere(graph)
        if step is not None:
            raise GraphInvalid(
                f'model "{step.model}" is not served by this gateway: the graph needs an edge',
                field=f"steps.{step.id}.model",
            )
        return graph

    def _elsewhere(self, graph: Graph) -> Step | None:
        return next((step for step in graph.steps if step.model not in (None, *self._here)), None)


class _ServedModels:
    """The gateway's core as the executor's port, for one caller."""

    def __init__(self, serving: Serving, caller: Caller) -> None:
        self._serving = serving
        self._caller = caller

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[Chunk, None]:
        async with self._serving.answering(GenerateCall(self._caller, request)) as answer:
            async for chunk in answer.chunks:
                yield chunk


class _NoReleases:
    """A gateway has no originals: it neither releases nor restores."""

    async def release(self, *_: object, **__: object) -> NoReturn:
        raise PolicyViolation("a gateway releases nothing")

    async def restore(self, *_: object) -> NoReturn:
        raise PolicyViolation("a gateway restores nothing")

    async def restore_json(self, *_: object) -> NoReturn:
        raise PolicyViolation("a gateway restores nothing")

    def restorer(self, *_: object) -> NoReturn:
        raise PolicyViolation("a gateway restores nothing")


def _catalog_of(routes: Sequence[Route], node: NodeName) -> Catalog:
    return Catalog(
        nodes=(Node(node, "cloud"),),
        models=tuple(
            Model(
                name=route.model,
                node=node,
                family=route.family,
                context_tokens=route.context_tokens,
                prices=route.prices,
            )
            for route in routes
        ),
    )
