"""Why the system would not read or write a file, in its own words."""

__all__ = ["os_reason"]


def os_reason(failure: OSError) -> str:
    """Return the system's words in lower case, such as ``no space left on device``."""
    return (failure.strerror or type(failure).__name__).lower()
