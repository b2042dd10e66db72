"""What a search believes of every graph in its pool, from outcomes, predictions and priors.

Own outcomes count where there are any, predictions elsewhere; systematic errors of the predictor
are learned from graphs that were run; and as long as few questions were seen, values are shrunk
towards an additive model of the choices, because the best of thousands is otherwise mostly the
luckiest. Knows no caps and chooses nothing.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from optimizer.search.archive import Archive
from optimizer.search.prediction import OutcomePredictor, Pool, Predicted
from optimizer.search.virtual import VirtualTrials

__all__ = ["Belief", "Believer"]

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
    doubt: npt.NDArray[np.float64]
    """Standard deviation of the value that comes from prediction; 0 where all was run."""
    measured: npt.NDArray[np.int64]
    """On how many of the questions the graph itself was run."""
    shrinkage: float
    """Weight of the additive model."""


class Believer:
    """Forms beliefs; one per search and pool."""

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

    def form(self, archive: Archive, questions: npt.NDArray[np.int64]) -> Belief:
        """Believe from outcomes on the given questions alone."""
        predicted = self._predict(archive, questions)
        right, exposed = predicted.right.copy(), predicted.exposed.copy()
        settled = _settle(self.pool, archive, questions, right, exposed)
        measured = settled.measured(len(self.pool.candidates))
        known = measured / len(questions)
        if self._virtual is not None:
            decided = self._virtual.decided(self.pool.candidates, questions.tolist())
            np.copyto(right, decided.right, where=decided.known)
            np.copyto(exposed, decided.exposed, where=decided.placed)
            measured = np.maximum(measured, decided.known.sum(axis=1))
            known = measured / len(questions)
        bias, left = settled.learn(self.pool, predicted.doubt)
        raw = right.mean(axis=1, dtype=np.float64) + (1.0 - known) * bias
        weight = self._shrinkage(len(questions))
        pull = np.where(measured >= self._questions, 0.0, weight)
        return Belief(
            questions=questions,
            right=right,
            exposed=exposed,
            value=raw + pull * (self.smoothed(raw) - raw) if weight > 0 else raw,
            share=exposed.mean(axis=1, dtype=np.float64),
            doubt=left * (1.0 - known),
            measured=measured,
            shrinkage=weight,
        )

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


@dataclass(frozen=True, slots=True)
class _Settled:
    """Graphs that were run: rows of the pool, counts, and how far predictions of them were off."""

    rows: npt.NDArray[np.int64]
    counts: npt.NDArray[np.int64]
    error: npt.NDArray[np.float64]
    noise: npt.NDArray[np.float64]

    def measured(self, graphs: int) -> npt.NDArray[np.int64]:
        """Return on how many questions each graph of the pool was run."""
        counts = np.zeros(graphs, np.int64)
        counts[self.rows] = self.counts
        return counts

    def learn(
        self, pool: Pool, doubt: npt.NDArray[np.float64]
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Return the expected error of every graph's prediction, and what doubt is left.

        A Gaussian process whose covariance is partly linear in the choices: errors of graphs
        with the same members, roles and models go together.
        """
        which = np.flatnonzero(doubt[self.rows] > 0)[-_MOST_ERRORS:]
        if not len(which):
            return np.zeros(len(doubt)), doubt
        rows = self.rows[which]
        features = pool.features / np.sqrt(max(len(pool.decisions), 1))
        alike = features @ features[rows].T
        cross = _SHARED * alike * doubt[:, None] * doubt[rows][None, :]
        own = (1.0 - _SHARED) * doubt**2
        among = cross[rows] + np.diag(own[rows] + self.noise[which])
        inverse = np.linalg.inv(among)
        bias = cross @ (inverse @ self.error[which])
        explained = np.einsum("ij,ij->i", cross @ inverse, cross)
        return bias, np.sqrt(np.maximum(doubt**2 - explained, own * 0.25))


def _settle(
    pool: Pool,
    archive: Archive,
    questions: npt.NDArray[np.int64],
    right: _Floats,
    exposed: _Floats,
) -> _Settled:
    """Write own outcomes over predicted ones, and note by how much these were off."""
    rows, counts, errors, noises = [], [], [], []
    for row in archive:
        index = pool.index.get(row.candidate.key)
        if index is None:
            continue
        seen = np.flatnonzero(row.seen[questions])
        if not len(seen):
            continue
        asked = questions[seen]
        error = row.right[asked] - right[index, seen]
        rows.append(index)
        counts.append(len(seen))
        errors.append(float(error.mean()))
        noises.append((float(error.var()) + 0.01) / len(seen))
        right[index, seen] = row.right[asked]
        exposed[index, seen] = row.exposed[asked]
    return _Settled(
        np.array(rows, np.int64), np.array(counts, np.int64), np.array(errors), np.array(noises)
    )
