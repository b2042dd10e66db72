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
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from optimizer.replay.graph_table import GraphTable
from optimizer.replay.table_space import TableSpace
from optimizer.search.model import Candidate, Outcomes, Trial
from optimizer.search.virtual import Decided
from runtime.errors import PolicyViolation

__all__ = ["CallAccounts", "TableEvaluator", "TableHalf"]

_Cell = TypeVar("_Cell", bound=np.generic)
_Bools = npt.NDArray[np.bool_]
_Floats = npt.NDArray[np.float64]
_Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Needed:
    """The calls that graphs rest on, turned round.

    Call ``c`` is needed at ``places[bounds[c] : bounds[c + 1]]``, each a graph's number times the
    questions plus the question; ``count`` is by graph and question.
    """

    bounds: _Ints
    places: npt.NDArray[np.int32]
    count: npt.NDArray[np.int8]


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
    def egress_bytes(self) -> _Floats:
        """Text that leaves the edge; the table counts its characters, mostly a byte each."""
        return np.ascontiguousarray(self.table.chars_out[:, self.columns]).astype(np.float64)

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

    @cached_property
    def needed(self) -> _Needed:
        """Which graphs and questions rest on each call."""
        questions = self.step_calls.shape[2]
        calls = np.sort(self.step_calls, axis=1)
        is_own = calls != self._none  # a call that two steps of a graph share is one
        is_own[:, 1:] &= calls[:, 1:] != calls[:, :-1]
        count = is_own.sum(axis=1, dtype=np.int8)
        graph, _, question = np.nonzero(is_own)
        made = calls[is_own]
        order = np.argsort(made, kind="stable")
        bounds = np.searchsorted(made, np.arange(self._none + 1), sorter=order)
        return _Needed(bounds, (graph * questions + question)[order].astype(np.int32), count)

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
        self._unpaid: npt.NDArray[np.int8] | None = None
        """By graph and question, how many calls were not made yet."""
        self._known: _Bools = np.zeros(half.table.call_count, np.bool_)
        """The calls that ``_unpaid`` takes into account."""
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
            egress_bytes=half.egress_bytes[row, asked],
        )

    def decided(self, candidates: Sequence[Candidate], questions: Sequence[int]) -> Decided:
        """Say for free what the calls already made decide (accounting B only).

        Whether a question leaves follows from its label and the graph, before any call.
        """
        half, where = self._half, np.array(questions, np.int64)
        rows = np.array([half.table.index[one.key] for one in candidates], np.int64)
        is_all = len(where) == half.questions and bool((where[1:] > where[:-1]).all())

        def part(table: npt.NDArray[_Cell]) -> npt.NDArray[_Cell]:
            taken = table[rows]
            return taken if is_all else taken[:, where]

        known = part(self._owed()) == 0
        return Decided(part(half.right) & known, part(half.exposed), known, np.ones_like(known))

    def _owed(self) -> npt.NDArray[np.int8]:
        """Count the calls that graphs still wait for; a call that was paid is looked at once."""
        needed = self._half.needed
        if self._unpaid is None:
            self._unpaid = needed.count.copy()
        flat = self._unpaid.reshape(-1)
        fresh = np.flatnonzero(self.accounts.paid[:-1] & ~self._known)
        self._known[fresh] = True
        for call in fresh.tolist():
            flat[needed.places[needed.bounds[call] : needed.bounds[call + 1]]] -= 1
        return self._unpaid
