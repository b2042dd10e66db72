"""The daemon's composition root: reads settings, wires everything, serves until told to stop."""

import asyncio
import logging
import os
import random
import secrets
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from edge.capture.capture import Capture
from edge.capture.store import CaptureStore
from edge.config import EdgeConfig
from edge.documents import EdgeDocuments, load_documents
from edge.egress.cloud_link import CloudLink, opened_link
from edge.egress.control import ControlLog, opened_control
from edge.egress.pulling import Pulls
from edge.egress.renewal import Renewal
from edge.engine.engine import NodeEngine
from edge.fleet.boot import Effective, start_with
from edge.fleet.call_counts import CallCounts
from edge.fleet.pointer import AS_INSTALLED
from edge.fleet.tally import RunTally
from edge.fleet_wiring import fleet_agent, fleet_home, remember
from edge.http.access import bearer_token, front_tls
from edge.identity import identity_store
from edge.life import Ground, begin_life
from edge.lives import Lives
from edge.metrics import EdgeMetrics
from edge.models.adapters import AdapterRegistry
from edge.models.manifest import require_vouched
from edge.models.store import ModelStore
from edge.outbox.opened import earliest_s, opened_outbox
from edge.privacy.vault import Vault
from edge.residency.plans import plans_of
from edge.residency.resident import ResidentModels
from edge.servicers.added import SERVICES
from edge.software.launched import Launched
from edge.status import StatusBoard
from runtime.background import meanwhile
from runtime.clock import Clock, SystemClock
from runtime.documents.directories import prepare_state
from runtime.errors import CertificateInvalid
from runtime.http.certificate_files import following_certificate
from runtime.http.server import bind_http, serving_http
from runtime.identity.signing_keys import load_signers
from runtime.ids import ModelName, NodeName
from runtime.ledger.anchor_file import keep_countersignature
from runtime.ledger.record import Destination
from runtime.ledger.writer import LedgerWriter
from runtime.rpc.ready import announce, wait_stop_signal
from runtime.rpc.servers import ServerHealth, add_reflection, bind, new_server, stop
from runtime.telemetry.span_log import log_tracing
from runtime.version import VERSION

__all__ = ["MODEL_HEALTH_PREFIX", "serve"]

_logger = logging.getLogger("leeward.edge")
_GRACE_S = 10.0
_MAX_CALLS = 256
_SCANS_AT_ONCE = 4
_HOUR_S = 3600.0

MODEL_HEALTH_PREFIX = "leeward.model/"
"""Before a model's name in the health service: it serves while the model is in memory."""


async def serve(
    config: EdgeConfig, *, source: Path | None = None, ready_file: Path | None = None
) -> None:
    """Serve local applications until SIGTERM or SIGINT.

    Args:
        config: What the configuration file says.
        source: That file; a device of a fleet reads it again with each state.
        ready_file: Gets the addresses once they serve.

    Raises:
        DocumentInvalid: Policy, catalog, graph or configuration cannot be used.
        ModelInvalid: A model file is missing or broken.
        AddressInUse: A port is taken.
        LedgerUnavailable: The ledger cannot be written.
        VaultLocked: The vault's key does not fit.
    """
    clock = SystemClock()
    token, tls = bearer_token(config), front_tls(config)
    async with AsyncExitStack() as stack:
        ending = asyncio.Event()
        launched = Launched.of(os.environ)
        home = None
        if source is not None:
            home = fleet_home(config, source, clock=clock, launched=launched, end=ending.set)
        running = _as_configured(config) if home is None else start_with(home)
        if running is None:
            return  # the launcher starts the release that the fleet's state names
        config, documents = running.config, running.documents
        bound = bind_http(config.http)
        stack.callback(bound.close)
        ground = await _ground(stack, config, documents, bearer_token=token, clock=clock)
        if home is None or not home.pointers.load().is_trial:
            await asyncio.to_thread(remember, running)
        lives = Lives(ground, await begin_life(ground, config, documents))
        stack.push_async_callback(lives.end)
        await lives.settle_leftovers()
        await stack.enter_async_context(meanwhile(lives.keep_purging))
        server = new_server(max_concurrent_rpcs=_MAX_CALLS)
        server.add_generic_rpc_handlers((lives.handlers,))
        health = ServerHealth(server, SERVICES)
        add_reflection(server, SERVICES)
        port = bind(server, config.listen, tls=None)
        await health.start()
        await server.start()
        stack.push_async_callback(stop, server, health, grace_s=_GRACE_S)
        await stack.enter_async_context(serving_http(lives.app, bound, tls=tls))
        if tls is not None and config.http_tls is not None:
            files = config.http_tls.certificate, config.http_tls.private_key
            await stack.enter_async_context(following_certificate(tls, *files))
        await health.set_all_serving()
        await ground.models.observe(_model_health(health))
        if home is not None and ground.link is not None:
            agent = fleet_agent(home, lives, running, ground)
            await stack.enter_async_context(meanwhile(agent.run))
        host, http_port = bound.getsockname()[:2]
        grpc_host = config.listen.rpartition(":")[0]
        announce(ready_file, {"grpc": f"{grpc_host}:{port}", "http": f"{host}:{http_port}"})
        _logger.info("edge_serving", extra={"node": config.name, "port": port})
        await wait_stop_signal(ending)
        _logger.info("edge_stopping", extra={"node": config.name})


