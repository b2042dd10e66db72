"""Servers on real ports: exclusive, mutually authenticated, healthy, describable."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography import x509
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from runtime.errors import AddressInUse, ConfigInvalid
from runtime.rpc.channels import ChannelSettings, open_channel
from runtime.rpc.servers import ServerHealth, add_reflection, bind, new_server, stop
from runtime.rpc.tls import ClientTls, ServerTls

SERVICE = "leeward.v1.Inference"
OTHER = "leeward.v1.Collaboration"
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


@asynccontextmanager
async def running(
    tls: ServerTls | None,
    address: str = "127.0.0.1:0",
    renewed: Callable[[], ServerTls | None] | None = None,
) -> AsyncIterator[tuple[int, ServerHealth]]:
    server = new_server(max_concurrent_rpcs=8)
    health = ServerHealth(server, [SERVICE, OTHER])
    add_reflection(server, [SERVICE, OTHER])
    port = bind(server, address, tls=tls, renewed=renewed)
    await server.start()
    await health.start()
    try:
        yield port, health
    finally:
        await stop(server, health, grace_s=0)


@asynccontextmanager
async def plain_channel() -> AsyncIterator[grpc.aio.Channel]:
    async with (
        running(None) as (port, _),
        open_channel(ChannelSettings(f"127.0.0.1:{port}", tls=None)) as channel,
    ):
        yield channel


async def check(
    target: str, tls: ClientTls | None, *, service: str = "", server_name: str = ""
) -> int:
    channel = open_channel(ChannelSettings(target=target, tls=tls, server_name=server_name))
    async with channel:
        stub = health_pb2_grpc.HealthStub(channel)
        reply = await stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=5)
    return int(reply.status)


async def test_port_zero_gives_a_port_that_answers() -> None:
    async with running(None) as (port, _):
        assert await check(f"127.0.0.1:{port}", None) == NOT_SERVING


async def test_a_unix_socket_answers(tmp_path: Path) -> None:
    address = f"unix:{tmp_path}/node.sock"

    async with running(None, address):
        assert await check(address, None) == NOT_SERVING


async def test_a_taken_port_is_a_named_failure() -> None:
    async with running(None) as (port, _):
        with pytest.raises(AddressInUse, match=str(port)):
            bind(new_server(max_concurrent_rpcs=1), f"127.0.0.1:{port}", tls=None)


async def test_a_port_taken_by_a_stranger_is_a_named_failure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(AddressInUse):
            bind(new_server(max_concurrent_rpcs=1), f"127.0.0.1:{port}", tls=None)


async def test_an_address_that_is_not_of_this_machine_is_a_named_failure(
    server_tls: ServerTls,
) -> None:
    with pytest.raises(ConfigInvalid, match="cannot be bound"):
        bind(new_server(max_concurrent_rpcs=1), "203.0.113.1:4443", tls=server_tls)


async def test_a_port_that_others_can_reach_needs_tls() -> None:
    with pytest.raises(ConfigInvalid, match="TLS"):
        bind(new_server(max_concurrent_rpcs=1), "0.0.0.0:0", tls=None)


async def test_a_device_of_the_fleet_is_served(
    server_tls: ServerTls, device_tls: ClientTls
) -> None:
    async with running(server_tls) as (port, _):
        assert await check(f"127.0.0.1:{port}", device_tls) == NOT_SERVING


async def test_the_servers_name_is_checked(server_tls: ServerTls, device_tls: ClientTls) -> None:
    async with running(server_tls) as (port, _):
        target = f"127.0.0.1:{port}"
        assert await check(target, device_tls, server_name="gateway.test") == NOT_SERVING

        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await check(target, device_tls, server_name="other.test")

    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_a_client_without_a_certificate_is_refused(
    server_tls: ServerTls, authority: Any
) -> None:
    nobody = ClientTls(ca_bundle_pem=authority.pem)

    async with running(server_tls) as (port, _):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await check(f"127.0.0.1:{port}", nobody)

    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_a_device_of_another_fleet_is_refused(
    server_tls: ServerTls, authority: Any, stranger: Any
) -> None:
    foreign = ClientTls(
        ca_bundle_pem=authority.pem,
        identity=stranger.issue_device("tablet-7"),
    )

    async with running(server_tls) as (port, _):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await check(f"127.0.0.1:{port}", foreign)

    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_a_device_whose_certificate_has_ended_is_refused(
    server_tls: ServerTls, authority: Any
) -> None:
    name = x509.UniformResourceIdentifier("leeward://device/tablet-7")
    ended = authority.issue([name], end=datetime(2026, 1, 2, tzinfo=UTC))

    async with running(server_tls) as (port, _):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await check(f"127.0.0.1:{port}", ClientTls(authority.pem, ended))

    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_a_server_of_another_fleet_is_refused_by_the_device(
    device_tls: ClientTls, stranger: Any
) -> None:
    impostor = ServerTls(
        identity=stranger.issue_server(),
        client_ca_bundle_pem=None,
    )

    async with running(impostor) as (port, _):
        with pytest.raises(grpc.aio.AioRpcError):
            await check(f"127.0.0.1:{port}", device_tls)


async def test_the_enrolment_port_takes_clients_without_certificates(
    server_tls: ServerTls, authority: Any
) -> None:
    open_door = ServerTls(identity=server_tls.identity, client_ca_bundle_pem=None)
    newcomer = ClientTls(ca_bundle_pem=authority.pem)

    async with running(open_door) as (port, _):
        assert await check(f"127.0.0.1:{port}", newcomer) == NOT_SERVING


async def test_renewed_certificates_are_used_from_the_next_handshake(
    server_tls: ServerTls, device_tls: ClientTls, stranger: Any
) -> None:
    fresh: list[ServerTls] = []
    foreign = ClientTls(
        ca_bundle_pem=stranger.pem,
        identity=stranger.issue_device("tablet-8"),
    )
    replacement = ServerTls(
        identity=stranger.issue_server(),
        client_ca_bundle_pem=stranger.pem,
    )

    async with running(server_tls, renewed=lambda: fresh.pop() if fresh else None) as (port, _):
        target = f"127.0.0.1:{port}"
        assert await check(target, device_tls) == NOT_SERVING
        fresh.append(replacement)

        assert await check(target, foreign) == NOT_SERVING
        with pytest.raises(grpc.aio.AioRpcError):
            await check(target, device_tls)


async def test_health_is_told_per_service_and_as_a_whole() -> None:
    async with running(None) as (port, health):
        target = f"127.0.0.1:{port}"
        await health.set_serving(SERVICE, is_serving=True)
        assert await check(target, None, service=SERVICE) == SERVING
        assert await check(target, None, service=OTHER) == NOT_SERVING
        assert await check(target, None) == NOT_SERVING

        await health.set_all_serving()

        assert await check(target, None) == SERVING


async def test_watchers_are_told_that_a_server_stops() -> None:
    async with running(None) as (port, health):
        await health.set_all_serving()
        async with open_channel(ChannelSettings(f"127.0.0.1:{port}", tls=None)) as channel:
            watch = health_pb2_grpc.HealthStub(channel).Watch(
                health_pb2.HealthCheckRequest(service=SERVICE), timeout=5
            )
            first = await watch.read()

            await health.stop()
            second = await watch.read()
            watch.cancel()

    assert (first.status, second.status) == (SERVING, NOT_SERVING)


async def test_a_watcher_is_told_and_does_not_hold_a_server_that_stops() -> None:
    server = new_server(max_concurrent_rpcs=8)
    health = ServerHealth(server, [SERVICE])
    port = bind(server, "127.0.0.1:0", tls=None)
    await health.start()
    await server.start()
    await health.set_all_serving()
    async with open_channel(ChannelSettings(f"127.0.0.1:{port}", tls=None)) as channel:
        watch = health_pb2_grpc.HealthStub(channel).Watch(
            health_pb2.HealthCheckRequest(service=SERVICE), timeout=60
        )
        first = await watch.read()

        async with asyncio.timeout(20):
            await stop(server, health, grace_s=60)
        second, end = await watch.read(), await watch.read()
        code = await watch.code()

    assert (first.status, second.status) == (SERVING, NOT_SERVING)
    assert (end, code) == (grpc.aio.EOF, grpc.StatusCode.OK)


async def test_reflection_lists_the_services() -> None:
    async with plain_channel() as channel:
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        call = stub.ServerReflectionInfo(
            iter([reflection_pb2.ServerReflectionRequest(list_services="")]), timeout=5
        )
        replies = [reply async for reply in call]

    listed = {service.name for service in replies[0].list_services_response.service}
    assert {SERVICE, OTHER, "grpc.health.v1.Health"} <= listed


async def test_a_service_that_is_not_there_answers_unimplemented() -> None:
    async with plain_channel() as channel:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await channel.unary_unary("/leeward.v1.Fleet/Sync")(b"", timeout=5)

    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_running_calls_may_end_before_the_server_does() -> None:
    started, may_end = asyncio.Event(), asyncio.Event()

    async def slow(request: bytes, context: object) -> bytes:
        started.set()
        await may_end.wait()
        return request

    server = new_server(max_concurrent_rpcs=1)
    handler = grpc.unary_unary_rpc_method_handler(slow)
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("test.Slow", {"Wait": handler}),)
    )
    port = bind(server, "127.0.0.1:0", tls=None)
    await server.start()
    async with open_channel(ChannelSettings(f"127.0.0.1:{port}", tls=None)) as channel:
        call = channel.unary_unary("/test.Slow/Wait")(b"done", timeout=10)
        async with asyncio.timeout(5):
            await started.wait()
        stopping = asyncio.create_task(stop(server, None, grace_s=10))
        may_end.set()

        assert await call == b"done"
        async with asyncio.timeout(5):
            await stopping
