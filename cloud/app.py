"""The gateway's composition root: reads settings, wires everything, serves until told to stop."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from random import Random

from prometheus_client import generate_latest

from cloud.authority_files import configured_authorities
from cloud.authority_watch import AuthorityWatch
from cloud.config import CloudConfig
from cloud.config_fronts import HttpConfig
from cloud.credentials import require_credentials
from cloud.draining import drain
from cloud.enrolment.desk import EnrolmentDesk
from cloud.enrolment.nonces import Nonces
from cloud.enrolment.pace import Pace, Seats
from cloud.enrolment.recovery import RecoveryDesk
from cloud.environment import opened_state, upstream_specs
from cloud.fleet.anchoring import Anchors
from cloud.fleet.desk import SyncDesk
from cloud.fleet.keeper import keeping_rollouts
from cloud.fleet.renewing import Renewing
from cloud.front.endpoints import Endpoints
from cloud.front.front import HttpFront
from cloud.front.opening import (
    OpenFront,
    bounds_of,
    defaults_of,
    serving_front,
    serving_metrics,
)
from cloud.idempotency.finishing import Finishing
from cloud.idempotency.names import Namer
from cloud.listener import Listener
from cloud.open_calls import OpenCalls
from cloud.reload import RECORD_NAME, Reloading, taking_over
from cloud.running import holding
from cloud.server_certificates import ServerCertificates
from cloud.servicers.collaboration import CollaborationServicer
from cloud.servicers.enrolment import EnrolmentServicer
from cloud.servicers.fleet import FleetServicer
from cloud.servicers.inference import InferenceServicer
from cloud.state import GatewayState
from cloud.stores.anchors import AnchorStore
from cloud.wiring import Wired, wired
from leeward.v1 import (
    collaboration_pb2,
    collaboration_pb2_grpc,
    enrolment_pb2,
    enrolment_pb2_grpc,
    fleet_pb2,
    fleet_pb2_grpc,
    inference_pb2,
    inference_pb2_grpc,
)
from runtime.background import meanwhile
from runtime.clock import Clock, SystemClock
from runtime.rpc.ready import announce, settle_down, wait_stop_signal
from runtime.rpc.servers import new_server

__all__ = ["serve"]

_logger = logging.getLogger("leeward.cloud")
_ENROLMENT_STREAMS = 1024
"""As many as may wait at once; how fast they are served, the pace says."""
_ENROLMENT_MESSAGE_BYTES = 64 * 1024

DEVICE_SERVICES = (
    inference_pb2.DESCRIPTOR.services_by_name["Inference"].full_name,
    collaboration_pb2.DESCRIPTOR.services_by_name["Collaboration"].full_name,
    fleet_pb2.DESCRIPTOR.services_by_name["Fleet"].full_name,
)
ENROLMENT_SERVICES = (enrolment_pb2.DESCRIPTOR.services_by_name["Enrolment"].full_name,)


async def serve(config: CloudConfig, *, source: Path, ready_file: Path | None = None) -> None:
    """Serve devices, keys and enrolment until SIGTERM or SIGINT; then drain.

    Args:
        config: What ``source`` says.
        source: The configuration file, read again on SIGHUP.
        ready_file: Gets the addresses once they serve.

    Raises:
        ConfigInvalid: A provider's key is missing, an address cannot be bound, or there is an HTTP
            front and no API key that is good.
        AddressInUse: A port is taken.
    """
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        state = await stack.enter_async_context(opened_state(config, clock=clock))
        await require_credentials(state.keys, clock, serves_applications=config.http is not None)
        core = await stack.enter_async_context(
            wired(
                config,
                state.database,
                state.audit,
                namer=Namer.of_authority(state.authorities.oldest),
                specs_of=upstream_specs,
                clock=clock,
            )
        )
        certificates = ServerCertificates(
            state.authorities,
            config.hostnames,
            lifetime=config.server_certificate_lifetime,
            clock=clock,
        )
        devices = await _serve_devices(stack, config, state, core, certificates, clock=clock)
        gateway = config.advertised(config.listen, devices.port)
        enrolment = await _serve_enrolment(
            stack, config, state, core, certificates, gateway=gateway, clock=clock
        )
        addresses = {
            "grpc": gateway,
            "enrolment": config.advertised(config.enrolment, enrolment.port),
        }
        front = None
        if config.http is not None:
            app = _front(config, config.http, core, clock=clock)
            serving = serving_front(app, config.http, drain_s=config.drain_s)
            front = await stack.enter_async_context(serving)
            addresses["http"] = config.advertised(config.http.listen, front.port)
        if config.metrics is not None:
            exposition = partial(generate_latest, core.metrics.registry)
            port = await stack.enter_async_context(serving_metrics(config.metrics, exposition))
            addresses["metrics"] = config.advertised(config.metrics.listen, port)
        await stack.enter_async_context(keeping_rollouts(state.rollouts, clock=clock))
        is_holder = stack.enter_context(holding(config.state))
        reloading = await stack.enter_async_context(
            _reloading(source, config, core, front, certificates, is_told_of=is_holder)
        )
        authorities = AuthorityWatch(
            state.authorities,
            state.database,
            partial(configured_authorities, config),
            certificates.renew,
            clock=clock,
        )
        await stack.enter_async_context(meanwhile(authorities.run, certificates.keep_fresh))
        settle_down()
        announce(ready_file, addresses)
        _logger.info("gateway_serving", extra={"node": config.name, "port": devices.port})
        await wait_stop_signal()
        _logger.info("gateway_stopping", extra={"node": config.name})
        newest = reloading.newest
        await drain(
            [devices, enrolment], front, notice_s=newest.drain_notice_s, grace_s=newest.drain_s
        )


async def _serve_devices(
    stack: AsyncExitStack,
    config: CloudConfig,
    state: GatewayState,
    core: Wired,
    certificates: ServerCertificates,
    *,
    clock: Clock,
) -> Listener:
    calls = OpenCalls(core.access, at_most=config.max_streams)
    await stack.enter_async_context(meanwhile(calls.watch))
    anchors = Anchors(AnchorStore(state.database), state.authorities, clock=clock)
    # Every device keeps one quiet stream open, which follows the gateway's health.
    server = new_server(max_concurrent_rpcs=config.max_streams + config.max_devices)
    finishing = Finishing(core.serving)
    stack.push_async_callback(finishing.close)
    inference_pb2_grpc.add_InferenceServicer_to_server(
        InferenceServicer(
            access=core.access,
            serving=core.serving,
            heads=anchors,
            calls=calls,
            finishing=finishing,
            node=config.name,
        ),
        server,
    )
    collaboration_pb2_grpc.add_CollaborationServicer_to_server(
        CollaborationServicer(core.access, core.graphs, calls), server
    )
    renewing = Renewing(
        access=core.access,
        authorities=state.authorities,
        devices=state.devices,
        anchors=anchors,
        lifetime=config.device_certificate_lifetime,
    )
    desk = SyncDesk(
        core.access,
        state.fleet,
        anchors,
        interval_s=config.device_sync_s,
        clock=clock,
        rng=Random(),  # noqa: S311 - spreads reports, keeps no secret
    )
    fleet_pb2_grpc.add_FleetServicer_to_server(FleetServicer(renewing, desk), server)
    listener = await Listener.start(
        server,
        config.listen,
        certificates=certificates.source(asks_clients=True),
        services=DEVICE_SERVICES,
        served=DEVICE_SERVICES,
    )
    stack.push_async_callback(listener.stop, 0.0)
    core.routers.watch(listener.report_upstream)
    return listener


async def _serve_enrolment(
    stack: AsyncExitStack,
    config: CloudConfig,
    state: GatewayState,
    core: Wired,
    certificates: ServerCertificates,
    *,
    gateway: str,
    clock: Clock,
) -> Listener:
    desk = EnrolmentDesk(
        authorities=state.authorities,
        tokens=state.tokens,
        pace=Pace(config.enrolments_per_minute, clock=clock),
        seats=Seats(Random()),  # noqa: S311 - spreads devices, keeps no secret
        lifetime=config.device_certificate_lifetime,
        clock=clock,
    )
    recovery = RecoveryDesk(
        authorities=state.authorities,
        access=core.access,
        devices=state.devices,
        nonces=Nonces(state.authorities.oldest.secret(b"leeward recovery nonces"), clock=clock),
        pace=Pace(config.recoveries_per_minute, clock=clock),
        lifetime=config.device_certificate_lifetime,
        window=config.recovery_window,
        clock=clock,
    )
    server = new_server(
        max_concurrent_rpcs=_ENROLMENT_STREAMS, max_message_bytes=_ENROLMENT_MESSAGE_BYTES
    )
    enrolment_pb2_grpc.add_EnrolmentServicer_to_server(
        EnrolmentServicer(desk, recovery, gateway=gateway), server
    )
    listener = await Listener.start(
        server,
        config.enrolment,
        certificates=certificates.source(asks_clients=False),
        services=ENROLMENT_SERVICES,
        served=ENROLMENT_SERVICES,
    )
    stack.push_async_callback(listener.stop, 0.0)
    return listener


def _front(config: CloudConfig, http: HttpConfig, core: Wired, *, clock: Clock) -> HttpFront:
    endpoints = Endpoints(
        core.serving,
        core.graphs,
        node=config.name,
        clock=clock,
        defaults=defaults_of(http),
    )
    return HttpFront(endpoints, core.access, bounds=bounds_of(http))


@asynccontextmanager
async def _reloading(
    source: Path,
    running: CloudConfig,
    core: Wired,
    front: OpenFront | None,
    certificates: ServerCertificates,
    *,
    is_told_of: bool,
) -> AsyncIterator[Reloading]:
    """Take the configuration file over whenever SIGHUP asks for it, until the block ends."""
    apply = taking_over(core.prepare, front, certificates.renew)
    # Of several gateways on one state directory the first is the one that the command asks.
    record = running.state / RECORD_NAME if is_told_of else None
    reloading = Reloading(source, running, apply, record=record, pid=os.getpid())
    task = asyncio.create_task(reloading.run())
    try:
        yield reloading
    finally:
        task.cancel()
        await asyncio.wait({task})
