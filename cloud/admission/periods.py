"""The spans of time over which a budget counts, on the calendar and in UTC.

UTC and the calendar, because two replicas must agree on the window of a call without asking each
other, and an operator must be able to name it: ``month:2026-11``.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum

__all__ = ["Period", "Window", "window_at"]

_WEEK = timedelta(days=7)


class Period(Enum):
    """How often a budget renews."""

    DAY = "day"
    WEEK = "week"
    """From Monday."""
    MONTH = "month"
    TOTAL = "total"
    """Never."""


@dataclass(frozen=True, slots=True)
class Window:
    """One period of one budget: what is spent in it counts against the cap once."""

    key: str
    """Names the window in the store, such as ``day:2026-11-29``."""
    renews_at: datetime | None
    """When the next window starts; ``None`` for a budget that never renews."""


def window_at(period: Period, moment: datetime) -> Window:
    """Return the window of ``period`` that holds ``moment``, an aware time."""
    day = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if period is Period.DAY:
        return Window(f"day:{day:%Y-%m-%d}", day + timedelta(days=1))
    if period is Period.WEEK:
        monday = day - timedelta(days=day.weekday())
        return Window(f"week:{monday:%Y-%m-%d}", monday + _WEEK)
    if period is Period.MONTH:
        # The 1st plus 32 days lies in the next month, whichever month it is.
        following = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
        return Window(f"month:{day:%Y-%m}", following)
    return Window("total", None)
