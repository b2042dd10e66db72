"""What comes in while a transaction runs goes together into the next one.

One replica books in one transaction at a time: under load each carries many calls, and a lone call
waits for nobody. What is settled is never lost: while the database is away, settlements wait here
and go in with the next transaction that works, and what is asked for is refused.
"""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from cloud.admission.accounts import Amount
from cloud.stores.database import Database
from cloud.stores.reservations import Ask, Booked, Charge, Refusal, book, claims_of
from cloud.stores.usage import UsageRecord, write_usage
from runtime.clock import Clock
from runtime.errors import BackendUnavailable
from runtime.telemetry.metrics import Metrics

__all__ = ["Bookings"]

_AT_ONCE: Final = 256
_RETRY_S: Final = 1.0
_logger: Final = logging.getLogger("leeward.cloud.admission")


@dataclass(slots=True)
class _Asked:
    ask: Ask
    answer: asyncio.Future[Refusal | None]


@dataclass(slots=True)
class _Over:
    charge: Charge | None
    """``None`` for a call that had reserved nothing."""
    record: UsageRecord | None
    """``None`` when nobody is to know of the call: it was never made."""
    done: asyncio.Future[None] | None
    """``None`` once nobody waits any more."""


class Bookings:
    """Reserves and settles in the store for all calls of one replica.

    Args:
        database: The store.
        replica: This replica's id.
        metrics: With the rows of ``cloud.admission.metrics``.
        clock: What moments are read from.
    """

    def __init__(self, database: Database, *, replica: str, metrics: Metrics, clock: Clock) -> None:
        self._database = database
        self._replica = replica
        self._metrics = metrics
        self._clock = clock
        self._asked: list[_Asked] = []
        self._over: list[_Over] = []
        self._wake = asyncio.Event()
        self._is_stopping = False

    @property
    def waiting(self) -> int:
        """How many settlements are not in the store yet."""
        return len(self._over)

    async def reserve(self, ask: Ask) -> Refusal | None:
        """Set aside what a call may use; ``None`` when that is done.

        Raises:
            DatabaseUnavailable: The database failed; nothing is set aside.
        """
        asked = _Asked(ask, asyncio.get_running_loop().create_future())
        self._asked.append(asked)
        self._wake.set()
        try:
            return await asked.answer
        except asyncio.CancelledError:
            # Granted in the very moment in which the caller left: nobody else will give it back.
            if _is_granted(asked.answer):
                self._undo(ask)
                self._wake.set()
            raise

    async def settle(self, charge: Charge | None, record: UsageRecord | None) -> None:
        """Charge what a call used, free the rest and record it; durably when this returns.

        Raises:
            DatabaseUnavailable: The database failed; it is done as soon as it works again.
        """
        over = _Over(charge, record, asyncio.get_running_loop().create_future())
        self._over.append(over)
        self._wake.set()
        assert over.done is not None  # noqa: S101 - made two lines above
        await over.done

    async def run(self) -> None:
        """Book what comes in, until :meth:`stop`."""
        while self._asked or self._over or not self._is_stopping:
            if not self._asked:
                # Settlements that failed are tried again in a while, or with the next call.
                with suppress(TimeoutError):
                    async with asyncio.timeout(_RETRY_S if self._over else None):
                        await self._wake.wait()
            self._wake.clear()
            asked, self._asked = self._asked[:_AT_ONCE], self._asked[_AT_ONCE:]
            over, self._over = self._over[:_AT_ONCE], self._over[_AT_ONCE:]
            if self._asked or self._over:
                self._wake.set()
            is_booked = not (asked or over) or await self._book(asked, over)
            if self._is_stopping and not is_booked:
                return

    def stop(self) -> None:
        """Let :meth:`run` end once everything is in the store, or cannot be brought there."""
        self._is_stopping = True
        self._wake.set()

    async def _book(self, asked: list[_Asked], over: list[_Over]) -> bool:
        """Book a group; False if the database is away, and what is settled was put off."""
        try:
            booked = await self._transact([item.ask for item in asked], over)
        except BackendUnavailable as error:
            self._put_off(asked, over, error)
            return False
        except Exception as error:  # noqa: BLE001 - one that cannot be booked must not stop the others
            await self._book_one_by_one(asked, over, error)
            return True
        for item, verdict in zip(asked, booked.verdicts, strict=True):
            if not item.answer.done():
                item.answer.set_result(verdict)
            elif verdict is None:
                self._undo(item.ask)  # its caller left while the transaction ran
                self._wake.set()
        for settled in over:
            if settled.done is None:
                self._metrics.set_gauge("leeward_admission_unsettled_count", to=len(self._over))
            elif not settled.done.done():
                settled.done.set_result(None)
        return True

    async def _book_one_by_one(
        self, asked: list[_Asked], over: list[_Over], error: Exception
    ) -> None:
        if len(asked) + len(over) > 1:
            for item in asked:
                await self._book([item], [])
            for settled in over:
                await self._book([], [settled])
            return
        _logger.error("booking_refused", extra={"error": type(error).__name__})
        for future in (*(item.answer for item in asked), *(item.done for item in over)):
            if future is not None and not future.done():
                future.set_exception(error)

    async def _transact(self, asks: Sequence[Ask], over: Sequence[_Over]) -> Booked:
        started_s = self._clock.monotonic_s()
        charges = [item.charge for item in over if item.charge is not None]
        now = self._clock.now()

        def work(connection: Connection) -> Booked:
            booked = book(connection, asks, charges, replica=self._replica, now=now)
            records = [
                item.record
                for item in over
                if item.record is not None
                and (item.charge is None or item.charge.id in booked.settled)
            ]
            if records:
                write_usage(connection, *records)
            return booked

        booked = await self._database.run(work, claims=claims_of(asks, charges))
        took_s = self._clock.monotonic_s() - started_s
        self._metrics.observe("leeward_booking_seconds", value=took_s)
        self._metrics.count("leeward_booked_total", by=len(asks) + len(over))
        return booked

    def _put_off(self, asked: list[_Asked], over: list[_Over], error: Exception) -> None:
        kind, count = type(error).__name__, len(asked) + len(over)
        _logger.error("booking_put_off", extra={"error": kind, "count": count})
        for settled in over:
            if settled.done is not None and not settled.done.done():
                settled.done.set_exception(error)
            settled.done = None
        self._over = over + self._over
        self._metrics.set_gauge("leeward_admission_unsettled_count", to=len(self._over))
        for item in asked:
            if not item.answer.done():
                item.answer.set_exception(error)
            self._undo(item.ask)  # the commit may have happened although its answer was lost

    def _undo(self, ask: Ask) -> None:
        self._over.append(_Over(Charge(ask.id, Amount(), ask.accounts), None, None))


def _is_granted(answer: asyncio.Future[Refusal | None]) -> bool:
    return (
        answer.done()
        and not answer.cancelled()
        and answer.exception() is None
        and answer.result() is None
    )
