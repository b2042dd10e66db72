"""How much time a call has left, with the default in one place."""

from __future__ import annotations

from typing import Any, Final

import grpc

from runtime.errors import DeadlineExceeded

__all__ = ["DEFAULT_TIMEOUT_S", "MAX_TIMEOUT_S", "remaining_s"]

DEFAULT_TIMEOUT_S: Final = 60.0
"""What a call gets whose caller sets no deadline."""
MAX_TIMEOUT_S: Final = 3600.0
"""The most that a call gets, whatever its caller asks for."""


def remaining_s(
    context: grpc.aio.ServicerContext[Any, Any], *, default_s: float = DEFAULT_TIMEOUT_S
) -> float:
    """Return the time that the caller of ``context`` still gives, seconds, above 0.

    Raises:
        DeadlineExceeded: Nothing is left.
    """
    left_s = context.time_remaining()
    if left_s is None:
        return default_s
    if left_s <= 0:
        raise DeadlineExceeded("the call's deadline had passed when it was read")
    return min(left_s, MAX_TIMEOUT_S)
