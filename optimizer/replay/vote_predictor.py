"""Predict a team's outcomes from those of its members alone and of the fallbacks.

Votes are counted by a program: given who is right, only which wrong answers coincide is unknown.
Uses right, exposed and choices of graphs that were run, as any searcher sees them; never answers.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from optimizer.replay.coincidence import VoteOdds, vote_odds
from optimizer.search.archive import Archive, Row
from optimizer.search.prediction import Pool, Predicted

__all__ = ["VotePredictor"]

_COINCIDENCES: Final = (0.08, 0.15, 0.22, 0.3, 0.4, 0.55)
_USUAL: Final = (-1.1, 0.8)
"""Mean and spread of the coincidence's log-odds, from S1: there about 0.25."""
_BANDS: Final = (0.3, 0.6, 0.8, 0.95)
"""Bounds of bands of difficulty: share of the members that are right."""
_DOUBT: Final = 0.004
"""Typical error of a predicted mean, from S1: 0.27 to 0.37 points among the better teams."""
_FULL_AGREEMENT: Final = 1.0

_Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Known:
    """Per member and per fallback on the questions: right (0/1) or not known (NaN)."""

    members: _Floats
    fallbacks: _Floats
    may_leave: _Floats
    """0 where all together disagreed and yet nothing left."""


class VotePredictor:
    """For spaces of teams: edges into a vote, then a threshold, then the fallback."""

    def __init__(self, thresholds: tuple[float, ...], *, members: int, fallbacks: int) -> None:
        self._thresholds = thresholds
        self._members = members
        self._fallbacks = fallbacks
        self._odds = [vote_odds(thresholds, members, one) for one in _COINCIDENCES]

    def predict(self, pool: Pool, archive: Archive, questions: npt.NDArray[np.int64]) -> Predicted:
        """Predict every team of the pool."""
        known = self._gather(archive, questions)
        rng = np.random.default_rng(len(questions))
        members = _filled(known.members, rng)
        fallbacks = _expected(known.fallbacks, np.nanmean(members, axis=0))
        parts = _Parts.of(pool, members, known.may_leave, self._members)
        odds = self._likeliest(parts, pool, archive, questions)
        kept_right, asked = parts.look_up(odds)
        helped = np.vstack([np.zeros((1, len(questions)), np.float32), fallbacks])
        exposed = asked[parts.threshold, parts.team]
        right = helped[parts.fallback]
        right *= exposed
        right += kept_right[parts.threshold, parts.team]
        doubt = np.where(parts.size[parts.team] > 1, _DOUBT, 0.0)
        return Predicted(right, exposed, doubt)

    def _gather(self, archive: Archive, questions: npt.NDArray[np.int64]) -> _Known:
        members = np.full((self._members, len(questions)), np.nan, np.float32)
        fallbacks = np.full((self._fallbacks, len(questions)), np.nan, np.float32)
        may_leave = np.ones(len(questions), np.float32)
        whole = []
        for row in archive:
            seen = row.seen[questions]
            chosen = np.flatnonzero(row.candidate.choices[: self._members])
            fallback = row.candidate.choices[-1]
            if len(chosen) == 1 and not fallback:
                members[chosen[0], seen] = row.right[questions][seen]
            if fallback:
                asked = seen & row.exposed[questions]
                fallbacks[fallback - 1, asked] = row.right[questions][asked]
            if fallback and len(chosen) == self._members:
                whole.append(row)
        self._mark_kept(whole, members, may_leave, questions)
        return _Known(members, fallbacks, may_leave)

    def _mark_kept(
        self,
        whole: list[Row],
        members: _Floats,
        may_leave: _Floats,
        questions: npt.NDArray[np.int64],
    ) -> None:
        """Where the whole team at full agreement disagrees and does not ask, nothing leaves.

        Where all are wrong and nothing left, they may have agreed, or it may not leave: then the
        share that may leave among disputed questions is expected.
        """
        is_split = (np.nanmin(members, axis=0, initial=1) == 0) & (
            np.nanmax(members, axis=0, initial=0) == 1
        )
        for row in whole:
            if self._thresholds[row.candidate.choices[-2]] < _FULL_AGREEMENT:
                continue
            seen, asked = row.seen[questions], row.exposed[questions]
            may_leave[seen & ~asked & is_split] = 0.0
            disputed = seen & is_split
            if disputed.any():
                may_leave[seen & ~asked & ~is_split] = float(asked[disputed].mean())

    def _likeliest(
        self, parts: "_Parts", pool: Pool, archive: Archive, questions: npt.NDArray[np.int64]
    ) -> VoteOdds:
        """Choose how often wrong answers coincide, by outcomes and by what is usual."""
        mean, spread = _USUAL

        def support(position: int) -> float:
            coincidence = _COINCIDENCES[position]
            log_odds = math.log(coincidence / (1.0 - coincidence))
            prior = -0.5 * ((log_odds - mean) / spread) ** 2
            return prior + self._likelihood(self._odds[position], parts, pool, archive, questions)

        return self._odds[max(range(len(self._odds)), key=support)]

    def _likelihood(
        self,
        odds: VoteOdds,
        parts: "_Parts",
        pool: Pool,
        archive: Archive,
        questions: npt.NDArray[np.int64],
    ) -> float:
        """Return how likely the teams' outcomes are, given who was right."""
        total = 0.0
        for row, index in _teams(archive, pool, parts):
            seen = np.flatnonzero(row.seen[questions])
            team, threshold = parts.team[index], parts.threshold[index]
            where = (
                threshold,
                parts.size[team],
                parts.right_count[team, seen],
                parts.leader[team, seen],
            )
            asked = odds.asked[where] * parts.may_leave[seen]
            kept_right = odds.kept_right[where]
            exposed = row.exposed[questions][seen]
            right = row.right[questions][seen] > 0.5
            kept_wrong = 1.0 - asked - kept_right
            chance = np.where(exposed, asked, np.where(right, kept_right, kept_wrong))
            total += float(np.log(np.clip(chance, 0.02, 1.0)).sum())
        return total


