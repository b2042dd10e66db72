"""The SDK's requests travel on connections of our choice, real ones on loopback."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import httpx2
import pytest
import pytest_asyncio

from cloud.upstreams.transport import ProviderTransport
from runtime.local.ports import free_port

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


@dataclass
class Server:
    """Counts connections; answers when it may."""

    port: int = 0
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    answered_on: list[int] = field(default_factory=list)
    """Which connection each request came on."""
    asked: list[bytes] = field(default_factory=list)
    answer: bytes = ANSWER
    hangs_up: bool = False
    """Whether it closes after its answer."""
    ended: set[int] = field(default_factory=set)
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = len(self.writers)
        self.writers.append(writer)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"content-length: (\d+)", head.lower())
                body = await reader.readexactly(int(length[1])) if length else b""
                self.asked.append(head + body)
                await self.may_answer.wait()
                self.answered_on.append(number)
                writer.write(self.answer)
                if self.hangs_up:
                    writer.close()
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


@pytest_asyncio.fixture
async def client(server: Server) -> AsyncIterator[httpx2.AsyncClient]:
    base_url = f"http://127.0.0.1:{server.port}"
    transport = ProviderTransport(keep_s=30.0)
    async with httpx2.AsyncClient(transport=transport, base_url=base_url) as made:
        yield made


async def test_one_after_the_other_shares_one_connection(
    server: Server, client: httpx2.AsyncClient
) -> None:
    answers = [(await client.get("/")).text for _ in range(3)]

    assert answers == ["ok"] * 3
    assert server.answered_on == [0, 0, 0]


async def test_side_by_side_has_a_connection_each_and_a_free_one_is_used_again(
    server: Server, client: httpx2.AsyncClient
) -> None:
    server.may_answer.clear()
    calls = [asyncio.ensure_future(client.get("/")) for _ in range(3)]
    await _until(lambda: len(server.asked) == 3)
    server.may_answer.set()
    await asyncio.gather(*calls)

    await client.get("/")

    assert sorted(server.answered_on[:3]) == [0, 1, 2]
    assert len(server.writers) == 3


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


UNFINISHED = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort"


async def test_a_body_that_is_left_unread_is_not_mixed_into_the_next(
    server: Server, client: httpx2.AsyncClient
) -> None:
    server.answer = UNFINISHED
    response = await client.send(client.build_request("GET", "/"), stream=True)
    await response.aclose()
    server.answer = ANSWER

    assert (await client.get("/")).text == "ok"
    assert server.answered_on == [0, 1]
    await _until(lambda: 0 in server.ended)


async def test_closing_the_client_closes_every_connection(
    server: Server, client: httpx2.AsyncClient
) -> None:
    server.answer = UNFINISHED
    running = await client.send(client.build_request("GET", "/"), stream=True)
    server.answer = ANSWER
    await client.get("/")

    await client.aclose()
    await running.aclose()

    await _until(lambda: server.ended == {0, 1})


STREAM = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


async def test_pieces_that_come_together_are_given_at_once(
    server: Server, client: httpx2.AsyncClient
) -> None:
    server.answer = STREAM + b"".join(b"1\r\n%d\r\n" % digit for digit in range(9)) + b"0\r\n\r\n"

    async with client.stream("POST", "/", content=b"x") as response:
        pieces = [piece async for piece in response.aiter_raw()]

    assert pieces == [b"012345678"]


async def test_a_large_request_arrives_whole(server: Server, client: httpx2.AsyncClient) -> None:
    prompt = b"0123456789abcdef" * 2**17  # two MiB

    await client.post("/v1/x?y=%20z", content=prompt, headers={"X-One": "1"})

    head, _, body = server.asked[0].partition(b"\r\n\r\n")
    assert body == prompt
    assert head.startswith(b"POST /v1/x?y=%20z HTTP/1.1\r\n")
    assert b"\r\nx-one: 1" in head.lower()
    assert head.lower().count(b"content-length:") == 1
    assert head.lower().count(b"host:") == 1


async def test_what_one_caller_was_sent_is_not_shown_for_another(
    server: Server, client: httpx2.AsyncClient
) -> None:
    server.answer = ANSWER.replace(b"\r\n\r\n", b"\r\nset-cookie: who=me\r\n\r\n")
    client.cookies.clear()
    await client.get("/")
    client.cookies.clear()

    await client.get("/")

    assert b"cookie" not in server.asked[1].lower()


async def test_a_redirect_is_an_answer(server: Server, client: httpx2.AsyncClient) -> None:
    server.answer = b"HTTP/1.1 307 Go\r\nlocation: http://x.example/\r\ncontent-length: 0\r\n\r\n"

    answer = await client.post("/", content=b"x")

    assert answer.status_code == 307


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        UNFINISHED,
        STREAM + b"5\r\nshort\r\n",
        STREAM + b"nonsense\r\n",
    ],
)
async def test_what_is_no_whole_answer_is_named_and_not_quoted(
    server: Server, client: httpx2.AsyncClient, answer: bytes
) -> None:
    server.answer, server.hangs_up = answer, True

    with pytest.raises(httpx2.RemoteProtocolError) as failed:
        await client.get("/")

    assert "short" not in str(failed.value)
    assert "SSH" not in str(failed.value)


async def test_a_provider_that_is_not_there_is_named(client: httpx2.AsyncClient) -> None:
    with pytest.raises(httpx2.ConnectError):
        await client.get(f"http://127.0.0.1:{free_port()}/")


async def _until(is_true: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while True:
            if is_true():
                return
            await asyncio.sleep(0.01)
