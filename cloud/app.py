"""The gateway's composition root: reads settings, wires everything, serves until told to stop."""

import logging
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import Random

import grpc
from cryptography.hazmat.primitives.asymmetric import ec
from opentelemetry.trace import Tracer

from cloud.access import Access
from cloud.admission.admission import BudgetedAdmission
from cloud.admission.opened import opened_admission
from cloud.admission.prices import Prices
from cloud.audit_alarms import AuditedAlarms
from cloud.audit_trail import AuditTrail
from cloud.config import CloudConfig
from cloud.config_upstreams import read_spec
from cloud.core import new_serving
from cloud.enrolment.desk import EnrolmentDesk
from cloud.enrolment.pace import Pace
from cloud.idempotency.names import Namer
from cloud.inspection.build import opened_inspector
from cloud.metrics import gateway_metrics
from cloud.routing.metrics import UpstreamMetrics
from cloud.routing.router import Router
from cloud.routing.watch import HEALTH_PREFIX, UpstreamWatch, watching
from cloud.servicers.enrolment import EnrolmentServicer
from cloud.servicers.inference import InferenceServicer
from cloud.servicers.unserved import UnservedCollaboration, UnservedFleet
from cloud.state import GatewayState, new_driver, opened_store
from cloud.stores.driver import Driver
from cloud.upstreams.model import UpstreamSpec
from cloud.upstreams.openai_upstream import OpenAIUpstream
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
from runtime.clock import Clock, SystemClock
from runtime.identity.authority import CertificateAuthority
from runtime.identity.keys import private_key_pem
from runtime.rpc.ready import announce, wait_stop_signal
from runtime.rpc.servers import ServerHealth, add_reflection, bind, new_server, stop
from runtime.rpc.tls import KeyPair, ServerTls
from runtime.telemetry.metrics import Metrics
from runtime.telemetry.span_log import log_tracing

__all__ = ["GatewayState", "opened_state", "serve", "upstream_specs"]

_logger = logging.getLogger("leeward.cloud")
_GRACE_S = 10.0
_SERVER_LIFETIME_S = 90 * 86_400.0
_ENROLMENT_STREAMS = 32

DEVICE_SERVICES = (
    inference_pb2.DESCRIPTOR.services_by_name["Inference"].full_name,
    collaboration_pb2.DESCRIPTOR.services_by_name["Collaboration"].full_name,
    fleet_pb2.DESCRIPTOR.services_by_name["Fleet"].full_name,
)
ENROLMENT_SERVICES = (enrolment_pb2.DESCRIPTOR.services_by_name["Enrolment"].full_name,)


@asynccontextmanager
async def opened_state(
    config: CloudConfig, *, clock: Clock, adopts_authority: bool = False
) -> AsyncIterator[GatewayState]:
    """Open the gateway's state with this process's environment.

    Raises:
        ConfigInvalid: The directory, the store or the authority cannot be used; says what to do.
        DatabaseUnavailable: The database does not answer.
    """
    opened = opened_store(config, os.environ, clock=clock, adopts_authority=adopts_authority)
    async with opened as state:
        yield state


def store_driver(config: CloudConfig) -> Driver:
    """Return the way to the configured store, with this process's environment.

    Raises:
        ConfigInvalid: The address of the database is missing or malformed.
    """
    return new_driver(config, os.environ)


async def serve(config: CloudConfig, *, ready_file: Path | None = None) -> None:
    """Serve devices and enrolment until SIGTERM or SIGINT.

    Raises:
        ConfigInvalid: A provider's key is missing, or an address cannot be bound.
        AddressInUse: A port is taken.
    """
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        state = await stack.enter_async_context(opened_state(config, clock=clock))
        tracing = log_tracing()
        stack.callback(tracing.shutdown)
        tracer = tracing.get_tracer("leeward.cloud")
        metrics = gateway_metrics()
        prices, namer = Prices(), Namer.of_authority(state.authority.key)
        admission = await stack.enter_async_context(
            opened_admission(
                state.database, node=config.name, prices=prices, namer=namer, clock=clock
            )
        )
        router = _router(config, prices, tracer, metrics, clock=clock)
        stack.push_async_callback(router.close)
        trail = AuditTrail(state.audit, clock)
        await stack.enter_async_context(trail.running())
        identity = _server_identity(state.authority, config)
        port = await _serve_devices(
            stack,
            config,
            state,
            router,
            admission,
            namer,
            tracer,
            metrics,
            identity,
            trail=trail,
            clock=clock,
        )
        gateway = _advertised(config, config.listen, port)
        enrolment_port = await _serve_enrolment(
            stack, config, state, identity, gateway=gateway, clock=clock
        )
        addresses = {
            "grpc": gateway,
            "enrolment": _advertised(config, config.enrolment, enrolment_port),
        }
        announce(ready_file, addresses)
        _logger.info("gateway_serving", extra={"node": config.name, "port": port})
        await wait_stop_signal()
        _logger.info("gateway_stopping", extra={"node": config.name})


