"""Shipped patterns beside the graphs that are composed: which pattern, and which models it gets.

Adds decisions behind those of the composed space: the pattern (or none of them), and for each place
that the patterns have (``near``, ``far``, ``far-small``) one of the study's models of that zone.
Knows nothing of how patterns are run; what may not be built is for the rules to say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import product
from typing import Final

from optimizer.evaluation.graph_space import GraphSpace
from optimizer.search.model import Candidate, CandidateKey, Decision, DecisionKind
from runtime.graph.model import Graph, Step
from runtime.ids import ModelName
from runtime.patterns.book import PLACES, Pattern, bind

__all__ = ["COMPOSED", "PatternSpace", "zone_of_place"]

COMPOSED: Final = "composed"
"""The option of the decision ``pattern`` that means a graph of the composed space."""


class PatternSpace:
    """Composed graphs and bound patterns, as an :class:`optimizer.search.model.Space`.

    Args:
        composed: The graphs that are built step by step.
        patterns: The patterns that may be chosen.
        models: The models that each place may get; one at least for every place of a pattern.
        max_tokens: Longest answer of a step that the pattern itself does not bound.
        forbids: Says why a graph may not be built, such as a leak; ``None`` allows it.
        exposes: Says whether a graph could send content out of the edge.
    """

    def __init__(
        self,
        composed: GraphSpace,
        patterns: Sequence[Pattern],
        models: Mapping[str, Sequence[str]],
        *,
        max_tokens: int,
        forbids: Callable[[Graph], str | None],
        exposes: Callable[[Graph], bool],
    ) -> None:
        self._composed = composed
        self._patterns = tuple(patterns)
        self._places = [place for place in PLACES if any(place in one.places for one in patterns)]
        self._models = {place: tuple(models[place]) for place in self._places}
        self._max_tokens = max_tokens
        self._forbids = forbids
        self._exposes = exposes
        self._refusals: dict[CandidateKey, str | None] = {}

    @property
    def name(self) -> str:
        """What reports call it."""
        return self._composed.name

    @cached_property
    def decisions(self) -> tuple[Decision, ...]:
        """Those of the composed space, then the pattern, then the model of each place."""
        names = (COMPOSED, *(pattern.name for pattern in self._patterns))
        return (
            *self._composed.decisions,
            Decision("pattern", DecisionKind.ROLE, names),
            *(
                Decision(f"{place}.model", DecisionKind.MODEL, self._models[place])
                for place in self._places
            ),
        )

    def refusal(self, choices: Sequence[int]) -> str | None:
        """Say in one sentence why these choices make no allowed graph, or ``None``."""
        if self._pattern(choices) is None:
            return self._composed.refusal(choices[: self._inner])
        candidate = self.candidate(choices)
        if candidate.key not in self._refusals:
            self._refusals[candidate.key] = self._forbids(self.graph(candidate))
        return self._refusals[candidate.key]

    def candidate(self, choices: Sequence[int]) -> Candidate:
        """Bring choices into their canonical form: what the graph does not depend on is 0."""
        pattern = self._pattern(choices)
        if pattern is None:
            return self._widened(self._composed.candidate(choices[: self._inner]))
        chosen = [
            option if place in pattern.places else 0
            for place, option in zip(self._places, choices[self._inner + 1 :], strict=True)
        ]
        played = ",".join(
            f"{place}={self._models[place][option]}"
            for place, option in zip(self._places, chosen, strict=True)
            if place in pattern.places
        )
        head = (*[0] * self._inner, choices[self._inner])
        return Candidate(CandidateKey(f"{pattern.name}({played})"), (*head, *chosen))

    def candidates(self) -> Sequence[Candidate] | None:
        """List every allowed graph, composed ones first; ``None`` where these are too many."""
        return self._every

    def can_expose(self, candidate: Candidate) -> bool:
        """Say whether any question could leave the edge, whatever the models answer."""
        return self._exposes(self.graph(candidate))

    def single_steps(self) -> list[Candidate]:
        """Return the graphs of one step, allowed or not."""
        return [self._widened(one) for one in self._composed.single_steps()]

    @property
    def combinations(self) -> int:
        """How many combinations of choices there are, allowed or not."""
        return self._composed.combinations + len(self.bound)

    def graph(self, candidate: Candidate) -> Graph:
        """Write a candidate as the document that the runtime executes."""
        pattern = self._pattern(candidate.choices)
        if pattern is None:
            inner = candidate.choices[: self._inner]
            return self._composed.graph(replace(candidate, choices=inner))
        options = candidate.choices[self._inner + 1 :]
        models = {
            place: ModelName(self._models[place][option])
            for place, option in zip(self._places, options, strict=True)
        }
        bound = bind(pattern, models)
        steps = tuple(map(self._bounded, bound.steps))
        return replace(bound, name=self.name, steps=steps)

    @cached_property
    def bound(self) -> tuple[Candidate, ...]:
        """Every pattern with every choice of models, allowed or not."""
        options = [range(len(self._models[place])) for place in self._places]
        found: dict[CandidateKey, Candidate] = {}
        for number in range(1, len(self._patterns) + 1):
            for chosen in product(*options):
                one = self.candidate((*[0] * self._inner, number, *chosen))
                found.setdefault(one.key, one)
        return tuple(found.values())

    @cached_property
    def _every(self) -> tuple[Candidate, ...] | None:
        composed = self._composed.candidates()
        if composed is None:
            return None
        bound = (one for one in self.bound if self.refusal(one.choices) is None)
        return (*map(self._widened, composed), *bound)

    @cached_property
    def _inner(self) -> int:
        return len(self._composed.decisions)

    def _pattern(self, choices: Sequence[int]) -> Pattern | None:
        number = choices[self._inner]
        return self._patterns[number - 1] if number else None

    def _widened(self, candidate: Candidate) -> Candidate:
        return replace(candidate, choices=(*candidate.choices, 0, *[0] * len(self._places)))

    def _bounded(self, step: Step) -> Step:
        most = min(step.sampling.max_tokens, self._max_tokens)
        return replace(step, sampling=replace(step.sampling, max_tokens=most))


def zone_of_place(place: str) -> str:
    """Return the zone of the models that a place of a pattern may get."""
    return "edge" if place == "near" else "cloud"
