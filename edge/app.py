"""The daemon's composition root: reads settings, wires everything, serves until told to stop."""

import asyncio
import logging
import random
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from edge.capture.capture import Capture
from edge.capture.store import CaptureStore
from edge.config import EdgeConfig
from edge.detectors import edge_detectors
from edge.documents import EdgeDocuments, load_documents
from edge.egress.cloud_link import CloudLink, opened_link
from edge.egress.control import ControlLog, opened_control
from edge.egress.gate import Gate
from edge.egress.pulling import Pulls
from edge.egress.renewal import Renewal
from edge.engine.engine import NodeEngine
from edge.http.access import bearer_token, front_tls
from edge.http.front import HttpFront
from edge.http.queued import QueuedRoutes
from edge.identity import DeviceIdentity, identity_store
from edge.metrics import EdgeMetrics
from edge.models.manifest import require_vouched
from edge.models.store import ModelStore
from edge.outbox.calls import KeptCalls
from edge.outbox.opened import Queue, earliest_s, opened_outbox, opened_queue
from edge.policy_revision import remember_revision
from edge.privacy.approvals import Approvals
from edge.privacy.purging import purging
from edge.privacy.releases import EdgeReleases
from edge.privacy.sketch import ModelSketcher
from edge.privacy.vault import Vault
from edge.residency.plans import plans_of
from edge.residency.resident import ResidentModels
from edge.servicers.added import SERVICES, add_services
from edge.status import StatusBoard
from runtime.clock import Clock, SystemClock
from runtime.collaboration.collaboration import Collaboration
from runtime.collaboration.graphs import GraphBook
from runtime.documents.directories import prepare_state
from runtime.errors import CertificateInvalid
from runtime.executor.executor import Executor
from runtime.guards.port import guarded
from runtime.http.certificate_files import following_certificate
from runtime.http.server import bind_http, serving_http
from runtime.identity.signing_keys import load_signers
from runtime.ids import ModelName, NodeName
from runtime.ledger.anchor_file import keep_countersignature
from runtime.ledger.record import Destination
from runtime.ledger.writer import LedgerWriter
from runtime.policy.document import policy_hash
from runtime.policy.model import ApprovalRules, CloudAway, PlaceholderStyle
from runtime.ports import ModelPort
from runtime.rpc.inference_client import InferenceClient
from runtime.rpc.ready import announce, wait_stop_signal
from runtime.rpc.servers import ServerHealth, add_reflection, bind, new_server, stop
from runtime.sentinel.scan import Sentinel
from runtime.telemetry.span_log import log_tracing
from runtime.telemetry.traced import TracedModel
from runtime.telemetry.tracing import inject
from runtime.version import VERSION

__all__ = ["MODEL_HEALTH_PREFIX", "serve"]

_logger = logging.getLogger("leeward.edge")
_GRACE_S = 10.0
_MAX_CALLS = 256
_SCANS_AT_ONCE = 4
_HOUR_S = 3600.0

MODEL_HEALTH_PREFIX = "leeward.model/"
"""Before a model's name in the health service: it serves while the model is in memory."""


@dataclass(frozen=True, slots=True)
class _Cloud:
    """The way out, when there is one."""

    identity: DeviceIdentity
    link: CloudLink


@dataclass(frozen=True, slots=True)
class _Core:
    """What the fronts share."""

    models: ResidentModels
    queue: Queue
    graphs: GraphBook
    board: StatusBoard
    metrics: EdgeMetrics
    approvals: Approvals
    pulls: Pulls