@dataclass(frozen=True, slots=True)
class _Parts:
    """A pool of teams taken apart: distinct member sets, and each graph's set and options."""

    size: npt.NDArray[np.int64]
    right_count: npt.NDArray[np.int64]
    leader: npt.NDArray[np.int64]
    """Is the member right that breaks a set's ties, shape ``(sets, questions)``."""
    may_leave: _Floats
    team: npt.NDArray[np.int64]
    threshold: npt.NDArray[np.int64]
    """0 where there is no fallback."""
    fallback: npt.NDArray[np.int64]

    @classmethod
    def of(cls, pool: Pool, members: _Floats, may_leave: _Floats, count: int) -> "_Parts":
        """Take a pool apart; ``members`` says 0 or 1 for every member and question."""
        masks = pool.choices[:, :count].astype(np.int64) @ (1 << np.arange(count))
        _, first, team = np.unique(masks, return_index=True, return_inverse=True)
        sets = pool.choices[first, :count]
        fallback = pool.choices[:, -1].astype(np.int64)
        best_first = np.argsort(-members.mean(axis=1), kind="stable")
        leader = best_first[sets[:, best_first].argmax(axis=1)]
        return cls(
            size=sets.sum(axis=1).astype(np.int64),
            right_count=np.rint(sets.astype(np.float32) @ members).astype(np.int64),
            leader=members[leader].astype(np.int64),
            may_leave=may_leave,
            team=team.reshape(-1).astype(np.int64),
            threshold=np.where(fallback > 0, pool.choices[:, -2].astype(np.int64) + 1, 0),
            fallback=fallback,
        )

    def look_up(self, odds: VoteOdds) -> tuple[_Floats, _Floats]:
        """Return kept-right and asked, shape ``(thresholds + 1, sets, questions)``."""
        size = self.size[:, None]
        kept_right = odds.kept_right[:, size, self.right_count, self.leader]
        asked = odds.asked[:, size, self.right_count, self.leader]
        stays = 1.0 - self.may_leave[None, None, :]
        # What would be asked about but may not leave keeps the vote's own answer.
        kept_right = kept_right + stays * (kept_right[:1] - kept_right)
        return kept_right, asked * self.may_leave[None, None, :]


def _teams(archive: Archive, pool: Pool, parts: _Parts) -> Iterator[tuple[Row, int]]:
    for row in archive:
        index = pool.index.get(row.candidate.key)
        if index is not None and parts.size[parts.team[index]] > 1:
            yield row, index


def _filled(values: _Floats, rng: np.random.Generator) -> _Floats:
    """Draw unknown outcomes of members by how many others are right on the question."""
    known = ~np.isnan(values)
    if known.all():
        return values
    level = np.nan_to_num(np.nanmean(np.where(known.any(axis=0), values, 0.5), axis=0), nan=0.5)
    band = np.digitize(level, _BANDS)
    drawn = rng.random(values.shape, np.float32)
    filled = values.copy()
    for model in range(len(values)):
        for one in range(len(_BANDS) + 1):
            inside = band == one
            base = float(level[inside].mean()) if inside.any() else 0.5
            seen = values[model, inside & known[model]]
            chance = (float(seen.sum()) + 2.0 * base) / (len(seen) + 2.0)
            todo = inside & ~known[model]
            filled[model, todo] = drawn[model, todo] < chance
    return filled


def _expected(values: _Floats, level: npt.NDArray[np.float32]) -> _Floats:
    """Expect unknown outcomes of fallbacks by difficulty, shrunk to what others do there."""
    band = np.digitize(level, _BANDS)
    known = ~np.isnan(values)
    expected = values.copy()
    for one in range(len(_BANDS) + 1):
        inside = band == one
        here = values[:, inside]
        seen = known[:, inside]
        base = (float(np.nansum(here)) + 1.5) / (int(seen.sum()) + 2.0)
        chance = (np.nansum(here, axis=1) + 4.0 * base) / (seen.sum(axis=1) + 4.0)
        expected[:, inside] = np.where(seen, here, chance[:, None])
    return expected
