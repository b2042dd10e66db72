"""Learn a predictor from who answered what right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from optimizer.routing.bins_fit import fit_bins
from optimizer.routing.forest_fit import ForestOptions, grow_forest
from optimizer.routing.linear_fit import fit_linear
from runtime.routing.predictor import Predictor

__all__ = ["SEED", "TREES", "fit_predictor"]

SEED: Final = 7
TREES: Final = 60
"""What the shipped router has; ``bench.routing`` judges this very recipe."""
_LEAF_SHARE: Final = 0.003
"""A leaf speaks for at least so many of the rows, from a set of a few thousand on."""
_SMALLEST_LEAF: Final = 10
_LARGEST_LEAF: Final = 40


def fit_predictor(
    models: Sequence[str],
    features: npt.NDArray[np.float32],
    right: npt.NDArray[np.bool_],
    groups: Sequence[str],
    *,
    trees: int = TREES,
) -> Predictor:
    """Learn how the form of a prompt tells who will be right.

    Args:
        models: Cheapest first.
        features: Of the prompts, [prompts, features].
        right: Who was right, [prompts, models].
        groups: Of each prompt. What is chosen on the way is chosen by groups left out.
        trees: Of the forest.
    """
    targets = right.astype(np.float64)
    differences = targets - targets.mean(axis=1, keepdims=True) if len(models) > 1 else targets
    bins = fit_bins(features)
    numbers = bins.number(features)
    leaf = int(np.clip(_LEAF_SHARE * len(features), _SMALLEST_LEAF, _LARGEST_LEAF))
    return Predictor(
        models=tuple(models),
        bins=bins,
        linear=fit_linear(bins.rank(numbers), targets, groups),
        forest=grow_forest(
            numbers,
            differences.astype(np.float32),
            targets.astype(np.float32),
            seed=SEED,
            options=ForestOptions(trees=trees, smallest_leaf=leaf),
        ),
    )
