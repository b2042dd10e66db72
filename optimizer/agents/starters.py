"""Where a search with an agent begins: models alone, and mixes that use all that is allowed.

Insight 1 asks which mix of models suits the task at equal cost. Mixes here are those of graphs
that the space and its caps allow, so every one of them can be built.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from optimizer.search.model import Candidate, Space

__all__ = ["MOST_SHOWN", "Mixes", "thinned"]

_MOST_WALKED: Final = 4000
"""Graphs of which mixes are taken; of a larger pool a sample."""
_ENOUGH: Final = 6
"""Mixes to choose from; where the fullest are fewer, those one step smaller join them."""
MOST_SHOWN: Final = 24
"""Mixes that an agent is shown at most."""
_PER_PICK: Final = 5

Counts = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Mixes:
    """Graphs by how many of their steps use each model."""

    models: tuple[str, ...]
    by_counts: dict[Counts, list[Candidate]]
    """The sink does not count, as in the paper."""
    alone: dict[str, Candidate]
    """The plainest graph that uses one model only."""

    @classmethod
    def of(
        cls,
        space: Space,
        pool: Sequence[Candidate],
        models: Sequence[str],
        rng: np.random.Generator,
    ) -> "Mixes":
        """Sort a pool by mix."""
        walked = list(pool)
        if len(walked) > _MOST_WALKED:
            picked = np.sort(rng.choice(len(walked), _MOST_WALKED, replace=False))
            walked = [walked[place] for place in picked]
        by_counts: dict[Counts, list[Candidate]] = {}
        alone: dict[str, tuple[int, Candidate]] = {}
        for candidate in walked:
            graph = space.graph(candidate)
            used = Counter(str(step.model) for step in graph.steps if step is not graph.sink)
            by_counts.setdefault(tuple(used[name] for name in models), []).append(candidate)
            if len(graph.models) == 1:
                (only,) = map(str, graph.models)
                best = alone.get(only)
                if best is None or len(graph.steps) < best[0]:
                    alone[only] = (len(graph.steps), candidate)
        plainest = {name: alone[name][1] for name in models if name in alone}
        return cls(tuple(models), by_counts, plainest)

    def fullest(self) -> tuple[Counts, ...]:
        """Return the mixes to which no step can be added; if few, the next smaller ones too."""
        left = {counts for counts in self.by_counts if any(counts)}
        found: list[Counts] = []
        while left and len(found) < _ENOUGH:
            layer = sorted(
                (one for one in left if not any(_is_within(one, other) for other in left)),
                reverse=True,
            )
            found += layer
            left -= set(layer)
        return tuple(found[:MOST_SHOWN])

    def draw(self, counts: Counts, rng: np.random.Generator) -> Candidate | None:
        """Draw a graph with a mix, if there is one."""
        graphs = self.by_counts.get(counts)
        return graphs[int(rng.integers(len(graphs)))] if graphs else None


def thinned(counts: Counts, unit_costs: Sequence[float]) -> list[Counts]:
    """Return a mix and the same with its weakest steps left out, one after another."""
    found = [counts]
    while len(found) < _PER_PICK and sum(found[-1]) > 1:
        weakest = min(
            (place for place, count in enumerate(found[-1]) if count),
            key=lambda place: (unit_costs[place], place),
        )
        found.append(tuple(count - (place == weakest) for place, count in enumerate(found[-1])))
    return found


def _is_within(one: Counts, other: Counts) -> bool:
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))
