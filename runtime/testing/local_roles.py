"""Edge and gateway as real processes of one layout, to be killed, stopped and started again.

Where ``runtime.local.stack`` keeps a stack up, this lets a test take it apart. Knows the command
line and the files of a layout; knows no role's code.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from runtime.codec.collaboration import CollaborationCall
from runtime.executor.events import Event
from runtime.graph.model import Graph
from runtime.local.process import LocalProcess
from runtime.ports import ChatMessage
from runtime.rpc.channels import ChannelSettings, open_channel
from runtime.rpc.collaboration_client import CollaborationClient

__all__ = [
    "CommandResult",
    "LocalRoles",
    "edit_yaml",
    "leeward",
    "leeward_in_turn",
    "run_graph",
]

_START_S = 60.0
_SCRIPT = "from runtime.cli.main import main; main()"
_LEEWARD = (sys.executable, "-c", _SCRIPT)
_IN_TURN = """
import json, sys
from runtime.cli.main import main
for command in json.loads(sys.argv[1]):
    sys.argv[1:] = command
    try:
        main()
    except SystemExit as ended:
        if ended.code:
            raise
"""


@dataclass(frozen=True, slots=True)
class CommandResult:
    """How a command ended."""

    exit_code: int
    stdout: str
    stderr: str
    took_s: float
    left_behind: tuple[int, ...]
    """Pids of its session that outlived it."""


async def leeward(
    *arguments: str, environment: Mapping[str, str], timeout_s: float = 30.0
) -> CommandResult:
    """Run ``leeward`` to its end, in a session of its own.

    Raises:
        TimeoutError: It did not end in time; it was killed.
    """
    return await _run((*_LEEWARD, *arguments), environment=environment, timeout_s=timeout_s)


async def leeward_in_turn(
    *commands: Sequence[str], environment: Mapping[str, str], timeout_s: float = 60.0
) -> CommandResult:
    """Run several commands one after the other, up to the first that fails.

    In one process, which imports once what they share: most of what a short command takes.

    Raises:
        TimeoutError: They did not end in time; they were killed.
    """
    script = (sys.executable, "-c", _IN_TURN, json.dumps(commands))
    return await _run(script, environment=environment, timeout_s=timeout_s)


async def _run(
    command: Sequence[str], *, environment: Mapping[str, str], timeout_s: float
) -> CommandResult:
    started_s = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=dict(environment),
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(timeout_s):
            output, errors = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    assert process.returncode is not None
    return CommandResult(
        process.returncode,
        output.decode(),
        errors.decode(),
        time.monotonic() - started_s,
        _members_of_session(process.pid),
    )


class LocalRoles:
    """The serving processes of one directory, each under a name of its own.

    Args:
        root: Where logs and ready files go.
        environment: What the processes inherit.
    """

    def __init__(self, root: Path, environment: Mapping[str, str]) -> None:
        self._root = root
        self._environment = environment
        self._running: dict[str, LocalProcess] = {}

    async def serve(self, name: str, role: str, config: Path) -> dict[str, str]:
        """Start ``leeward ROLE serve`` under ``name``; return the addresses it serves at.

        Raises:
            BackendUnavailable: It did not come up; with its last words.
        """
        ready = self._root / f"{name}.ready.json"
        ready.unlink(missing_ok=True)
        arguments = [role, "serve", "--config", str(config), "--ready-file", str(ready)]
        process = await LocalProcess.start(
            name, [*_LEEWARD, *arguments], log=self.log(name), environment=self._environment
        )
        self._running[name] = process
        return await process.wait_ready_file(ready, timeout_s=_START_S)

    def log(self, name: str) -> Path:
        """Where the process of that name writes its log."""
        return self._root / "logs" / f"{name}.log"

    def pid(self, name: str) -> int:
        """Return the process id."""
        return self._running[name].pid

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal and do not wait."""
        os.kill(self.pid(name), number)

    async def wait_exit(self, name: str, *, timeout_s: float) -> int:
        """Wait until the process has ended, and return its exit code.

        Raises:
            TimeoutError: It has not ended.
        """
        async with asyncio.timeout(timeout_s):
            return await self._running[name].wait_exit()

    async def kill(self, name: str) -> None:
        """``kill -9``, and wait until it is gone."""
        self.signal(name, signal.SIGKILL)
        await self.wait_exit(name, timeout_s=10)

    async def close(self) -> None:
        """Stop whatever still runs."""
        await asyncio.gather(*(process.stop() for process in self._running.values()))


async def run_graph(
    target: str, graph: str | Graph | None, text: str, *, timeout_s: float = 20.0
) -> AsyncGenerator[Event]:
    """Run a graph over gRPC as a local application does, and stream its events."""
    call = CollaborationCall(graph, (ChatMessage("user", text),))
    async with (
        open_channel(ChannelSettings(target=target, tls=None)) as channel,
        aclosing(CollaborationClient(channel).run(call, timeout_s=timeout_s)) as events,
    ):
        async for event in events:
            yield event


def edit_yaml(source: Path, target: Path, changes: Mapping[str, Any]) -> None:
    """Write ``source`` to ``target`` with values replaced; keys are dotted paths, ``None`` drops.

    A slash separates keys where a key itself has dots.
    """
    data = yaml.safe_load(source.read_text())
    for path, value in changes.items():
        *parents, last = path.split("/") if "/" in path else path.split(".")
        place = data
        for parent in parents:
            place = place[parent]
        if value is None:
            del place[last]
        else:
            place[last] = value
    target.write_text(yaml.safe_dump(data, sort_keys=False))


def _members_of_session(session: int) -> tuple[int, ...]:
    """Return the live processes of a session, zombies left out."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended in between
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return tuple(sorted(found))
