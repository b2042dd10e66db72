"""How long something has waited, on a device that reboots and whose clock may be wrong.

Within one boot the kernel counts, and no clock matters. Over a reboot only the wall clock can tell
how long the device was off; it is believed where it was plausible when the waiting began and where
something else vouches for it now (a gateway's certificate that is valid by it). Else only the time
since this boot is sure, and what has waited is kept rather than dropped.
"""

import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from runtime.clock import Clock

__all__ = ["BootClock", "Mark", "SystemBootClock", "waited_s"]

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment, by every clock of the device."""

    boot: str
    """Which boot of the device it was in."""
    boot_s: float
    """Seconds since that boot, sleep included."""
    wall_s: float
    """The wall clock, seconds since 1970."""


class BootClock(Protocol):
    """Tells moments."""

    def mark(self) -> Mark:
        """Return this moment."""
        ...


class SystemBootClock:
    """The machine's own clocks.

    Where a sandbox hides which boot this is, every start of the daemon counts as one: less is then
    sure, and nothing is wrong.

    Args:
        clock: For the wall clock.
        boot_id: Where the kernel says which boot this is.
    """

    def __init__(self, clock: Clock, *, boot_id: Path = _BOOT_ID) -> None:
        self._clock = clock
        self._began_s = 0.0
        try:
            self._boot = boot_id.read_text().strip()
        except OSError:
            self._boot = uuid.uuid4().hex
            self._began_s = _since_boot_s()

    def mark(self) -> Mark:
        """Return this moment."""
        boot_s = _since_boot_s() - self._began_s
        return Mark(self._boot, boot_s, self._clock.now().timestamp())


def waited_s(since: Mark, now: Mark, *, is_clock_vouched: bool, earliest_s: float = 0.0) -> float:
    """Return how long ago ``since`` was, or the least that it can have been.

    Args:
        since: When the waiting began.
        now: This moment.
        is_clock_vouched: Whether something beside the device says that its wall clock is right.
        earliest_s: A wall clock before this, seconds since 1970, is certainly wrong.
    """
    if since.boot == now.boot:
        return max(0.0, now.boot_s - since.boot_s)
    if not is_clock_vouched or since.wall_s < earliest_s:
        return now.boot_s
    return max(now.boot_s, now.wall_s - since.wall_s)


def _since_boot_s() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)
