"""A real OpenAI-compatible HTTP server on loopback that misbehaves on request.

For tests of the gateway's upstream side: it streams what a script says, stops, stalls, cuts the
connection or answers an error status. Knows no role.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Provider", "Script", "running_provider"]

_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Script:
    """What the provider does with each call."""

    pieces: Sequence[str] = ("four", "ty-two")
    finish_reason: str | None = "stop"
    """``None`` ends the stream without one."""
    usage: tuple[int, int] | None = (7, 2)
    """Prompt and completion tokens; ``None`` reports none."""
    stall_before: int | None = None
    """Fall silent before this piece."""
    cut_before: int | None = None
    """Reset the connection before this piece."""
    status: int = 200
    headers: Sequence[tuple[str, str]] = ()
    error_code: str = ""
    raw: bytes = b""
    """Sent as it is before the pieces: events that no well-behaved provider sends."""


@dataclass(slots=True)
class Provider:
    """A running provider and what it was asked."""

    port: int = 0
    script: Script = field(default_factory=Script)
    queue: list[Script] = field(default_factory=list)
    """Scripts of the next calls, one each; ``script`` is for those after them."""
    calls: list[dict[str, Any]] = field(default_factory=list)
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
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
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
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    length = next(
        (
            int(line.partition(":")[2])
            for line in head.splitlines()
            if line.lower().startswith("content-length:")
        ),
        0,
    )
    body = await reader.readexactly(length)
    if head.startswith("GET"):
        await _answer(writer, 200, {"object": "list", "data": []})
        return
    provider.calls.append(json.loads(body))
    provider.asked.set()
    script = provider.queue.pop(0) if provider.queue else provider.script
    if script.status != 200:
        error = {"error": {"message": "no: " + body.decode(), "code": script.error_code}}
        await _answer(writer, script.status, error, script.headers)
        return
    writer.write(_HEAD + script.raw)
    await _stream(provider, script, reader, writer)


async def _stream(
    provider: Provider,
    script: Script,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    gone = asyncio.ensure_future(reader.read())
    try:
        for number, piece in enumerate(script.pieces):
            if number == script.stall_before:
                await gone
                provider.hung_up.set()
                return
            if number == script.cut_before:
                writer.transport.abort()
                return
            _event(writer, {"index": 0, "delta": {"content": piece}, "finish_reason": None})
            await writer.drain()
        end = {"index": 0, "delta": {}, "finish_reason": script.finish_reason}
        if script.finish_reason is not None:
            _event(writer, end)
        if script.usage is not None:
            prompt, completion = script.usage
            _event(
                writer,
                None,
                usage={
                    "prompt_tokens": prompt,
                    "completion_tokens": completion,
                    "total_tokens": prompt + completion,
                },
            )
        writer.write(b"data: [DONE]\n\n")
        await writer.drain()
    finally:
        gone.cancel()


def _event(
    writer: asyncio.StreamWriter, choice: dict[str, Any] | None, **more: dict[str, int]
) -> None:
    chunk = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "scripted",
        "choices": [] if choice is None else [choice],
        **more,
    }
    writer.write(f"data: {json.dumps(chunk)}\n\n".encode())


async def _answer(
    writer: asyncio.StreamWriter,
    status: int,
    body: dict[str, Any],
    headers: Sequence[tuple[str, str]] = (),
) -> None:
    data = json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} X", "content-type: application/json", "connection: close"]
    lines += [f"content-length: {len(data)}", *(f"{name}: {value}" for name, value in headers)]
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + data)
    await writer.drain()
