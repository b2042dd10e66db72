"""Starting a child process and learning how one died.

Knows the command, what the child may see of the world, and what its exit means. Calls and
supervision are above it.
"""

import asyncio
import os
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

from edge.engine.frames import Load, LoadFailed, ModelFacts, Ready, encode, read_frame
from edge.engine.notes import CrashNotes
from edge.engine.options import EngineOptions
from runtime.errors import BackendUnavailable, ModelInvalid

__all__ = ["Child", "spawn"]

_COMMAND: Final = (sys.executable, "-I", "-B", "-X", "faulthandler", "-m", "edge.engine.child")
_ENVIRONMENT: Final = {
    "PATH": os.defpath,
    "LC_ALL": "C.UTF-8",
    "GGML_NO_BACKTRACE": "1",
    "MALLOC_ARENA_MAX": "1",
}
"""All that the child sees: none of the daemon's secrets, and no debugger on a failed assert. One
heap for all of its threads: each one's own would be memory that no limit counts."""
_GATHER_S: Final = 0.03
_LONG_GATHER_S: Final = 0.06
_NOTES_CHUNK_BYTES: Final = 1 << 14
_FILE_SIGNALS: Final = frozenset({signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE})
"""Deaths while loading that a broken file causes."""
_NOT_FOR_THIS_PROCESSOR: Final = (
    "llama-cpp-python was compiled for another processor, or wrongly; deploy/README.md says how to"
)


class Child:
    """A child process and both ends of what connects us to it.

    Args:
        process: The child, just started.
        reader: What it sends.
        writer: What it is sent.
        errors: Its stderr.
    """

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        *,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        errors: asyncio.StreamReader,
    ) -> None:
        self._process = process
        # asyncio's own kill() first polls, and so may reap the process before its watcher does,
        # which then reports exit code 255 for whatever happened. A pidfd never does.
        self._pidfd = _pidfd_of(process.pid)
        self._errors = errors
        self._notes = CrashNotes()
        self._verdict = ""
        self.reader = reader
        self.writer = writer

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    async def read_notes(self) -> None:
        """Follow its stderr until the end, so that it never blocks on a full pipe."""
        while data := await self._errors.read(_NOTES_CHUNK_BYTES):
            self._notes.feed(data)

    def condemn(self, verdict: str) -> None:
        """Send SIGKILL, which also ends a stopped process; the first verdict is kept."""
        self._verdict = self._verdict or verdict
        if self._pidfd >= 0:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    async def wait_dead(self) -> int:
        """Close the connection and wait until the process is gone; return its exit code."""
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()
        await self.read_notes()  # asyncio reaps a process only when its pipes are at their end
        code = await self._process.wait()
        if self._pidfd >= 0:
            os.close(self._pidfd)
            self._pidfd = -1
        return code

    def death(self, code: int) -> str:
        """Describe an exit in one line, free of content."""
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        hint = _NOT_FOR_THIS_PROCESSOR if -code == signal.SIGILL else ""
        details = (hint, self._verdict, self._notes.summary())
        return "; ".join([how, *(detail for detail in details if detail)])


def _pidfd_of(pid: int) -> int:
    """Return a handle on a process, or -1 when it is gone already."""
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        return -1


async def spawn(path: Path, options: EngineOptions) -> tuple[Child, ModelFacts]:
    """Start a child and wait until it has loaded the model.

    Raises:
        ModelInvalid: libllama refuses the file, or dies of it.
        BackendUnavailable: The child cannot run, or takes too long.
    """
    child = await _start()
    try:
        async with asyncio.timeout(options.start_limit_s):
            return child, await _load(child, path, options)
    except TimeoutError:
        child.condemn("loading took too long")
        await child.wait_dead()
        raise BackendUnavailable(f"{path}: not loaded in {options.start_limit_s:g} s") from None
    except BaseException:
        child.condemn("loading ended")
        await child.wait_dead()
        raise


async def _start() -> Child:
    """Start the process last: asyncio cleans up after itself when that is cancelled."""
    ours, theirs = socket.socketpair()
    with theirs:
        try:
            reader, writer = await asyncio.open_connection(sock=ours)
        except BaseException:
            ours.close()
            raise
        try:
            process = await asyncio.create_subprocess_exec(
                *_COMMAND,
                str(theirs.fileno()),
                str(os.getpid()),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                pass_fds=(theirs.fileno(),),
                env=_ENVIRONMENT,
                cwd="/",
            )
        except OSError as error:  # no memory, or too many processes
            writer.close()
            raise BackendUnavailable(f"no process can be started: {error.strerror}") from None
        except BaseException:
            writer.close()
            raise
    errors = process.stderr or asyncio.StreamReader()
    return Child(process, reader=reader, writer=writer, errors=errors)


async def _load(child: Child, path: Path, options: EngineOptions) -> ModelFacts:
    child.writer.write(encode(_load_frame(path, options)))
    frame = await read_frame(child.reader)
    if isinstance(frame, Ready):
        return frame.facts
    if isinstance(frame, LoadFailed):
        raise ModelInvalid(f"{path}: {frame.reason}")
    code = await child.wait_dead()
    message = f"{path}: the engine died while loading it ({child.death(code)})"
    raise (ModelInvalid if -code in _FILE_SIGNALS else BackendUnavailable)(message)


def _gather_s(options: EngineOptions) -> float:
    if options.gather_s is not None:
        return options.gather_s
    is_all_taken = options.threads >= len(os.sched_getaffinity(0))
    return _LONG_GATHER_S if is_all_taken else _GATHER_S


def _load_frame(path: Path, options: EngineOptions) -> Load:
    return Load(
        path=str(path.absolute()),
        context_tokens=options.context_tokens,
        batch_tokens=options.batch_tokens,
        threads=options.threads,
        gpu_layers=options.gpu_layers,
        slots=options.slots,
        cache_tokens=options.cache_tokens,
        kept_prefixes=options.kept_prefixes,
        is_deterministic=options.is_deterministic,
        guesses=options.guesses,
        queue_limit=options.queue_limit,
        memory_headroom_bytes=options.memory_headroom_bytes,
        is_mapped=options.is_mapped,
        gather_s=_gather_s(options),
        takes_tensors=options.takes_tensors,
        draft="" if options.draft is None else str(options.draft.absolute()),
        adapter="" if options.adapter is None else str(options.adapter.absolute()),
    )
