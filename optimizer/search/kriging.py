"""The general predictor: graphs with similar choices do alike, question by question.

A Gaussian process over graphs whose covariance falls with every differing choice, on top of an
additive mean; each question has a draw of its own, so outcomes of other graphs on the same
question carry over. Knows choices only: any space can use it.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from optimizer.search.archive import Archive
from optimizer.search.prediction import Pool, Predicted

__all__ = ["KrigingPredictor"]

_SCALES = (1.0, 2.0, 4.0, 8.0)
"""Differing choices over which correlation falls by 1/e; the likeliest is taken."""
_OWN_NOISE = 0.15
"""Share of an outcome's variance that no other graph explains."""
_RIDGE = 1.0


@dataclass(frozen=True, slots=True)
class _Known:
    """Graphs that were run: their rows in the pool, and outcomes in question order."""

    rows: list[int]
    seen: npt.NDArray[np.bool_]
    right: npt.NDArray[np.float32]
    exposed: npt.NDArray[np.float32]


class KrigingPredictor:
    """Predicts with an additive mean and per-question residuals of similar graphs."""

    def __init__(self, most_graphs: int = 160) -> None:
        self._most_graphs = most_graphs

    @property
    def is_ever_sure(self) -> bool:
        """Likeness proves nothing."""
        return False

    def predict(self, pool: Pool, archive: Archive, questions: npt.NDArray[np.int64]) -> Predicted:
        """Predict every graph of the pool; the questions need at least one graph that saw them."""
        known = self._known(pool, archive, questions)
        scale = _likeliest_scale(pool, known)
        cross = _kernel(pool.choices, pool.choices[known.rows], scale)
        mean_right = _additive_mean(pool, known, known.right)
        mean_exposed = _additive_mean(pool, known, known.exposed)
        right = np.repeat(mean_right[:, None], len(questions), axis=1)
        exposed = np.repeat(mean_exposed[:, None], len(questions), axis=1)
        explained = np.zeros(len(pool.candidates))
        for columns, who in _segments(known.seen):
            weights = _weights(cross, pool.choices[known.rows], who, scale)
            rows = [known.rows[one] for one in who]
            block = np.ix_(np.array(who), columns)
            right[:, columns] += weights @ (known.right[block] - mean_right[rows][:, None])
            exposed[:, columns] += weights @ (known.exposed[block] - mean_exposed[rows][:, None])
            explained += (weights * cross[:, who]).sum(axis=1) * len(columns) / len(questions)
        variance = _spread_of_means(known) * np.clip(1.0 - explained, 0.0, 1.0)
        return Predicted(np.clip(right, 0.0, 1.0), np.clip(exposed, 0.0, 1.0), np.sqrt(variance))

    def _known(self, pool: Pool, archive: Archive, questions: npt.NDArray[np.int64]) -> _Known:
        """Take the graphs that saw most of the questions, the best first among equals."""
        rows = [
            row for row in archive if row.candidate.key in pool.index and row.seen[questions].any()
        ]
        rows.sort(key=lambda row: (-int(row.seen[questions].sum()), -row.accuracy))
        rows = rows[: self._most_graphs]
        seen = np.stack([row.seen[questions] for row in rows])
        return _Known(
            [pool.index[row.candidate.key] for row in rows],
            seen,
            np.stack([row.right[questions] for row in rows]) * seen,
            np.stack([row.exposed[questions] for row in rows]).astype(np.float32) * seen,
        )


def _kernel(
    left: npt.NDArray[np.int16], right: npt.NDArray[np.int16], scale: float
) -> npt.NDArray[np.float32]:
    differing = np.zeros((len(left), len(right)), np.float32)
    for column in range(left.shape[1]):
        differing += left[:, column, None] != right[None, :, column]
    alike: npt.NDArray[np.float32] = np.exp(-differing / np.float32(scale))
    return alike


def _weights(
    cross: npt.NDArray[np.float32],
    known: npt.NDArray[np.int16],
    who: list[int],
    scale: float,
) -> npt.NDArray[np.float32]:
    among = _kernel(known[who], known[who], scale) + _OWN_NOISE * np.eye(len(who), dtype=np.float32)
    solved: npt.NDArray[np.float32] = np.linalg.solve(among, cross[:, who].T).T
    return solved


def _segments(
    seen: npt.NDArray[np.bool_],
) -> list[tuple[npt.NDArray[np.int64], list[int]]]:
    """Group questions by which graphs saw them."""
    groups: dict[bytes, list[int]] = {}
    for column in range(seen.shape[1]):
        groups.setdefault(seen[:, column].tobytes(), []).append(column)
    return [
        (np.array(columns), np.flatnonzero(seen[:, columns[0]]).tolist())
        for columns in groups.values()
        if seen[:, columns[0]].any()
    ]


def _additive_mean(
    pool: Pool, known: _Known, outcomes: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """Fit one effect per option to the means, against each question's mean over graphs.

    Graphs that saw harder questions are not blamed for it.
    """
    counts = known.seen.sum(axis=1)
    per_question = outcomes.sum(axis=0) / np.maximum(known.seen.sum(axis=0), 1)
    level = float(per_question.mean())
    centred = ((outcomes - per_question[None, :]) * known.seen).sum(axis=1) / counts
    features = pool.features
    used = features[known.rows]
    weight = counts / counts.max()
    normal = used.T @ (used * weight[:, None]) + _RIDGE * np.eye(features.shape[1])
    effects = np.linalg.solve(normal, used.T @ (weight * centred))
    fitted: npt.NDArray[np.float32] = (level + features @ effects).astype(np.float32)
    return fitted


def _likeliest_scale(pool: Pool, known: _Known) -> float:
    """Choose the scale under which the means of the graphs are likeliest."""
    if len(known.rows) < 4:
        return _SCALES[1]
    means = known.right.sum(axis=1) / known.seen.sum(axis=1)
    residual = means - _additive_mean(pool, known, known.right)[known.rows]
    choices = pool.choices[known.rows]

    def likelihood(scale: float) -> float:
        covariance = _kernel(choices, choices, scale) + _OWN_NOISE * np.eye(len(choices))
        _, log_determinant = np.linalg.slogdet(covariance)
        fit = float(residual @ np.linalg.solve(covariance, residual)) / len(residual)
        return -len(residual) * math.log(max(fit, 1e-12)) - float(log_determinant)

    return max(_SCALES, key=likelihood)


def _spread_of_means(known: _Known) -> float:
    """Return the variance of the graphs' means, at least that of a per cent."""
    means = known.right.sum(axis=1) / known.seen.sum(axis=1)
    return max(float(means.var()), 1e-4) if len(means) > 1 else 1e-2
