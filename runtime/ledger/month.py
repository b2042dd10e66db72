"""What one month of a ledger comes to: counts and bytes by day, destination, category and policy.

Pure counting over entries. Whether the entries are true is ``verify``'s to say; nothing here holds
content, since nothing in the ledger does.
"""

from __future__ import annotations

import calendar
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Final

from runtime.errors import RequestInvalid
from runtime.ledger.entry import Entry
from runtime.ledger.record import (
    ApprovalNote,
    ContentPassage,
    ControlPassage,
    Destination,
    KeyChanged,
    Opened,
    Outcome,
    Recovered,
)

__all__ = [
    "CategoryCount",
    "Month",
    "MonthCount",
    "PolicySpan",
    "Traffic",
    "count_month",
    "parse_month",
]

_MONTH: Final = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")
_ENDED_WELL: Final = frozenset({"ok", "stop", "length", "tool_calls"})
"""Outcomes of calls that came to an end of their own."""


@dataclass(frozen=True, slots=True)
class Month:
    """A calendar month in UTC."""

    year: int
    month: int

    def __str__(self) -> str:
        return f"{self.year:04}-{self.month:02}"

    @property
    def days(self) -> list[date]:
        """Every day of it."""
        last = calendar.monthrange(self.year, self.month)[1]
        return [date(self.year, self.month, day) for day in range(1, last + 1)]

    def holds(self, at: datetime) -> bool:
        """Whether a moment lies in it."""
        at = at.astimezone(UTC)
        return (at.year, at.month) == (self.year, self.month)


@dataclass(slots=True)
class Traffic:
    """Calls that left, and their bytes."""

    calls: int = 0
    sent_bytes: int = 0
    received_bytes: int = 0
    failed: int = 0
    """Calls that ended otherwise than by themselves."""
    open: int = 0
    """Calls whose end no entry tells."""

    def add(self, passage: ContentPassage, outcome: Outcome | None) -> None:
        """Count one call."""
        self.calls += 1
        self.sent_bytes += passage.payload_bytes
        if outcome is None:
            self.open += 1
            return
        self.received_bytes += outcome.received_bytes
        self.failed += outcome.status not in _ENDED_WELL


@dataclass(slots=True)
class CategoryCount:
    """What became of one category of content."""

    present: int = 0
    """Calls whose content held it before releases."""
    left: int = 0
    """Calls whose content still held it as it left."""
    released: Counter[str] = field(default_factory=Counter)
    """Calls from which it was removed or let pass, by release."""


@dataclass(slots=True)
class PolicySpan:
    """When one version of the policy decided."""

    first_at: datetime
    last_at: datetime
    traffic: Traffic = field(default_factory=Traffic)


