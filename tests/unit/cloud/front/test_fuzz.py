"""Whatever bytes reach the front: no crash, no hang, typed answers, nothing of a body in the log.

A real front runs on a thread of its own for the whole module; examples go over sockets.
"""

import asyncio
import json
import logging
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.unit.cloud.front.conftest import KEY, Models, running_front

CANARY = "zq canary qz"
PATIENCE_S = 10.0
GENERATION: dict[str, Any] = {
    "model": "big",
    "temperature": 0.5,
    "max_tokens": 7,
    "stop": [CANARY],
    "logit_bias": {"7": 1},
    "stream_options": {"include_usage": True},
    "leeward": {"labels": ["health"], "session_id": "s"},
}
CHAT: dict[str, Any] = GENERATION | {
    "messages": [{"role": "user", "content": CANARY}],
    "response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "object"}}},
    "tools": [{"type": "function", "function": {"name": "look_up", "parameters": {}}}],
    "tool_choice": {"type": "function", "function": {"name": "look_up"}},
    "logprobs": True,
}
SOUND = {
    "/v1/chat/completions": CHAT,
    "/v1/completions": GENERATION | {"prompt": CANARY},
    "/v1/embeddings": {"model": "big", "input": [CANARY], "encoding_format": "float"},
}
PATHS = tuple(SOUND)
ODD: tuple[Any, ...] = (
    *(None, True, -1, 0, 2**63, 10**400, -0.0, 1e308, "", CANARY, "\x00", "\ud800", "a" * 70_000),
    *([], {}, [[]], [CANARY], {CANARY: CANARY}, {"": None}),
)
JSON = st.recursive(
    st.sampled_from(ODD) | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)


@dataclass(slots=True)
class Target:
    """A front under fire, and everything that was logged meanwhile."""

    port: int
    models: Models
    records: list[logging.LogRecord] = field(default_factory=list)

    def send(self, data: bytes, *, hang_up: Literal["at once", "when answered", "never"]) -> bytes:
        """Return all that comes back until the front closes the connection.

        Args:
            data: Sent in one piece.
            hang_up: When this end says that no more comes.
        """
        address = ("127.0.0.1", self.port)
        with socket.create_connection(address, timeout=PATIENCE_S) as connection:
            received = b""
            try:
                connection.sendall(data)
                if hang_up == "at once":
                    connection.shutdown(socket.SHUT_WR)
                while part := connection.recv(65536):
                    received += part
                    if hang_up == "when answered" and len(part) == len(received):
                        connection.shutdown(socket.SHUT_WR)
            except ConnectionError:
                pass
            return received

    def logged(self) -> str:
        return "".join(str(vars(record)) for record in self.records)


class _Records(logging.Handler):
    def __init__(self, target: Target) -> None:
        super().__init__()
        self._target = target

    def emit(self, record: logging.LogRecord) -> None:
        self._target.records.append(record)


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    started: list[Target] = []
    ready, stop = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        async with running_front() as front:
            started.append(Target(front.port, front.models))
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert ready.wait(PATIENCE_S)
    handler = _Records(started[0])
    logging.getLogger().addHandler(handler)
    yield started[0]
    logging.getLogger().removeHandler(handler)
    loop.call_soon_threadsafe(stop.set)
    thread.join(PATIENCE_S)
    loop.close()


def request(body: bytes, path: str = PATHS[0], *, close: bool = True) -> bytes:
    ending = "connection: close\r\n" if close else ""
    head = f"POST {path} HTTP/1.1\r\nhost: h\r\nauthorization: Bearer {KEY}\r\n{ending}"
    return head.encode() + b"content-length: %d\r\n\r\n" % len(body) + body


def check(target: Target, received: bytes) -> None:
    """Every answer is one that the front meant to give, and nobody was quoted."""
    statuses = [
        int(line.split(b" ")[1])
        for line in received.split(b"\r\n")
        if line.startswith(b"HTTP/1.1 ") and line[9:12].isdigit()
    ]
    logged = target.logged()
    target.records.clear()
    assert all(status < 500 or status == 501 for status in statuses), received[:500]
    assert "request_crashed" not in logged
    assert "Exception in ASGI application" not in logged
    assert CANARY not in logged


