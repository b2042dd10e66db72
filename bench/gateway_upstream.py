"""The instrumented upstream of ``bench.gateway``: an OpenAI endpoint that costs next to nothing.

Written on a bare ``asyncio.Protocol`` so that neither it nor its framework is what is measured.
The model's name says what it answers: ``say-8-20`` streams 8 pieces, 20 ms apart. What it was
asked is counted, and ``GET /counts`` tells.

``python -m bench.gateway_upstream FILE`` writes its port to FILE once it serves.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, cast

from runtime.rpc.ready import announce, wait_stop_signal

__all__ = ["PROMPT_TOKENS", "Counts", "model_name", "pieces_of"]

PROMPT_TOKENS: Final = 100
"""What every answer says its prompt had."""
_MODEL: Final = re.compile(rb'"model"\s*:\s*"say-(\d+)-(\d+)"')
_STREAMS: Final = re.compile(rb'"stream"\s*:\s*true')
_LENGTH: Final = re.compile(rb"\r\ncontent-length:\s*(\d+)", re.IGNORECASE)
_HEAD_END: Final = b"\r\n\r\n"
_STREAM_HEAD: Final = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
)
_LAST_CHUNK: Final = b"0\r\n\r\n"
_MODELS: Final = {"object": "list", "data": [{"id": "say-8-0", "object": "model"}]}


@dataclass(slots=True)
class Counts:
    """What the upstream was asked so far."""

    calls: int = 0
    running: int = 0
    most_running: int = 0
    finished: int = 0
    cancelled: int = 0
    """Calls whose caller hung up before the answer's end."""
    completion_tokens: int = 0
    """Pieces really sent, of unfinished answers too."""


def model_name(pieces: int, gap_ms: int) -> str:
    """Return the model that answers in ``pieces`` pieces, ``gap_ms`` apart."""
    return f"say-{pieces}-{gap_ms}"


def pieces_of(count: int) -> list[str]:
    """Return what an answer of ``count`` pieces says."""
    return [f" word{index}" for index in range(count)]


@lru_cache(maxsize=64)
def _events(count: int) -> list[bytes]:
    """Return an answer's stream: one HTTP chunk per piece, then its end in one."""
    spoken = [_chunk(_sse(_delta({"content": piece}))) for piece in pieces_of(count)]
    spoken[0] = _chunk(_sse(_delta({"role": "assistant", "content": ""}))) + spoken[0]
    end = _sse(_delta({}, finish="stop")) + _sse(
        {**_frame("chunk"), "choices": [], **_usage(count)}
    )
    return [*spoken, _chunk(end + b"data: [DONE]\n\n") + _LAST_CHUNK]


@lru_cache(maxsize=64)
def _whole(count: int) -> bytes:
    message = {"role": "assistant", "content": "".join(pieces_of(count))}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return _json({**_frame("completion"), "choices": [choice], **_usage(count)})


def _delta(delta: dict[str, str], finish: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {**_frame("chunk"), "choices": [choice]}


def _frame(kind: str) -> dict[str, Any]:
    what = "chat.completion.chunk" if kind == "chunk" else "chat.completion"
    return {"id": "chatcmpl-bench", "object": what, "created": 1, "model": "bench"}


def _usage(count: int) -> dict[str, Any]:
    total = PROMPT_TOKENS + count
    counts = {"prompt_tokens": PROMPT_TOKENS, "completion_tokens": count, "total_tokens": total}
    return {"usage": counts}


def _sse(data: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(data, separators=(",", ":")).encode() + b"\n\n"


def _chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def _json(data: object, status: str = "200 OK") -> bytes:
    body = json.dumps(data, separators=(",", ":")).encode()
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
    return head.encode() + _HEAD_END + body


class _Connection(asyncio.Protocol):
    """One caller; its requests come one after the other."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self._buffer = b""
        self._next: asyncio.TimerHandle | None = None
        self._running = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, _error: Exception | None) -> None:
        if self._next is not None:
            self._next.cancel()
        if self._running:
            self._running = False
            self._counts.running -= 1
            self._counts.cancelled += 1

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while not self._running and (request := self._take_request()) is not None:
            self._answer(*request)

    def _take_request(self) -> tuple[bytes, bytes] | None:
        head_end = self._buffer.find(_HEAD_END)
        if head_end < 0:
            return None
        length = _LENGTH.search(self._buffer, 0, head_end)
        body_start = head_end + len(_HEAD_END)
        end = body_start + (int(length.group(1)) if length else 0)
        if len(self._buffer) < end:
            return None
        head, body = self._buffer[:head_end], self._buffer[body_start:end]
        self._buffer = self._buffer[end:]
        return head, body

    def _answer(self, head: bytes, body: bytes) -> None:
        if head.startswith(b"GET /counts"):
            self._transport.write(_json(asdict(self._counts)))
        elif head.startswith(b"GET "):
            self._transport.write(_json(_MODELS))
        elif (model := _MODEL.search(body)) is None:
            self._transport.write(_json({"error": {"message": "no such model"}}, "404 Not Found"))
        else:
            self._begin(int(model.group(1)), int(model.group(2)) / 1000, body)

    def _begin(self, count: int, gap_s: float, body: bytes) -> None:
        counts = self._counts
        counts.calls += 1
        counts.running += 1
        counts.most_running = max(counts.most_running, counts.running)
        self._running = True
        if not _STREAMS.search(body):
            counts.completion_tokens += count
            self._later(gap_s * count, lambda: self._end(_whole(count)))
            return
        events = _events(count)
        if gap_s == 0:
            counts.completion_tokens += count
            self._end(_STREAM_HEAD + b"".join(events))
            return
        self._transport.write(_STREAM_HEAD)
        self._send(events, 0, gap_s, asyncio.get_running_loop().time() + gap_s)

    def _send(self, events: list[bytes], index: int, gap_s: float, due_s: float) -> None:
        """Send one piece and set the clock for the next, by absolute time so that none drifts."""
        if index == len(events) - 1:
            self._end(events[index])
            return
        self._counts.completion_tokens += 1
        self._transport.write(events[index])
        loop = asyncio.get_running_loop()
        self._next = loop.call_at(due_s, self._send, events, index + 1, gap_s, due_s + gap_s)

    def _later(self, delay_s: float, work: Any) -> None:
        if delay_s == 0:
            work()
        else:
            self._next = asyncio.get_running_loop().call_later(delay_s, work)

    def _end(self, data: bytes) -> None:
        self._next = None
        self._running = False
        self._counts.running -= 1
        self._counts.finished += 1
        self._transport.write(data)
        self.data_received(b"")


async def _serve(ready_file: Path) -> None:
    counts = Counts()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(counts), "127.0.0.1", 0, backlog=1024)
    async with server:
        announce(ready_file, {"port": str(server.sockets[0].getsockname()[1])})
        await wait_stop_signal()


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1])))
