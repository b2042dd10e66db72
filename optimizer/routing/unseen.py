"""What a predictor says of prompts whose groups it never saw: learned on the other folds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from optimizer.routing.fit import fit_predictor
from optimizer.routing.folds import left_out
from optimizer.routing.outcomes import Outcomes

__all__ = ["FOLDS", "predict_unseen"]

FOLDS: Final = 5

_Floats = npt.NDArray[np.float32]
_Mask = npt.NDArray[np.bool_]


def predict_unseen(
    outcomes: Outcomes,
    features: _Floats,
    *,
    trees: int,
    shown: Callable[[Sequence[_Mask]], Iterable[_Mask]] = iter,
) -> _Floats:
    """Return how likely each model is thought to be right, [prompts, models].

    Every prompt is judged by a predictor that learned on the other folds alone. Where there is but
    one fold, nothing can be learned, and all get the same.

    Args:
        outcomes: Who was right.
        features: Of the prompts.
        trees: Of each forest.
        shown: Passes the folds through, to show how far it is.
    """
    predicted = np.full(outcomes.right.shape, 0.5, dtype=np.float32)
    for judged in shown(left_out(outcomes.groups, FOLDS)):
        known = outcomes.only(~judged)
        predictor = fit_predictor(
            known.models, features[~judged], known.right, known.groups, trees=trees
        )
        predicted[judged] = predictor.predict_features(features[judged])
    return predicted
