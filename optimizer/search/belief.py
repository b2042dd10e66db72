"""What a search believes of every graph in its pool, from outcomes, predictions and priors.

Own outcomes count where there are any, predictions elsewhere; systematic errors of the predictor
are learned from graphs that were run; and as long as few questions were seen, values are shrunk
towards an additive model of the choices, because the best of thousands is otherwise mostly the
luckiest. Knows no caps and chooses nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from optimizer.search.archive import Archive
from optimizer.search.model import Candidate
from optimizer.search.own_outcomes import OwnOutcomes, Settled
from optimizer.search.prediction import OutcomePredictor, Pool, Predicted
from optimizer.search.virtual import VirtualTrials

__all__ = ["Belief", "Believer", "Glimpse"]

_PAIRED_VARIANCE: Final = 0.04
"""Per question, of the difference of two good graphs' scores: they differ on one in 25."""
_OWN_SPREAD: Final = 0.01
"""How far graphs truly stand from the additive model, standard deviation."""
_SHARED: Final = 0.6
"""Share of the predictor's error that graphs with the same choices have in common."""
_MOST_ERRORS: Final = 60
"""How many graphs the predictor's errors are learned from; the latest are the most relevant."""
_STALE: Final = 1.3
"""On all questions, predictions are made anew when the archive has grown by this factor."""

_Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Belief:
    """By row of the pool: value, exposure, and how sure; by question: expected outcomes."""

    questions: npt.NDArray[np.int64]
    right: _Floats
    exposed: _Floats
    value: npt.NDArray[np.float64]
    """Expected mean score on all questions of the search."""
    share: npt.NDArray[np.float64]
    """Expected share exposed of the questions seen."""
    share_doubt: npt.NDArray[np.float64]
    """Standard deviation of that share that comes from prediction."""
    doubt: npt.NDArray[np.float64]
    """Standard deviation of the value that comes from prediction; 0 where all was run."""
    measured: npt.NDArray[np.int64]
    """On how many of the questions the outcome is certain: run, or following from what was run."""
    ran: npt.NDArray[np.int64]
    """On how many the graph itself was run, or decided by calls that were paid."""
    certain: npt.NDArray[np.bool_]
    """By graph and question: nothing is learned by running it."""
    shrinkage: float
    """Weight of the additive model."""


@dataclass(frozen=True, slots=True)
class Glimpse:
    """By graph and question: is the outcome open, and how much variance is left in it."""

    is_open: npt.NDArray[np.bool_]
    right: _Floats
    exposed: _Floats


