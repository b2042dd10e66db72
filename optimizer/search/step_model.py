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

from optimizer.search.wiring import Block, Wiring

__all__ = ["Habits", "Seen", "Told", "learn_habits", "spread"]

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
_ALIKE: Final = 1e-6
"""Chances this near to each other are the same: all that is read is right, or all is wrong."""
_WRONG, _RIGHT, _MIXED = range(3)
_REFINES, _MERGES = range(2)

_Floats = npt.NDArray[np.float32]
_Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Seen:
    """Outcomes by part and question; ``right`` is valid where ``seen``."""

    right: _Floats
    seen: _Bools

    def told(self) -> Told:
        """Return what was seen, part by part."""
        where = np.flatnonzero(self.seen)
        part, question = np.divmod(where, self.seen.shape[1])
        return Told(part, question, self.right.ravel()[where])


@dataclass(frozen=True, slots=True)
class Told:
    """Every outcome that was seen, one after the other: few of all there could be."""

    part: npt.NDArray[np.int64]
    question: npt.NDArray[np.int64]
    right: _Floats

    def only(self, which: npt.NDArray[np.int64]) -> Told:
        """Return some of the outcomes, in that order."""
        return Told(self.part[which], self.question[which], self.right[which])

    def among(self, numbers: npt.NDArray[np.int64], count: int) -> Told:
        """Return the outcomes of some of ``count`` parts, which are numbered anew."""
        place = np.full(count, -1)
        place[numbers] = np.arange(len(numbers))
        part = place[self.part]
        kept = np.flatnonzero(part >= 0)
        return Told(part[kept], self.question[kept], self.right[kept])


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
        """Draw what each habit is: right or wrong; draws are an axis before the questions."""

        def draw(chances: _Floats, doubt: _Floats) -> _Floats:
            shift = doubt[..., None] * rng.standard_normal((*doubt.shape, draws), np.float32)
            once = chances[..., None, :]
            # What is known is 0 or 1 and stays so; the surer a habit, the less is it shifted.
            shifted = once + (shift * 4)[..., None] * once * (1 - once)
            return (rng.random(shifted.shape, np.float32) < shifted).astype(np.float32)

        return Habits(
            draw(self.alone, self.alone_doubt),
            draw(self.again, self.alone_doubt),
            draw(self.kept, self.kept_doubt),
            self.mixed_sum[..., None, :],
            self.mixed_count[..., None, :],
            self.alone_doubt,
            self.kept_doubt,
        )


def spread(wiring: Wiring, habits: Habits, told: Told) -> _Floats:
    """Return every part's chance to be right; 0 or 1 where it was seen.

    Several answers read are taken to be right together as far as they can: what one model gets
    right another mostly does.

    Args:
        wiring: The parts.
        habits: What is expected of every model.
        told: What was seen of these parts.

    Returns:
        Shape ``(parts, questions)``, or where habits were drawn ``(parts, draws, questions)``.
    """
    chance = np.empty((len(wiring.model), *habits.alone.shape[1:]), np.float32)
    sources = wiring.sources
    models, is_first = wiring.model[sources], wiring.sample[sources] == 0
    chance[sources[is_first]] = habits.alone[models[is_first]]
    chance[sources[~is_first]] = habits.again[models[~is_first]]
    of_block = wiring.block_of[told.part]
    order = np.argsort(of_block, kind="stable")
    ends = np.searchsorted(of_block[order], np.arange(len(wiring.blocks) + 1), side="right")
    told = told.only(order)
    _overwrite(chance, told, 0, int(ends[0]))
    for number, block in enumerate(wiring.blocks):
        chance[block.parts] = _answered(block, chance, habits)
        _overwrite(chance, told, int(ends[number]), int(ends[number + 1]))
    return chance


def _overwrite(chance: _Floats, told: Told, start: int, end: int) -> None:
    if start == end:
        return
    part, question, right = told.part[start:end], told.question[start:end], told.right[start:end]
    if chance.ndim == 2:
        chance[part, question] = right
    else:
        chance[part, :, question] = right[:, None]


