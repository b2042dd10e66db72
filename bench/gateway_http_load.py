"""Callers of an OpenAI endpoint on bare HTTP/1.1 connections: the load generator of the benches.

One request at a time per connection, its bytes made beforehand; of the answer only its end, its
events and when they came are looked at, so that the generator is not what is measured.
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any, Final, cast

from bench.gateway_call import NUMBER, Answered, CallFailed

__all__ = ["HttpCaller"]

_HEAD_END: Final = b"\r\n\r\n"
_EVENT: Final = b"data: {"
_STREAM_END: Final = b"\r\n0\r\n\r\n"
_DONE: Final = b"data: [DONE]"


class HttpCaller(asyncio.Protocol):
    """One kept-alive connection.

    Args:
        path: Of the endpoint, from the host on.
        body: The request; ``@number@`` in its text becomes the call's number.
        key: Sent as a bearer token.
        headers: Further ones.
    """

    def __init__(
        self, path: str, body: dict[str, Any], *, key: str = "", headers: str = ""
    ) -> None:
        self._body = json.dumps(body, separators=(",", ":")).encode()
        self._streams = bool(body.get("stream"))
        bearer = f"authorization: Bearer {key}\r\n" if key else ""
        self._head = (
            f"POST {path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n"
            f"{bearer}{headers}content-length: %d\r\n\r\n"
        ).encode()
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[Answered] | None = None
        self._buffer = bytearray()
        self._arrivals: list[float] = []
        self._seen = 0
        self._body_start = 0
        self._started_s = 0.0
        self._body_bytes = 0

    async def open(self, host: str, port: int) -> HttpCaller:
        """Connect."""
        await asyncio.get_running_loop().create_connection(lambda: self, host, port)
        return self

    async def call(self, number: int) -> Answered:
        """Make one call.

        Raises:
            CallFailed: The answer is no 200, is cut, or the connection broke.
        """
        if self._transport is None or self._transport.is_closing():
            raise CallFailed("the connection is closed", seen=0)
        body = self._body.replace(NUMBER, b"%08d" % number)
        self._answer = asyncio.get_running_loop().create_future()
        self._buffer.clear()
        self._arrivals = []
        self._seen = self._body_start = 0
        self._started_s = time.perf_counter()
        self._transport.write(self._head % len(body) + body)
        return await self._answer

    def text(self) -> str:
        """Return what the last answer said, read in full."""
        body = bytes(self._buffer[self._body_start :])
        if not self._streams:
            return cast("str", json.loads(body)["choices"][0]["message"]["content"])
        events = [
            json.loads(line.removeprefix(b"data: "))
            for line in body.replace(b"\r\n", b"\n").split(b"\n")
            if line.startswith(_EVENT)
        ]
        choices = [choice for event in events for choice in event["choices"]]
        return "".join(choice["delta"].get("content") or "" for choice in choices)

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, _error: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(CallFailed("the connection broke", seen=len(self._arrivals)))

    def data_received(self, data: bytes) -> None:
        now_s = time.perf_counter()
        self._buffer += data
        if self._answer is None or self._answer.done():
            return
        if not self._body_start and not self._read_head():
            return
        if self._streams:
            self._note_events(now_s)
            if not self._buffer.endswith(_STREAM_END):
                return
            if _DONE not in self._buffer[-200:]:
                self._fail("the stream was cut")
                return
        elif len(self._buffer) < self._body_start + self._body_bytes:
            return
        self._answer.set_result(Answered(self._started_s, now_s, tuple(self._arrivals)))

    def _read_head(self) -> bool:
        head_end = self._buffer.find(_HEAD_END)
        if head_end < 0:
            return False
        head = bytes(self._buffer[:head_end]).lower()
        self._body_start = self._seen = head_end + len(_HEAD_END)
        if not head.startswith(b"http/1.1 200"):
            self._fail(head.partition(b"\r\n")[0].decode("latin-1"))
            return False
        if not self._streams:
            self._body_bytes = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
        return True

    def _note_events(self, now_s: float) -> None:
        found = self._buffer.find(_EVENT, self._seen)
        while found >= 0:
            self._arrivals.append(now_s)
            self._seen = found + len(_EVENT)
            found = self._buffer.find(_EVENT, self._seen)

    def _fail(self, reason: str) -> None:
        assert self._answer is not None  # noqa: S101 - only called while one is awaited
        self._answer.set_exception(CallFailed(reason, seen=len(self._arrivals)))
        if self._transport is not None:
            self._transport.close()
