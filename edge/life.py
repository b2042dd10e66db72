"""What answers with one set of documents; a daemon may have several in its time, one at a time.

``Ground`` is what lasts as long as the process: ledger, vault, models, the way out. A ``Life`` is
wired onto it and can be replaced while the servers run.
"""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
from opentelemetry.trace import Tracer
from starlette.types import ASGIApp

from edge.capture.capture import Capture
from edge.cloud_away import without_gateway
from edge.config import EdgeConfig
from edge.detectors import edge_detectors
from edge.documents import EdgeDocuments
from edge.egress.cloud_link import CloudLink
from edge.egress.control import ControlLog
from edge.egress.gate import Gate
from edge.egress.local import status_to_data
from edge.egress.pulling import Pulls
from edge.feedback.verdicts import Verdicts
from edge.fleet.call_counts import CallCounts
from edge.fleet.tally import RunTally
from edge.held import Held
from edge.http.access import allowed_browsers
from edge.http.console.routes import Console
from edge.http.front import HttpFront
from edge.http.queued import QueuedRoutes
from edge.live import collect
from edge.metrics import EdgeMetrics
from edge.outbox.calls import KeptCalls
from edge.outbox.opened import Queue, opened_queue
from edge.outbox.outbox import Outbox
from edge.privacy.approvals import Approvals
from edge.privacy.operators import Operators
from edge.privacy.releases import EdgeReleases
from edge.privacy.sketch import ModelSketcher
from edge.privacy.vault import Vault
from edge.residency.resident import ResidentModels
from edge.servicers.added import add_services
from edge.servicers.status import encode_status
from edge.status import StatusBoard
from runtime.clock import Clock
from runtime.collaboration.collaboration import Collaboration
from runtime.collaboration.graphs import GraphBook
from runtime.executor.executor import Executor
from runtime.executor.limits import Limits
from runtime.guards.port import guarded
from runtime.ids import NodeName
from runtime.ledger.writer import LedgerWriter
from runtime.planner.alone import NoEdgePlan
from runtime.policy.document import policy_hash
from runtime.policy.model import ApprovalRules, CloudAway, PlaceholderStyle
from runtime.ports import ModelPort
from runtime.rpc.inference_client import InferenceClient
from runtime.sentinel.commonplaces import may_pass
from runtime.sentinel.scan import Sentinel
from runtime.telemetry.traced import TracedModel
from runtime.telemetry.tracing import inject

if TYPE_CHECKING:
    from edge.feedback.learner import RouteLearner

__all__ = ["Ground", "Life", "begin_life"]

_logger = logging.getLogger("leeward.edge")


@dataclass(frozen=True, slots=True)
class Ground:
    """What every life of a daemon stands on."""

    clock: Clock
    ledger: LedgerWriter
    control: ControlLog
    vault: Vault
    scanning: ThreadPoolExecutor
    models: ResidentModels
    vet: Callable[[Path, Path], object]
    """Raises for a file that may not be loaded for a model's file."""
    pulls: Pulls
    board: StatusBoard
    metrics: EdgeMetrics
    tally: RunTally
    call_counts: CallCounts
    tracer: Tracer
    link: CloudLink | None
    """The way out, when there is one."""
    outbox: Outbox
    capture: Capture | None
    healthy: Callable[[], frozenset[NodeName]]
    bearer_token: str | None


@dataclass(frozen=True, slots=True)
class Life:
    """What answers, with one set of documents."""

    config: EdgeConfig
    documents: EdgeDocuments
    handlers: Mapping[str, grpc.RpcMethodHandler[Any, Any]]
    """By full method name."""
    app: ASGIApp
    releases: EdgeReleases
    approvals: Approvals
    queue: Held[Queue]
    no_edge_plans: tuple[NoEdgePlan, ...] = ()
    """Graphs that are refused while the gateway is away."""

    async def end(self) -> None:
        """Send no more of what is queued: another life does, or another daemon."""
        await self.queue.end()