class Believer:
    """Forms beliefs; one per search and pool. Looks at changed rows of the archive only."""

    def __init__(
        self,
        pool: Pool,
        predictor: OutcomePredictor,
        *,
        questions: int,
        virtual: VirtualTrials | None = None,
        is_shrinking: bool = True,
    ) -> None:
        self.pool = pool
        self._predictor = predictor
        self._questions = questions
        self._virtual = virtual
        self._is_shrinking = is_shrinking
        self._kept: tuple[int, Predicted] | None = None
        self._own = OwnOutcomes(pool, questions)

    @property
    def may_forget_runs(self) -> bool:
        """Whether graphs that were run still tell of others once they are not in the pool."""
        return self._predictor.is_ever_sure

    def form(self, archive: Archive, questions: npt.NDArray[np.int64]) -> Belief:
        """Believe from outcomes on the given questions alone."""
        self._own.learn(archive)
        predicted = self._predict(archive, questions)
        right, exposed = predicted.right.copy(), predicted.exposed.copy()
        certain = _certain(predicted)
        open_share = 1.0 - certain.mean(axis=1)
        settled = self._own.settle(questions, right, exposed, certain)
        ran = np.zeros(len(right), np.int64)
        ran[settled.rows] = settled.counts
        if self._virtual is not None:
            decided = self._virtual.decided(self.pool.candidates, questions.tolist())
            np.copyto(right, decided.right, where=decided.known)
            np.copyto(exposed, decided.exposed, where=decided.placed)
            certain |= decided.known
            ran = np.maximum(ran, decided.known.sum(axis=1))
        measured = certain.sum(axis=1)
        bias, left = _learn(settled, self.pool, predicted.doubt, open_share)
        # What is still open of what prediction left open.
        unknown = (1.0 - measured / len(questions)) / np.maximum(open_share, 1e-9)
        raw = right.mean(axis=1, dtype=np.float64) + unknown * bias
        weight = self._shrinkage(len(questions))
        pull = np.where(measured >= self._questions, 0.0, weight)
        return Belief(
            questions=questions,
            right=right,
            exposed=exposed,
            value=raw + pull * (self.smoothed(raw) - raw) if weight > 0 else raw,
            share=exposed.mean(axis=1, dtype=np.float64),
            share_doubt=np.sqrt(_open_variance(exposed, certain)) / len(questions),
            doubt=left * unknown,
            measured=measured,
            ran=ran,
            certain=certain,
            shrinkage=weight,
        )

    def glimpse(
        self, archive: Archive, candidates: Sequence[Candidate], questions: npt.NDArray[np.int64]
    ) -> Glimpse:
        """Look at a few graphs on any questions, in the pool or not."""
        pool = Pool(tuple(candidates), self.pool.decisions)
        predicted = self._expect(pool, archive, questions)
        right, exposed = predicted.right.copy(), predicted.exposed.copy()
        certain = _certain(predicted)
        own = OwnOutcomes(pool, archive.questions)
        own.learn_rows(row for row in map(archive.get, pool.index) if row is not None)
        own.settle(questions, right, exposed, certain)
        if self._virtual is not None:
            decided = self._virtual.decided(pool.candidates, questions.tolist())
            np.copyto(exposed, decided.exposed, where=decided.placed)
            certain |= decided.known
        return Glimpse(~certain, right * (1 - right), exposed * (1 - exposed))

    def _expect(self, pool: Pool, archive: Archive, questions: npt.NDArray[np.int64]) -> Predicted:
        if self._predictor.is_ever_sure:
            return self._predictor.predict(pool, archive, questions)
        nobody_knows = np.full((len(pool.candidates), len(questions)), 0.5, np.float32)
        return Predicted(nobody_knows, nobody_knows, np.ones(len(nobody_knows)))

    def smoothed(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the additive model's fit to values of all graphs of the pool."""
        fitted: npt.NDArray[np.float64] = self.pool.basis @ (self.pool.basis.T @ values)
        return fitted

    def _predict(self, archive: Archive, questions: npt.NDArray[np.int64]) -> Predicted:
        """Predict, or take the last prediction again where it is hardly out of date."""
        if self._kept is not None and len(questions) == self._questions:
            rows, predicted = self._kept
            if len(archive) <= _STALE * rows and predicted.right.shape[1] == len(questions):
                return predicted
        predicted = self._predictor.predict(self.pool, archive, questions)
        self._kept = (len(archive), predicted)
        return predicted

    def _shrinkage(self, seen: int) -> float:
        if not self._is_shrinking:
            return 0.0
        noise = _PAIRED_VARIANCE * (1.0 / seen - 1.0 / self._questions)
        return noise / (noise + _OWN_SPREAD**2)


def _learn(
    settled: Settled,
    pool: Pool,
    doubt: npt.NDArray[np.float64],
    open_share: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the expected error of every graph's prediction, and what doubt is left.

    A Gaussian process whose covariance is partly linear in the choices: errors of graphs
    with the same members, roles and models go together.
    """
    may_teach = (doubt[settled.rows] > 0) & (settled.asked > 0)
    which = np.flatnonzero(may_teach)[-_MOST_ERRORS:]
    if not len(which):
        return np.zeros(len(doubt)), doubt
    rows = settled.rows[which]
    # The covariance has the rank of the features: nothing of graphs times graphs is ever formed.
    weighted = pool.features * doubt[:, None].astype(np.float32)
    weighted *= np.float32(np.sqrt(_SHARED / max(len(pool.decisions), 1)))
    teaching = weighted[rows].astype(np.float64)
    own = (1.0 - _SHARED) * doubt**2
    scale = open_share[rows]
    among = teaching @ teaching.T + np.diag(own[rows] + settled.noise[which] * scale**2)
    inverse = np.linalg.inv(among)
    told = teaching.T @ (inverse @ (settled.error[which] * scale))
    bias = (weighted @ told.astype(np.float32)).astype(np.float64)
    spread = (teaching.T @ inverse @ teaching).astype(np.float32)
    explained = ((weighted @ spread) * weighted).sum(axis=1, dtype=np.float64)
    return bias, np.sqrt(np.maximum(doubt**2 - explained, own * 0.25))


def _open_variance(chance: _Floats, certain: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Return by graph the variance of a sum of outcomes that are not certain."""
    variance = np.subtract(1, chance)
    variance *= chance
    variance *= ~certain
    total: npt.NDArray[np.float64] = np.maximum(variance.sum(axis=1, dtype=np.float64), 0.0)
    return total


def _certain(predicted: Predicted) -> npt.NDArray[np.bool_]:
    if predicted.sure is None:
        return np.zeros(predicted.right.shape, np.bool_)
    return predicted.sure.copy()