async def serve(config: EdgeConfig, *, ready_file: Path | None = None) -> None:
    """Serve local applications until SIGTERM or SIGINT.

    Raises:
        DocumentInvalid: Policy, catalog, graph or configuration cannot be used.
        ModelInvalid: A model file is missing or broken.
        AddressInUse: A port is taken.
        LedgerUnavailable: The ledger cannot be written.
        VaultLocked: The vault's key does not fit.
    """
    clock = SystemClock()
    documents = load_documents(config)
    token, tls = bearer_token(config), front_tls(config)
    async with AsyncExitStack() as stack:
        bound = bind_http(config.http)
        stack.callback(bound.close)
        core = await _core(stack, config, documents, clock=clock)
        server = new_server(max_concurrent_rpcs=_MAX_CALLS)
        add_services(
            server,
            config,
            ledger=config.state / "ledger",
            catalog=documents.catalog,
            models=core.models,
            queue=core.queue,
            board=core.board,
            approvals=core.approvals,
            pulls=core.pulls,
        )
        health = ServerHealth(server, SERVICES)
        add_reflection(server, SERVICES)
        port = bind(server, config.listen, tls=None)
        await health.start()
        await server.start()
        stack.push_async_callback(stop, server, health, grace_s=_GRACE_S)
        front = HttpFront(
            collaboration=core.queue.runs,
            graphs=core.graphs,
            catalog=documents.catalog,
            embedder=core.models,
            clock=clock,
            deadline_s=config.request_timeout_s,
            bearer_token=token,
            max_priority=config.max_priority,
            exposition=core.metrics.exposition,
            queued=QueuedRoutes(core.queue.outbox, core.queue.sender),
            capture=await _capture(stack, config, clock=clock),
        )
        await stack.enter_async_context(serving_http(front.app(), bound, tls=tls))
        if tls is not None and config.http_tls is not None:
            files = config.http_tls.certificate, config.http_tls.private_key
            await stack.enter_async_context(following_certificate(tls, *files))
        await health.set_all_serving()
        await core.models.observe(_model_health(health))
        host, http_port = bound.getsockname()[:2]
        grpc_host = config.listen.rpartition(":")[0]
        announce(ready_file, {"grpc": f"{grpc_host}:{port}", "http": f"{host}:{http_port}"})
        _logger.info("edge_serving", extra={"node": config.name, "port": port})
        await wait_stop_signal()
        _logger.info("edge_stopping", extra={"node": config.name})


async def _core(
    stack: AsyncExitStack, config: EdgeConfig, documents: EdgeDocuments, *, clock: Clock
) -> _Core:
    prepare_state(config.state)
    if config.policy_signers is not None:
        await asyncio.to_thread(remember_revision, documents.policy, config.state)
    ledger = await asyncio.to_thread(
        LedgerWriter.open, config.state / "ledger", clock=clock, software_version=VERSION
    )
    stack.push_async_callback(ledger.close)
    control = await stack.enter_async_context(opened_control(config.state / "ledger", ledger))
    vault = await asyncio.to_thread(
        Vault, config.state / "vault", clock=clock, ttl_s=config.session_hours * _HOUR_S
    )
    stack.callback(vault.close)
    # A pool of its own: a detector that hangs must not hold up the vault.
    scanning = ThreadPoolExecutor(_SCANS_AT_ONCE, thread_name_prefix="leeward-scan")
    stack.callback(scanning.shutdown, wait=False, cancel_futures=True)
    detectors = await asyncio.to_thread(edge_detectors, config.sentinel, documents.policy)
    sentinel = Sentinel(detectors, timeout_s=config.sentinel.timeout_s, executor=scanning)
    engine = await stack.enter_async_context(NodeEngine(node=config.name, clock=clock))
    signers = load_signers(config.model_signers, field="model_signers")
    store = ModelStore(config.state, clock=clock, quota_bytes=config.disk_quota_bytes)
    pulls = Pulls(store, control, hub=config.hub, signers=signers)
    models = await stack.enter_async_context(
        ResidentModels(
            engine,
            plans_of(config),
            budget_bytes=config.memory_budget_bytes,
            clock=clock,
            vet=partial(require_vouched, signers=signers),
            used=store.note_use,
        )
    )
    await models.start()
    sketcher = ModelSketcher(models, config.sketch_model) if config.sketch_model else None
    releases = EdgeReleases(
        sentinel,
        vault,
        clock=clock,
        sketcher=sketcher,
        has_surrogates=documents.policy.placeholders is PlaceholderStyle.SURROGATES,
    )
    await stack.enter_async_context(purging(releases))
    rules = documents.policy.approvals or ApprovalRules()
    approvals = Approvals(
        releases,
        ledger,
        at_most=rules.at_most,
        directory=config.state / "approvals",
        clock=clock,
    )
    await approvals.settle_leftovers()
    cloud = await _cloud(stack, config, clock=clock, control=control, ledger=ledger)
    outbox = await stack.enter_async_context(
        opened_outbox(
            config.state / "outbox",
            config.outbox,
            clock=clock,
            # Whoever has shown a certificate that is valid by our clock vouches for it.
            is_clock_vouched=lambda: cloud is not None and cloud.link.is_healthy,
            earliest_s=earliest_s(cloud.identity.ca_bundle_pem) if cloud is not None else 0.0,
        )
    )
    tracing = log_tracing()
    stack.callback(tracing.shutdown)
    ports: dict[NodeName, ModelPort] = {config.name: models}
    if cloud is not None and config.gateway is not None:
        gate = Gate(
            InferenceClient(cloud.link.channel, metadata=inject),
            Destination(config.gateway, cloud.identity.gateway),
            zone="cloud",
            policy=documents.policy,
            policy_hash=policy_hash(documents.policy),
            sentinel=sentinel,
            ledger=ledger,
            clock=clock,
            issued=releases.issued,
        )
        ports[config.gateway] = KeptCalls(gate, outbox, originals=releases.originals)
    healthy = _healthy(config, cloud)
    tracer = tracing.get_tracer("leeward.edge")
    executor = Executor(
        {
            node: TracedModel(
                guarded(port, documents.guards, documents.catalog, node=node, judges=models),
                tracer,
                node=node,
            )
            for node, port in ports.items()
        },
        releases,
        policy=documents.policy,
        catalog=documents.catalog,
        clock=clock,
        rng=random.Random(secrets.randbits(64)),  # noqa: S311 - jitter of retries
    )
    graphs = GraphBook(
        {**documents.patterns, **documents.graphs},
        documents.catalog,
        default=config.default_graph,
    )
    board = StatusBoard(
        node=config.name,
        version=VERSION,
        device=cloud.identity.device if cloud else None,
        link=cloud.link if cloud else None,
        engine=models,
        catalog=documents.catalog,
        healthy=healthy,
        ledger=ledger,
        clock=clock,
    )
    metrics = EdgeMetrics(board)
    engine.observe(metrics.call_ended)
    collaboration = Collaboration(
        graphs=graphs,
        policy=documents.policy,
        catalog=documents.catalog,
        sentinel=sentinel,
        executor=executor,
        healthy=healthy,
        clock=clock,
        observed=metrics.counted,
        ended=releases.finish,
        people_of=releases.people_of,
        approvals=approvals,
        can_sketch=sketcher is not None,
    )
    queue = await stack.enter_async_context(
        opened_queue(
            outbox,
            collaboration,
            gateway=config.gateway,
            is_queueing=documents.policy.cloud_away is CloudAway.QUEUE,
            can_send=lambda: cloud is not None and cloud.link.is_healthy,
            deadline_s=config.request_timeout_s,
            clock=clock,
        )
    )
    return _Core(models, queue, graphs, board, metrics, approvals, pulls)


