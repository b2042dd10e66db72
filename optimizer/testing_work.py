"""Work for tests of engines: a scripted edge in the worker, and workers that die, hang and fail.

In the package because a worker process has to import it; knows no real model.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from optimizer.engines.model import Do
from optimizer.evaluation.edge_runs import EdgeRun
from optimizer.evaluation.edge_work import EdgeRequest
from optimizer.testing import ScriptedEdge
from runtime.errors import CapacityExhausted, StudyInvalid
from runtime.planner.model import Plan

__all__ = ["MishapWork", "ScriptedWork", "UnopenedWork"]

_HANG_S = 3600.0


@dataclass(frozen=True, slots=True)
class ScriptedWork:
    """A scripted edge in each worker."""

    usd_per_call: float = 1e-4
    usd_per_character: float = 1.7e-8
    dies_on: str = ""
    """The first worker that is to run a prompt with this text is killed, as by the kernel."""
    marks: Path = Path()
    """Where it is noted that it was."""

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Do[EdgeRequest, EdgeRun | Plan]]:
        """Make the edge."""
        edge = ScriptedEdge(
            usd_per_call=self.usd_per_call, usd_per_character=self.usd_per_character
        )

        async def do(request: EdgeRequest) -> EdgeRun | Plan:
            if request.is_dry:
                return await edge.plan(request.call)
            if self.dies_on and self.dies_on in request.call.messages[-1].content:
                mark = self.marks / "died"
                if not mark.exists():
                    mark.touch()
                    os.kill(os.getpid(), signal.SIGKILL)
            return await edge.run(request.call)

        yield do


@dataclass(frozen=True, slots=True)
class MishapWork:
    """Requests are words that say what is to happen."""

    marks: Path
    """A directory where a worker notes what it saw."""

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Do[str, int]]:
        """Open nothing."""
        yield self._do

    async def _do(self, word: str) -> int:
        match word:
            case "die":
                os.kill(os.getpid(), signal.SIGKILL)
            case "hang":
                time.sleep(_HANG_S)  # noqa: ASYNC251 - the worker's loop is to stand still
            case "wait":
                await self._wait()
            case "full":
                raise CapacityExhausted("full", retry_after_s=7.5)
            case "fault":
                raise KeyError("the prompt of Anna")
            case _:
                pass
        return os.getpid()

    async def _wait(self) -> None:
        (self.marks / "waiting").touch()
        try:
            await asyncio.sleep(_HANG_S)
        except asyncio.CancelledError:
            (self.marks / "cancelled").touch()
            raise


@dataclass(frozen=True, slots=True)
class UnopenedWork:
    """Work that no worker can do."""

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Do[str, int]]:
        """Refuse."""
        raise StudyInvalid('lists "nobody", which the edge does not know', field="graphs.models")
        yield  # pragma: no cover - makes this a generator
