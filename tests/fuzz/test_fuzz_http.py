"""Hostile bodies over HTTP: a client error for each, in bounded time, and the daemon lives."""

import asyncio
import random
from itertools import islice
from typing import Final

import pytest

from tests.fuzz.conftest import Target
from tests.fuzz.hostile import bodies

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

PATHS: Final = ("/v1/chat/completions", "/v1/completions", "/v1/embeddings")
OTHER_PATHS: Final = ("/v1/models", "/metrics", "/healthz", "/", "/v1/../etc/passwd", "/%00")
AT_ONCE: Final = 6
POST: Final = b"POST /v1/chat/completions HTTP/1.1\r\n"
CALL_S: Final = 20.0


async def exchange(address: str, data: bytes) -> bytes:
    """Send bytes on a connection of their own; return all that comes back."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(data)
        await writer.drain()
        return await reader.read()
    except ConnectionError:  # it may close while we still write
        return b""
    finally:
        writer.close()


def post(path: str, body: bytes) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body


def status_of(answer: bytes) -> int:
    return int(answer[9:12]) if answer.startswith(b"HTTP/1.1 ") else 0


async def attack(target: Target, *, seed: int, rounds: int) -> None:
    rng = random.Random(seed)
    gate = asyncio.Semaphore(AT_ONCE)
    failures: list[str] = []

    async def one(path: str, body: bytes) -> None:
        async with gate, asyncio.timeout(CALL_S):
            answer = await exchange(target.http, post(path, body))
        if status_of(answer) in {0, 500} or answer.count(b"Traceback"):
            failures.append(f"{path} {status_of(answer)} {body[:300]!r}")

    async with asyncio.TaskGroup() as group:
        for path in PATHS:
            for body in islice(bodies(path, rng), rounds):
                group.create_task(one(path, body))

    assert failures == []
    assert target.crashes() == []
    await target.require_well()


@pytest.mark.parametrize("seed", [1])
async def test_every_hostile_body_gets_an_answer(target: Target, seed: int) -> None:
    await attack(target, seed=seed, rounds=70)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 120))
async def test_each_of_many_hostile_bodies_gets_an_answer(target: Target, seed: int) -> None:
    await attack(target, seed=seed, rounds=1_500)


async def test_slow_and_unfinished_requests_hold_up_nobody(target: Target) -> None:
    host, _, port = target.http.rpartition(":")
    whole = post(PATHS[0], b'{"model": "tern-s", "messages": []}')
    writers = []
    for cut in (0, 1, 20, len(whole) - 10, len(whole) - 1):
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(whole[:cut])
        await writer.drain()
        writers.append(writer)

    await target.require_well()
    answer = await exchange(target.http, whole)

    assert status_of(answer) == 400
    for writer in writers:
        writer.close()


@pytest.mark.parametrize(
    "data",
    [
        b"\r\n\r\n\r\n",
        POST + b"Content-Length: -1\r\n\r\n",
        POST + b"Content-Length: 99999999999999999999\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
        POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: " + b"a" * 200_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: a\r\n" * 20_000 + b"\r\n",
        b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        bytes(range(256)) * 40,
        *(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
          for path in OTHER_PATHS),
    ],
    ids=lambda data: ascii(data[:40]),
)  # fmt: skip
async def test_bytes_that_are_hardly_http_hurt_nobody(target: Target, data: bytes) -> None:
    answers = asyncio.create_task(exchange(target.http, data))
    done, _ = await asyncio.wait([answers], timeout=3.0)
    answers.cancel()

    assert status_of(answers.result()) != 500 if done else True
    assert target.crashes() == []
    assert status_of(await exchange(target.http, post(PATHS[0], b"{}"))) == 400
