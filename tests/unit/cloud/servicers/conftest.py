"""The gateway's port for devices, in this process: real mutual TLS, models that play a script."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from cryptography.hazmat.primitives.asymmetric import ec

from cloud.authorities import Authorities
from cloud.calls import Caller
from cloud.idempotency.finishing import Finishing
from cloud.listener import Listener
from cloud.open_calls import OpenCalls
from cloud.server_certificates import ServerCertificates
from cloud.servicers.collaboration import CollaborationServicer
from cloud.servicers.inference import InferenceServicer
from leeward.v1 import collaboration_pb2_grpc, inference_pb2_grpc
from runtime.clock import SystemClock
from runtime.errors import NotPermitted
from runtime.identity.authority import CertificateAuthority
from runtime.identity.csr import create_csr
from runtime.identity.keys import private_key_pem
from runtime.ids import DeviceId, ModelName, NodeName
from runtime.rpc.peer import VerifiedPeer
from runtime.rpc.servers import new_server
from runtime.rpc.tls import ClientTls, KeyPair
from tests.unit.cloud.front.conftest import Budgets, Models, core_of

SERVICES = ("leeward.v1.Inference", "leeward.v1.Collaboration")
_LIFETIME_S = 3600.0


class OneDevice:
    """Admits ``edge-1``, with the given models only."""

    def __init__(self, models: frozenset[ModelName] | None = None) -> None:
        self._models = models
        self.is_revoked = False

    async def by_certificate(self, peer: VerifiedPeer) -> Caller:
        if peer.device_id != "edge-1" or self.is_revoked:
            raise NotPermitted("not enrolled here")
        return Caller(tenant="clinic", kind="device", id="edge-1", models=self._models)

    async def may_call(self, device: DeviceId) -> bool:
        return device == "edge-1" and not self.is_revoked


class Heads:
    """Takes every ledger head, a moment after it was told."""

    def __init__(self) -> None:
        self.kept: list[tuple[DeviceId, int, bytes]] = []

    def note_head(
        self, device: DeviceId, *, position: int, head_mac: bytes
    ) -> asyncio.Future[None]:
        async def keep() -> None:
            await asyncio.sleep(0.05)
            self.kept.append((device, position, head_mac))

        return asyncio.ensure_future(keep())


@dataclass(slots=True)
class Port:
    """A running port for devices and what is behind it."""

    address: str
    models: Models
    budgets: Budgets
    heads: Heads
    listener: Listener
    device: OneDevice
    certificates: ServerCertificates
    authority: CertificateAuthority

    def tls(self, device: str = "edge-1") -> ClientTls:
        """What a device needs to call."""
        key = ec.generate_private_key(ec.SECP256R1())
        issued = self.authority.issue_client(
            create_csr(key), DeviceId(device), lifetime_s=_LIFETIME_S
        )
        identity = KeyPair(issued.chain_pem, private_key_pem(key))
        return ClientTls(self.authority.certificate_pem, identity)


@asynccontextmanager
async def running_port(
    device: OneDevice | None = None, *, at_most: int = 64
) -> AsyncIterator[Port]:
    clock = SystemClock()
    authority = CertificateAuthority.create("test", clock=clock, lifetime_s=_LIFETIME_S)
    certificates = ServerCertificates(
        Authorities([authority]), ["127.0.0.1"], lifetime=timedelta(hours=1), clock=clock
    )
    models, budgets, access = Models(), Budgets(), device or OneDevice()
    serving, graphs = core_of(models, budgets, default_graph="ask-big", clock=clock)
    heads = Heads()
    calls = OpenCalls(access, at_most=at_most, interval_s=0.02)
    server = new_server(max_concurrent_rpcs=64)
    inference_pb2_grpc.add_InferenceServicer_to_server(
        InferenceServicer(
            access=access,
            serving=serving,
            finishing=Finishing(serving),
            heads=heads,
            calls=calls,
            node=NodeName("cloud"),
        ),
        server,
    )
    collaboration_pb2_grpc.add_CollaborationServicer_to_server(
        CollaborationServicer(access, graphs, calls), server
    )
    listener = await Listener.start(
        server,
        "127.0.0.1:0",
        certificates=certificates.source(asks_clients=True),
        services=SERVICES,
        served=SERVICES,
    )
    watching = asyncio.create_task(calls.watch())
    address = f"127.0.0.1:{listener.port}"
    try:
        yield Port(address, models, budgets, heads, listener, access, certificates, authority)
    finally:
        watching.cancel()
        await listener.stop(0)
