"""One subprocess that is ready when it says so, and gone when its owner is.

Knows how to start, wait for and stop a process; knows nothing of what it runs.
"""

import asyncio
import contextlib
import ctypes
import json
import os
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from runtime.errors import BackendUnavailable

__all__ = ["LocalProcess"]

_STOP_PATIENCE_S = 10.0
_POLL_S = 0.05
_TAIL_BYTES = 2_000
_PR_SET_PDEATHSIG = 1


class LocalProcess:
    """A running subprocess; its output goes to a log file."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path) -> None:
        self.name = name
        self.log = log
        self._process = process

    @classmethod
    async def start(
        cls, name: str, command: Sequence[str], *, log: Path, environment: Mapping[str, str]
    ) -> "LocalProcess":
        """Start ``command``; it dies with this process, however this process dies.

        Raises:
            BackendUnavailable: The program is not there.
        """
        log.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(log, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=descriptor,
                stderr=descriptor,
                env=dict(environment),
                preexec_fn=_die_with_parent,
            )
        except FileNotFoundError as error:
            raise BackendUnavailable(f"{name}: {command[0]} is not installed") from error
        finally:
            os.close(descriptor)
        return cls(name, process, log)

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """Exit code, or ``None`` while it runs."""
        return self._process.returncode

    async def wait_ready(
        self, probe: Callable[[], Awaitable[Any | None]], *, timeout_s: float
    ) -> Any:
        """Ask ``probe`` until it returns something, and return that.

        Raises:
            BackendUnavailable: The process ended first, or took too long; with its last words.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    if self.exit_code is not None:
                        raise BackendUnavailable(
                            f"{self.name} ended with exit code {self.exit_code}: {self.tail()}"
                        )
                    answer = await probe()
                    if answer is not None:
                        return answer
                    await asyncio.sleep(_POLL_S)
        except TimeoutError as error:
            reason = f"{self.name} was not ready after {timeout_s:g} s: {self.tail()}"
            raise BackendUnavailable(reason) from error

    async def wait_ready_file(self, path: Path, *, timeout_s: float) -> dict[str, str]:
        """Wait until the process has written ``path``, and return what it says."""

        async def probe() -> dict[str, str] | None:
            return _read_json(path)  # a few bytes on a local disk

        ready: dict[str, str] = await self.wait_ready(probe, timeout_s=timeout_s)
        return ready

    async def wait_exit(self) -> int:
        """Wait until the process ends, and return its exit code."""
        return await self._process.wait()

    async def stop(self) -> int:
        """Ask the process to end, insist after a while, and return its exit code."""
        if self.exit_code is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()
            try:
                async with asyncio.timeout(_STOP_PATIENCE_S):
                    await self._process.wait()
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    self._process.kill()
        return await self._process.wait()

    def tail(self) -> str:
        """Return the end of the log, on one line."""
        with contextlib.suppress(OSError):
            text = self.log.read_bytes()[-_TAIL_BYTES:].decode(errors="replace")
            lines = [line.strip() for line in text.splitlines() if line.strip()]
            return lines[-1] if lines else "no output"
        return "no output"


def _read_json(path: Path) -> dict[str, str] | None:
    with contextlib.suppress(FileNotFoundError):
        found: dict[str, str] = json.loads(path.read_text())
        return found
    return None


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
