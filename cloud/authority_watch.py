"""Follows which authorities the store trusts: each gateway takes a change over in place."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final

from cloud.authorities import Authorities, Signer
from cloud.stores.authority import read_fingerprints
from cloud.stores.database import Database
from runtime.clock import Clock
from runtime.errors import LeewardError

__all__ = ["AuthorityWatch"]

_INTERVAL_S: Final = 5.0

_logger: Final = logging.getLogger("leeward.cloud.certificates")


class AuthorityWatch:
    """Keeps one gateway's authorities those of the store.

    Args:
        authorities: What this gateway trusts.
        database: Knows what all trust.
        load: Reads the authorities, given ``clock``.
        changed: Called after a change.
        clock: For what the authorities sign.
        interval_s: How often the store is asked.
    """

    def __init__(
        self,
        authorities: Authorities,
        database: Database,
        load: Callable[..., Sequence[Signer]],
        changed: Callable[[], None],
        *,
        clock: Clock,
        interval_s: float = _INTERVAL_S,
    ) -> None:
        self._authorities = authorities
        self._database = database
        self._load = load
        self._changed = changed
        self._clock = clock
        self._interval_s = interval_s

    async def run(self) -> None:
        """Follow for ever."""
        while True:
            await asyncio.sleep(self._interval_s)
            try:
                await self.look()
            except LeewardError as error:
                extra = {"error": type(error).__name__}
                _logger.error("authorities_not_followed", extra=extra)

    async def look(self) -> None:
        """Take over what the store trusts now.

        Raises:
            LeewardError: The store does not answer, or the files cannot be used; what was trusted
                is trusted still.
        """
        wanted = await self._database.read(read_fingerprints)
        if wanted == [one.fingerprint for one in self._authorities.members]:
            return
        found = await asyncio.to_thread(self._load, clock=self._clock)
        by_name = {one.fingerprint: one for one in found}
        if not wanted or not by_name.keys() >= set(wanted):
            _logger.error("authority_files_missing", extra={"count": len(wanted)})
            return
        self._authorities.use([by_name[name] for name in wanted])
        await asyncio.to_thread(self._changed)
        _logger.info("authorities_changed", extra={"count": len(wanted)})
