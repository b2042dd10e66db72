"""Graphs that calls made for others decide: found after each batch, most promising first.

Which calls were made is told by the outcomes that a journal holds, never by what a cache happens to
hold beside them; so the same journal gives the same virtual trials, wherever a run was cut.
Nothing is dispatched and nothing is charged.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from typing import Final, Protocol

from optimizer.evaluation.model import Answered, Evaluated
from optimizer.search.model import Candidate, CandidateKey

__all__ = ["Decider", "FreeGraph", "Nominator", "VirtualTrials"]

_ENOUGH: Final = 0.5
"""Of the most questions asked of any graph: whoever was asked fewer is on no front either."""
_MOST_LOOKUPS: Final = 4096
"""Outcomes that are looked up after one batch."""


@dataclass(frozen=True, slots=True)
class FreeGraph:
    """A graph and what follows of it, by question in order."""

    candidate: Candidate
    answers: tuple[tuple[int, Answered], ...]


class Decider(Protocol):
    """Says what calls that were made say of a graph."""

    async def decide(self, candidate: Candidate, question: int, paid: Set[int]) -> Answered | None:
        """Return what a run of the graph would give, ``None`` where it needs another call."""


class Nominator(Protocol):
    """Names graphs that may be decided by now; that they are is for the decider to say."""

    def note(self, candidate: Candidate, evaluated: Sequence[Evaluated]) -> None:
        """Hear of a trial's outcomes."""

    def nominated(self) -> Sequence[tuple[Candidate, Sequence[int]]]:
        """Return graphs with the questions that may be decided, the most promising first."""


class VirtualTrials:
    """The virtual trials of one study.

    Args:
        nominator: Where to look.
        decider: What is found there.
    """

    def __init__(self, nominator: Nominator, decider: Decider) -> None:
        self._nominator = nominator
        self._decider = decider
        self._paid: defaultdict[int, set[int]] = defaultdict(set)
        self._known: defaultdict[CandidateKey, set[int]] = defaultdict(set)
        self._most = 0

    def note(self, candidate: Candidate, evaluated: Sequence[Evaluated]) -> None:
        """Hear of a trial's outcomes, in the journal's order."""
        known = self._known[candidate.key]
        for one in evaluated:
            self._paid[one.question].update(one.answered.call_ids)
            known.add(one.question)
        self._most = max(self._most, len(known))
        self._nominator.note(candidate, evaluated)

    async def found(self, most: int) -> tuple[FreeGraph, ...]:
        """Return at most ``most`` graphs with outcomes that nobody was told yet."""
        graphs: list[FreeGraph] = []
        lookups = _MOST_LOOKUPS
        for candidate, questions in self._nominator.nominated():
            if len(graphs) == most or lookups <= 0:
                break
            known = self._known.get(candidate.key, set())
            fresh = sorted(set(questions) - known)
            if not fresh or len(known) + len(fresh) < _ENOUGH * self._most:
                continue
            lookups -= len(fresh)
            answers = await self._decided(candidate, fresh)
            if answers and len(known) + len(answers) >= _ENOUGH * self._most:
                graphs.append(FreeGraph(candidate, answers))
        return tuple(graphs)

    def told(self, graphs: Sequence[FreeGraph]) -> None:
        """Hear of what was told to the searcher, now or by an earlier run."""
        for one in graphs:
            self._known[one.candidate.key].update(question for question, _ in one.answers)

    async def _decided(
        self, candidate: Candidate, questions: Sequence[int]
    ) -> tuple[tuple[int, Answered], ...]:
        answers: list[tuple[int, Answered]] = []
        for question in questions:
            answered = await self._decider.decide(candidate, question, self._paid[question])
            if answered is not None:
                # Which calls it rests on is known from the graphs that paid for them.
                answers.append((question, replace(answered, call_ids=())))
        return tuple(answers)