def _answered(block: Block, chance: _Floats, habits: Habits) -> _Floats:
    models, reads = block.models, block.inputs.shape[1]
    wrong, right = habits.kept[_MERGES if reads > 1 else _REFINES][:, models]
    low = chance.take(block.inputs[:, 0], axis=0)
    if reads == 1:
        low *= right - wrong
        low += wrong
        return low
    high, total = low.copy(), low.copy()
    for place in range(1, reads):
        read = chance.take(block.inputs[:, place], axis=0)
        total += read
        np.maximum(high, read, out=high)
        np.minimum(low, read, out=low)
    both = high - low
    total /= reads
    total -= low
    total /= np.maximum(both, _ALIKE)
    # The share of right ones among those that are read.
    np.copyto(total, np.float32(0.5), where=both <= _ALIKE)
    total *= right - wrong
    total += wrong
    total += np.float32(_MIXED_GAIN)
    between = np.minimum(total, 1.0, out=total)
    count = habits.mixed_count[models]
    if count.any():
        between *= _MIXED_LOOSENESS
        between += habits.mixed_sum[models]
        between /= _MIXED_LOOSENESS + count
    # (1 - high) * wrong + low * right + both * between
    np.subtract(1.0, high, out=high)
    high *= wrong
    low *= right
    high += low
    both *= between
    high += both
    return high


def learn_habits(wiring: Wiring, seen: Seen, told: Told, *, expects_usual: bool = True) -> Habits:
    """Learn from outcomes; without any, habits are what is usual, or where not, anything.

    Args:
        wiring: The parts.
        seen: What was seen of them.
        told: The same.
        expects_usual: Whether anything is expected before the first outcome.
    """
    usual = _USUAL if expects_usual else np.full_like(_USUAL, 0.5)
    alone, again, doubt = _alone(wiring, seen, told)
    shape = (2, 3, *alone.shape)
    nothing = np.zeros(shape, np.float32)
    # What is read has to be expected before what is made of it can be learned.
    habits = _habits(alone, again, doubt, nothing, nothing, usual)
    is_asked = np.zeros(len(wiring.model), np.bool_)
    is_asked[told.part] = True
    is_read = wiring.read_by(is_asked)
    numbers, some = wiring.only(is_read)
    chance = spread(some, habits, told.among(numbers, len(is_read)))
    where, likely, right = _readings(wiring, told, chance, np.cumsum(is_read) - 1, habits)
    size = int(np.prod(shape))
    count = np.bincount(where, likely, size).astype(np.float32).reshape(shape)
    total = np.bincount(where, likely * right, size).astype(np.float32).reshape(shape)
    return _habits(alone, again, doubt, total, count, usual)


def _readings(
    wiring: Wiring,
    told: Told,
    chance: _Floats,
    place: npt.NDArray[np.int64],
    habits: Habits,
) -> tuple[npt.NDArray[np.int64], _Floats, _Floats]:
    """Return what was read, and how likely, before every outcome of a step that reads.

    By reading: its place among role, what was read, model and question; its likelihood; and
    whether the outcome was right.
    """
    models, questions = habits.alone.shape
    layer_of = wiring.layer_of[told.part]
    order = np.argsort(layer_of, kind="stable")
    ends = np.searchsorted(layer_of[order], np.arange(-1, len(wiring.layers)), side="right")
    found = [(np.zeros(0, np.int64), np.zeros(0, np.float32), np.zeros(0, np.float32))]
    for layer, start, end in zip(wiring.layers, ends, ends[1:], strict=False):
        here = told.only(order[start:end])
        row = wiring.row_of[here.part]
        by = layer.models[row]
        role = _MERGES if layer.inputs.shape[1] > 1 else _REFINES
        read = chance[place[layer.inputs[row]], here.question[:, None]]
        states = _states(read, habits.kept[role][:, by, here.question], here.right)
        for state, likely in enumerate(states):
            where = ((role * 3 + state) * models + by) * questions + here.question
            found.append((where, likely, here.right))
    wheres, likelies, rights = zip(*found, strict=True)
    return np.concatenate(wheres), np.concatenate(likelies), np.concatenate(rights)