def _as_configured(config: EdgeConfig) -> Effective:
    return Effective(config, load_documents(config), AS_INSTALLED)


async def _ground(
    stack: AsyncExitStack,
    config: EdgeConfig,
    documents: EdgeDocuments,
    *,
    bearer_token: str | None,
    clock: Clock,
) -> Ground:
    prepare_state(config.state)
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
    engine = await stack.enter_async_context(NodeEngine(node=config.name, clock=clock))
    signers = load_signers(config.model_signers, field="model_signers")
    store = ModelStore(config.state, clock=clock, quota_bytes=config.disk_quota_bytes)
    vet = partial(_require_loadable, AdapterRegistry(config.state, clock=clock), signers)
    models = await stack.enter_async_context(
        ResidentModels(
            engine,
            plans_of(config),
            budget_bytes=config.memory_budget_bytes,
            clock=clock,
            vet=vet,
            used=store.note_use,
        )
    )
    await models.start()
    link = await _linked(stack, config, clock=clock, control=control, ledger=ledger)
    outbox = await stack.enter_async_context(
        opened_outbox(
            config.state / "outbox",
            config.outbox,
            clock=clock,
            # Whoever has shown a certificate that is valid by our clock vouches for it.
            is_clock_vouched=lambda: link is not None and link.is_healthy,
            earliest_s=earliest_s(link.identity.ca_bundle_pem) if link is not None else 0.0,
        )
    )
    tracing = log_tracing()
    stack.callback(tracing.shutdown)
    healthy = _healthy(config, link)
    board = StatusBoard(
        node=config.name,
        version=VERSION,
        link=link,
        engine=models,
        catalog=documents.catalog,
        healthy=healthy,
        ledger=ledger,
        clock=clock,
    )
    metrics = EdgeMetrics(board)
    engine.observe(metrics.call_ended)
    call_counts = CallCounts()
    engine.observe(call_counts.call_ended)
    return Ground(
        clock=clock,
        ledger=ledger,
        control=control,
        vault=vault,
        scanning=scanning,
        models=models,
        vet=vet,
        pulls=Pulls(store, control, hub=config.hub, signers=signers),
        board=board,
        metrics=metrics,
        tally=RunTally(),
        call_counts=call_counts,
        tracer=tracing.get_tracer("leeward.edge"),
        link=link,
        outbox=outbox,
        capture=await _capture(stack, config, clock=clock),
        healthy=healthy,
        bearer_token=bearer_token,
    )


def _require_loadable(
    adapters: AdapterRegistry,
    signers: Sequence[Ed25519PublicKey] | None,
    file: Path,
    model: Path,
) -> None:
    """Refuse a file that nobody vouches for, or an adapter of another model."""
    require_vouched(file, signers)
    adapters.require_base(file, model)


async def _capture(stack: AsyncExitStack, config: EdgeConfig, *, clock: Clock) -> Capture | None:
    if config.capture is None:
        return None
    store = await asyncio.to_thread(
        CaptureStore, config.state / "capture", config.capture, clock=clock
    )
    stack.callback(store.close)
    return Capture(store, config.capture.categories)


async def _linked(
    stack: AsyncExitStack,
    config: EdgeConfig,
    *,
    clock: Clock,
    control: ControlLog,
    ledger: LedgerWriter,
) -> CloudLink | None:
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
    await stack.enter_async_context(meanwhile(renewal.run))
    return link


def _healthy(config: EdgeConfig, link: CloudLink | None) -> Callable[[], frozenset[NodeName]]:
    def healthy() -> frozenset[NodeName]:
        names = {config.name}
        if link is not None and config.gateway is not None and link.is_healthy:
            names.add(config.gateway)
        return frozenset(names)

    return healthy


def _model_health(health: ServerHealth) -> Callable[[ModelName, bool], Awaitable[None]]:
    async def follow(model: ModelName, is_serving: bool) -> None:
        await health.set_part(f"{MODEL_HEALTH_PREFIX}{model}", is_serving=is_serving)

    return follow
