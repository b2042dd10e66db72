"""Calls that the gateway has not heard of yet: counted on the disk, told in order, and told once.

Counts are gathered into batches. A batch is written down before it is sent and stays as it is until
it is answered, however often it is sent and whatever restarts in between; the gateway adds a number
only once. Counters alone, by names of a closed list, so years without a link take no more room than
a day: what waits is summed, and nothing but the hour in which it happened is lost.
"""

from __future__ import annotations

import json
import logging
import secrets
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from runtime.fleet.report import UsageBatch, UsageReport
from runtime.fleet.telemetry import COUNTS
from runtime.ids import ModelName
from runtime.private_files import ensure_private_directory, write_private_file

__all__ = ["UsageJournal"]

_MOST_MODELS: Final = 256
"""In one batch, as many as a report may tell of; a model more, and the least called is dropped."""
_SERIES_BITS: Final = 62
_USAGE: Final = ("calls", "failures", "prompt_tokens", "completion_tokens")
_logger: Final = logging.getLogger("leeward.edge.fleet")

_Book = dict[ModelName, Counter[str]]
"""By model: calls and tokens, and what is counted beyond them, each by its name."""


@dataclass(slots=True)
class _Written:
    """What is on the disk."""

    series: int
    """Drawn when the file was made, so that numbers of a lost file are never taken for repeats."""
    number: int = 0
    """Of the newest batch."""
    sent: _Book = field(default_factory=dict)
    """That batch; empty once it was answered."""
    waiting: _Book = field(default_factory=dict)
    """What comes into the next one."""
    dropped: int = 0
    """Calls of models that found no room."""


class UsageJournal:
    """The journal of one device.

    Args:
        file: Where it is; a missing or damaged one begins anew.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._written = _read(file) or _Written(secrets.randbits(_SERIES_BITS) + 1)
        self._seen: _Book = {}
        """Totals of this process that are in the file already."""

    @property
    def dropped(self) -> int:
        """How many calls found no room and are told to nobody."""
        return self._written.dropped

    def note(self, totals: Iterable[UsageReport]) -> None:
        """Write down what has been called since the last time.

        Args:
            totals: Every model's calls since this process started.

        Raises:
            OSError: It cannot be written; the next time counts it all the same.
        """
        now = {one.model: _counted(one) for one in totals}
        added = {name: more for name, total in now.items() if (more := self._since(name, total))}
        if not added:
            return
        waiting = {name: counts.copy() for name, counts in self._written.waiting.items()}
        for name, more in added.items():
            waiting.setdefault(name, Counter()).update(more)
        dropped = _shortened(waiting)
        before = self._written.waiting
        self._written.waiting = waiting
        self._written.dropped += dropped
        try:
            self._save()
        except OSError:
            self._written.waiting = before
            self._written.dropped -= dropped
            raise
        self._seen |= now
        if dropped:
            _logger.warning("usage_dropped", extra={"count": dropped})

    def next(self) -> UsageBatch:
        """Return the batch to send: the one that was not answered, else what waits.

        Raises:
            OSError: It cannot be written down, so it must not be sent.
        """
        written = self._written
        if not written.sent and written.waiting:
            written.sent, written.waiting = written.waiting, {}
            written.number += 1
            try:
                self._save()
            except OSError:
                written.sent, written.waiting = {}, written.sent
                written.number -= 1
                raise
        usage = tuple(_report(name, counts) for name, counts in written.sent.items())
        return UsageBatch(written.series, written.number if usage else 0, usage)

    def answered(self) -> None:
        """Forget the batch that was sent: the gateway has it.

        Raises:
            OSError: It cannot be written down; the batch is sent again, and added by nobody.
        """
        if self._written.sent:
            self._written.sent = {}
            self._save()

    def _since(self, name: ModelName, total: Counter[str]) -> Counter[str]:
        seen = self._seen.get(name)
        if seen is None or total["calls"] < seen["calls"]:  # the model is new here, or begins anew
            seen = Counter()
        more = {key: now - (seen[key] if now >= seen[key] else 0) for key, now in total.items()}
        return Counter({key: count for key, count in more.items() if count})

    def _save(self) -> None:
        ensure_private_directory(self._file.parent)
        written = self._written
        data = {
            "series": written.series,
            "number": written.number,
            "sent": written.sent,
            "waiting": written.waiting,
            "dropped": written.dropped,
        }
        write_private_file(self._file, json.dumps(data).encode())


def _counted(one: UsageReport) -> Counter[str]:
    return Counter({name: getattr(one, name) for name in _USAGE} | dict(one.counts))


def _report(name: ModelName, counts: Counter[str]) -> UsageReport:
    return UsageReport(
        name,
        calls=counts["calls"],
        failures=counts["failures"],
        prompt_tokens=counts["prompt_tokens"],
        completion_tokens=counts["completion_tokens"],
        counts={key: counts[key] for key in sorted(counts.keys() & COUNTS)},
    )


def _shortened(book: _Book) -> int:
    """Drop the least called models beyond the bound; return how many calls that were."""
    surplus = sorted(book, key=lambda name: book[name]["calls"])
    dropped = [book.pop(name) for name in surplus[: max(len(book) - _MOST_MODELS, 0)]]
    return sum(counts["calls"] for counts in dropped)


def _read(file: Path) -> _Written | None:
    try:
        data = json.loads(file.read_bytes())
        return _Written(
            series=int(data["series"]),
            number=int(data["number"]),
            sent=_book(data["sent"]),
            waiting=_book(data["waiting"]),
            dropped=int(data["dropped"]),
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        _logger.warning("usage_journal_damaged", extra={"file": file.name})
        return None


def _book(data: Mapping[str, Mapping[str, Any]]) -> _Book:
    return {
        ModelName(name): Counter({str(key): int(value) for key, value in counts.items()})
        for name, counts in data.items()
    }
