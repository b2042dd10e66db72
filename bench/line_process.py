"""A helper process of a benchmark that speaks JSON lines; it ends with its standard input."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

__all__ = ["LineProcess"]

_LINE_LIMIT_BYTES: Final = 1 << 20
_END_LIMIT_S: Final = 10.0


class LineProcess:
    """A running helper."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    @asynccontextmanager
    async def running(cls, module: str, *arguments: str) -> AsyncIterator[LineProcess]:
        """Run a module of this project while the block lasts."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-W", "ignore", "-m", module, *arguments),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=_LINE_LIMIT_BYTES,
        )
        try:
            yield cls(process)
        finally:
            if process.stdin is not None:
                process.stdin.close()
            try:
                async with asyncio.timeout(_END_LIMIT_S):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    async def say(self, line: str) -> None:
        """Send a line."""
        if self._process.stdin is None:
            raise RuntimeError("the helper has no input")
        self._process.stdin.write(line.encode() + b"\n")
        await self._process.stdin.drain()

    async def hear(self) -> Any:
        """Return its next answer.

        Raises:
            RuntimeError: It ended instead.
        """
        if self._process.stdout is None:
            raise RuntimeError("the helper has no output")
        line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError("the helper process ended")
        return json.loads(line)

    async def ask(self, **command: Any) -> Any:
        """Send a command and return its answer."""
        await self.say(json.dumps(command))
        return await self.hear()
