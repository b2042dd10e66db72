"""One confined process, seen from outside: started, written to, read from within bounds, ended.

The process starts with no environment, no inherited descriptor and no working directory of ours.
It ends with the block that opened it, and with this process, however that ends.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from optimizer.scoring.sandbox.wire import LONGEST_LINE, CannotCross, read_line, to_line
from runtime.errors import BackendUnavailable, StudyInvalid

__all__ = ["Cell", "CellEnded", "SandboxLimits", "open_cell"]

_ROOT: Final = str(Path(__file__).parents[3])
_BOOT: Final = (
    "import sys; sys.path.append(sys.argv[1]);"
    " from optimizer.scoring.sandbox.inside import main; main()"
)
_KILLED: Final = 128 + signal.SIGKILL


@dataclass(frozen=True, slots=True)
class SandboxLimits:
    """What one confined process may use."""

    cpu_s: int = 5
    wall_s: float = 60.0
    memory_mib: int = 512
    output_bytes: int = 2**20


class CellEnded(Exception):
    """The process ended, or wrote what it may not.

    Args:
        is_killed: By its limit on CPU time, or from outside.
    """

    def __init__(self, *, is_killed: bool) -> None:
        super().__init__()
        self.is_killed = is_killed


class Cell:
    """A running confined process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def send(self, message: Mapping[str, object]) -> None:
        """Write a message.

        Raises:
            CellEnded: There is nobody to read it.
            CannotCross: It is too large.
        """
        await self.write(to_line(message))

    async def write(self, data: bytes) -> None:
        """Write bytes.

        Raises:
            CellEnded: There is nobody to read them.
        """
        stream = self._process.stdin
        assert stream is not None  # noqa: S101 - a pipe was asked for
        stream.write(data)
        try:
            await stream.drain()
        except ConnectionError:
            raise await self.ended() from None

    async def close_input(self) -> None:
        """Let the process see the end of its input."""
        stream = self._process.stdin
        assert stream is not None  # noqa: S101 - a pipe was asked for
        stream.close()
        with suppress(ConnectionError):
            await stream.wait_closed()

    async def receive(self) -> dict[str, Any]:
        """Read one message.

        Raises:
            CellEnded: The process ended first, or wrote something else.
        """
        stream = self._process.stdout
        assert stream is not None  # noqa: S101 - a pipe was asked for
        try:
            line = await stream.readuntil(b"\n")
            return read_line(line)
        except asyncio.IncompleteReadError:
            raise await self.ended() from None
        except (asyncio.LimitOverrunError, CannotCross):
            raise CellEnded(is_killed=False) from None

    async def read_all(self, most_bytes: int) -> bytes:
        """Read to the end of the output; stop reading once it is longer than it may be."""
        stream = self._process.stdout
        assert stream is not None  # noqa: S101 - a pipe was asked for
        found = bytearray()
        while len(found) <= most_bytes:
            chunk = await stream.read(65_536)
            if not chunk:
                break
            found += chunk
        return bytes(found)

    async def discard_output(self) -> None:
        """Close the input and read what is left, to its end."""
        await self.close_input()
        stream = self._process.stdout
        assert stream is not None  # noqa: S101 - a pipe was asked for
        while await stream.read(65_536):
            pass

    async def exit_code(self) -> int:
        """Wait for the end; 128 and more is a signal."""
        return await self._process.wait()

    async def ended(self) -> CellEnded:
        """Wait for the end and say what it was."""
        return CellEnded(is_killed=await self.exit_code() == _KILLED)


@asynccontextmanager
async def open_cell(
    role: str, job: Mapping[str, object], limits: SandboxLimits
) -> AsyncIterator[Cell]:
    """Start a confined process; it is killed, with all that it holds, when the block ends.

    Args:
        role: ``program``, ``module`` or ``tests``.
        job: What it is to do.
        limits: What it may use.

    Raises:
        StudyInvalid: The machine does not let it be confined.
    """
    # Hash seed 0: sets and dictionaries come in the same order in each run.
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-s", "-S", "-P", "-B", "-c", _BOOT, _ROOT, str(os.getpid())),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={"PYTHONHASHSEED": "0", "PYTHONUTF8": "1"},
        cwd="/",
        start_new_session=True,
        limit=LONGEST_LINE,
    )
    cell = Cell(process)
    # By descriptor: `process.kill` polls, and so takes the exit status from who waits for it.
    handle = os.pidfd_open(process.pid)
    whole = {
        **job,
        "role": role,
        "cpu_s": limits.cpu_s,
        "memory_bytes": limits.memory_mib * 2**20,
    }
    try:
        line = to_line(whole)
        await cell.write(f"{len(line):08x}".encode() + line)
        await _check_confined(cell)
        yield cell
    finally:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(handle, signal.SIGKILL)
        os.close(handle)
        # To the end of its output: that is when the confined process is gone as well.
        await cell.discard_output()
        await process.wait()


async def _check_confined(cell: Cell) -> None:
    """Read the first line, which trusted code writes once every wall stands."""
    try:
        first = await cell.receive()
    except CellEnded:
        raise BackendUnavailable("the sandbox's process did not start") from None
    if "refused" in first:
        raise StudyInvalid(
            f"this machine does not let code be confined: {first['refused']}; code is never run"
            " unconfined (user namespaces must be allowed for this user)",
            field="scoring.code.sandbox",
        )
