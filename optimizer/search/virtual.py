"""What calls that were already paid decide about graphs that were never run.

The port that makes calls the currency: where an evaluator has it, a search may use it for free
(accounting B); where a benchmark counts every outcome (accounting A), it is not handed out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from optimizer.search.model import Candidate, Outcomes

__all__ = ["Decided", "Learns", "VirtualTrials"]


@dataclass(frozen=True, slots=True)
class Decided:
    """Outcomes by candidate (rows) and question (columns), as far as they are decided.

    ``exposed`` is valid where ``placed`` is set, ``right`` where ``known`` is; known implies
    placed.
    """

    right: npt.NDArray[np.bool_]
    exposed: npt.NDArray[np.bool_]
    known: npt.NDArray[np.bool_]
    placed: npt.NDArray[np.bool_]


class VirtualTrials(Protocol):
    """Decides graphs from calls that were made for others."""

    def decided(self, candidates: Sequence[Candidate], questions: Sequence[int]) -> Decided:
        """Return everything that follows from the calls made so far."""


@runtime_checkable
class Learns(Protocol):
    """A searcher that also takes outcomes of graphs that it did not ask for."""

    def learn(self, candidate: Candidate, outcomes: Outcomes) -> None:
        """Take them as if they had been asked for; between batches only."""
