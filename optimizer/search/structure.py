"""What a space may know of its own graphs beyond their choices, and what to do when it does not.

A vote is counted by a program, not by a model, so a space of votes can say what single models'
outcomes imply for a team. A space without such knowledge gets the general answers from here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from optimizer.search.model import Candidate, DecisionKind, Space
from optimizer.search.prediction import OutcomePredictor

__all__ = ["Probe", "StructuredSpace", "can_expose", "own_predictor", "probes_of"]


@dataclass(frozen=True, slots=True)
class Probe:
    """A graph that is run to learn what one option of one decision is worth."""

    candidate: Candidate
    decision: int
    option: int
    is_broad: bool = False
    """Whether it makes many calls for the sake of one; worth it only where graphs, not calls,
    are counted."""


@runtime_checkable
class StructuredSpace(Protocol):
    """A space that knows how its graphs' outcomes hang together."""

    def probes(self) -> Sequence[Probe]:
        """List graphs that show what each model is worth, one model at a time."""

    def predictor(self) -> OutcomePredictor:
        """Return what predicts any graph's outcomes from others' on the same questions."""

    def can_expose(self, candidate: Candidate) -> bool:
        """Say whether any question could reach the cloud, whatever the models answer."""


def can_expose(space: Space, candidate: Candidate) -> bool:
    """Say whether a graph could expose a question; yes where the space does not know."""
    says = getattr(space, "can_expose", None)  # a protocol check per graph costs too much
    return says is None or bool(says(candidate))


def own_predictor(space: Space) -> OutcomePredictor | None:
    """Return the space's own predictor, if it has one."""
    return space.predictor() if isinstance(space, StructuredSpace) else None


def probes_of(space: Space, pool: Sequence[Candidate]) -> Sequence[Probe]:
    """Return the graphs to begin with: the space's own, or per option the plainest graph with it.

    The plainest has the fewest edges, then the first choices.
    """
    if isinstance(space, StructuredSpace):
        return space.probes()
    edges = [i for i, one in enumerate(space.decisions) if one.kind is DecisionKind.EDGE]
    plain = sorted(pool, key=lambda one: (sum(one.choices[i] for i in edges), one.choices))
    chosen: dict[str, Probe] = {}
    for position, decision in enumerate(space.decisions):
        for option in range(len(decision.options)):
            first = next((one for one in plain if one.choices[position] == option), None)
            if first is not None:
                chosen.setdefault(first.key, Probe(first, position, option))
    return list(chosen.values())
