"""What guards a node has, as immutable data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from runtime.ids import ModelName
from runtime.policy.model import Zone

__all__ = ["Guard", "Guards"]


@dataclass(frozen=True, slots=True)
class Guard:
    """One guard: what it looks at, and what it refuses."""

    name: str
    reads_requests: bool
    """Whether it judges what models are asked."""
    reads_answers: bool
    """Whether it judges what they answer."""
    zones: frozenset[Zone]
    """Before and behind the models of which zones it stands."""
    words: tuple[str, ...] = ()
    """Phrases that do not pass, folded (``folding``)."""
    longest_characters: int | None = None
    """Longer texts do not pass."""
    model: ModelName | None = None
    """A model of the edge that must say ``verdict: pass`` of the text."""

    def refuses(self, texts: Iterable[str], length: int) -> bool:
        """Whether its rules refuse texts, without asking a model.

        Args:
            texts: Folded.
            length: Of all that was said, in characters before folding.
        """
        if self.longest_characters is not None and length > self.longest_characters:
            return True
        return any(word in text for text in texts for word in self.words)

    @property
    def needs_whole_text(self) -> bool:
        """Whether it can only judge an answer when its end is known."""
        return self.model is not None


@dataclass(frozen=True, slots=True)
class Guards:
    """The guards of a node."""

    every: tuple[Guard, ...] = ()

    def of_requests(self, zone: Zone) -> tuple[Guard, ...]:
        """Return who judges what the models of a zone are asked."""
        return tuple(one for one in self.every if one.reads_requests and zone in one.zones)

    def of_answers(self, zone: Zone) -> tuple[Guard, ...]:
        """Return who judges what the models of a zone answer."""
        return tuple(one for one in self.every if one.reads_answers and zone in one.zones)
