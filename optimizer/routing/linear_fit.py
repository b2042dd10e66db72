"""Ridge regression, its strength chosen on groups that the fit did not see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from optimizer.routing.folds import left_out
from runtime.routing.linear import Linear

__all__ = ["fit_linear"]

_STRENGTHS: Final = (30.0, 100.0, 300.0, 1_000.0, 3_000.0)
_FOLDS: Final = 5

_Floats = npt.NDArray[np.float64]


def fit_linear(ranks: npt.NDArray[np.float32], targets: _Floats, groups: Sequence[str]) -> Linear:
    """Fit one linear function for each target.

    The strength is the one that predicts best how a row's targets differ from one another, on
    groups left out: that is what a choice between models rests on.

    Args:
        ranks: [rows, features].
        targets: [rows, targets].
        groups: Of each row.
    """
    rows = ranks.astype(np.float64)
    errors = np.zeros(len(_STRENGTHS))
    for out in left_out(groups, _FOLDS):
        for at, made in enumerate(_fits(rows[~out], targets[~out])):
            missed = targets[out] - made.predict(rows[out])
            if targets.shape[1] > 1:
                missed = missed - missed.mean(axis=1, keepdims=True)
            errors[at] += (missed**2).sum()
    return _fits(rows, targets)[int(errors.argmin())]


def _fits(rows: _Floats, targets: _Floats) -> list[Linear]:
    """Fit with every strength."""
    centre, usual = rows.mean(axis=0), targets.mean(axis=0)
    squares, sides = (rows - centre).T @ (rows - centre), (rows - centre).T @ (targets - usual)
    found = []
    for strength in _STRENGTHS:
        weights = np.linalg.solve(squares + strength * np.eye(len(squares)), sides)
        found.append(
            Linear(weights.astype(np.float32), (usual - centre @ weights).astype(np.float32))
        )
    return found
