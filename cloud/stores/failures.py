"""What a failing database means to the gateway's callers: this node cannot answer now."""

from sqlalchemy.exc import InterfaceError, OperationalError

from runtime.errors import DatabaseUnavailable

__all__ = ["closed", "named", "unavailable"]


def named(error: Exception) -> Exception:
    """Return an outage, of database or disk, under its own name, and any other error as it is."""
    is_outage = isinstance(error, OperationalError | InterfaceError | OSError)
    return unavailable(error) if is_outage else error


def unavailable(error: Exception, *, place: str = "the gateway's database") -> DatabaseUnavailable:
    """Return the named failure; of the driver's own it tells the class, never the text."""
    cause = type(getattr(error, "orig", None) or error).__name__
    advice = "is it running, and are address, user and password right?"
    return DatabaseUnavailable(f"{place} did not carry the work out ({cause}); {advice}")


def closed() -> DatabaseUnavailable:
    """Return what work that comes too late gets."""
    return DatabaseUnavailable("the gateway's database is closed: this gateway is stopping")
