"""Word lists that values are composed of, one entry a line, each list in a file of its name."""

from functools import cache
from pathlib import Path

__all__ = ["listed"]


@cache
def listed(name: str) -> tuple[str, ...]:
    """Return the entries of a list.

    Raises:
        FileNotFoundError: No such list.
    """
    text = Path(__file__).with_name(f"{name}.txt").read_text(encoding="utf-8")
    return tuple(text.splitlines())
