"""A real OpenAI-compatible HTTP server on loopback that misbehaves on request.

For tests of the gateway's upstream side: it streams what a script says, stops, stalls, cuts the
connection or answers an error status. Knows no role.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Provider", "Script", "running_provider"]


@dataclass(frozen=True, slots=True)
class Script:
    """What the provider does with each call."""

    pieces: Sequence[str | Mapping[str, Any]] = ("four", "ty-two")
    """Texts, or whole deltas."""
    finish_reason: str | None = "stop"
    """``None`` ends the stream without one."""
    usage: tuple[int, int] | Mapping[str, Any] | None = (7, 2)
    """Prompt and completion tokens, or the object as it is sent; ``None`` reports none."""
    stall_before: int | None = None
    """Fall silent before this piece."""
    hold: asyncio.Event | None = None
    """Waited for before the last piece."""
    cut_before: int | None = None
    """Reset the connection before this piece."""
    status: int = 200
    headers: Sequence[tuple[str, str]] = ()
    error_code: str = ""
    raw: bytes = b""
    """Sent as it is before the pieces: events that no well-behaved provider sends."""
    content_type: str = "text/event-stream"
    pause_s: float = 0.0
    """How long it thinks before it answers at all."""
    piece_s: float = 0.0
    """How long it thinks after each piece."""
    comments_s: float = 0.0
    """While stalled it sends a comment so often: a connection that lives and an answer that does
    not come."""
    vectors: Sequence[Sequence[float]] | None = None
    """Answers with these embeddings instead of a stream."""


@dataclass(slots=True)
class Provider:
    """A running provider and what it was asked."""

    port: int = 0
    script: Script = field(default_factory=Script)
    queue: list[Script] = field(default_factory=list)
    """Scripts of the next calls, one each; ``script`` is for those after them."""
    calls: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    """The ``Authorization`` of each call."""
    connections: int = 0
    """How many were opened."""
    health: int = 200
    """Status of the list of models."""
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a call arrives."""
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a caller goes away before the end."""

    @property
    def base_url(self) -> str:
        """Where its API starts."""
        return f"http://127.0.0.1:{self.port}/v1"


@asynccontextmanager
async def running_provider(script: Script | None = None) -> AsyncIterator[Provider]:
    """Serve until the block ends."""
    provider = Provider(script=script or Script())
    connections: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        provider.connections += 1
        try:
            # Cancelled when the block ends, which asyncio's streams would complain about.
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await _serve(provider, reader, writer)
        finally:
            connections.discard(task)
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    provider.port = server.sockets[0].getsockname()[1]
    try:
        yield provider
    finally:
        server.close()
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
        await server.wait_closed()


async def _serve(
    provider: Provider, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Answer one request after the other, as a server with kept connections does."""
    head: bytes | None = await _next_head(reader)
    while head is not None:
        body = await reader.readexactly(_length(head))
        if head.startswith(b"GET"):
            await _answer(writer, provider.health, {"object": "list", "data": []})
            head = await _next_head(reader)
            continue
        provider.calls.append(json.loads(body))
        provider.keys.append(_field(head, b"authorization"))
        provider.asked.set()
        script = provider.queue.pop(0) if provider.queue else provider.script
        # Whatever the caller sends next, or that it hangs up, is noticed while we write.
        following = asyncio.ensure_future(_next_head(reader))
        try:
            is_over = await _play(provider, script, body, following, writer)
            head = None if is_over else await following
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)


async def _next_head(reader: asyncio.StreamReader) -> bytes:
    return await reader.readuntil(b"\r\n\r\n")


def _length(head: bytes) -> int:
    return int(_field(head, b"content-length") or "0")


def _field(head: bytes, name: bytes) -> str:
    for line in head.splitlines():
        field, _, value = line.partition(b":")
        if field.lower() == name:
            return value.strip().decode()
    return ""


async def _play(
    provider: Provider,
    script: Script,
    body: bytes,
    following: asyncio.Future[bytes],
    writer: asyncio.StreamWriter,
) -> bool:
    """Do what the script says; return whether the connection is of no more use."""
    await asyncio.sleep(script.pause_s)
    if script.status != 200:
        error = {"error": {"message": "no: " + body.decode(), "code": script.error_code}}
        await _answer(writer, script.status, error, script.headers)
        return False
    if script.vectors is not None:
        await _answer(writer, 200, _embeddings(script))
        return False
    await _head(writer, script)
    if script.raw:
        _chunk(writer, script.raw)
    return await _stream(provider, script, following, writer)


async def _stream(
    provider: Provider,
    script: Script,
    following: asyncio.Future[bytes],
    writer: asyncio.StreamWriter,
) -> bool:
    for number, piece in enumerate(script.pieces):
        if number == script.stall_before:
            while script.comments_s and not following.done():
                _chunk(writer, b": still here\n\n")
                await asyncio.sleep(script.comments_s)
            await asyncio.wait([following])
            provider.hung_up.set()
            return True
        if number == script.cut_before:
            writer.transport.abort()
            return True
        if script.hold is not None and number == len(script.pieces) - 1:
            await script.hold.wait()
        delta = {"content": piece} if isinstance(piece, str) else dict(piece)
        _event(writer, {"index": 0, "delta": delta, "finish_reason": None})
        await writer.drain()
        await asyncio.sleep(script.piece_s)
        if following.done():
            provider.hung_up.set()
            return True
    if script.finish_reason is not None:
        _event(writer, {"index": 0, "delta": {}, "finish_reason": script.finish_reason})
    if script.usage is not None:
        _event(writer, None, usage=_usage(script.usage))
    _chunk(writer, b"data: [DONE]\n\n")
    writer.write(b"0\r\n\r\n")
    await writer.drain()
    return False


def _usage(counted: tuple[int, int] | Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(counted, Mapping):
        return dict(counted)
    prompt, completion = counted
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }


def _embeddings(script: Script) -> dict[str, Any]:
    vectors = script.vectors or ()
    return {
        "object": "list",
        "model": "scripted",
        "data": [
            {"object": "embedding", "index": index, "embedding": list(vector)}
            for index, vector in enumerate(vectors)
        ],
        "usage": None if script.usage is None else _usage(script.usage),
    }


async def _head(writer: asyncio.StreamWriter, script: Script) -> None:
    lines = ["HTTP/1.1 200 OK", f"content-type: {script.content_type}"]
    lines += ["transfer-encoding: chunked", *(f"{name}: {value}" for name, value in script.headers)]
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n")
    await writer.drain()


def _event(writer: asyncio.StreamWriter, choice: dict[str, Any] | None, **more: Any) -> None:
    chunk = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "scripted",
        "choices": [] if choice is None else [choice],
        **more,
    }
    _chunk(writer, f"data: {json.dumps(chunk)}\n\n".encode())


def _chunk(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(b"%x\r\n%b\r\n" % (len(data), data))


async def _answer(
    writer: asyncio.StreamWriter,
    status: int,
    body: dict[str, Any],
    headers: Sequence[tuple[str, str]] = (),
) -> None:
    data = json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} X", "content-type: application/json"]
    lines += [f"content-length: {len(data)}", *(f"{name}: {value}" for name, value in headers)]
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + data)
    await writer.drain()
