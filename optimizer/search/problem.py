"""What a search is about: a space, its caps, how many questions, and what follows from these.

Built once and shared by all searches of it, because pools and masks cost more than a trial.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from optimizer.search.caps import CapRule
from optimizer.search.composition import Composition, composition_of
from optimizer.search.model import Space
from optimizer.search.prediction import OutcomePredictor, Pool
from optimizer.search.structure import Probe, can_expose, own_predictor, probes_of

__all__ = ["MOST_ENUMERATED", "Problem"]

MOST_ENUMERATED = 60_000
"""Larger spaces are searched through pools that are drawn anew."""


@dataclass(frozen=True)
class Problem:
    """A space under caps."""

    space: Space
    rule: CapRule
    questions: int

    @cached_property
    def pool(self) -> Pool | None:
        """All graphs, or ``None`` where they cannot be listed."""
        candidates = self.space.candidates()
        if candidates is None or len(candidates) > MOST_ENUMERATED:
            return None
        return Pool(tuple(candidates), self.space.decisions)

    @cached_property
    def predictor(self) -> OutcomePredictor | None:
        """The space's own predictor, if it has one."""
        return own_predictor(self.space)

    @cached_property
    def allowed(self) -> Pool | None:
        """The listed graphs without those that a static cap rules out before anything is run."""
        pool = self.pool
        if pool is None or self.rule.most_exposed(self.questions) >= 0:
            return pool
        kept = tuple(one for one in pool.candidates if not can_expose(self.space, one))
        return Pool(kept, pool.decisions) if kept else pool

    @cached_property
    def composition(self) -> Composition | None:
        """The listed graphs taken apart into steps, where they are such."""
        return None if self.pool is None else composition_of(self.space, self.pool.candidates)

    def probes(self, pool: Pool) -> list[Probe]:
        """Return the graphs to begin with, without those that break a static cap."""
        may_expose = self.rule.most_exposed(self.questions) > 0
        return [
            probe
            for probe in probes_of(self.space, pool.candidates)
            if may_expose or not can_expose(self.space, probe.candidate)
        ]

    def exposing(self, pool: Pool) -> npt.NDArray[np.bool_]:
        """Return which graphs of a pool could expose a question at all."""
        return np.array([can_expose(self.space, one) for one in pool.candidates], np.bool_)
