"""Predict a team's outcomes from those of its members alone and of the fallbacks.

Votes are counted by a program: given who is right, only which wrong answers coincide is unknown,
and often not even that matters: then the outcome is sure.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from optimizer.replay.coincidence import Settled, VoteOdds, settled_votes, vote_odds
from optimizer.replay.vote_evidence import UNKNOWN, VoteEvidence
from optimizer.search.archive import Archive, Row
from optimizer.search.prediction import Pool, Predicted

__all__ = ["VotePredictor"]

_COINCIDENCES: Final = (0.08, 0.15, 0.22, 0.3, 0.4, 0.55)
_USUAL: Final = (-1.1, 0.8)
"""Mean and spread of the coincidence's log-odds, from S1: there about 0.25."""
_BANDS: Final = (0.3, 0.6, 0.8, 0.95)
"""Bounds of bands of difficulty: share of the members that are right."""
_SYSTEMATIC: Final = 0.02
"""Error of a predicted mean that all unsure outcomes of a graph share, per unsure outcome."""

_Floats = npt.NDArray[np.float32]


class VotePredictor:
    """For spaces of teams: edges into a vote, then a threshold, then the fallback.

    Args:
        thresholds: Agreement below which the fallback is asked.
        members: How many models may vote.
        fallbacks: How many may be asked.
        leaves: Which questions may leave the edge; ``None`` where nobody told.
        is_open: Whether all may, where nobody told.
    """

    def __init__(
        self,
        thresholds: tuple[float, ...],
        *,
        members: int,
        fallbacks: int,
        leaves: npt.NDArray[np.bool_] | None = None,
        is_open: bool = False,
    ) -> None:
        self._thresholds = thresholds
        self._members = members
        self._fallbacks = fallbacks
        self._leaves = leaves
        self._is_open = is_open
        self._odds = [vote_odds(thresholds, members, one) for one in _COINCIDENCES]
        self._settled = settled_votes(thresholds, members)
        self._evidence: WeakKeyDictionary[Archive, VoteEvidence] = WeakKeyDictionary()

    @property
    def is_ever_sure(self) -> bool:
        """Votes are counted: often enough no coincidence changes the count."""
        return True

    def predict(self, pool: Pool, archive: Archive, questions: npt.NDArray[np.int64]) -> Predicted:
        """Predict every team of the pool."""
        evidence = self._evidence_of(archive)
        known = evidence.members[:, questions]
        members = _filled(known, np.random.default_rng(len(questions)))
        heard = evidence.fallbacks[:, questions]
        fallbacks = _expected(heard, members.mean(axis=0))
        parts = _Parts.of(pool, members, evidence.may_leave(questions), self._members)
        odds = self._likeliest(parts, pool, list(evidence.teams.values()), questions)
        kept_right, asked = parts.look_up(odds)
        nothing = np.zeros((1, len(questions)), np.float32)
        exposed = asked[parts.threshold, parts.team]
        right = np.vstack([nothing, fallbacks])[parts.fallback]
        right *= exposed
        right += kept_right[parts.threshold, parts.team]
        sure = np.zeros(right.shape, np.bool_)
        if evidence.leaves is not None:
            sure = self._sure(parts, known, np.vstack([nothing + 1, heard]) != UNKNOWN)
        unsure = np.where(sure, np.float32(0.0), right * (1 - right)).mean(axis=1, dtype=np.float64)
        share = 1.0 - sure.mean(axis=1)
        doubt = np.sqrt(np.maximum(unsure, 0.0) / archive.questions + (_SYSTEMATIC * share) ** 2)
        return Predicted(right, exposed, doubt, sure)

    def _evidence_of(self, archive: Archive) -> VoteEvidence:
        evidence = self._evidence.get(archive)
        if evidence is None:
            shape = (self._members, self._fallbacks, archive.questions)
            leaves = self._leaves
            if leaves is None and self._is_open:
                leaves = np.ones(archive.questions, np.bool_)
            evidence = VoteEvidence.empty(self._thresholds, shape, leaves)
            self._evidence[archive] = evidence
        evidence.learn(archive)
        return evidence

    def _sure(
        self, parts: "_Parts", known: npt.NDArray[np.int8], heard: npt.NDArray[np.bool_]
    ) -> npt.NDArray[np.bool_]:
        """Say which outcomes follow whatever is unknown.

        Either enough members are right already, or all are known and the vote is settled; a
        question that may not leave is settled by the vote alone.
        """
        sets = parts.sets.astype(np.float32)
        right = (sets @ (known == 1)).astype(np.int64)
        is_whole = (sets @ (known == UNKNOWN)) < 0.5
        size = parts.size[:, None]
        verdict = self._settled[:, size, right]
        verdict = np.where(is_whole, verdict, Settled.OPEN)
        needed = np.ceil(np.array((0.0, *self._thresholds))[:, None] * parts.size - 1e-9)
        enough = (2 * right > size) & (right >= needed[:, :, None])
        verdict = np.where(enough, Settled.RIGHT, verdict)
        stays, leaves = parts.may_leave == 0.0, parts.may_leave == 1.0
        kept = (verdict == Settled.RIGHT) | (verdict == Settled.WRONG)
        kept = (kept & leaves) | (kept[:1] & stays)
        asked = (verdict == Settled.ASKED) & leaves
        sure: npt.NDArray[np.bool_] = kept[parts.threshold, parts.team]
        sure |= asked[parts.threshold, parts.team] & heard[parts.fallback]
        return sure

    def _likeliest(
        self, parts: "_Parts", pool: Pool, teams: Sequence[Row], questions: npt.NDArray[np.int64]
    ) -> VoteOdds:
        """Choose how often wrong answers coincide, by outcomes and by what is usual."""
        mean, spread = _USUAL
        support = np.zeros(len(self._odds))
        for position, coincidence in enumerate(_COINCIDENCES):
            log_odds = math.log(coincidence / (1.0 - coincidence))
            support[position] = -0.5 * ((log_odds - mean) / spread) ** 2
        for row, index in _placed(teams, pool):
            support += self._likelihoods(parts, row, index, questions)
        return self._odds[int(support.argmax())]

    def _likelihoods(
        self, parts: "_Parts", row: Row, index: int, questions: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float64]:
        """Return how likely a team's outcomes are by every odds, given who was right."""
        seen = np.flatnonzero(row.seen[questions])
        team, threshold = parts.team[index], parts.threshold[index]
        where = (
            threshold,
            parts.size[team],
            parts.right_count[team, seen],
            parts.leader[team, seen],
        )
        exposed = row.exposed[questions[seen]]
        right = row.right[questions[seen]] > 0.5
        found = np.zeros(len(self._odds))
        for position, odds in enumerate(self._odds):
            asked = odds.asked[where] * parts.may_leave[seen]
            kept_right = odds.kept_right[where]
            kept_wrong = 1.0 - asked - kept_right
            chance = np.where(exposed, asked, np.where(right, kept_right, kept_wrong))
            found[position] = np.log(np.clip(chance, 0.02, 1.0)).sum()
        return found