@pytest.mark.parametrize("path", PATHS)
def test_the_bodies_that_are_then_changed_are_sound(target: Target, path: str) -> None:
    received = target.send(request(json.dumps(SOUND[path]).encode(), path), hang_up="never")

    assert received.startswith(b"HTTP/1.1 200 ")


@given(st.binary(max_size=2000))
@example(b"GET / HTTP/1.1\r\nhost: h\r\ncontent-length: -1\r\n\r\n")
@example(b"POST /v1/chat/completions HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nZZ\r\n")
@example(b"OPTIONS * HTTP/1.1\r\nhost: h\r\n\r\n")
@example(b"CONNECT a:1 HTTP/1.1\r\nhost: h\r\n\r\n")
@example(b"GET http://[ HTTP/1.1\r\nhost: h\r\n\r\n")
@example(b"GET /%ff%00 HTTP/1.1\r\nhost: h\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n")
@example(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
@example(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
def test_bytes_that_are_no_request(target: Target, data: bytes) -> None:
    check(target, target.send(data, hang_up="at once"))


@given(st.binary(max_size=2000), st.sampled_from(PATHS))
def test_bodies_that_are_no_json(target: Target, body: bytes, path: str) -> None:
    received = target.send(request(CANARY.encode() + body, path), hang_up="never")

    assert received.startswith(b"HTTP/1.1 400 ")
    assert CANARY.encode() not in received
    check(target, received)


@given(st.sampled_from(sorted(CHAT)), JSON, st.sampled_from(PATHS), st.booleans())
@example("messages", "x", PATHS[0], False)
@example("leeward", {CANARY: CANARY}, PATHS[0], False)
@example("logit_bias", {CANARY: 1}, PATHS[0], False)
@example(CANARY, 1, PATHS[0], False)
@example("response_format", {"type": "json_schema", "json_schema": 3}, PATHS[0], True)
@example("response_format", {"type": ["x"]}, PATHS[0], True)
@example("logit_bias", {"\ud800": 1}, PATHS[0], True)
def test_a_sound_body_with_one_odd_part(
    target: Target, name: str, value: Any, path: str, stream: bool
) -> None:
    streamed = {"stream": stream} if "embeddings" not in path else {}
    body = json.dumps({**SOUND[path], **streamed, name: value})

    received = target.send(request(body.encode(), path), hang_up="never")

    assert received.startswith(b"HTTP/1.1 ")
    assert CANARY.encode() not in received
    check(target, received)


@given(st.dictionaries(st.text(max_size=12) | st.sampled_from(sorted(CHAT)), JSON, max_size=6))
def test_trees_that_are_no_request(target: Target, tree: Any) -> None:
    check(target, target.send(request(json.dumps(tree).encode()), hang_up="never"))


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
        b'{"model":"big","messages":' + b'[{"role":"user","content":' * 5_000,
        b'{"model":"big","max_tokens":' + b"9" * 100_000 + b"}",
        b'{"model":"big","temperature":1e999999999}',
        b'{"model":"big","temperature":NaN}',
        b'{"model":"big","messages":[{"role":"user","content":"\xff\xfe"}]}',
        b'{"model":"big","messages":[{"role":"user","content":"\\ud800"}]}',
        b'\xef\xbb\xbf{"model":"big"}',
        b'{"model":"big","model":"big"}',
    ],
    ids=lambda body: body[:20].decode("latin-1"),
)
def test_bodies_made_to_exhaust_a_parser(target: Target, body: bytes) -> None:
    received = target.send(request(body), hang_up="never")

    assert received.startswith(b"HTTP/1.1 400 ")
    check(target, received)


@given(st.binary(max_size=500))
@example(request(b"{}", close=False) * 50)
def test_garbage_pipelined_after_a_sound_request(target: Target, garbage: bytes) -> None:
    body = json.dumps({"model": "big", "messages": CHAT["messages"]}).encode()

    received = target.send(request(body, close=False) + garbage, hang_up="when answered")

    assert received.startswith((b"HTTP/1.1 200 ", b"HTTP/1.1 400 "))
    check(target, received)


def test_the_front_still_serves_after_all_that(target: Target) -> None:
    body = json.dumps({"model": "big", "messages": CHAT["messages"]}).encode()

    received = target.send(request(body), hang_up="never")

    assert received.startswith(b"HTTP/1.1 200 ")
    assert target.models.made > 0