async def _capture(stack: AsyncExitStack, config: EdgeConfig, *, clock: Clock) -> Capture | None:
    if config.capture is None:
        return None
    store = await asyncio.to_thread(
        CaptureStore, config.state / "capture", config.capture, clock=clock
    )
    stack.callback(store.close)
    return Capture(store, config.capture.categories)


async def _cloud(
    stack: AsyncExitStack,
    config: EdgeConfig,
    *,
    clock: Clock,
    control: ControlLog,
    ledger: LedgerWriter,
) -> _Cloud | None:
    """Open the link to the gateway; a device that is not enrolled serves from the edge alone."""
    if config.gateway is None:
        return None
    store = identity_store(config, clock=clock)
    try:
        identity = store.load(at_any_time=True)
        if not identity.enrolment:
            store.load()  # there is nobody to recover from: what has ended is of no use
    except CertificateInvalid as error:
        # Not fatal: what the edge can answer alone it answers.
        _logger.warning("no_cloud_identity", extra={"reason": str(error)})
        return None
    destination = Destination(config.gateway, identity.gateway)
    opened = opened_link(identity, destination, control=control, clock=clock)
    link = await stack.enter_async_context(opened)
    renewal = Renewal(
        link,
        store,
        control=control,
        head=ledger.head,
        clock=clock,
        rng=random.Random(secrets.randbits(64)),  # noqa: S311 - spreads a fleet over time
        keep=partial(keep_countersignature, config.state / "ledger"),
    )
    await stack.enter_async_context(_renewing(renewal))
    return _Cloud(identity, link)


def _healthy(config: EdgeConfig, cloud: _Cloud | None) -> Callable[[], frozenset[NodeName]]:
    def healthy() -> frozenset[NodeName]:
        names = {config.name}
        if cloud is not None and config.gateway is not None and cloud.link.is_healthy:
            names.add(config.gateway)
        return frozenset(names)

    return healthy


def _model_health(health: ServerHealth) -> Callable[[ModelName, bool], Awaitable[None]]:
    async def follow(model: ModelName, is_serving: bool) -> None:
        await health.set_part(f"{MODEL_HEALTH_PREFIX}{model}", is_serving=is_serving)

    return follow


@asynccontextmanager
async def _renewing(renewal: Renewal) -> AsyncIterator[None]:
    """Keep the certificate good, for as long as the block lasts."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(renewal.run())
        try:
            yield
        finally:
            task.cancel()
