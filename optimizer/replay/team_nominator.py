"""Names teams that the calls of other teams decide, among those that are expected to be good.

A vote is decided once its members were asked, whoever they were asked for. Most teams are: only
the best of an additive model of their choices are looked at, so a batch costs milliseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from optimizer.evaluation.model import Evaluated
from optimizer.replay.evaluator import TeamEvaluator
from optimizer.search.model import Candidate
from optimizer.search.prediction import Pool

__all__ = ["TeamNominator"]

_SHORT: Final = 512
"""Teams that are looked at after one batch."""
_RIDGE: Final = 1.0


class TeamNominator:
    """Nominates teams of a matrix.

    Args:
        evaluator: Says what calls decide; its accounts are left alone.
    """

    def __init__(self, evaluator: TeamEvaluator) -> None:
        self._evaluator = evaluator
        self._pool = Pool(tuple(evaluator.space.candidates()), evaluator.space.decisions)
        self._made: npt.NDArray[np.bool_] = np.zeros_like(evaluator.accounts.paid)
        self._right = np.zeros(len(self._pool.candidates))
        self._count = np.zeros(len(self._pool.candidates))
        self._asked: set[int] = set()

    def note(self, candidate: Candidate, evaluated: Sequence[Evaluated]) -> None:
        """Hear of a trial's outcomes."""
        row = self._pool.index[candidate.key]
        for one in evaluated:
            models = np.array(one.answered.call_ids, np.int64) // self._evaluator.questions
            self._made[models, one.question] = True
            self._right[row] += one.answered.right
            self._count[row] += 1
            self._asked.add(one.question)

    def nominated(self) -> Sequence[tuple[Candidate, Sequence[int]]]:
        """Return teams with the questions that are decided, the most accurate on these first."""
        asked = np.array(sorted(self._asked), np.int64)
        short = self._short()
        candidates = [self._pool.candidates[row] for row in short]
        if not candidates:
            return []
        decided = self._evaluator.decided_by(self._made, candidates, asked.tolist())
        count = decided.known.sum(axis=1)
        accuracy = (decided.right.sum(axis=1) + 1.0) / (count + 2.0)
        order = np.lexsort((short, -accuracy))
        return [
            (candidates[place], asked[decided.known[place]].tolist())
            for place in order.tolist()
            if count[place]
        ]

    def _short(self) -> npt.NDArray[np.int64]:
        """Return the teams that are expected to be best, from what those did that were run."""
        rows = np.flatnonzero(self._count)
        if not len(rows):
            return rows
        share = self._right[rows] / self._count[rows]
        used = self._pool.features[rows].astype(np.float64)
        level = float(share.mean())
        normal = used.T @ used + _RIDGE * np.eye(used.shape[1])
        effects = np.linalg.solve(normal, used.T @ (share - level))
        expected = np.round(self._pool.features @ effects, 9)  # equal ones stay in their order
        return np.argsort(-expected, kind="stable")[:_SHORT]
