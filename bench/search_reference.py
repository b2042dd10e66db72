"""The tabulated reference world as a space of the search benchmark, fusion and refinement real.

Caps are those that the table is told under (FLOPs, cost, latency, exposure); a second world has a
fifth of the questions sensitive. Truth is what every graph did on the report half.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from bench.search_runs import Point, judged
from optimizer.replay.graph_table import GraphTable
from optimizer.replay.sensitive_table import with_sensitive
from optimizer.replay.space_document import HashClass
from optimizer.replay.table_evaluator import TableEvaluator, TableHalf
from optimizer.replay.table_file import read_table
from optimizer.replay.table_space import TableSpace
from optimizer.search.archive import Archive
from optimizer.search.caps import CapRule
from optimizer.search.model import Constraint, Measure, Outcomes, Recommendation
from optimizer.search.problem import Problem
from reference.tabulated.truth import Caps, named_caps

__all__ = ["ReferencePair", "ReferenceSetting", "reference_pairs", "reference_setting"]

_CAPS: Final = (
    *("none", "edge-only", "flops-10", "flops-25", "flops-50", "flops-25-edge-only"),
    *("latency-25", "cost-25", "cost-25-latency-50"),
)
_QUICK_CAPS: Final = ("flops-25", "latency-25")
_PRIVATE_CAPS: Final = ("none", "flops-25", "latency-25")
_SENSITIVE: Final = HashClass(5)

_Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class ReferencePair:
    """A table file, which of its questions may not leave, and the caps to search under."""

    data: Path
    name: str
    caps: tuple[str, ...]
    sensitive: HashClass | None = None


def reference_pairs(table: Path, *, is_quick: bool) -> list[ReferencePair]:
    """Return the worlds of a table; one of them, under few caps, when in a hurry."""
    if is_quick:
        return [ReferencePair(table, "reference", _QUICK_CAPS)]
    return [
        ReferencePair(table, "reference", _CAPS),
        ReferencePair(table, "reference-private", _PRIVATE_CAPS, _SENSITIVE),
    ]


@dataclass(frozen=True)
class _World:
    """A table with both halves, and the caps by name."""

    name: str
    table: GraphTable

    @cached_property
    def space(self) -> TableSpace:
        return TableSpace(self.table, name=self.name)

    @cached_property
    def search(self) -> _Judged:
        return _Judged(self.space, TableHalf(self.table, self.table.columns(split="search")))

    @cached_property
    def report(self) -> _Judged:
        return _Judged(self.space, TableHalf(self.table, self.table.columns(split="report")))

    @cached_property
    def caps(self) -> dict[str, tuple[Constraint, ...]]:
        return {name: self._constraints(caps) for name, caps in named_caps(self.table).items()}

    def _constraints(self, caps: Caps) -> tuple[Constraint, ...]:
        limits = (
            (Measure.FLOPS, caps.units * self.table.unit_flops),
            (Measure.COST_USD, caps.cost_usd),
            (Measure.LATENCY_P95_S, caps.latency_p95_s),
            (Measure.CLOUD_SHARE, caps.exposed),
        )
        return tuple(Constraint(measure, limit) for measure, limit in limits if limit < np.inf)


@dataclass(frozen=True)
class _Judged:
    """Every graph on a half, as a judge sees them."""

    space: TableSpace
    half: TableHalf

    @cached_property
    def accuracy(self) -> npt.NDArray[np.float64]:
        return np.asarray(self.half.right.mean(axis=1), dtype=np.float64)

    @cached_property
    def _archive(self) -> Archive:
        """All outcomes in the form in which rules read them."""
        half, archive = self.half, Archive(self.half.questions)
        every = np.arange(half.questions)
        for row, candidate in enumerate(self.space.candidates()):
            outcomes = Outcomes(
                questions=every,
                right=half.right[row].astype(np.float64),
                exposed=half.exposed[row],
                cost_usd=half.cost_usd[row],
                flops=half.flops[row],
                latency_s=half.latency_s[row],
            )
            archive.add(candidate, outcomes)
        return archive

    def keeps(self, rule: CapRule) -> _Bools:
        """Say which graphs keep the caps by a rule, with or without its confidence."""
        exposes = self.space.can_expose
        return np.array(
            [rule.excess(row, can_expose=exposes(row.candidate)) <= 0.0 for row in self._archive],
            np.bool_,
        )


@dataclass(frozen=True)
class ReferenceSetting:
    """A world of a table under named caps; an ``AnySetting`` of the benchmark."""

    world: _World
    cap: str
    confidence: float | None

    @property
    def space_name(self) -> str:
        """What reports call the space."""
        return self.world.name

    @cached_property
    def problem(self) -> Problem:
        """What every searcher is given."""
        questions = self.world.search.half.questions
        return Problem(self.world.space, self._rule(self.confidence), questions)

    @cached_property
    def optimum(self) -> float:
        """The best accuracy on the search half that the bounded caps allow."""
        return self._best(self.world.search.keeps(self.problem.rule))

    @cached_property
    def plain_optimum(self) -> float:
        """The best accuracy on the search half under the caps as they stand."""
        return self._best(self._keeps)

    @property
    def most_calls(self) -> int:
        """Every call there is: the budget of accounting B."""
        return self.world.search.half.call_count

    def evaluator(self) -> TableEvaluator:
        """Return a replay with nothing spent."""
        return TableEvaluator(self.world.space, self.world.search.half)

    def point(self, executions: int, calls: int, chosen: Recommendation | None) -> Point:
        """Judge a recommendation; one that breaks a cap as it stands has the whole regret."""
        row = -1 if chosen is None else self.world.space.row(chosen.candidate)
        is_kept = row >= 0 and bool(self._keeps[row])
        accuracy = float(self.world.search.accuracy[row]) if is_kept else 0.0
        return judged(self, executions, calls, row=row, accuracy=accuracy)

    def breaks(self, row: int) -> bool:
        """Say whether a graph breaks a cap on the report half."""
        return row >= 0 and not self._keeps_report[row]

    def report_accuracy(self, row: int) -> float:
        """Return a graph's accuracy on the report half."""
        return float(self.world.report.accuracy[row])

    def facts(self) -> dict[str, object]:
        """Return the caps, and how choices do that need no search: every model alone."""
        table, search = self.world.table, self.world.search
        alone = [table.index[f"assistant@{model}#0"] for model in table.pool]
        kept = [row for row in alone if self._keeps[row]]
        best = max((float(search.accuracy[row]) for row in kept), default=0.0)
        return {
            "cap": self.cap,
            "limits": {one.measure.value: one.limit for one in self.world.caps[self.cap]},
            "controls": {"best_single_model_pp": round(100 * (self.optimum - best), 3)},
            "feasible": round(float(self._keeps.mean()), 4),
            "report_optimum": round(
                float(np.where(self._keeps_report, self.world.report.accuracy, 0.0).max()), 5
            ),
        }

    def truth(self) -> dict[str, object]:
        """Return what enumeration says of the world, the same under all caps."""
        half = self.world.search.half
        return {
            "graphs": len(self.world.space.candidates()),
            "search_questions": half.questions,
            "report_questions": self.world.report.half.questions,
            "search_calls": half.call_count,
            "sensitive_questions": int(half.stays.sum()),
        }

    @cached_property
    def _keeps(self) -> _Bools:
        return self.world.search.keeps(self._rule(None))

    @cached_property
    def _keeps_report(self) -> _Bools:
        return self.world.report.keeps(self._rule(None))

    def _rule(self, confidence: float | None) -> CapRule:
        questions = self.world.search.half.questions
        return CapRule(self.world.caps[self.cap], confidence, questions)

    def _best(self, allowed: _Bools) -> float:
        return float(np.where(allowed, self.world.search.accuracy, 0.0).max())


@cache
def reference_setting(pair: ReferencePair, cap: str, confidence: float | None) -> ReferenceSetting:
    """Return a setting; a process keeps what it has loaded."""
    return ReferenceSetting(_world(pair), cap, confidence)


@cache
def _world(pair: ReferencePair) -> _World:
    data = read_table(pair.data)
    table = GraphTable(with_sensitive(data, pair.sensitive) if pair.sensitive else data)
    return _World(pair.name, table)
