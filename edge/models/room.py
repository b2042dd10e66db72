"""Whether something still fits: asked by whatever brings files here."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Room"]


class Room(Protocol):
    """A place on the disk."""

    def require_room(self, needed_bytes: int, *, name: str = "") -> None:
        """Refuse what would not fit.

        Args:
            needed_bytes: What is still to come.
            name: Of what.

        Raises:
            CapacityExhausted: It would not.
        """
        ...
