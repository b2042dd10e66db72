"""A loopback wire tap between gateway and provider: shows what the provider really received.

Forwards bytes both ways unchanged and keeps what the gateway sent. For demonstrations and tests
only; it sees what any provider sees.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

__all__ = ["Tap", "running_tap"]

_PIECE_BYTES = 65_536


@dataclass(slots=True)
class Tap:
    """What went through, in order of connection."""

    host: str = ""
    port: int = 0
    sent: list[bytearray] = field(default_factory=list)
    """Everything the gateway sent, one entry per connection."""

    def text(self) -> str:
        """Return all that the provider received, as text."""
        return "\n".join(data.decode(errors="replace") for data in self.sent)

    def user_turns(self) -> list[str]:
        """Return the user turns of every chat the provider was asked, in order."""
        turns: list[str] = []
        decoder = json.JSONDecoder()
        text, at = self.text(), 0
        while (at := text.find("\r\n\r\n{", at)) >= 0:
            at += len("\r\n\r\n")
            with contextlib.suppress(json.JSONDecodeError):
                body, _ = decoder.raw_decode(text, at)
                chat = body.get("messages", [])
                turns += [turn["content"] for turn in chat if turn.get("role") == "user"]
        return turns


@asynccontextmanager
async def running_tap(host: str, port: int) -> AsyncIterator[Tap]:
    """Listen on a free loopback port and forward to ``host:port`` until the block ends."""
    tap = Tap(host="127.0.0.1")
    connections: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - asyncio runs this callback as a task
        connections.add(task)
        kept = bytearray()
        tap.sent.append(kept)
        try:
            up_reader, up_writer = await asyncio.open_connection(host, port)
            async with asyncio.TaskGroup() as group:
                group.create_task(_pump(reader, up_writer, kept))
                group.create_task(_pump(up_reader, writer, None))
        except* OSError:
            writer.close()
        finally:
            connections.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    tap.port = server.sockets[0].getsockname()[1]
    try:
        yield tap
    finally:
        server.close()
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)


async def _pump(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, kept: bytearray | None
) -> None:
    try:
        while piece := await reader.read(_PIECE_BYTES):
            if kept is not None:
                kept += piece
            writer.write(piece)
            await writer.drain()
    finally:
        writer.close()
