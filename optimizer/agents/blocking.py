"""An agent that waits for a network, for a caller that does not: one loop in a thread of its own.

Searchers ask and tell in plain code; an LLM agent's connections must stay on one event loop.
"""

import asyncio
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

from optimizer.agents.model import (
    AsyncAgent,
    InitBrief,
    InitReply,
    RevisionBrief,
    RevisionReply,
)

__all__ = ["BlockingAgent"]

_Reply = TypeVar("_Reply")


class BlockingAgent:
    """An ``AsyncAgent`` as an ``Agent``; use it as a context manager.

    Call it from any thread that runs no event loop: it blocks until the reply is there.
    """

    def __init__(self, agent: AsyncAgent) -> None:
        self._agent = agent
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="llm-agent")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._wait(self._agent.close())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    @property
    def name(self) -> str:
        """The agent's own name."""
        return self._agent.name

    def initialise(self, brief: InitBrief) -> InitReply:
        """Wait for the choice of model-count vectors."""
        return self._wait(self._agent.initialise(brief))

    def revise(self, brief: RevisionBrief) -> RevisionReply:
        """Wait for the revision."""
        return self._wait(self._agent.revise(brief))

    def _wait(self, work: Coroutine[Any, Any, _Reply]) -> _Reply:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            # An interrupt must not leave a call running that is being paid for.
            future.cancel()
            raise
