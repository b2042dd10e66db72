"""Notes what happens to calls, without making any call wait.

Like notes are counted together and written every few seconds, so that a flood of refused calls
costs the store a few rows and not one each. What is noted and not yet written is lost if the
process dies; changes to accounts are not noted here, but written with the change.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Final

from cloud.stores.audit import AuditEntry, AuditStore
from runtime.clock import Clock
from runtime.errors import LeewardError

__all__ = ["AuditTrail"]

_INTERVAL_S: Final = 2.0
_MAX_DISTINCT: Final = 500
_MANY: Final = "many"
_Kind = tuple[str, str, str, str, str]
_logger: Final = logging.getLogger("leeward.cloud.audit")


class AuditTrail:
    """Collects notes and writes them.

    Args:
        store: Where they end.
        clock: Says when.
        interval_s: How long notes are counted together.
        max_distinct: How many kinds of notes are told apart in that time; of more, only what was
            done and why is kept.
    """

    def __init__(
        self,
        store: AuditStore,
        clock: Clock,
        *,
        interval_s: float = _INTERVAL_S,
        max_distinct: int = _MAX_DISTINCT,
    ) -> None:
        self._store = store
        self._clock = clock
        self._interval_s = interval_s
        self._max_distinct = max_distinct
        self._waiting: dict[_Kind, AuditEntry] = {}

    def note(
        self, action: str, *, actor: str, tenant: str = "", subject: str = "", reason: str = ""
    ) -> None:
        """Note that something happened now; see :class:`AuditEntry` for what each part may hold."""
        kind = (action, actor, tenant, subject, reason)
        if kind not in self._waiting and len(self._waiting) >= self._max_distinct:
            kind = (action, _MANY, "", "", reason)
        self._count(kind, AuditEntry(self._clock.now(), kind[1], kind[2], kind[0], *kind[3:]))

    async def flush(self) -> None:
        """Write what is noted; what cannot be written now is kept for the next time."""
        waiting, self._waiting = self._waiting, {}
        try:
            await self._store.append(waiting.values())
        except LeewardError as error:
            _logger.error("audit_delayed", extra={"error": type(error).__name__})
            newer, self._waiting = self._waiting, waiting
            for kind, entry in newer.items():
                self._count(kind, entry)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Write every few seconds while the block runs, and once more after it."""
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            await self.flush()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._interval_s)
            await self.flush()

    def _count(self, kind: _Kind, entry: AuditEntry) -> None:
        former = self._waiting.get(kind)
        if former is not None:
            entry = replace(former, count=former.count + entry.count)
        self._waiting[kind] = entry