def upstream_specs(config: CloudConfig) -> list[UpstreamSpec]:
    """Return the providers with their keys, which the environment may hold.

    Raises:
        ConfigInvalid: A key is not where the configuration says that it is.
    """
    return [read_spec(upstream, os.environ) for upstream in config.upstreams]


def _router(
    config: CloudConfig, prices: Prices, tracer: Tracer, metrics: Metrics, *, clock: Clock
) -> Router:
    specs = upstream_specs(config)
    return Router(
        {spec.name: OpenAIUpstream(spec, clock) for spec in specs},
        config.routes,
        config.routing,
        node=config.name,
        prices=prices,
        metrics=UpstreamMetrics(metrics),
        tracer=tracer,
        clock=clock,
        random=Random(),  # noqa: S311 - spreads calls and pauses, keeps no secret
    )


async def _serve_devices(
    stack: AsyncExitStack,
    config: CloudConfig,
    state: GatewayState,
    router: Router,
    admission: BudgetedAdmission,
    namer: Namer,
    tracer: Tracer,
    metrics: Metrics,
    identity: KeyPair,
    *,
    trail: AuditTrail,
    clock: Clock,
) -> int:
    server = new_server(max_concurrent_rpcs=config.max_streams)
    inspector = stack.enter_context(
        opened_inspector(
            config.inspection,
            config.name,
            alarms=AuditedAlarms(trail),
            metrics=metrics,
            clock=clock,
        )
    )
    inference_pb2_grpc.add_InferenceServicer_to_server(
        InferenceServicer(
            access=Access(state.database, trail, clock),
            serving=new_serving(
                config,
                router,
                admission,
                inspector,
                namer,
                metrics=metrics,
                tracer=tracer,
                clock=clock,
            ),
            devices=state.devices,
            node=config.name,
        ),
        server,
    )
    collaboration_pb2_grpc.add_CollaborationServicer_to_server(UnservedCollaboration(), server)
    fleet_pb2_grpc.add_FleetServicer_to_server(UnservedFleet(), server)
    tls = ServerTls(identity, client_ca_bundle_pem=state.authority.certificate_pem)
    port, health = await _start(
        stack, server, config.listen, tls, DEVICE_SERVICES, served=DEVICE_SERVICES[:1]
    )

    async def report(upstream: str, is_serving: bool) -> None:
        await health.set_part(HEALTH_PREFIX + upstream, is_serving=is_serving)

    watch = UpstreamWatch(
        router.board,
        report,
        every_s=config.routing.probe_s,
        random=Random(),  # noqa: S311 - spreads questions, keeps no secret
    )
    await stack.enter_async_context(watching(watch))
    return port


async def _serve_enrolment(
    stack: AsyncExitStack,
    config: CloudConfig,
    state: GatewayState,
    identity: KeyPair,
    *,
    gateway: str,
    clock: Clock,
) -> int:
    desk = EnrolmentDesk(
        authority=state.authority,
        tokens=state.tokens,
        pace=Pace(config.enrolments_per_minute, clock=clock),
        lifetime=config.device_certificate_lifetime,
        clock=clock,
    )
    server = new_server(max_concurrent_rpcs=_ENROLMENT_STREAMS)
    enrolment_pb2_grpc.add_EnrolmentServicer_to_server(
        EnrolmentServicer(desk, gateway=gateway), server
    )
    tls = ServerTls(identity, client_ca_bundle_pem=None)
    port, _ = await _start(
        stack, server, config.enrolment, tls, ENROLMENT_SERVICES, served=ENROLMENT_SERVICES
    )
    return port


async def _start(
    stack: AsyncExitStack,
    server: grpc.aio.Server,
    address: str,
    tls: ServerTls,
    services: tuple[str, ...],
    *,
    served: tuple[str, ...],
) -> tuple[int, ServerHealth]:
    health = ServerHealth(server, served)
    add_reflection(server, services)
    port = bind(server, address, tls=tls)
    await health.start()
    await server.start()
    stack.push_async_callback(stop, server, health, grace_s=_GRACE_S)
    await health.set_all_serving()
    return port, health


def _server_identity(authority: CertificateAuthority, config: CloudConfig) -> KeyPair:
    # A fresh key and certificate at every start; devices pin the authority, not the server.
    key = ec.generate_private_key(ec.SECP256R1())
    issued = authority.issue_server(
        key.public_key(), config.hostnames, lifetime_s=_SERVER_LIFETIME_S
    )
    return KeyPair(issued.chain_pem, private_key_pem(key))


def _advertised(config: CloudConfig, listen: str, port: int) -> str:
    host = listen.rpartition(":")[0]
    is_wildcard = host in {"0.0.0.0", "[::]", ""}  # noqa: S104 - compared, not bound
    return f"{config.hostnames[0] if is_wildcard else host}:{port}"
