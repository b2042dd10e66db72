"""What a search tells its agent after each graph: the last, the best, those before; statistics.

Also knows which graph leads, by the same verdict that recommends: the best lower bound among
those that keep, or so far may keep, every cap.
"""

from collections.abc import Sequence

import numpy as np

from optimizer.agents.briefing import scored
from optimizer.agents.facts import HISTORY
from optimizer.agents.model import Ground, RevisionBrief, Scored
from optimizer.search.archive import Archive, Row
from optimizer.search.model import Candidate, Outcomes
from optimizer.search.problem import Problem
from optimizer.search.verdict import excess_of, lower_bound

__all__ = ["Feedback"]


class Feedback:
    """Turns an archive into briefs."""

    def __init__(self, problem: Problem, ground: Ground) -> None:
        self._problem = problem
        self.ground = ground

    def revision(
        self,
        archive: Archive,
        tried: Sequence[Candidate],
        *,
        table: tuple[tuple[float, ...], ...],
        counts: tuple[int, ...] | None = None,
        writes_graph: bool = True,
    ) -> RevisionBrief | None:
        """Return the brief after the last graph of ``tried``; ``None`` if it answered nothing.

        Args:
            archive: All outcomes.
            tried: Graphs by round, the last one last; the same may come twice.
            table: Where the probabilities stand.
            counts: As in the brief.
            writes_graph: As in the brief.
        """
        last = self.measured(archive, tried[-1])
        if last is None:
            return None
        earlier = dict.fromkeys(one for one in reversed(tried) if one.key != tried[-1].key)
        summaries = [self.measured(archive, one) for one in list(earlier)[:HISTORY]]
        leader = self.leader(archive)
        return RevisionBrief(
            ground=self.ground,
            last=last,
            table=table,
            best=None if leader is None else self.measured(archive, leader.candidate),
            history=tuple(one for one in reversed(summaries) if one is not None),
            counts=counts,
            writes_graph=writes_graph,
        )

    def measured(self, archive: Archive, candidate: Candidate) -> Scored | None:
        """Summarise a graph; ``None`` when no question of it was answered."""
        row = archive.get(candidate.key)
        if row is None or not row.count:
            return None
        capped = {cap.measure for cap in self.ground.caps}
        return scored(self._problem.space, row.candidate, _outcomes(row), capped=capped)

    def leader(self, archive: Archive) -> Row | None:
        """Return the graph that would be recommended if its caps held on the rest as well."""
        best, bound = None, -np.inf
        for row in archive:
            reached = lower_bound(row, self._problem.questions)
            if reached > bound and self._may_keep(archive, row):
                best, bound = row, reached
        return best

    def score(self, archive: Archive, candidate: Candidate) -> float:
        """Return accuracy so far, less one where a cap is broken so far; for comparisons only."""
        found = self.measured(archive, candidate)
        if found is None:
            return -np.inf
        return found.accuracy.value - bool(found.broken_caps(self.ground.caps))

    def _may_keep(self, archive: Archive, row: Row) -> bool:
        if row.count == self._problem.questions:
            return excess_of(self._problem, row) <= 0.0
        found = self.measured(archive, row.candidate)
        return found is not None and not found.broken_caps(self.ground.caps)


def _outcomes(row: Row) -> Outcomes:
    return Outcomes(
        questions=np.flatnonzero(row.seen),
        right=row.right[row.seen].astype(np.float64),
        exposed=row.exposed[row.seen],
        cost_usd=row.amount("cost_usd").astype(np.float64),
        flops=row.amount("flops").astype(np.float64),
        latency_s=row.amount("latency_s").astype(np.float64),
        egress_bytes=row.amount("egress_bytes").astype(np.float64),
    )
