"""Models that are replaced while calls run: each call keeps those that it began with."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager

from cloud.stages import Models

__all__ = ["Succession"]


class Succession:
    """The models that new calls get, and who still uses former ones."""

    def __init__(self, first: Models) -> None:
        self._reign = _Reign(first)
        self.version = 0
        """How often the models were replaced."""

    @property
    def newest(self) -> Models:
        """What a call that begins now gets."""
        return self._reign.models

    @asynccontextmanager
    async def using(self) -> AsyncIterator[Models]:
        """Return the newest models; they are not given up before the block ends."""
        reign = self._reign
        reign.calls += 1
        try:
            yield reign.models
        finally:
            reign.calls -= 1
            reign.settle()

    def replace(self, models: Models) -> Awaitable[object]:
        """Give these to new calls from now on.

        Returns:
            What ends once no call uses the former ones any more.
        """
        former, self._reign = self._reign, _Reign(models)
        self.version += 1
        former.is_over = True
        former.settle()
        return former.unused.wait()


class _Reign:
    def __init__(self, models: Models) -> None:
        self.models = models
        self.calls = 0
        self.is_over = False
        self.unused = asyncio.Event()

    def settle(self) -> None:
        if self.is_over and not self.calls:
            self.unused.set()
