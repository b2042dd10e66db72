"""The embedded server over real sockets: what a hostile or slow caller cannot do to it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from starlette.types import Receive, Scope, Send

from runtime.errors import Cancelled
from runtime.http.hangup import cancelled_when_gone
from runtime.http.protocol import MAX_HEAD_BYTES, BoundedProtocol
from runtime.http.server import bind_http, serving_http
from runtime.http.streams import EventStream

REQUEST = b"GET /events HTTP/1.1\r\nhost: here\r\n\r\n"
EVENT = "data: " + "x" * 10_000 + "\n\n"


class Impatient(BoundedProtocol):
    head_timeout_s = 0.2
    unread_timeout_s = 0.3


class Events:
    """An application that streams without end, and knows how far it got and whether it ended."""

    def __init__(self) -> None:
        self.made = 0
        self.ended = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with contextlib.suppress(Cancelled):
            async with cancelled_when_gone(receive):
                await EventStream(self._endless(), {"x-test": "yes"})(scope, receive, send)

    async def _endless(self) -> AsyncIterator[str]:  # type: ignore[misc]
        try:
            while True:
                self.made += 1
                yield EVENT
                await asyncio.sleep(0)
        finally:
            self.ended.set()


@asynccontextmanager
async def connected(
    app: Events,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    bound = bind_http("127.0.0.1:0")
    port = bound.getsockname()[1]
    async with serving_http(app, bound, protocol=Impatient, grace_s=1):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        try:
            yield reader, writer
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


async def ended(reader: asyncio.StreamReader) -> bytes:
    """Return what arrives until the server closes the connection."""
    received = b""
    with contextlib.suppress(ConnectionError):
        while part := await reader.read(65536):
            received += part
    return received


@pytest.mark.parametrize("start", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nhost: he"])
async def test_an_unfinished_head_does_not_hold_a_connection(start: bytes) -> None:
    async with connected(Events()) as (reader, writer), asyncio.timeout(5):
        writer.write(start)

        assert await ended(reader) == b""


async def test_a_head_that_grows_by_the_byte_does_not_get_more_time() -> None:
    async with connected(Events()) as (reader, writer), asyncio.timeout(5):
        drip = asyncio.create_task(_drip(writer))

        assert await ended(reader) == b""

        drip.cancel()


async def _drip(writer: asyncio.StreamWriter) -> None:
    writer.write(b"GET / HTTP/1.1\r\nx: ")
    while True:
        writer.write(b"x")
        await asyncio.sleep(0.02)


async def test_an_endless_head_is_refused_and_not_kept() -> None:
    async with connected(Events()) as (reader, writer), asyncio.timeout(5):
        writer.write(b"GET / HTTP/1.1\r\n")
        await asyncio.sleep(0.02)
        for _ in range(3):
            writer.write(b"x-padding: " + b"x" * (MAX_HEAD_BYTES // 2))
            await asyncio.sleep(0.02)

        assert (await ended(reader)).startswith(b"HTTP/1.1 400 ")


async def test_a_reader_that_stops_holds_the_maker_back_and_is_given_up() -> None:
    app = Events()
    async with connected(app) as (reader, writer), asyncio.timeout(10):
        writer.transport.get_extra_info("socket").setsockopt(1, 8, 4096)
        writer.write(REQUEST)
        head = await reader.readuntil(b"\r\n\r\n")

        await app.ended.wait()

    assert b"x-test: yes" in head
    # What the sockets of both ends hold, and no more.
    assert app.made * len(EVENT) < 20_000_000


async def test_a_caller_that_reads_gets_everything_in_order() -> None:
    async def three() -> AsyncIterator[str]:
        for number in range(3):
            yield f"data: {number}\n\n"

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await EventStream(three(), {})(scope, receive, send)  # type: ignore[arg-type]

    bound = bind_http("127.0.0.1:0")
    async with serving_http(app, bound):
        reader, writer = await asyncio.open_connection("127.0.0.1", bound.getsockname()[1])
        writer.write(REQUEST.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"))
        received = await reader.read()
        writer.close()

    events = [line for line in received.split(b"\r\n") if line.startswith(b"data")]
    assert events == [b"data: 0\n\n", b"data: 1\n\n", b"data: 2\n\n"]
