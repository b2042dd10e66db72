"""Predicting outcomes of graphs that were not run, on questions on which others were.

Knows the interface and the pool of graphs under consideration; ``kriging`` is the general
predictor, spaces may bring their own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt

from optimizer.search.archive import Archive
from optimizer.search.model import Candidate, CandidateKey, Decision

__all__ = ["OutcomePredictor", "Pool", "Predicted"]


@dataclass(frozen=True)
class Pool:
    """The graphs under consideration, with their choices as numbers."""

    candidates: tuple[Candidate, ...]
    decisions: tuple[Decision, ...]

    @cached_property
    def choices(self) -> npt.NDArray[np.int16]:
        """Shape ``(graphs, decisions)``."""
        return np.array([one.choices for one in self.candidates], np.int16)

    @cached_property
    def index(self) -> dict[CandidateKey, int]:
        """Row by key."""
        return {one.key: row for row, one in enumerate(self.candidates)}

    @cached_property
    def features(self) -> npt.NDArray[np.float32]:
        """One column per option of every decision, and one per number of edges; 0 or 1."""
        columns = [
            self.choices[:, position] == option
            for position, decision in enumerate(self.decisions)
            for option in range(len(decision.options))
        ]
        edges = [i for i, one in enumerate(self.decisions) if one.kind.value == "edge"]
        if edges:
            count = self.choices[:, edges].sum(axis=1)
            columns += [count == size for size in range(int(count.max()) + 1)]
        return np.stack(columns, axis=1).astype(np.float32)

    @cached_property
    def basis(self) -> npt.NDArray[np.float32]:
        """An orthonormal basis of the features, to fit additive models to the whole pool."""
        gram = self.features.T @ self.features
        strength, directions = np.linalg.eigh(gram.astype(np.float64))
        kept = strength > 1e-6 * strength[-1]
        basis: npt.NDArray[np.float32] = self.features @ (
            directions[:, kept] / np.sqrt(strength[kept])
        ).astype(np.float32)
        return basis

    def rows_of(self, candidates: Sequence[Candidate]) -> list[int]:
        """Return the rows of graphs that are in the pool."""
        return [self.index[one.key] for one in candidates if one.key in self.index]


@dataclass(frozen=True, slots=True)
class Predicted:
    """Expected outcomes by graph (rows of the pool) and question.

    ``doubt`` is the standard deviation of a graph's mean error that comes from the model itself,
    not from the choice of questions. ``sure`` marks outcomes that follow from what was run, by the
    rules of the space and without any statistics; ``None`` where a predictor never is.
    """

    right: npt.NDArray[np.float32]
    exposed: npt.NDArray[np.float32]
    doubt: npt.NDArray[np.float64]
    sure: npt.NDArray[np.bool_] | None = None


class OutcomePredictor(Protocol):
    """Expects outcomes from other graphs' outcomes on the same questions."""

    @property
    def is_ever_sure(self) -> bool:
        """Whether outcomes may follow from others for certain; then graphs may be looked at alone.

        Otherwise a pool must hold the graphs that were run, for these are what is learned from.
        """

    def predict(self, pool: Pool, archive: Archive, questions: npt.NDArray[np.int64]) -> Predicted:
        """Predict every graph of the pool on questions on which some graphs were run."""
