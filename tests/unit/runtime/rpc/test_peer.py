"""The caller's identity is the device URI in its verified certificate, and nothing else."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from cryptography import x509

from runtime.errors import CertificateInvalid, LeewardError
from runtime.rpc.channels import ChannelSettings, open_channel
from runtime.rpc.peer import VerifiedPeer, verified_peer
from runtime.rpc.servers import bind, new_server, stop
from runtime.rpc.tls import ClientTls, KeyPair, ServerTls


@asynccontextmanager
async def asking_who(
    server_tls: ServerTls | None,
) -> AsyncIterator[tuple[int, list[VerifiedPeer | LeewardError]]]:
    answers: list[VerifiedPeer | LeewardError] = []

    async def who(request: bytes, context: grpc.aio.ServicerContext[Any, Any]) -> bytes:
        try:
            answers.append(verified_peer(context))
        except LeewardError as error:
            answers.append(error)
        return b""

    server = new_server(max_concurrent_rpcs=4)
    handler = grpc.unary_unary_rpc_method_handler(who)  # type: ignore[arg-type]
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("test.Who", {"Am": handler}),)
    )
    port = bind(server, "127.0.0.1:0", tls=server_tls)
    await server.start()
    try:
        yield port, answers
    finally:
        await stop(server, None, grace_s=0)


async def answer_to(server_tls: ServerTls | None, tls: ClientTls | None) -> object:
    async with (
        asking_who(server_tls) as (port, answers),
        open_channel(ChannelSettings(f"127.0.0.1:{port}", tls)) as channel,
    ):
        await channel.unary_unary("/test.Who/Am")(b"", timeout=5)
    return answers[0]


def client(authority: Any, identity: KeyPair) -> ClientTls:
    return ClientTls(ca_bundle_pem=authority.pem, identity=identity)


async def test_a_device_is_known_by_its_certificate(
    server_tls: ServerTls, device_tls: ClientTls
) -> None:
    peer = await answer_to(server_tls, device_tls)

    assert isinstance(peer, VerifiedPeer)
    assert peer.device_id == "tablet-7"
    presented = x509.load_pem_x509_certificate(peer.certificate_pem)
    identity = device_tls.identity
    assert identity is not None
    assert presented == x509.load_pem_x509_certificate(identity.certificate_chain_pem)


@pytest.mark.parametrize(
    "names",
    [
        [],
        [x509.DNSName("tablet-7")],
        [x509.UniformResourceIdentifier("leeward://device/")],
        [x509.UniformResourceIdentifier("leeward://device/a/b")],
        [x509.UniformResourceIdentifier("leeward://gateway/tablet-7")],
        [x509.UniformResourceIdentifier("https://device/tablet-7")],
        [
            x509.UniformResourceIdentifier("leeward://device/tablet-7"),
            x509.UniformResourceIdentifier("leeward://device/tablet-8"),
        ],
    ],
)
async def test_a_certificate_that_does_not_name_one_device_is_nobody(
    names: list[x509.GeneralName], server_tls: ServerTls, authority: Any
) -> None:
    identity = authority.issue(names, common_name="leeward://device/tablet-7")

    answer = await answer_to(server_tls, client(authority, identity))

    assert isinstance(answer, CertificateInvalid)


async def test_a_dns_name_that_looks_like_a_device_is_nobody(
    server_tls: ServerTls, authority: Any
) -> None:
    identity = authority.issue([x509.DNSName("leeward://device/tablet-7")])

    answer = await answer_to(server_tls, client(authority, identity))

    assert isinstance(answer, CertificateInvalid)


async def test_a_caller_on_a_plain_connection_is_nobody() -> None:
    assert isinstance(await answer_to(None, None), CertificateInvalid)


async def test_a_caller_without_a_certificate_is_nobody(
    server_tls: ServerTls, authority: Any
) -> None:
    open_door = ServerTls(identity=server_tls.identity, client_ca_bundle_pem=None)

    answer = await answer_to(open_door, ClientTls(ca_bundle_pem=authority.pem))

    assert isinstance(answer, CertificateInvalid)
