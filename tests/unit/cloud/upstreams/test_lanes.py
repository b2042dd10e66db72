"""Connections to a provider are taken from a stack, real ones on loopback."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import httpx2
import pytest
import pytest_asyncio

from cloud.upstreams.lanes import Lanes
from runtime.testing.fakes import ManualClock

KEEP_S = 30.0
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


@dataclass
class Server:
    """Counts connections; answers when it may."""

    port: int = 0
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    answered_on: list[int] = field(default_factory=list)
    """Which connection each request came on."""
    ended: set[int] = field(default_factory=set)
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = len(self.writers)
        self.writers.append(writer)
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                await self.may_answer.wait()
                self.answered_on.append(number)
                writer.write(ANSWER)
        except (asyncio.IncompleteReadError, ConnectionError):
            self.ended.add(number)
            writer.close()


@pytest_asyncio.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    made.may_answer.set()
    listening = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield made
        for writer in made.writers:
            writer.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest_asyncio.fixture
async def client(server: Server, clock: ManualClock) -> AsyncIterator[httpx2.AsyncClient]:
    def open_lane() -> httpx2.AsyncBaseTransport:
        return httpx2.AsyncHTTPTransport(limits=httpx2.Limits(max_connections=1))

    lanes = Lanes(open_lane, keep_s=KEEP_S, clock=clock)
    base_url = f"http://127.0.0.1:{server.port}"
    async with httpx2.AsyncClient(transport=lanes, base_url=base_url) as made:
        yield made


async def test_one_after_the_other_shares_one_connection(
    server: Server, client: httpx2.AsyncClient
) -> None:
    answers = [(await client.get("/")).text for _ in range(3)]

    assert answers == ["ok"] * 3
    assert server.answered_on == [0, 0, 0]


async def test_side_by_side_has_a_connection_each_and_the_newest_is_used_again(
    server: Server, client: httpx2.AsyncClient
) -> None:
    responses = [await client.send(client.build_request("GET", "/"), stream=True) for _ in range(3)]
    for response in responses:
        await response.aread()
        await response.aclose()

    await client.get("/")
    await client.get("/")

    assert server.answered_on == [0, 1, 2, 2, 2]


async def test_a_connection_that_the_provider_closed_is_replaced(
    server: Server, client: httpx2.AsyncClient
) -> None:
    await client.get("/")
    server.writers[0].close()
    await server.writers[0].wait_closed()

    assert (await client.get("/")).text == "ok"
    assert server.answered_on == [0, 1]


async def test_a_call_that_is_given_up_costs_its_connection_and_nothing_else(
    server: Server, client: httpx2.AsyncClient
) -> None:
    server.may_answer.clear()
    call = asyncio.ensure_future(client.get("/"))
    await _until(lambda: len(server.writers) == 1)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    server.may_answer.set()

    assert (await client.get("/")).text == "ok"
    assert server.answered_on[-1] == 1
    await _until(lambda: 0 in server.ended)


async def test_a_body_that_is_left_unread_is_not_mixed_into_the_next(
    server: Server, client: httpx2.AsyncClient
) -> None:
    response = await client.send(client.build_request("GET", "/"), stream=True)
    await response.aclose()

    assert (await client.get("/")).text == "ok"
    assert server.answered_on == [0, 1]


async def test_what_was_free_for_long_is_closed(
    server: Server, client: httpx2.AsyncClient, clock: ManualClock
) -> None:
    responses = [await client.send(client.build_request("GET", "/"), stream=True) for _ in range(3)]
    for response in responses:
        await response.aread()
        await response.aclose()
    clock.advance(KEEP_S + 1)

    await client.get("/")

    await _until(lambda: server.ended == {0, 1})


async def test_closing_the_client_closes_every_connection(
    server: Server, client: httpx2.AsyncClient
) -> None:
    await client.get("/")
    running = await client.send(client.build_request("GET", "/"), stream=True)
    free = await client.send(client.build_request("GET", "/"), stream=True)
    await free.aclose()

    await client.aclose()
    await running.aclose()

    await _until(lambda: server.ended == {0, 1})


async def _until(is_true: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while True:
            if is_true():
                return
            await asyncio.sleep(0.01)
