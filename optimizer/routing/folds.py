"""Parting questions into folds by hash: the same on every machine, and of about the same size."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

__all__ = ["folds_of", "left_out"]


def folds_of(groups: Sequence[str], folds: int) -> npt.NDArray[np.int64]:
    """Return the fold of each row, 0 to ``folds`` - 1; rows of one group share a fold.

    The groups are dealt out in the order of their SHA-256, so that no fold stays empty as long as
    there are groups enough.
    """
    names = sorted(set(groups), key=lambda name: hashlib.sha256(name.encode()).digest())
    fold_of = {name: at % folds for at, name in enumerate(names)}
    return np.array([fold_of[group] for group in groups], dtype=np.int64)


def left_out(groups: Sequence[str], folds: int) -> list[npt.NDArray[np.bool_]]:
    """Return which rows each fold leaves out, for folds that leave some out and some in."""
    of = folds_of(groups, folds)
    masks = [of == fold for fold in range(folds)]
    return [out for out in masks if out.any() and not out.all()]
