"""Every outcome that a search was told, by graph and question.

Adding is idempotent and independent of order: the archive is a function of the set of outcomes.
Knows no algorithm and no caps.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from optimizer.search.model import Candidate, CandidateKey, Outcomes

__all__ = ["Archive", "Row"]


@dataclass(slots=True)
class Row:
    """What one graph did; arrays have one entry per question and are valid where ``seen``."""

    candidate: Candidate
    seen: npt.NDArray[np.bool_]
    right: npt.NDArray[np.float32]
    exposed: npt.NDArray[np.bool_]
    count: int = 0
    right_sum: float = 0.0
    exposed_sum: int = 0
    amounts: dict[str, npt.NDArray[np.float32]] = field(default_factory=dict)
    """``cost_usd``, ``flops``, ``latency_s``, ``egress_bytes``, each only where it is not all
    zero."""

    @property
    def accuracy(self) -> float:
        """Mean score over the questions seen, 0 before the first."""
        return self.right_sum / self.count if self.count else 0.0

    @property
    def share(self) -> float:
        """Share of the questions seen that reached the cloud."""
        return self.exposed_sum / self.count if self.count else 0.0

    def amount(self, name: str) -> npt.NDArray[np.float32]:
        """Return an amount on the questions seen, in question order."""
        values = self.amounts.get(name)
        return np.zeros(self.count, np.float32) if values is None else values[self.seen]


class Archive:
    """All rows of a search, in the order in which their graphs were first seen."""

    def __init__(self, questions: int) -> None:
        self.questions = questions
        self._rows: dict[CandidateKey, Row] = {}
        self._changes: list[CandidateKey] = []

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self._rows.values())

    @property
    def version(self) -> int:
        """Grows with every outcome that was new; what is derived can be kept until then."""
        return len(self._changes)

    def changed_since(self, version: int) -> list[Row]:
        """Return the rows that changed after a version, each once."""
        return [self._rows[key] for key in dict.fromkeys(self._changes[version:])]

    def get(self, key: CandidateKey) -> Row | None:
        """Return a graph's row, ``None`` when it was never run."""
        return self._rows.get(key)

    def missing(self, candidate: Candidate, questions: tuple[int, ...]) -> tuple[int, ...]:
        """Return those of the questions that the graph was not yet seen on."""
        row = self._rows.get(candidate.key)
        if row is None:
            return questions
        return tuple(one for one in questions if not row.seen[one])

    def add(self, candidate: Candidate, outcomes: Outcomes) -> None:
        """Take outcomes; those of questions already seen are ignored."""
        row = self._rows.get(candidate.key)
        if row is None:
            row = self._rows[candidate.key] = Row(
                candidate,
                np.zeros(self.questions, np.bool_),
                np.zeros(self.questions, np.float32),
                np.zeros(self.questions, np.bool_),
            )
        fresh = ~row.seen[outcomes.questions]
        where = outcomes.questions[fresh]
        if not len(where):
            return
        row.seen[where] = True
        row.right[where] = outcomes.right[fresh]
        row.exposed[where] = outcomes.exposed[fresh]
        row.count += len(where)
        row.right_sum += float(outcomes.right[fresh].sum())
        row.exposed_sum += int(outcomes.exposed[fresh].sum())
        for name in ("cost_usd", "flops", "latency_s"):
            self._add_amount(row, name, where, getattr(outcomes, name)[fresh])
        if outcomes.egress_bytes is not None:
            self._add_amount(row, "egress_bytes", where, outcomes.egress_bytes[fresh])
        self._changes.append(candidate.key)

    def take(self, row: Row) -> None:
        """Take another archive's row as it is, in place of what is known of the graph."""
        self._rows[row.candidate.key] = row
        self._changes.append(row.candidate.key)

    def _add_amount(
        self, row: Row, name: str, where: npt.NDArray[np.int64], values: npt.NDArray[np.float64]
    ) -> None:
        if name not in row.amounts:
            if not values.any():
                return
            row.amounts[name] = np.zeros(self.questions, np.float32)
        row.amounts[name][where] = values
