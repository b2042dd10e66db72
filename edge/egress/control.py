"""Control traffic (enrolment, health, pulls): fixed schemas, counted by destination and bytes.

Counts are gathered and written as one entry per destination, purpose and outcome, so that a probe
every second does not fill the ledger. A command beside a running daemon cannot write the ledger;
it leaves its counts in ``pending-control`` and the daemon takes them in.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import secrets
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from runtime.background import meanwhile
from runtime.clock import Clock
from runtime.errors import LedgerUnavailable, LeewardError
from runtime.ledger.record import (
    ControlPassage,
    ControlPurpose,
    Destination,
    EntryKind,
    record_from_fields,
    record_to_fields,
)
from runtime.ledger.writer import LedgerWriter
from runtime.private_files import ensure_private_directory, write_private_file

__all__ = ["ControlLog", "Tally", "command_log", "opened_control"]

_PENDING: Final = "pending-control"
_INTERVAL_S: Final = 60.0

_logger: Final = logging.getLogger("leeward.edge.control")


@dataclass(slots=True)
class Tally:
    """Payload bytes of an exchange so far, or of several together."""

    sent_bytes: int = 0
    received_bytes: int = 0


_Key = tuple[Destination, ControlPurpose, str]


class ControlLog:
    """Counts control traffic and writes the counts to the ledger.

    Args:
        directory: The ledger's directory.
        ledger: Where counts go; ``None`` leaves them in ``pending-control`` for the daemon that
            has the ledger open.
        interval_s: How often :meth:`keep_writing` writes, seconds.
    """

    def __init__(
        self, directory: Path, ledger: LedgerWriter | None, *, interval_s: float = _INTERVAL_S
    ) -> None:
        self._pending = directory / _PENDING
        self._ledger = ledger
        self._interval_s = interval_s
        self._tallies: dict[_Key, Tally] = defaultdict(Tally)

    def count(
        self,
        destination: Destination,
        purpose: ControlPurpose,
        *,
        sent_bytes: int,
        received_bytes: int,
        status: str = "ok",
    ) -> None:
        """Count what went to ``destination`` and came back; costs no disk access.

        Args:
            destination: Node and address as dialled.
            purpose: What for.
            sent_bytes: Payload bytes out.
            received_bytes: Payload bytes in.
            status: ``ok``, or the class name of the failure.
        """
        tally = self._tallies[destination, purpose, status]
        tally.sent_bytes += sent_bytes
        tally.received_bytes += received_bytes

    @contextmanager
    def exchange(self, destination: Destination, purpose: ControlPurpose) -> Iterator[Tally]:
        """Count one exchange when the block ends, however it ends.

        The block fills in the bytes. The status is ``ok``, the failure's class, or ``abandoned``.
        """
        tally, status = Tally(), "abandoned"
        try:
            yield tally
            status = "ok"
        except LeewardError as error:
            status = type(error).__name__
            raise
        finally:
            self.count(
                destination,
                purpose,
                sent_bytes=tally.sent_bytes,
                received_bytes=tally.received_bytes,
                status=status,
            )

    def add(self, passage: ControlPassage) -> None:
        """Count what somebody else has added up."""
        self.count(
            passage.destination,
            passage.purpose,
            sent_bytes=passage.sent_bytes,
            received_bytes=passage.received_bytes,
            status=passage.status,
        )

    def write(self) -> None:
        """Hand the counts so far to the ledger, and what commands have left.

        Raises:
            LedgerUnavailable: The ledger accepts nothing; the counts are kept.
        """
        for key in list(self._tallies):
            destination, purpose, status = key
            tally = self._tallies[key]
            passage = ControlPassage(
                destination, purpose, tally.sent_bytes, tally.received_bytes, status
            )
            if self._ledger is None:
                self._leave(passage)
            else:
                self._ledger.note(passage)
            del self._tallies[key]
        if self._ledger is not None:
            self._take_in(self._ledger)

    async def keep_writing(self) -> None:
        """Write the counts at once and every now and then, until cancelled."""
        while True:
            self.write_or_log()
            await asyncio.sleep(self._interval_s)

    def write_or_log(self) -> None:
        """Do as :meth:`write`, and only log when it fails: the counts are kept for later."""
        try:
            self.write()
        except (LeewardError, OSError) as error:
            _logger.warning("control_not_recorded", extra={"error": type(error).__name__})

    def _leave(self, passage: ControlPassage) -> None:
        ensure_private_directory(self._pending)
        data = json.dumps(record_to_fields(passage)).encode()
        write_private_file(self._pending / f"{secrets.token_hex(8)}.json", data)

    def _take_in(self, ledger: LedgerWriter) -> None:
        if not self._pending.is_dir():
            return
        for file in sorted(self._pending.glob("*.json")):
            try:
                record = record_from_fields(EntryKind.CONTROL, json.loads(file.read_bytes()))
                ledger.note(record)
            except LedgerUnavailable:
                raise
            except (LeewardError, OSError, ValueError) as error:
                extra = {"error": type(error).__name__}
                _logger.warning("pending_control_unreadable", extra=extra)
            with contextlib.suppress(OSError):
                file.unlink()


@asynccontextmanager
async def opened_control(directory: Path, ledger: LedgerWriter) -> AsyncIterator[ControlLog]:
    """Count a daemon's traffic, and take in what commands left, until the block ends."""
    log = ControlLog(directory, ledger)
    async with meanwhile(log.keep_writing):
        try:
            yield log
        finally:
            log.write_or_log()


@asynccontextmanager
async def command_log(directory: Path, *, clock: Clock) -> AsyncIterator[ControlLog]:
    """Count a command's traffic; recorded when the block ends, however it ends.

    Args:
        directory: The ledger's directory; the ledger is made when there is none.
        clock: For the times in the entries.

    Raises:
        LedgerUnavailable: Neither the ledger nor the directory can be written.
    """
    ledger = await asyncio.to_thread(_open_if_free, directory, clock)
    log = ControlLog(directory, ledger)
    try:
        yield log
    finally:
        try:
            log.write()
        except OSError as error:
            raise LedgerUnavailable("the counts of control traffic cannot be stored") from error
        finally:
            if ledger is not None:
                await ledger.close()


def _open_if_free(directory: Path, clock: Clock) -> LedgerWriter | None:
    try:
        return LedgerWriter.open(directory, clock=clock)
    except LedgerUnavailable:
        if (directory / "lock").exists():
            return None
        raise
