"""What a step makes of the answers that it reads, learned by model and question.

A model that reads right answers to a question mostly does one and the same thing with them, and
another with wrong ones, whatever graph it stands in: each of these is one *habit*. A habit is
expected from whether the model is right on its own, from how models at large and this one turned
out, and from what it did on this question. Graphs follow from habits step by step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from optimizer.search.composition import Composition, Layer

__all__ = ["Habits", "Seen", "learn_habits", "spread"]

_USUAL: Final = np.array([[0.12, 0.55], [0.58, 0.98]])
"""Chance to be right by what is read (wrong, right) and by the model alone (wrong, right)."""
_USUAL_WEIGHT: Final = 10.0
"""Questions that this counts for; what all models did counts for as many for each one."""
_LOOSENESS: Final = 0.4
"""How much of a habit is luck: what is usual counts like so many outcomes of its own."""
_OTHER_ROLE: Final = 0.35
"""What an outcome in the other role, with as many right answers read, counts for."""
_MIXED_LOOSENESS: Final = 1.0
_MIXED_GAIN: Final = 0.04
"""A model that reads both right and wrong answers does better than in between."""
_SAMPLE_LIKENESS: Final = 0.75
"""How much of a further sample's outcome is the first one's."""
_ABLE: Final = (0.45, 0.75)
"""Share right that the smallest and the largest model are expected to have."""
_ABLE_WEIGHT: Final = 3.0
_EASE_WEIGHT: Final = 2.0
_WRONG, _RIGHT, _MIXED = range(3)
_ALONE, _REFINES, _MERGES = range(3)

_Floats = npt.NDArray[np.float32]
_Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Seen:
    """Outcomes by part and question; ``right`` is valid where ``seen``."""

    right: _Floats
    seen: _Bools


@dataclass(frozen=True, slots=True)
class Habits:
    """Chances to be right, by model and question (columns).

    ``alone`` is of the greedy answer, ``again`` of a further sample; ``kept`` by role (refines,
    merges) and by what is read (all wrong, all right); ``mixed_sum`` and ``mixed_count`` are the
    outcomes of reading both. Doubts are deviations that all open questions share: of how able a
    model is, and of what it makes of what it reads.
    """

    alone: _Floats
    again: _Floats
    kept: _Floats
    mixed_sum: _Floats
    mixed_count: _Floats
    alone_doubt: _Floats
    kept_doubt: _Floats

    def drawn(self, rng: np.random.Generator, draws: int) -> Habits:
        """Draw what each habit is: right or wrong; draws stand side by side as columns."""
        questions = self.alone.shape[1]

        def draw(chances: _Floats, doubt: _Floats) -> _Floats:
            shift = doubt[..., None] * rng.standard_normal((*doubt.shape, draws), np.float32)
            tiled = np.tile(chances, draws)
            # What is known is 0 or 1 and stays so; the surer a habit, the less is it shifted.
            shifted = tiled + np.repeat(shift, questions, axis=-1) * 4 * tiled * (1 - tiled)
            return (rng.random(tiled.shape, np.float32) < shifted).astype(np.float32)

        return Habits(
            draw(self.alone, self.alone_doubt),
            draw(self.again, self.alone_doubt),
            draw(self.kept, self.kept_doubt),
            np.tile(self.mixed_sum, draws),
            np.tile(self.mixed_count, draws),
            self.alone_doubt,
            self.kept_doubt,
        )


def spread(parts: Composition, habits: Habits, seen: Seen) -> _Floats:
    """Return every part's chance to be right; 0 or 1 where it was seen.

    Several answers read are taken to be right together as far as they can: what one model gets
    right another mostly does.
    """
    chance = np.empty((len(parts.inputs), habits.alone.shape[1]), np.float32)
    sources = parts.sources
    first = (parts.sample[sources] == 0)[:, None]
    models = parts.model[sources]
    chance[sources] = np.where(first, habits.alone[models], habits.again[models])
    _overwrite(chance, sources, seen)
    for layer in parts.layers:
        chance[layer.parts] = _answered(layer, chance, habits)
        _overwrite(chance, layer.parts, seen)
    return chance


def _overwrite(chance: _Floats, rows: npt.NDArray[np.int64], seen: Seen) -> None:
    chance[rows] = np.where(seen.seen[rows], seen.right[rows], chance[rows])


def _answered(layer: Layer, chance: _Floats, habits: Habits) -> _Floats:
    read = chance[layer.inputs]
    if layer.inputs.shape[1] == 1:
        wrong, right = habits.kept[0, :, layer.models].swapaxes(0, 1)
        refined: _Floats = wrong + read[:, 0] * (right - wrong)
        return refined
    wrong, right = habits.kept[1, :, layer.models].swapaxes(0, 1)
    low, high = read.min(axis=1), read.max(axis=1)
    both = high - low
    share = np.divide(read.mean(axis=1) - low, both, out=np.full_like(low, 0.5), where=both > 1e-6)
    between = np.minimum(wrong + share * (right - wrong) + np.float32(_MIXED_GAIN), 1.0)
    count = habits.mixed_count[layer.models]
    between = (_MIXED_LOOSENESS * between + habits.mixed_sum[layer.models]) / (
        _MIXED_LOOSENESS + count
    )
    merged: _Floats = (1.0 - high) * wrong + low * right + both * between
    return merged


def learn_habits(parts: Composition, seen: Seen, *, expects_usual: bool = True) -> Habits:
    """Learn from outcomes; without any, habits are what is usual, or where not, anything."""
    usual = _USUAL if expects_usual else np.full_like(_USUAL, 0.5)
    alone, again, doubt = _alone(parts, seen)
    questions = alone.shape[1]
    total = np.zeros((2, 3, len(parts.models), questions), np.float32)
    count = np.zeros_like(total)
    # What is read has to be expected before what is made of it can be learned.
    habits = _habits(alone, again, doubt, total, count, usual)
    chance = spread(parts, habits, seen)
    for layer in parts.layers:
        rows = np.flatnonzero(seen.seen[layer.parts].any(axis=1))
        if not len(rows):
            continue
        here, models = layer.parts[rows], layer.models[rows]
        role = int(layer.inputs.shape[1] > 1)
        who = (np.arange(len(parts.models))[:, None] == models).astype(np.float32)
        states = _states(chance[layer.inputs[rows]], habits.kept[role][:, models], seen.right[here])
        for state, likely in enumerate(states):
            told = likely * seen.seen[here]
            count[role, state] += who @ told
            total[role, state] += who @ (told * seen.right[here])
    return _habits(alone, again, doubt, total, count, usual)


def _states(read: _Floats, kept: _Floats, right: _Floats) -> _Floats:
    """Return how likely what was read was all wrong, all right, or mixed, given what came of it.

    A wrong answer is more likely to come of wrong ones; to forget that would blame the model.
    """
    low, high = read.min(axis=1), read.max(axis=1)
    before = np.stack([1.0 - high, low, high - low])
    chance = np.concatenate([kept, kept.mean(axis=0, keepdims=True)])
    after = before * np.where(right > 0.5, chance, 1.0 - chance)
    states: _Floats = after / np.maximum(after.sum(axis=0), 1e-9)
    return states


def _alone(parts: Composition, seen: Seen) -> tuple[_Floats, _Floats, _Floats]:
    """Expect models on their own from how they did, and from how easy a question proved."""
    models = len(parts.models)
    asked = np.asarray(seen.seen.any(axis=1), np.bool_)
    questions = seen.seen.shape[1]
    known = np.zeros((models, questions), np.bool_)
    filled = np.zeros((models, questions), np.float32)
    for part in parts.sources[asked[parts.sources]]:
        if parts.sample[part] == 0:
            told = seen.seen[part]
            known[parts.model[part]] = told
            filled[parts.model[part], told] = seen.right[part, told]
    able = (filled.sum(axis=1) + _ABLE_WEIGHT * _prior_ability(parts)) / (
        known.sum(axis=1) + _ABLE_WEIGHT
    )
    rows = np.flatnonzero(asked)
    mask = seen.seen[rows]
    outcome = np.where(mask, seen.right[rows], np.float32(0.0))
    mean = outcome.sum(axis=1) / np.maximum(mask.sum(axis=1), 1)
    off = (outcome - mean[:, None] * mask).sum(axis=0)
    ease = off / (mask.sum(axis=0) + _EASE_WEIGHT)
    expected = np.clip(able[:, None] + ease[None, :], 0.03, 0.97)
    alone = np.where(known, filled, expected).astype(np.float32)
    again = (_SAMPLE_LIKENESS * alone + (1 - _SAMPLE_LIKENESS) * expected).astype(np.float32)
    doubt = np.sqrt(able * (1 - able) / (known.sum(axis=1) + _ABLE_WEIGHT + 1.0))
    return alone, again, doubt.astype(np.float32)


def _prior_ability(parts: Composition) -> npt.NDArray[np.float64]:
    """Insight 1 before anything was run: of two models the larger one is right more often."""
    size = np.log(parts.sizes)
    low, high = _ABLE
    place = (size - size.min()) / max(float(size.max() - size.min()), 1e-9)
    prior: npt.NDArray[np.float64] = low + (high - low) * place
    return prior


def _habits(
    alone: _Floats,
    again: _Floats,
    alone_doubt: _Floats,
    total: _Floats,
    count: _Floats,
    usual: npt.NDArray[np.float64],
) -> Habits:
    kept = np.empty((2, 2, *alone.shape), np.float32)
    doubt = np.empty((2, 2, len(alone)), np.float32)
    for role in (0, 1):
        for state in (_WRONG, _RIGHT):
            kept[role, state], doubt[role, state] = _expected(
                alone, total, count, role, state, usual[state]
            )
    return Habits(alone, again, kept, total[1, _MIXED], count[1, _MIXED], alone_doubt, doubt)


def _expected(
    alone: _Floats,
    total: _Floats,
    count: _Floats,
    role: int,
    state: int,
    prior: npt.NDArray[np.float64],
) -> tuple[_Floats, _Floats]:
    """Expect one habit of every model on every question, and the doubt that these share."""
    own, other = count[role, state], count[1 - role, state]
    heard = own + _OTHER_ROLE * other
    hits = total[role, state] + _OTHER_ROLE * total[1 - role, state]
    # A question counts once, however often the same was seen there.
    weight = own / (own + _LOOSENESS)
    mean = np.divide(total[role, state], own, out=np.zeros_like(own), where=own > 0)
    expected = np.zeros_like(alone)
    variance = np.zeros(len(alone), np.float32)
    for able, share in ((0, 1.0 - alone), (1, alone)):
        told, right = (weight * share).sum(axis=1), (weight * share * mean).sum(axis=1)
        usual = (right.sum() + _USUAL_WEIGHT * prior[able]) / (told.sum() + _USUAL_WEIGHT)
        of_model = (right + _USUAL_WEIGHT * usual) / (told + _USUAL_WEIGHT)
        expected += share * of_model[:, None].astype(np.float32)
        variance += share.mean(axis=1) * of_model * (1 - of_model) / (told + _USUAL_WEIGHT + 1.0)
    habit: _Floats = (_LOOSENESS * expected + hits) / (_LOOSENESS + heard)
    return habit, np.sqrt(variance)
