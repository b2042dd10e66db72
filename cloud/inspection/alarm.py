"""What is told when a call holds what this gateway may not see: a record without content."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from cloud.calls import Caller

__all__ = ["AlarmSink", "ContentAlarm", "LoggedAlarms"]

_logger = logging.getLogger("leeward.cloud.inspection")


@dataclass(frozen=True, slots=True)
class ContentAlarm:
    """One call that was above the clearance, or could not be checked."""

    caller: Caller
    model: str
    request_id: str
    """Empty when the call does not say."""
    action: Literal["refused", "alerted"]
    found: Mapping[str, int]
    """Categories above the clearance; 0 spans for one that was declared only."""
    failed: tuple[str, ...]
    """Detectors that failed."""


class AlarmSink(Protocol):
    """Keeps alarms where an operator finds them."""

    async def note(self, alarm: ContentAlarm) -> None:
        """Keep one; may raise, and then the call is refused."""
        ...


class LoggedAlarms:
    """Alarms as lines of the structured log."""

    async def note(self, alarm: ContentAlarm) -> None:
        """Log one."""
        _logger.warning(
            "content_above_clearance",
            extra={
                "state": alarm.action,
                "kind": alarm.caller.kind,
                "device_id": alarm.caller.id,
                "model": alarm.model,
                "request_id": alarm.request_id,
                "categories": sorted(alarm.found),
                "count": sum(alarm.found.values()),
                "detector": sorted(alarm.failed),
            },
        )
