"""Hostile bytes and messages to every call of a running daemon: refused by name, never a crash."""

import asyncio
import random
from collections.abc import Iterator
from typing import Any, Final

import grpc
import pytest
from google.protobuf.message import Message

from inference_v2 import open_inference_pb2
from leeward.v1 import admin_pb2, collaboration_pb2, inference_pb2
from tests.fuzz.conftest import Target
from tests.fuzz.hostile import message, mutated

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

SERVICES: Final = (admin_pb2, collaboration_pb2, inference_pb2, open_inference_pb2)
UNFORESEEN: Final = frozenset({grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL})
AT_ONCE: Final = 8
CALL_S: Final = 8.0


def methods() -> Iterator[tuple[str, bool, type[Message]]]:
    """Yield path, whether it streams, and the request's type of every call."""
    for module in SERVICES:
        for service in module.DESCRIPTOR.services_by_name.values():
            for method in service.methods:
                kind = getattr(module, method.input_type.name)
                yield f"/{service.full_name}/{method.name}", method.server_streaming, kind


async def code_of(channel: Any, path: str, data: bytes, *, streams: bool) -> Any:
    """Send bytes as they are; return how the call ended."""
    try:
        if streams:
            async for _ in channel.unary_stream(path)(data, timeout=CALL_S):
                pass
        else:
            await channel.unary_unary(path)(data, timeout=CALL_S)
    except grpc.aio.AioRpcError as error:
        return error.code()
    return grpc.StatusCode.OK


async def attack(target: Target, *, seed: int, rounds: int) -> None:
    rng = random.Random(seed)
    calls = list(methods())
    gate = asyncio.Semaphore(AT_ONCE)
    failures: list[str] = []
    async with grpc.aio.insecure_channel(target.grpc) as channel:

        async def one(path: str, data: bytes, *, streams: bool) -> None:
            async with gate, asyncio.timeout(2 * CALL_S):
                code = await code_of(channel, path, data, streams=streams)
            if code in UNFORESEEN:
                failures.append(f"{path} {code.name} {data[:200].hex()}")

        async with asyncio.TaskGroup() as group:
            for _ in range(rounds):
                path, streams, kind = rng.choice(calls)
                data = message(kind, rng).SerializeToString()
                if rng.random() < 0.4:
                    data = mutated(data, rng)
                elif rng.random() < 0.2:
                    data = rng.randbytes(rng.choice((1, 20, 3_000)))
                group.create_task(one(path, data, streams=streams))

    assert failures == []
    assert target.crashes() == []
    await target.require_well()


@pytest.mark.parametrize("seed", [1, 2])
async def test_every_call_survives_hostile_messages(target: Target, seed: int) -> None:
    await attack(target, seed=seed, rounds=150)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 120))
async def test_every_call_survives_many_hostile_messages(target: Target, seed: int) -> None:
    await attack(target, seed=seed, rounds=5_000)


@pytest.mark.parametrize("seed", [3])
async def test_bytes_that_are_no_http2_hold_up_nobody(target: Target, seed: int) -> None:
    rng = random.Random(seed)
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    host, _, port = target.grpc.rpartition(":")
    openings = []
    for _ in range(20):
        reader, writer = await asyncio.open_connection(host, int(port))
        openings.append((reader, writer))
        writer.write(rng.choice((b"", preface, b"GET / HTTP/1.1\r\n\r\n")) + rng.randbytes(300))
        await writer.drain()

    await target.require_well()

    for _, writer in openings:
        writer.close()