@dataclass(frozen=True, slots=True)
class _Parts:
    """A pool of teams taken apart: distinct member sets, and each graph's set and options."""

    sets: npt.NDArray[np.int16]
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
            sets=sets,
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


def _placed(teams: Sequence[Row], pool: Pool) -> Iterator[tuple[Row, int]]:
    for row in teams:
        index = pool.index.get(row.candidate.key)
        if index is not None:
            yield row, index


def _filled(known: npt.NDArray[np.int8], rng: np.random.Generator) -> _Floats:
    """Draw unknown outcomes of members by how many others are right on the question."""
    values = known.astype(np.float32)
    is_known = known != UNKNOWN
    if is_known.all():
        return values
    votes = is_known.sum(axis=0)
    level = np.where(votes > 0, (known == 1).sum(axis=0) / np.maximum(votes, 1), 0.5)
    band = np.digitize(level, _BANDS)
    drawn = rng.random(values.shape, np.float32)
    for one in range(len(_BANDS) + 1):
        inside = band == one
        if not inside.any():
            continue
        base = float(level[inside].mean())
        for model in range(len(values)):
            here = inside & is_known[model]
            chance = (float(values[model, here].sum()) + 2.0 * base) / (int(here.sum()) + 2.0)
            todo = inside & ~is_known[model]
            values[model, todo] = drawn[model, todo] < chance
    return values


def _expected(heard: npt.NDArray[np.int8], level: npt.NDArray[np.float32]) -> _Floats:
    """Expect unknown outcomes of fallbacks by difficulty, shrunk to what others do there."""
    band = np.digitize(level, _BANDS)
    known = heard != UNKNOWN
    expected = heard.astype(np.float32)
    for one in range(len(_BANDS) + 1):
        inside = band == one
        right, seen = (heard[:, inside] == 1).sum(axis=1), known[:, inside].sum(axis=1)
        base = (float(right.sum()) + 1.5) / (int(seen.sum()) + 2.0)
        chance = (right + 4.0 * base) / (seen + 4.0)
        expected[:, inside] = np.where(known[:, inside], heard[:, inside], chance[:, None])
    return expected