def _states(read: _Floats, kept: _Floats, right: _Floats) -> tuple[_Floats, _Floats, _Floats]:
    """Return how likely what was read was all wrong, all right, or mixed, given what came of it.

    A wrong answer is more likely to come of wrong ones; to forget that would blame the model.

    Args:
        read: By outcome and answer read, its chance to be right.
        kept: Chance of a right outcome where all that is read is wrong, and right, by outcome.
        right: The outcomes.
    """
    low, high = read.min(axis=1), read.max(axis=1)
    is_right = right > 0.5

    def after(before: _Floats, chances: _Floats) -> _Floats:
        return before * np.where(is_right, chances, 1.0 - chances)

    wrong, whole = after(1.0 - high, kept[0]), after(low, kept[1])
    mixed = after(high - low, (kept[0] + kept[1]) / 2)
    together = np.maximum(wrong + whole + mixed, 1e-9)
    return wrong / together, whole / together, mixed / together


def _alone(wiring: Wiring, seen: Seen, told: Told) -> tuple[_Floats, _Floats, _Floats]:
    """Expect models on their own from how they did, and from how easy a question proved."""
    models = len(wiring.sizes)
    parts, questions = seen.seen.shape
    known = np.zeros((models, questions), np.bool_)
    filled = np.zeros((models, questions), np.float32)
    for part in wiring.sources[wiring.sample[wiring.sources] == 0]:
        seen_here = seen.seen[part]
        if seen_here.any():
            known[wiring.model[part]] = seen_here
            filled[wiring.model[part], seen_here] = seen.right[part, seen_here]
    able = (filled.sum(axis=1) + _ABLE_WEIGHT * _prior_ability(wiring.sizes)) / (
        known.sum(axis=1) + _ABLE_WEIGHT
    )
    count = np.bincount(told.part, minlength=parts)
    mean = np.bincount(told.part, told.right, parts) / np.maximum(count, 1)
    off = np.bincount(told.question, told.right - mean[told.part], questions)
    ease = off / (np.bincount(told.question, minlength=questions) + _EASE_WEIGHT)
    expected = np.clip(able[:, None] + ease[None, :], 0.03, 0.97)
    alone = np.where(known, filled, expected).astype(np.float32)
    again = (_SAMPLE_LIKENESS * alone + (1 - _SAMPLE_LIKENESS) * expected).astype(np.float32)
    doubt = np.sqrt(able * (1 - able) / (known.sum(axis=1) + _ABLE_WEIGHT + 1.0))
    return alone, again, doubt.astype(np.float32)


def _prior_ability(sizes: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Insight 1 before anything was run: of two models the larger one is right more often."""
    size = np.log(sizes)
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
    """Expect every habit of every model on every question, and the doubts that these share.

    ``usual`` is by what is read (wrong, right) and by the model alone (wrong, right).
    """
    own = count[:, :_MIXED]
    heard = own + _OTHER_ROLE * own[::-1]
    hits = total[:, :_MIXED] + _OTHER_ROLE * total[::-1, :_MIXED]
    # A question counts once, however often the same was seen there.
    weight = own / (own + _LOOSENESS)
    mean = np.divide(total[:, :_MIXED], own, out=np.zeros_like(own), where=own > 0)
    expected = np.zeros_like(own)
    variance = np.zeros(own.shape[:-1], np.float32)
    for able, share in ((0, 1.0 - alone), (1, alone)):
        weighted = weight * share
        told, right = weighted.sum(axis=-1), (weighted * mean).sum(axis=-1)
        of_all = (right.sum(axis=-1) + _USUAL_WEIGHT * usual[:, able]) / (
            told.sum(axis=-1) + _USUAL_WEIGHT
        )
        of_model = (right + _USUAL_WEIGHT * of_all[..., None]) / (told + _USUAL_WEIGHT)
        expected += share * of_model[..., None].astype(np.float32)
        here = share.mean(axis=1) * of_model * (1 - of_model) / (told + _USUAL_WEIGHT + 1.0)
        np.add(variance, here, out=variance, casting="same_kind")
    kept = np.asarray((_LOOSENESS * expected + hits) / (_LOOSENESS + heard), np.float32)
    doubt = np.sqrt(variance)
    mixed = total[_MERGES, _MIXED], count[_MERGES, _MIXED]
    return Habits(alone, again, kept, *mixed, alone_doubt, doubt)
