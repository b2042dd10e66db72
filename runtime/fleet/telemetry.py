"""What is counted of a device's calls beyond usage: closed names and whole numbers, never a text.

A name says what is counted: ``failed.EngineCrashed``, ``total_s.3`` (calls that took more than one
second and at most three), ``restarts``. Names that this release does not know are passed over, so
that devices and gateways of different releases understand each other in what they share.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from runtime import errors

__all__ = [
    "BOUNDS_S",
    "CACHED",
    "COUNTS",
    "RESTARTS",
    "STAGES",
    "bucket",
    "failed",
    "failures",
    "quantile_s",
]

BOUNDS_S: Final = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
"""Of the buckets in which times are counted, seconds; what took longer has a bucket of its own."""
STAGES: Final = ("queued_s", "first_token_s", "total_s")
"""Until a call got a slot, its first text, its end."""
CACHED: Final = "cached_tokens"
RESTARTS: Final = "restarts"
_FAILED: Final = "failed."
_LONGER: Final = "longer"
_CANCELLED: Final = "cancelled"
_OTHER: Final = "other"


def _error_names() -> Iterator[str]:
    for name, found in vars(errors).items():
        if isinstance(found, type) and issubclass(found, errors.LeewardError):
            yield name


_FAILURES: Final = frozenset({*_error_names(), _CANCELLED, _OTHER})
_BUCKETS: Final = (*(f"{bound:g}" for bound in BOUNDS_S), _LONGER)
COUNTS: Final = frozenset(
    {CACHED, RESTARTS}
    | {f"{_FAILED}{name}" for name in _FAILURES}
    | {f"{stage}.{name}" for stage in STAGES for name in _BUCKETS}
)
"""Every name that is told, kept and shown."""


def failed(outcome: str) -> str:
    """Return the name under which a failure is counted: its class, or ``cancelled``."""
    return f"{_FAILED}{outcome if outcome in _FAILURES else _OTHER}"


def failures(counts: Mapping[str, int]) -> dict[str, int]:
    """Return how often each failure was counted, by its class."""
    return {
        name.removeprefix(_FAILED): count
        for name, count in counts.items()
        if name.startswith(_FAILED)
    }


def bucket(stage: str, seconds: float) -> str:
    """Return the name under which a call is counted that took so long."""
    for bound, name in zip(BOUNDS_S, _BUCKETS, strict=False):
        if seconds <= bound:
            return f"{stage}.{name}"
    return f"{stage}.{_LONGER}"


def quantile_s(counts: Mapping[str, int], stage: str, share: float) -> float | None:
    """Return the bound that a share of the calls kept, seconds; infinite for more than the last.

    ``None`` where no call was counted.
    """
    here = [counts.get(f"{stage}.{name}", 0) for name in _BUCKETS]
    wanted, seen = share * sum(here), 0
    if not sum(here):
        return None
    for bound, count in zip((*BOUNDS_S, float("inf")), here, strict=True):
        seen += count
        if seen >= wanted and seen:
            return bound
    return float("inf")
