"""One sensitive part of a text, as data."""

from dataclasses import dataclass

from runtime.ids import Category

__all__ = ["Span"]


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Characters ``start`` to ``end`` (exclusive) of a text, and what they are.

    Holds positions only, never the text itself, so that a span may be logged and counted.
    """

    start: int
    end: int
    kind: str
    """What it is: ``person``, ``iban``, ``api_key``; a name of ``categories.KINDS`` or one that
    an operator's dictionary adds."""
    category: Category
    """How a policy speaks of it: ``person``, ``finance``, ``secret``."""
    score: float = 1.0
    """How sure the detector is, 0 to 1; 1 for a right checksum."""
    detector: str = ""
    """Name of the detector that found it."""

    @property
    def length(self) -> int:
        """How many characters it covers."""
        return self.end - self.start

    def overlaps(self, other: "Span") -> bool:
        """Whether both cover at least one common character."""
        return self.start < other.end and other.start < self.end
