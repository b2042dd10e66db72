"""What learning from verdicts is worth to a router when what it meets is not what it was fitted to.

Offline replay. A router is fitted to one fold of subjects and meets the other four, one subject
after the other; after each choice it is told whether the answer was right, and of the other model
nothing. Beside it stands the same router without verdicts. In *subjects* only the subjects are new.
In *replaced* the smaller model is replaced, half way, by one that answers as the larger one does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from optimizer.routing.fit import fit_predictor
from optimizer.routing.folds import folds_of
from optimizer.routing.intervals import draws_of_groups, interval
from optimizer.routing.outcomes import Outcomes
from optimizer.routing.unseen import FOLDS
from runtime.routing.residuals import Residuals, ResidualsOptions

__all__ = ["learning_figures"]

_STRONG_COST: Final = 0.15
"""Of one call of the larger model, where a right answer is worth 1; the smaller one is free."""
_SMALLER, _LARGER = "smaller", "larger"
_SEED: Final = 11

_Floats = npt.NDArray[np.float64]
_Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Stream:
    """What one router meets, in order."""

    chances: _Floats
    """What the fitted router says, [questions, models]."""
    right: _Bools
    """[questions, models]."""
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Played:
    """What came of a stream, question by question."""

    fitted: _Floats
    learned: _Floats
    best: _Floats
    """Of whoever knows the outcomes before."""
    groups: tuple[str, ...]


def learning_figures(
    outcomes: Outcomes,
    features: npt.NDArray[np.float32],
    *,
    trees: int,
    draws: int,
    shown: Iterable[int] = range(FOLDS),
) -> dict[str, object]:
    """Replay both shifts.

    Args:
        outcomes: Who was right, of two models, the smaller one first.
        features: Of the prompts.
        trees: Of each forest.
        draws: How often subjects are drawn again for the intervals.
        shown: The folds, to show how far it is.
    """
    streams = [_stream(outcomes, features, fold, trees=trees) for fold in shown]
    return {
        "strong_cost": _STRONG_COST,
        "subjects": _figures([_play(stream) for stream in streams], draws),
        "replaced": _figures([_play(_replaced(stream)) for stream in streams], draws),
    }


def _stream(
    outcomes: Outcomes, features: npt.NDArray[np.float32], fold: int, *, trees: int
) -> _Stream:
    """Fit on one fold; return the others, their subjects in a drawn order."""
    folds = folds_of(outcomes.groups, FOLDS)
    known = outcomes.only(folds == fold)
    fitted = fit_predictor(
        known.models, features[folds == fold], known.right, known.groups, trees=trees
    )
    rest = np.flatnonzero(folds != fold)
    generator = np.random.default_rng(_SEED + fold)
    place = {
        name: at
        for at, name in enumerate(
            generator.permutation(sorted({outcomes.groups[row] for row in rest}))
        )
    }
    order = sorted(rest, key=lambda row: place[outcomes.groups[row]])
    return _Stream(
        fitted.predict_features(features[order]).astype(np.float64),
        outcomes.right[order],
        tuple(outcomes.groups[row] for row in order),
    )


def _replaced(stream: _Stream) -> _Stream:
    right = stream.right.copy()
    half = len(right) // 2
    right[half:, 0] = right[half:, 1]
    return _Stream(stream.chances, right, stream.groups)


def _play(stream: _Stream) -> _Played:
    """Let both routers choose; only what was chosen is told to the one that learns."""
    costs = np.array([0.0, _STRONG_COST])
    gained = stream.right - costs
    residuals = Residuals(ResidualsOptions())
    fitted, learned = np.zeros(len(gained)), np.zeros(len(gained))
    for at, (smaller, larger) in enumerate(stream.chances):
        chances = {_SMALLER: float(smaller), _LARGER: float(larger)}
        fitted[at] = gained[at, _choice(chances)]
        choice = _choice(residuals.adjusted(chances))
        learned[at] = gained[at, choice]
        chosen = (_SMALLER, _LARGER)[choice]
        residuals.learn(chosen, chances, is_right=bool(stream.right[at, choice]))
    return _Played(fitted, learned, gained.max(axis=1), stream.groups)


def _choice(chances: Mapping[str, float]) -> int:
    return int(chances[_LARGER] - _STRONG_COST > chances[_SMALLER])


def _figures(played: list[_Played], draws: int) -> dict[str, object]:
    """Return mean regrets, and their difference with its interval over subjects."""
    fitted, learned, best = (
        np.concatenate([getattr(one, name) for one in played])
        for name in ("fitted", "learned", "best")
    )
    groups = [group for one in played for group in one.groups]
    saved = learned - fitted
    ends = interval(
        lambda counts: float((counts * saved).sum() / counts.sum()),
        draws_of_groups(groups, draws, seed=3),
    )
    return {
        "regret_fitted": round(float((best - fitted).mean()), 4),
        "regret_learned": round(float((best - learned).mean()), 4),
        "saved": round(float(saved.mean()), 4),
        "saved_interval_groups": None if ends is None else [round(end, 4) for end in ends],
    }
