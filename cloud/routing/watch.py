"""Asks every provider now and then whether it is there, and tells whoever reports it.

What calls show comes first: a provider whose breaker is open is not serving, whatever it says of
itself. Asking adds what calls cannot show: that an idle one is away, and that one that is still
away need not be tried with somebody's call.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from random import Random
from typing import Final

from cloud.routing.board import Board
from cloud.routing.breaker import BreakerState
from cloud.upstreams.failures import Fault

__all__ = ["HEALTH_PREFIX", "UpstreamWatch", "watching"]

HEALTH_PREFIX: Final = "leeward.upstream/"
"""A provider's name in ``grpc.health.v1`` comes after this."""
_AWAY: Final = frozenset({Fault.UNREACHABLE, Fault.KEY})
"""Answers after which no call need try; a list of models that is broken does not say so much."""
_LOOK_S: Final = 1.0
"""How often breakers are looked at between questions."""
_JITTER: Final = 0.2

Report = Callable[[str, bool], Awaitable[None]]
"""Told a provider's name and whether it serves, at first and at every change."""


class UpstreamWatch:
    """Keeps the health of every provider up to date.

    Args:
        board: What calls have shown.
        report: Told of changes.
        every_s: How often each provider is asked, seconds.
        random: Spreads the questions of several gateways.
    """

    def __init__(self, board: Board, report: Report, *, every_s: float, random: Random) -> None:
        self._board = board
        self._report = report
        self._every_s = every_s
        self._random = random
        self._answers: dict[str, bool] = {}
        self._reported: dict[str, bool] = {}

    @property
    def serving(self) -> Mapping[str, bool]:
        """Which providers serve, as last reported."""
        return dict(self._reported)

    async def run(self) -> None:
        """Watch until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for name in self._board.upstreams:
                tasks.create_task(self._watch(name))

    async def _watch(self, name: str) -> None:
        loop = asyncio.get_running_loop()
        while True:
            fault = await self._board.upstreams[name].probe()
            self._answers[name] = fault is None
            breaker = self._board.breakers[name]
            if fault in _AWAY:
                breaker.hold()
            else:
                breaker.release()
            spread = self._random.uniform(1 - _JITTER, 1 + _JITTER)
            until_s = loop.time() + self._every_s * spread
            while (left_s := until_s - loop.time()) > 0:
                await self._tell(name)
                await asyncio.sleep(min(_LOOK_S, left_s))

    async def _tell(self, name: str) -> None:
        is_open = self._board.breakers[name].state is BreakerState.OPEN
        serves = self._answers[name] and not is_open
        if self._reported.get(name) is not serves:
            self._reported[name] = serves
            await self._report(name, serves)


@asynccontextmanager
async def watching(watch: UpstreamWatch) -> AsyncIterator[UpstreamWatch]:
    """Watch until the block ends."""
    task = asyncio.create_task(watch.run())
    try:
        yield watch
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