@dataclass(slots=True)
class MonthCount:
    """One month of a ledger, counted."""

    month: Month
    entries: int = 0
    first_position: int | None = None
    last_position: int | None = None
    total: Traffic = field(default_factory=Traffic)
    requests: set[str] = field(default_factory=set)
    by_day: dict[date, dict[str, Traffic]] = field(default_factory=dict)
    """Per day and destination node."""
    by_destination: dict[Destination, Traffic] = field(default_factory=dict)
    by_model: dict[str, Traffic] = field(default_factory=dict)
    by_graph: dict[str, Traffic] = field(default_factory=dict)
    by_policy: dict[str, PolicySpan] = field(default_factory=dict)
    categories: dict[str, CategoryCount] = field(default_factory=dict)
    releases: Counter[str] = field(default_factory=Counter)
    """Calls by kind of release; calls without any under the empty name."""
    spans: Counter[str] = field(default_factory=Counter)
    """Spans replaced, by kind of release."""
    statuses: Counter[str] = field(default_factory=Counter)
    approvals: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By status and approver."""
    control: dict[tuple[str, Destination], Traffic] = field(default_factory=dict)
    """By purpose and destination."""
    starts: list[datetime] = field(default_factory=list)
    recoveries: list[tuple[datetime, int]] = field(default_factory=list)
    """When a torn line was cut off, and of how many bytes."""
    key_changes: list[tuple[datetime, str]] = field(default_factory=list)

    @property
    def quiet_days(self) -> list[date]:
        """Days without any entry: the daemon did not run, or entries are missing."""
        return [day for day in self.month.days if day not in self.by_day]


def parse_month(text: str) -> Month:
    """Read ``2026-11``.

    Raises:
        RequestInvalid: It is no month.
    """
    matched = _MONTH.fullmatch(text)
    if matched is None or not int(matched[1]):
        raise RequestInvalid("must be a month such as 2026-11", field="--month")
    return Month(int(matched[1]), int(matched[2]))


def count_month(entries: Iterable[Entry], month: Month) -> MonthCount:
    """Count the entries of ``month``.

    Args:
        entries: The whole ledger, oldest first: the end of a month's last call may stand in the
            next one.
        month: Which entries count.
    """
    count = MonthCount(month)
    passages: list[tuple[Entry, ContentPassage]] = []
    outcomes: dict[int, Outcome] = {}
    waited_for: set[int] = set()
    for entry in entries:
        record = entry.record
        if isinstance(record, Outcome) and record.of in waited_for:
            outcomes[record.of] = record
        if not month.holds(entry.at):
            continue
        _note_entry(count, entry)
        if isinstance(record, ContentPassage):
            passages.append((entry, record))
            waited_for.add(entry.position)
    for entry, passage in passages:
        _count_passage(count, entry, passage, outcomes.get(entry.position))
    return count


def _note_entry(count: MonthCount, entry: Entry) -> None:
    count.entries += 1
    count.first_position = entry.position if count.first_position is None else count.first_position
    count.last_position = entry.position
    count.by_day.setdefault(entry.at.astimezone(UTC).date(), {})
    match entry.record:
        case ControlPassage() as control:
            key = (control.purpose.value, control.destination)
            traffic = count.control.setdefault(key, Traffic())
            traffic.calls += 1
            traffic.sent_bytes += control.sent_bytes
            traffic.received_bytes += control.received_bytes
            traffic.failed += control.status != "ok"
        case ApprovalNote() as note:
            count.approvals[note.status.value, note.approver] += 1
        case Opened():
            count.starts.append(entry.at)
        case Recovered() as torn:
            count.recoveries.append((entry.at, torn.dropped_bytes))
        case KeyChanged() as change:
            count.key_changes.append((entry.at, change.key_id))
        case _:
            pass


def _count_passage(
    count: MonthCount, entry: Entry, passage: ContentPassage, outcome: Outcome | None
) -> None:
    span = count.by_policy.setdefault(passage.policy_hash, PolicySpan(entry.at, entry.at))
    span.last_at = entry.at
    day = count.by_day[entry.at.astimezone(UTC).date()]
    for traffic in (
        count.total,
        span.traffic,
        day.setdefault(passage.destination.node, Traffic()),
        count.by_destination.setdefault(passage.destination, Traffic()),
        count.by_model.setdefault(passage.model, Traffic()),
        count.by_graph.setdefault(passage.graph, Traffic()),
    ):
        traffic.add(passage, outcome)
    count.requests.add(passage.request_id)
    count.statuses[outcome.status if outcome else "no end recorded"] += 1
    for release in passage.releases:
        count.spans[release.by] += release.spans
    for kind in {release.by for release in passage.releases} or {""}:
        count.releases[kind] += 1
    _count_categories(count, passage)


def _count_categories(count: MonthCount, passage: ContentPassage) -> None:
    for name in passage.label_before.names():
        count.categories.setdefault(name, CategoryCount()).present += 1
    for name in passage.label.names():
        count.categories.setdefault(name, CategoryCount()).left += 1
    for name, kind in {(n, release.by) for release in passage.releases for n in release.categories}:
        count.categories.setdefault(name, CategoryCount()).released[kind] += 1
