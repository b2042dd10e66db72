"""The seam behind which every detector stands, patterns and models alike."""

from typing import Protocol

from runtime.sentinel.span import Span

__all__ = ["Detector"]


class Detector(Protocol):
    """Finds spans of some kinds in a text.

    Implementations are pure CPU work, safe to call from several threads at once, and take time
    linear in the text. They may raise: the scan turns that into a failed detector, which makes
    the text ``unsure`` and never silently clean.
    """

    @property
    def name(self) -> str:
        """A constant name for records and metrics."""
        ...

    @property
    def kinds(self) -> frozenset[str]:
        """Every kind that ``detect`` may return."""
        ...

    def detect(self, text: str) -> list[Span]:
        """Return the spans found in ``text``; order and overlap are free."""
        ...
