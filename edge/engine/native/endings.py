"""What one call may end with while the others go on, and how the daemon is told."""

from typing import Final

from edge.engine.frames import ErrorName, Failed
from edge.engine.inbox import Ticket
from runtime.errors import (
    Cancelled,
    ContextOverflow,
    DeadlineExceeded,
    LeewardError,
    RequestInvalid,
)

__all__ = ["ENDINGS", "failure"]

_NAMES: Final[dict[type[LeewardError], ErrorName]] = {
    Cancelled: "Cancelled",
    ContextOverflow: "ContextOverflow",
    DeadlineExceeded: "DeadlineExceeded",
    RequestInvalid: "RequestInvalid",
}
ENDINGS: Final = tuple(_NAMES)


def failure(ticket: Ticket, error: LeewardError) -> Failed:
    """Return the frame that ends a call."""
    return Failed(ticket.call, _NAMES[type(error)], str(error))
