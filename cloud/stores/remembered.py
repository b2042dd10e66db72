"""What the store said about callers, for as long as nobody has changed any.

A call costs no look-up while its caller is remembered. Four times a second, if there are calls, the
store is asked whether anything about callers has changed; so a revocation by any process is known
to every replica a moment later, and a store that does not answer admits nobody.
"""

import asyncio
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from sqlalchemy import Connection

from cloud.stores.access_version import read_version
from cloud.stores.database import Database
from runtime.clock import Clock

__all__ = ["Remembered"]

_Known = TypeVar("_Known")
_MAX_AGE_S: Final = 0.25
_CAPACITY: Final = 10_000


class Remembered(Generic[_Known]):
    """Answers of one look-up, by what was looked up; also that there is nothing.

    Args:
        database: The store.
        find: The look-up.
        clock: Says how old the answers are.
        max_age_s: How long they are trusted without asking whether anything changed.
        capacity: How many are kept; the oldest goes first.
    """

    def __init__(
        self,
        database: Database,
        find: Callable[[Connection, str], _Known | None],
        *,
        clock: Clock,
        max_age_s: float = _MAX_AGE_S,
        capacity: int = _CAPACITY,
    ) -> None:
        self._database = database
        self._find = find
        self._clock = clock
        self._max_age_s = max_age_s
        self._capacity = capacity
        self._known: dict[str, _Known | None] = {}
        self._version = -1
        self._trusted_until_s = float("-inf")
        self._checking = asyncio.Lock()

    async def get(self, name: str) -> _Known | None:
        """Return what the store knows of ``name``, at most ``max_age_s`` old.

        Raises:
            DatabaseUnavailable: The store does not answer.
        """
        if self._clock.monotonic_s() >= self._trusted_until_s:
            await self._check()
        try:
            return self._known[name]
        except KeyError:
            return await self._look_up(name)

    async def _check(self) -> None:
        async with self._checking:
            asked_s = self._clock.monotonic_s()
            if asked_s < self._trusted_until_s:
                return  # somebody else has just asked
            version = await self._database.read(read_version)
            if version != self._version:
                self._known.clear()
                self._version = version
            self._trusted_until_s = asked_s + self._max_age_s

    async def _look_up(self, name: str) -> _Known | None:
        def find(connection: Connection) -> tuple[int, _Known | None]:
            return read_version(connection), self._find(connection, name)

        version, known = await self._database.read(find)
        # An answer from before or after the others is right now, but not one to keep with them.
        if version == self._version:
            if len(self._known) >= self._capacity:
                del self._known[next(iter(self._known))]
            self._known[name] = known
        return known
