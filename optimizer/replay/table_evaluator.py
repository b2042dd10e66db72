"""Runs graphs of a table on the questions of its search half, and books what that costs.

Questions are numbered from 0 within the half; the report half cannot be reached from here. Both
accountings: a (graph, question) outcome used for the first time (A), a model call made for the
first time (B). Which calls a graph needs follows from what its steps read: the same model and
role on the same answers is the same call.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from optimizer.replay.graph_table import GraphTable
from optimizer.replay.table_space import TableSpace
from optimizer.search.model import Candidate, Outcomes, Trial
from optimizer.search.virtual import Decided
from runtime.errors import PolicyViolation

__all__ = ["CallAccounts", "TableEvaluator", "TableHalf"]

_Bools = npt.NDArray[np.bool_]
_Floats = npt.NDArray[np.float64]
_Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class TableHalf:
    """Every graph of a table on one half of its questions; shared by all searches of it."""

    table: GraphTable
    columns: _Ints

    @property
    def questions(self) -> int:
        """How many questions the half has."""
        return len(self.columns)

    @cached_property
    def right(self) -> _Bools:
        """Whether the answer is right, shape ``(graphs, questions)`` as all that follow."""
        return np.ascontiguousarray(self.table.right[:, self.columns])

    @cached_property
    def exposed(self) -> _Bools:
        """Whether anything of the question leaves the edge."""
        return np.ascontiguousarray(self.table.exposed[:, self.columns])

    @cached_property
    def cost_usd(self) -> _Floats:
        """What the steps cost."""
        return np.ascontiguousarray(self.table.cost_usd[:, self.columns])

    @cached_property
    def flops(self) -> _Floats:
        """FLOPs of all steps."""
        return np.ascontiguousarray(self.table.flops[:, self.columns])

    @cached_property
    def latency_s(self) -> _Floats:
        """Latency along the critical path."""
        return np.ascontiguousarray(self.table.latency_s[:, self.columns])

    @cached_property
    def step_calls(self) -> npt.NDArray[np.int32]:
        """The call of every step, shape ``(graphs, steps, questions)``."""
        return self.table.step_calls(self.columns)

    @cached_property
    def stays(self) -> _Bools:
        """Which questions may not leave the edge in any form."""
        every = np.array([row.stays for row in self.table.questions], np.bool_)
        return np.asarray(every[self.columns])

    @cached_property
    def call_count(self) -> int:
        """Distinct calls of all graphs: what it costs to know everything (accounting B)."""
        return len(np.unique(self.step_calls)) - int((self.step_calls == self._none).any())

    @property
    def _none(self) -> int:
        return self.table.call_count


class CallAccounts:
    """What a search spends, in the three counters and both accountings.

    Args:
        half: What is searched on.
    """

    def __init__(self, half: TableHalf) -> None:
        self._half = half
        self._is_cloud = half.table.call_is_cloud
        self.paid: _Bools = np.zeros(half.table.call_count + 1, np.bool_)
        """Calls already made; the last one is the call of none, which costs nothing."""
        self.paid[-1] = True
        self._seen: _Bools = np.zeros((len(half.table.graphs), half.questions), np.bool_)
        self.graph_evaluations = 0
        self.question_executions = 0
        self.edge_calls = 0
        self.cloud_calls = 0

    @property
    def calls(self) -> int:
        """Fresh model calls, accounting B."""
        return self.edge_calls + self.cloud_calls

    def charge(self, row: int, questions: _Ints) -> None:
        """Book one evaluation of a graph."""
        fresh = ~self._seen[row, questions]
        self._seen[row, questions] = True
        self.graph_evaluations += 1
        self.question_executions += int(fresh.sum())
        called = np.unique(self._half.step_calls[row][:, questions])
        new = called[~self.paid[called]]
        self.paid[new] = True
        cloud = int(self._is_cloud[new].sum())
        self.cloud_calls += cloud
        self.edge_calls += len(new) - cloud


class TableEvaluator:
    """Replays trials; one instance per search, because it holds the search's accounts."""

    def __init__(self, space: TableSpace, half: TableHalf) -> None:
        self._space = space
        self._half = half
        self.accounts = CallAccounts(half)
        self.violations = 0

    @property
    def questions(self) -> int:
        """How many questions the search half has."""
        return self._half.questions

    def evaluate(self, trial: Trial) -> Outcomes:
        """Look the outcomes of a trial up.

        Raises:
            PolicyViolation: A question left that may not.
        """
        half, row = self._half, self._space.row(trial.candidate)
        asked = np.array(trial.questions, np.int64)
        exposed = half.exposed[row, asked]
        if (exposed & half.stays[asked]).any():
            self.violations += 1
            raise PolicyViolation(f"{trial.candidate.key}: a sensitive question left the edge")
        self.accounts.charge(row, asked)
        return Outcomes(
            questions=asked,
            right=half.right[row, asked].astype(np.float64),
            exposed=exposed,
            cost_usd=half.cost_usd[row, asked],
            flops=half.flops[row, asked],
            latency_s=half.latency_s[row, asked],
        )

    def decided(self, candidates: Sequence[Candidate], questions: Sequence[int]) -> Decided:
        """Say for free what the calls already made decide (accounting B only).

        Whether a question leaves follows from its label and the graph, before any call.
        """
        rows = np.array([self._space.row(one) for one in candidates], np.int64)
        where = np.array(questions, np.int64)
        table = np.ix_(rows, where)
        known = np.ones((len(rows), len(where)), np.bool_)
        for step in range(self._half.step_calls.shape[1]):
            known &= self.accounts.paid[self._half.step_calls[:, step][table]]
        exposed = self._half.exposed[table]
        return Decided(self._half.right[table] & known, exposed, known, np.ones_like(known))
