"""What a search spends, in the three counters and both accountings of the benchmark.

A counts every (graph, question) outcome used for the first time; B counts every model call made
for the first time, alike for every method. Knows bit tables, not prices.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from optimizer.search.model import CandidateKey

__all__ = ["Accounts"]


@dataclass(slots=True)
class Accounts:
    """Counters of one search; ``paid`` is the cache that makes calls free a second time."""

    edge_models: int
    paid: npt.NDArray[np.bool_]
    """Shape ``(models, questions)``: calls already made."""
    graph_evaluations: int = 0
    question_executions: int = 0
    edge_calls: int = 0
    cloud_calls: int = 0
    _seen: dict[CandidateKey, npt.NDArray[np.bool_]] = field(default_factory=dict)

    @classmethod
    def empty(cls, edge_models: int, models: int, questions: int) -> "Accounts":
        """Return accounts with nothing spent."""
        return cls(edge_models, np.zeros((models, questions), np.bool_))

    @property
    def calls(self) -> int:
        """Fresh model calls, accounting B."""
        return self.edge_calls + self.cloud_calls

    def charge(
        self,
        key: CandidateKey,
        questions: npt.NDArray[np.int64],
        called: npt.NDArray[np.bool_],
    ) -> None:
        """Book one evaluation of a graph; ``called`` has shape ``(models, len(questions))``."""
        seen = self._seen.get(key)
        if seen is None:
            seen = self._seen[key] = np.zeros(self.paid.shape[1], np.bool_)
        fresh = ~seen[questions]
        seen[questions] = True
        self.graph_evaluations += 1
        self.question_executions += int(fresh.sum())
        new = called & ~self.paid[:, questions]
        self.paid[:, questions] |= called
        per_model = new.sum(axis=1)
        self.edge_calls += int(per_model[: self.edge_models].sum())
        self.cloud_calls += int(per_model[self.edge_models :].sum())