async def begin_life(
    ground: Ground,
    config: EdgeConfig,
    documents: EdgeDocuments,
    *,
    last: Life | None = None,
) -> Life:
    """Wire what answers; nothing reaches it before a door leads there.

    Args:
        ground: What it stands on.
        config: With the state in force.
        documents: What the configuration names.
        last: What answered before; it sends no more of the queue once nothing can fail any more.

    Raises:
        ConfigInvalid: The sentinel's model cannot be used.
    """
    detectors = await asyncio.to_thread(edge_detectors, config.sentinel, documents.policy)
    sentinel = Sentinel(
        detectors,
        timeout_s=config.sentinel.timeout_s,
        executor=ground.scanning,
        passes_commonplaces=config.sentinel.passes_commonplaces and may_pass(documents.policy),
    )
    sketcher = None
    if config.sketch_model:
        sketcher = ModelSketcher(ground.models, config.sketch_model)
    releases = EdgeReleases(
        sentinel,
        ground.vault,
        clock=ground.clock,
        sketcher=sketcher,
        has_surrogates=documents.policy.placeholders is PlaceholderStyle.SURROGATES,
    )
    rules = documents.policy.approvals or ApprovalRules()
    approvals = Approvals(
        releases,
        ground.ledger,
        at_most=rules.at_most,
        directory=config.state / "approvals",
        clock=ground.clock,
    )
    graphs = GraphBook(
        {**documents.patterns, **documents.graphs},
        documents.catalog,
        default=config.default_graph,
    )
    learner = await _learner(ground, config)
    router = documents.router
    if router is not None:
        router = replace(router, learner=learner)
    verdicts = Verdicts(learner, ground.capture)
    collaboration = Collaboration(
        graphs=graphs,
        policy=documents.policy,
        catalog=documents.catalog,
        sentinel=sentinel,
        executor=_executor(ground, config, documents, graphs, sentinel, releases, approvals),
        healthy=ground.healthy,
        clock=ground.clock,
        observed=ground.tally.counted(ground.metrics.counted),
        ended=releases.finish,
        people_of=releases.people_of,
        approvals=approvals,
        can_sketch=sketcher is not None,
        router=router,
    )
    if last is not None:
        await last.end()
    link = ground.link
    held = await Held.enter(
        opened_queue(
            ground.outbox,
            collaboration,
            gateway=config.gateway,
            is_queueing=documents.policy.cloud_away is CloudAway.QUEUE,
            can_send=lambda: link is not None and link.is_healthy,
            deadline_s=config.request_timeout_s,
            clock=ground.clock,
        )
    )
    queue = held.value
    front = HttpFront(
        collaboration=queue.runs,
        graphs=graphs,
        catalog=documents.catalog,
        embedder=ground.models,
        clock=ground.clock,
        deadline_s=config.request_timeout_s,
        bearer_token=ground.bearer_token,
        browsers=allowed_browsers(config),
        max_priority=config.max_priority,
        exposition=ground.metrics.exposition,
        queued=QueuedRoutes(queue.outbox, queue.sender),
        capture=ground.capture,
        verdicts=verdicts,
        console=_console(ground, config, approvals) if config.console else None,
    )

    add = partial(
        add_services,
        config=config,
        ledger=config.state / "ledger",
        catalog=documents.catalog,
        models=ground.models,
        queue=queue,
        board=ground.board,
        approvals=approvals,
        pulls=ground.pulls,
        verdicts=verdicts,
    )
    return Life(
        config=config,
        documents=documents,
        handlers=collect(add),
        app=front.app(),
        releases=releases,
        approvals=approvals,
        queue=held,
        no_edge_plans=await _no_edge_plans(config, documents),
    )


async def _no_edge_plans(config: EdgeConfig, documents: EdgeDocuments) -> tuple[NoEdgePlan, ...]:
    found = await asyncio.to_thread(without_gateway, config, documents)
    for one in found:
        _logger.warning("no_edge_plan", extra={"graph": one.graph, "label": one.level.name.lower()})
    return found


async def _learner(ground: Ground, config: EdgeConfig) -> RouteLearner | None:
    if config.routing is None or config.routing.learn is None:
        return None
    from edge.feedback.learner import opened_learner  # numpy, for those who learn

    options = config.routing.learn
    return await asyncio.to_thread(opened_learner, config.state, options, clock=ground.clock)


def _executor(
    ground: Ground,
    config: EdgeConfig,
    documents: EdgeDocuments,
    graphs: GraphBook,
    sentinel: Sentinel,
    releases: EdgeReleases,
    approvals: Approvals,
) -> Executor:
    ports: dict[NodeName, ModelPort] = {config.name: ground.models}
    link = ground.link
    if link is not None and config.gateway is not None:
        gate = Gate(
            InferenceClient(link.channel, metadata=inject),
            link.destination,
            zone="cloud",
            policy=documents.policy,
            policy_hash=policy_hash(documents.policy),
            sentinel=sentinel,
            ledger=ground.ledger,
            clock=ground.clock,
            issued=releases.issued,
            known_names=graphs.identifiers(),
        )
        ports[config.gateway] = KeptCalls(gate, ground.outbox, originals=releases.originals)
    return Executor(
        {
            node: TracedModel(
                guarded(port, documents.guards, documents.catalog, node=node, judges=ground.models),
                ground.tracer,
                node=node,
            )
            for node, port in ports.items()
        },
        releases,
        policy=documents.policy,
        catalog=documents.catalog,
        clock=ground.clock,
        rng=random.Random(secrets.randbits(64)),  # noqa: S311 - jitter of retries
        limits=Limits(shares_answers=not any(one.reads_answers for one in documents.guards.every)),
        people=Operators(approvals, wait_s=config.people.wait_s) if config.people else None,
    )


def _console(ground: Ground, config: EdgeConfig, approvals: Approvals) -> Console:
    return Console(
        status=lambda: status_to_data(encode_status(ground.board.status())),
        waiting=lambda: len(approvals.pending()),
        ledger=config.state / "ledger",
    )
