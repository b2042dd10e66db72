"""What a failing database means to the gateway's callers: this node cannot answer now."""

from sqlalchemy.exc import InterfaceError, OperationalError

from runtime.errors import DatabaseUnavailable

__all__ = ["named", "unavailable"]


def named(error: Exception) -> Exception:
    """Return an outage under its own name, and any other error as it is."""
    return unavailable(error) if isinstance(error, OperationalError | InterfaceError) else error


def unavailable(error: Exception | None) -> DatabaseUnavailable:
    """Return the named failure; of the driver's own it tells the class, never the text."""
    cause = getattr(error, "orig", None) or error
    why = f" ({type(cause).__name__})" if cause is not None else ": too many conflicts"
    return DatabaseUnavailable(f"the gateway's database did not carry the work out{why}")
