"""What an engine is: something that opens a piece of work once and then does it many times.

The work says what a worker needs (an edge's address, a record) and is sent to workers as it is;
results come back to the one process that keeps journal, cache and budget. Knows no engine.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, TypeVar

__all__ = ["Do", "Engine", "Work"]

Q = TypeVar("Q")
A = TypeVar("A")
Q_contra = TypeVar("Q_contra", contravariant=True)
A_co = TypeVar("A_co", covariant=True)

Do = Callable[[Q], Coroutine[Any, Any, A]]
"""Does one request; raises the ``LeewardError`` that the work raised."""


class Work(Protocol[Q_contra, A_co]):
    """A kind of request and what it takes to answer it; plain data that can be pickled.

    It holds no key, no open file and no connection: a worker opens its own.
    """

    def opened(self) -> AbstractAsyncContextManager[Do[Q_contra, A_co]]:
        """Open what the requests need, in the process that will answer them.

        Raises:
            LeewardError: It cannot be used there.
        """


class Engine(Protocol):
    """Opens work where it is done."""

    def opened(
        self, work: Work[Q, A], *, workers: int, progress: Callable[[str], None] = ...
    ) -> AbstractAsyncContextManager[Do[Q, A]]:
        """Open ``work`` for that many requests at once.

        A request is done at most once: an engine never repeats one by itself, because it may have
        been paid for. What was cancelled is told to whoever does it.

        Args:
            work: What is to be done.
            workers: How many executions are under way at once.
            progress: Is told what is being started.

        Raises:
            LeewardError: The work cannot be opened, or the engine cannot be used.
        """
