"""Caps on cost, FLOPs and latency: exact for graphs that were run, expected for the others.

An additive model of the choices is fitted to the bounded amounts of measured graphs; amounts are
near enough to additive for choosing what to run, and what is recommended was run.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from optimizer.search.archive import Archive
from optimizer.search.caps import CapRule
from optimizer.search.prediction import Pool

__all__ = ["amount_excess"]

_RIDGE: Final = 0.1


def amount_excess(pool: Pool, archive: Archive, rule: CapRule) -> npt.NDArray[np.float64]:
    """Return by how much each graph of a pool breaks its worst cap on an amount, relative.

    At most 0 means that all are kept; zeros where nothing but the cloud share is capped.
    """
    worst = np.full(len(pool.candidates), -np.inf)
    if not rule.amounts:
        return np.zeros(len(worst))
    rows = [row for row in archive if row.candidate.key in pool.index and row.count]
    if not rows:
        return np.zeros(len(worst))
    where = [pool.index[row.candidate.key] for row in rows]
    for one in rule.amounts:
        values = np.array([rule.bounded(one, row) for row in rows])
        expected = _additive(pool, where, values)
        expected[where] = values
        worst = np.maximum(worst, (expected - one.limit) / max(one.limit, 1e-9))
    return worst


def _additive(
    pool: Pool, where: list[int], values: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    level = float(values.mean())
    used = pool.features[where].astype(np.float64)
    normal = used.T @ used + _RIDGE * np.eye(used.shape[1])
    effects = np.linalg.solve(normal, used.T @ (values - level))
    fitted: npt.NDArray[np.float64] = level + pool.features @ effects
    return fitted
