"""Names graphs whose last step was an inner step of graphs that were run: their calls were made.

Knows how graphs are composed; whether a question's calls really are the same is for others to say.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from optimizer.evaluation.model import Evaluated
from optimizer.search.composition import Composition
from optimizer.search.model import Candidate, CandidateKey

__all__ = ["PartNominator"]


@dataclass(slots=True)
class _Hope:
    """What is known of a graph from those that contain it."""

    questions: set[int] = field(default_factory=set)
    right: float = 0.0
    count: int = 0

    @property
    def promise(self) -> float:
        """How right the graphs were that contain it."""
        return self.right / self.count if self.count else 0.0


class PartNominator:
    """Nominates the parts of graphs that were run.

    Args:
        candidates: Every graph of the space.
        compose: Takes them apart; called once, when the first outcome is told.
    """

    def __init__(
        self,
        candidates: Sequence[Candidate],
        compose: Callable[[Sequence[Candidate]], Composition],
    ) -> None:
        self._candidates = candidates
        self._compose = compose
        self._hopes: defaultdict[int, _Hope] = defaultdict(_Hope)

    def note(self, candidate: Candidate, evaluated: Sequence[Evaluated]) -> None:
        """Hear of a trial's outcomes."""
        row = self._index.get(candidate.key)
        if row is None or not evaluated:
            return
        right = sum(one.answered.right for one in evaluated)
        for part in self._parts.steps[row]:
            for other in self._by_sink.get(part, ()):
                if other == row:
                    continue
                hope = self._hopes[other]
                hope.questions.update(one.question for one in evaluated)
                hope.right += right
                hope.count += len(evaluated)

    def nominated(self) -> Sequence[tuple[Candidate, Sequence[int]]]:
        """Return the parts of graphs that were run, those of the best graphs first."""
        order = sorted(self._hopes, key=lambda row: (-self._hopes[row].promise, row))
        return [(self._candidates[row], sorted(self._hopes[row].questions)) for row in order]

    @cached_property
    def _parts(self) -> Composition:
        return self._compose(self._candidates)

    @cached_property
    def _index(self) -> dict[CandidateKey, int]:
        return {one.key: row for row, one in enumerate(self._candidates)}

    @cached_property
    def _by_sink(self) -> dict[int, list[int]]:
        """Graphs by the step that answers; several differ in the roles of their steps alone."""
        found: dict[int, list[int]] = {}
        for row, sink in enumerate(self._parts.sinks.tolist()):
            found.setdefault(sink, []).append(row)
        return found
