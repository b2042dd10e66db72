"""What every kind of caller of ``bench.gateway`` gives back, and how load is made of callers."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Final, NamedTuple, Protocol

__all__ = [
    "NUMBER",
    "Answered",
    "CallFailed",
    "Caller",
    "Load",
    "Numbers",
    "Opener",
    "in_turn",
    "opened",
    "report",
    "together",
]

NUMBER: Final = b"@number@"
"""Stands in a request's bytes for the eight digits of the call's number."""


class Answered(NamedTuple):
    """One answered call, by ``time.perf_counter``."""

    started_s: float
    ended_s: float
    arrivals_s: tuple[float, ...]
    """When each item of a stream came."""

    @property
    def took_ms(self) -> float:
        """From the request's first byte to the answer's last."""
        return (self.ended_s - self.started_s) * 1000

    @property
    def gaps_ms(self) -> list[float]:
        """Between one item and the next."""
        return [
            (later - earlier) * 1000
            for earlier, later in zip(self.arrivals_s, self.arrivals_s[1:], strict=False)
        ]


class CallFailed(Exception):
    """A call had no whole answer; ``seen`` says how many items came before."""

    def __init__(self, reason: str, *, seen: int) -> None:
        super().__init__(reason)
        self.seen = seen


class Caller(Protocol):
    """One connection that makes one call after the other."""

    async def call(self, number: int) -> Answered:
        """Make a call that no other call equals; raises ``CallFailed``."""
        ...

    def text(self) -> str:
        """Return what the last answer said."""
        ...

    def close(self) -> None:
        """Hang up."""
        ...


Opener = Callable[[], Awaitable[Caller]]


class Numbers:
    """Numbers for calls, none of them twice: no cache and no idempotency key may help."""

    def __init__(self) -> None:
        self._count = count(1)

    def next(self) -> int:
        """Return the next one."""
        return next(self._count)


@dataclass(slots=True)
class Load:
    """What callers working side by side saw."""

    answered: list[Answered] = field(default_factory=list)
    failed: list[CallFailed] = field(default_factory=list)
    wall_s: float = 0.0

    @property
    def took_ms(self) -> list[float]:
        """Durations of the answered calls."""
        return [one.took_ms for one in self.answered]

    @property
    def per_s(self) -> float:
        """Answered calls per second."""
        return len(self.answered) / self.wall_s


def report(text: str) -> None:
    """Say how far the bench is."""
    print(text, file=sys.stderr, flush=True)


@asynccontextmanager
async def opened(opener: Opener, callers: int) -> AsyncIterator[list[Caller]]:
    """Hold ``callers`` connections open."""
    made: list[Caller] = []
    try:
        while len(made) < callers:
            made.append(await opener())
        yield made
    finally:
        for caller in made:
            caller.close()


async def in_turn(caller: Caller, calls: int, numbers: Numbers) -> list[float]:
    """Make ``calls`` calls one after the other; return their durations in milliseconds."""
    return [(await caller.call(numbers.next())).took_ms for _ in range(calls)]


async def together(callers: Sequence[Caller], duration_s: float, numbers: Numbers) -> Load:
    """Let every caller make calls without a pause; none is begun after ``duration_s``.

    The first call of each caller that fails ends that caller.
    """
    load = Load()
    start_s = time.perf_counter()

    async def work(caller: Caller) -> None:
        while time.perf_counter() - start_s < duration_s:
            try:
                load.answered.append(await caller.call(numbers.next()))
            except CallFailed as failure:
                load.failed.append(failure)
                return

    async with asyncio.TaskGroup() as group:
        for caller in callers:
            group.create_task(work(caller))
    load.wall_s = time.perf_counter() - start_s
    return load
