"""What runs in a Ray worker process: opens the work once and answers requests.

Nothing is ever raised to Ray, which would write the failure's text into its own logs and tables:
a named failure is an answer, of any other only class and place are told. Does not import Ray.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import platform
import traceback
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optimizer.engines.model import Do, Work
from runtime.errors import ConfigInvalid, LeewardError
from runtime.version import VERSION

__all__ = ["Answer", "Failure", "Fault", "Opened", "RayWorker", "Reply"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request came to."""

    value: Any


@dataclass(frozen=True, slots=True)
class Failure:
    """A named failure."""

    error: LeewardError


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of ours, without its text."""

    kind: str
    place: str


@dataclass(frozen=True, slots=True)
class Opened:
    """A worker that is ready."""

    host: str
    pid: int


Reply = Answer | Failure | Fault


class RayWorker:
    """One worker process; Ray makes it an actor. Its methods share one event loop.

    Args:
        work: What it is to do, pickled by the process that started the study.
    """

    def __init__(self, work: bytes) -> None:
        self._work: Work[Any, Any] = pickle.loads(work)  # noqa: S301 - from our own driver
        self._stack = AsyncExitStack()
        self._do: Do[Any, Any] | None = None

    async def open(self, version: str) -> Opened | Failure | Fault:
        """Open the work, once and before anything else.

        Args:
            version: Which release sends it; another one would take its messages for something else.
        """
        host = platform.node()
        if version != VERSION:
            reason = f"worker on {host} runs leeward {VERSION}, this is {version}; install the same"
            return Failure(ConfigInvalid(reason))
        try:
            self._do = await self._stack.enter_async_context(self._work.opened())
        except Exception as error:  # noqa: BLE001 - the border to Ray, which would log the text
            return _told(error)
        return Opened(host, os.getpid())

    async def do(self, request: Any) -> Reply:
        """Answer one request; a cancelled one is cancelled to the bottom."""
        assert self._do is not None  # noqa: S101 - the pool opens a worker before it uses it
        try:
            return Answer(await self._do(request))
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - the border to Ray, which would log the text
            return _told(error)

    async def ping(self) -> bool:
        """Answer, which a worker that hangs does not."""
        return True

    async def close(self) -> bool:
        """Close what was opened."""
        await self._stack.aclose()
        return True


def _told(error: Exception) -> Failure | Fault:
    if isinstance(error, LeewardError):
        return Failure(error)
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "unknown"
    return Fault(type(error).__name__, place)
