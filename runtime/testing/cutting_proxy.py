"""A link on loopback that can be cut and mended: between an edge and its gateway, say.

Bytes pass as they are, so TLS sees nothing of it. Knows no role.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

__all__ = ["CuttingProxy", "running_proxy"]

_CHUNK: int = 65_536


class CuttingProxy:
    """A running link.

    Args:
        target: ``host:port`` behind it.
    """

    def __init__(self, target: str) -> None:
        self.target = target
        self.port = 0
        self.is_cut = False
        self.passed_bytes = 0
        """In both directions together."""
        self.answers_take_s = 0.0
        """How long what the far side says is on its way."""
        self._links: set[asyncio.Task[None]] = set()

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self.port}"

    async def cut(self) -> None:
        """Break every connection, and refuse new ones."""
        self.is_cut = True
        links = list(self._links)
        for link in links:
            link.cancel()
        await asyncio.gather(*links, return_exceptions=True)

    def mend(self) -> None:
        """Let new connections through."""
        self.is_cut = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass one connection on until either side ends it."""
        task = asyncio.current_task()
        assert task is not None
        self._links.add(task)
        try:
            if not self.is_cut:
                with suppress(OSError):
                    await self._join(reader, writer)
        except asyncio.CancelledError:
            writer.transport.abort()  # as when a cable is pulled: nothing more arrives
        finally:
            self._links.discard(task)
            writer.close()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, _, port = self.target.rpartition(":")
        far_reader, far_writer = await asyncio.open_connection(host, int(port))
        ways = [
            asyncio.create_task(self._pump(reader, far_writer)),
            asyncio.create_task(self._pump(far_reader, writer, is_answer=True)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            far_writer.transport.abort()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_answer: bool = False
    ) -> None:
        if is_answer:
            reader = self._line(reader)
        while data := await reader.read(_CHUNK):
            self.passed_bytes += len(data)
            writer.write(data)
            await writer.drain()

    def _line(self, reader: asyncio.StreamReader) -> asyncio.StreamReader:
        """Return what comes out of a line that everything takes the same time to pass."""
        loop, out = asyncio.get_running_loop(), asyncio.StreamReader()
        task = asyncio.current_task()

        async def enter() -> None:
            while data := await reader.read(_CHUNK):
                if self.answers_take_s:
                    loop.call_later(self.answers_take_s, out.feed_data, data)
                else:
                    out.feed_data(data)
            loop.call_later(self.answers_take_s, out.feed_eof)

        entering = asyncio.create_task(enter())
        if task is not None:
            task.add_done_callback(lambda _: entering.cancel())
        return out


@asynccontextmanager
async def running_proxy(target: str) -> AsyncIterator[CuttingProxy]:
    """Serve a link to ``target`` until the block ends."""
    proxy = CuttingProxy(target)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        await proxy.cut()
        await server.wait_closed()
