"""A port's certificate is replaced in place: at the next handshake, and before it ends."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from cloud.authorities import Authorities
from cloud.listener import Listener
from cloud.server_certificates import ServerCertificates
from runtime.clock import SystemClock
from runtime.identity.authority import CertificateAuthority
from runtime.rpc.channels import ChannelSettings, open_channel
from runtime.rpc.servers import new_server
from runtime.rpc.tls import ClientTls
from runtime.testing.fakes import ManualClock

CLOCK = SystemClock()
SERVICE = "leeward.v1.Enrolment"


@pytest.fixture
def authorities() -> Authorities:
    return Authorities([CertificateAuthority.create("test", clock=CLOCK, lifetime_s=86_400)])


@pytest.fixture
def certificates(authorities: Authorities) -> ServerCertificates:
    return ServerCertificates(authorities, ["127.0.0.1"], lifetime=timedelta(hours=1), clock=CLOCK)


@pytest.fixture
async def port(certificates: ServerCertificates) -> AsyncIterator[int]:
    listener = await Listener.start(
        new_server(max_concurrent_rpcs=8),
        "127.0.0.1:0",
        certificates=certificates.source(asks_clients=False),
        services=(),
        served=(SERVICE,),
    )
    yield listener.port
    await listener.stop(0)


def shown(port: int, bundle_pem: bytes) -> bytes:
    """Return the certificate that a new connection is shown, DER."""
    context = ssl.create_default_context(cadata=bundle_pem.decode())
    context.set_alpn_protocols(["h2"])
    with (
        socket.create_connection(("127.0.0.1", port), timeout=20) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as secured,
    ):
        certificate = secured.getpeercert(binary_form=True)
    assert certificate is not None
    return certificate


async def test_the_next_handshake_sees_the_new_certificate_and_open_streams_go_on(
    port: int, authorities: Authorities, certificates: ServerCertificates
) -> None:
    settings = ChannelSettings(f"127.0.0.1:{port}", ClientTls(authorities.bundle_pem))
    async with open_channel(settings) as channel:
        watch = health_pb2_grpc.HealthStub(channel).Watch(
            health_pb2.HealthCheckRequest(service=SERVICE)
        )
        first_answer = await watch.read()
        before = await asyncio.to_thread(shown, port, authorities.bundle_pem)

        certificates.renew()
        after = await asyncio.to_thread(shown, port, authorities.bundle_pem)
        again = await asyncio.to_thread(shown, port, authorities.bundle_pem)

        assert first_answer.status == health_pb2.HealthCheckResponse.SERVING
        assert not watch.done()
        watch.cancel()
    assert before != after
    assert after == again


async def test_a_device_that_knows_only_the_old_authority_is_served_while_both_are_trusted(
    port: int, authorities: Authorities, certificates: ServerCertificates
) -> None:
    (old,) = authorities.members
    new = CertificateAuthority.create("new", clock=CLOCK, lifetime_s=86_400)

    authorities.use([old, new])
    certificates.renew()
    await asyncio.to_thread(shown, port, old.certificate_pem)
    await asyncio.to_thread(shown, port, authorities.bundle_pem)
    authorities.use([new])
    certificates.renew()

    await asyncio.to_thread(shown, port, new.certificate_pem)
    with pytest.raises(ssl.SSLCertVerificationError):
        await asyncio.to_thread(shown, port, old.certificate_pem)


async def test_a_certificate_is_replaced_long_before_it_ends(authorities: Authorities) -> None:
    clock = ManualClock(CLOCK.now())
    certificates = ServerCertificates(
        authorities, ["127.0.0.1"], lifetime=timedelta(hours=1), clock=clock
    )
    source = certificates.source(asks_clients=True)
    fresh = asyncio.create_task(certificates.keep_fresh())
    await asyncio.sleep(0)
    early = source.renewed()

    clock.advance(0.61 * 3600)
    fresh.cancel()
    fresh = asyncio.create_task(certificates.keep_fresh())
    async with asyncio.timeout(30):
        while (late := source.renewed()) is None:  # it is made in a thread  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    fresh.cancel()

    assert early is None
    assert late is not None
    assert late.identity != source.first.identity
    assert late.client_ca_bundle_pem == authorities.bundle_pem
    assert source.renewed() is None
