"""A table's outcomes question by question, as a study's runner asks for them.

Content-addressed: a call that the study has made before costs it nothing in a later graph. What an
execution spends is fixed when it is reserved, in the runner's order, so that neither the number of
workers nor a resumption changes it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from optimizer.evaluation.model import Answered, Evaluated, Source, Spend
from optimizer.replay.graph_table import GraphTable
from optimizer.replay.table_space import TableSpace
from optimizer.search.model import Candidate, CandidateKey, Trial

__all__ = ["TableQuestions"]


class TableQuestions:
    """The seam of single questions over one half of a table; one instance per run.

    Args:
        space: The graphs.
        table: The outcomes.
        columns: The questions of the half.
    """

    def __init__(
        self, space: TableSpace, table: GraphTable, columns: npt.NDArray[np.int64]
    ) -> None:
        self._space = space
        self._table = table
        self._columns = columns
        self._paid: set[int] = set()
        self._reserved: dict[tuple[CandidateKey, int], Spend] = {}

    @property
    def questions(self) -> int:
        """How many questions there are to search on."""
        return len(self._columns)

    def prepare(self, trial: Trial) -> None:
        """Nothing has to be computed."""

    def worst_case(self, candidate: Candidate, question: int) -> Spend:
        """Return what the execution will be charged, and book its calls as made."""
        key = (candidate.key, question)
        if key not in self._reserved:
            self._reserved[key] = self._charged(question, self._calls(candidate, question))
        return self._reserved[key]

    def remember(self, evaluated: Evaluated) -> None:
        """Book the calls of an outcome of an earlier run as made."""
        self._paid.update(evaluated.answered.call_ids)

    def booked(self, evaluated: Evaluated) -> Evaluated:
        """Return it as it is: what it spent was fixed when it was reserved."""
        return evaluated

    async def evaluate(self, candidate: Candidate, question: int) -> Evaluated:
        """Return the recorded outcome."""
        spent = self.worst_case(candidate, question)
        del self._reserved[candidate.key, question]
        return Evaluated(question, self.answered(candidate, question), Source.FRESH, spent)

    def answered(self, candidate: Candidate, question: int) -> Answered:
        """Return the recorded answer."""
        table, calls = self._table, self._calls(candidate, question)
        place = (self._space.row(candidate), int(self._columns[question]))
        return Answered(
            right=float(table.right[place]),
            exposed=bool(table.exposed[place]),
            cost_usd=float(table.cost_usd[place]),
            flops=float(table.flops[place]),
            latency_s=float(table.latency_s[place]),
            tokens=int(table.tokens[place]),
            calls=len(calls),
            cloud_calls=int(table.passages[place]),
            call_ids=tuple(sorted(set(calls))),
            egress_bytes=float(table.chars_out[place]),
        )

    def _calls(self, candidate: Candidate, question: int) -> tuple[int, ...]:
        return self._table.calls(self._space.row(candidate), int(self._columns[question]))

    def _charged(self, question: int, calls: tuple[int, ...]) -> Spend:
        table, fresh = self._table, sorted(set(calls) - self._paid)
        self._paid.update(fresh)
        cloud = int(table.call_is_cloud[fresh].sum())
        return Spend(
            usd=float(table.call_cost_usd[fresh].sum()),
            tokens=int(table.call_tokens[fresh].sum()),
            calls=len(fresh),
            executions=1,
            flops=float(table.call_flops[fresh].sum()),
            exposed=frozenset({question}) if cloud else frozenset(),
            cloud_calls=cloud,
        )
