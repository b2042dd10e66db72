"""How a provider can fail a call, and what the caller is told of it.

The provider's own text is dropped everywhere: it may quote the prompt, or name our account.
"""

import math
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Final

import openai

from runtime.errors import (
    CapacityExhausted,
    ContextOverflow,
    LeewardError,
    RequestInvalid,
    UpstreamUnavailable,
)

__all__ = ["Fault", "UpstreamFailed", "failed_status", "retry_after_s"]

_MAX_RETRY_AFTER_S: Final = 3600.0
_OVERFLOW_CODE: Final = "context_length_exceeded"
_NOT_FOUND: Final = 404
_TOO_LARGE: Final = 413
_RATE_LIMITED: Final = 429
_BAD_REQUESTS: Final = frozenset({400, 422})
_KEY_REFUSED: Final = frozenset({401, 402, 403})
_WITH_RETRY_AFTER: Final = frozenset({429, 503, 529})


class Fault(Enum):
    """What went wrong with an attempt; the value is the metric's label."""

    UNREACHABLE = "unreachable"
    """No connection, or it was reset before an answer."""
    STATUS = "status"
    """A status that says the provider is broken."""
    KEY = "key"
    """Our key is refused or our account is closed: ours to mend, not the caller's."""
    MISSING = "missing"
    """The provider knows no such model: our configuration is wrong."""
    RATE = "rate"
    """The provider limits our rate."""
    BUSY = "busy"
    """Our own limit of calls in flight; the provider was not asked."""
    SILENT = "silent"
    """Nothing came for longer than allowed."""
    CUT = "cut"
    """The stream ended without its finish reason."""
    GARBAGE = "garbage"
    """What came is no answer: wrong content type, broken events, endless text."""
    REQUEST = "request"
    """The provider rejects the request: it would be rejected elsewhere too."""
    DEADLINE = "deadline"
    """The caller's time ran out first."""


class UpstreamFailed(Exception):
    """One attempt failed. Seen by routing only, which tells the caller ``error``.

    Args:
        fault: What went wrong.
        error: What the caller is told when nobody else answers.
        retry_after_s: When the provider said to come back, or ``None``.
    """

    def __init__(
        self, fault: Fault, error: LeewardError, *, retry_after_s: float | None = None
    ) -> None:
        super().__init__(fault.value)
        self.fault = fault
        self.error = error
        self.retry_after_s = retry_after_s


def failed_status(upstream: str, error: openai.APIStatusError, now: datetime) -> UpstreamFailed:
    """Name what a status says; ``now`` turns a ``Retry-After`` date into seconds."""
    status = error.status_code
    wait_s = None
    if status in _WITH_RETRY_AFTER:
        wait_s = retry_after_s(error.response.headers, now)
    if status == _RATE_LIMITED:
        full = CapacityExhausted(
            f"upstream {upstream} limits our rate",
            retry_after_s=1.0 if wait_s is None else wait_s,
        )
        return UpstreamFailed(Fault.RATE, full, retry_after_s=wait_s)
    if status in _KEY_REFUSED:
        return UpstreamFailed(
            Fault.KEY, UpstreamUnavailable(f"upstream {upstream} refuses our key ({status})")
        )
    if status == _NOT_FOUND:
        missing = UpstreamUnavailable(f"upstream {upstream} has no model of the configured name")
        return UpstreamFailed(Fault.MISSING, missing)
    if error.code == _OVERFLOW_CODE or status == _TOO_LARGE:
        overflow = ContextOverflow(f"the prompt does not fit the context of upstream {upstream}")
        return UpstreamFailed(Fault.REQUEST, overflow)
    if status in _BAD_REQUESTS:
        invalid = RequestInvalid(f"upstream {upstream} rejects the request ({status})")
        return UpstreamFailed(Fault.REQUEST, invalid)
    return UpstreamFailed(
        Fault.STATUS,
        UpstreamUnavailable(f"upstream {upstream} answered {status}"),
        retry_after_s=wait_s,
    )


def retry_after_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return how long the provider asks to wait, seconds; ``None`` when it does not say.

    Both forms of RFC 9110 are read; nonsense is passed over, and an hour is the most believed.
    """
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    try:
        wait_s = float(text)
    except ValueError:
        wait_s = _seconds_until(text, now)
    if not math.isfinite(wait_s):
        return None
    return min(max(0.0, wait_s), _MAX_RETRY_AFTER_S)


def _seconds_until(date: str, now: datetime) -> float:
    try:
        then = parsedate_to_datetime(date)
    except (TypeError, ValueError):
        return math.nan
    if then.tzinfo is None:
        then = then.replace(tzinfo=now.tzinfo)
    return (then - now).total_seconds()
