"""A study over a table of graphs: its space, its search half, and the half that judges.

Knows the table as a whole, so what it says of constraints is true of the record; no searcher is
given more than the space and its own outcomes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from optimizer.replay.graph_table import GraphTable, HalfName
from optimizer.replay.table_questions import TableQuestions
from optimizer.replay.table_space import TableSpace
from optimizer.search.model import Measure
from optimizer.study.bounds import percentile
from optimizer.study.model import SearcherChoice, Study
from runtime.documents.canonical import sha256_of
from runtime.errors import StudyInvalid

__all__ = ["TableParts", "report_study", "table_parts"]

_SEARCH: HalfName = "search"
_REPORT: HalfName = "report"
_ROUNDING = 1 + 1e-9


@dataclass(frozen=True)
class TableParts:
    """What a study over a table is made of."""

    study: Study
    table: GraphTable
    space: TableSpace
    half: HalfName = _SEARCH
    """Which questions are asked."""

    @property
    def columns(self) -> npt.NDArray[np.int64]:
        """The questions that are asked, by column of the table."""
        return self.table.columns(split=self.half)

    @property
    def question_names(self) -> list[str]:
        """Ids of the questions, in order."""
        return [self.table.questions[column].id for column in self.columns]

    def evaluator(self) -> TableQuestions:
        """Return what looks outcomes up; one per run, because it knows what was paid for."""
        return TableQuestions(self.space, self.table, self.columns)

    def on_report_half(self) -> TableParts:
        """Return the same graphs on the questions that no search has seen."""
        return replace(self, half=_REPORT)

    def check_possible(self) -> None:
        """Refuse constraints that no graph of the table keeps on the questions of the search.

        Raises:
            StudyInvalid: Names the constraint.
        """
        allowed = np.ones(len(self.table.graphs), np.bool_)
        for one in self.study.constraints:
            values = self._values(one.measure)
            allowed &= values <= one.limit * _ROUNDING
            if not allowed.any():
                reason = (
                    f"no graph of the table can keep them: {one.measure.value} is at least"
                    f" {values.min():.6g}, {one.limit:.6g} is allowed"
                )
                raise StudyInvalid(reason, file=str(self.study.file), field="constraints")

    def egress_bytes(self) -> npt.NDArray[np.float64]:
        """Return the mean bytes of a question that leave, by graph of the table."""
        return self._values(Measure.EGRESS_BYTES)

    def _values(self, measure: Measure) -> npt.NDArray[np.float64]:
        """Return a measure of every graph on the questions that are asked."""
        if measure is Measure.LATENCY_P95_S:
            latency_s = self.table.latency_s[:, self.columns]
            return np.array([percentile(row, 0.95) for row in latency_s])
        matrix = {
            Measure.CLOUD_SHARE: self.table.exposed,
            Measure.COST_USD: self.table.cost_usd,
            Measure.FLOPS: self.table.flops,
            Measure.EGRESS_BYTES: self.table.chars_out,
        }[measure]
        return np.asarray(matrix[:, self.columns].mean(axis=1), dtype=np.float64)


def table_parts(study: Study, table: GraphTable) -> TableParts:
    """Build the space of a study over a table.

    Where a question may go follows from its label and the graph alone, so graphs that break a cap
    on the cloud share are refused before anything is asked, as in a live study.
    """
    parts = TableParts(study, table, TableSpace(table, name=study.name))
    return replace(parts, space=TableSpace(table, name=study.name, forbids=_forbids(parts)))


def report_study(study: Study) -> Study:
    """Return the study of one graph on the report half."""
    digest = sha256_of([study.hash, _REPORT])
    return replace(
        study,
        hash=digest,
        outcomes_hash=digest,
        searcher=SearcherChoice("one-graph", {}),
        trials=1,
        batch=1,
        warm_start=None,
    )


def _forbids(parts: TableParts) -> Callable[[int], str | None]:
    limits = [one.limit for one in parts.study.constraints if one.measure is Measure.CLOUD_SHARE]
    if not limits:
        return lambda _: None
    shares, limit = parts.table.exposed[:, parts.columns].mean(axis=1), min(limits)

    def forbids(row: int) -> str | None:
        if shares[row] <= limit * _ROUNDING:
            return None
        return f"sends {shares[row]:.3g} of the questions out, more than the {limit:g} allowed"

    return forbids
