"""Predict a team's outcomes from those of its members alone and of the fallbacks.

Votes are counted by a program: given who is right, only which wrong answers coincide is unknown,
and often not even that matters: then the outcome is sure.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from optimizer.replay.coincidence import Settled, VoteOdds, settled_votes, vote_odds
from optimizer.replay.vote_evidence import UNKNOWN, VoteEvidence
from optimizer.search.archive import Archive, Row
from optimizer.search.prediction import Pool, Predicted

__all__ = ["VotePredictor"]

_COINCIDENCES: Final = (0.03, 0.1, 0.2, 0.3, 0.45, 0.65, 0.85)
_USUAL: Final = (-1.1, 1.2)
"""Mean and spread over questions of the coincidence's log-odds, from S1: there about 0.25."""
_STEPS: Final = 3
_PRIOR_QUESTIONS: Final = 100.0
"""What is usual elsewhere counts like so many questions here."""
_BANDS: Final = (0.3, 0.6, 0.8, 0.95)
"""Bounds of bands of difficulty: share of the members that are right."""
_SYSTEMATIC: Final = 0.02
"""Error of a predicted mean that all unsure outcomes of a graph share, per unsure outcome."""

_LARGE: Final = 1000
"""Graphs."""

_Floats = npt.NDArray[np.float32]
_Cell = TypeVar("_Cell", np.float32, np.bool_)


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
        self._stacked = VoteOdds(
            np.stack([one.kept_right for one in self._odds]),
            np.stack([one.asked for one in self._odds]),
        )
        mean, spread = _USUAL
        log_odds = np.array([math.log(one / (1.0 - one)) for one in _COINCIDENCES])
        usual = np.exp(-0.5 * ((log_odds - mean) / spread) ** 2)
        self._usual = usual / usual.sum()
        self._settled = settled_votes(thresholds, members)
        self._evidence: WeakKeyDictionary[Archive, VoteEvidence] = WeakKeyDictionary()
        self._last: tuple[Pool, _Teams] | None = None

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
        parts = _Parts.of(self._teams_of(pool), members, evidence.may_leave(questions))
        odds = self._posterior(parts, pool, list(evidence.teams.values()), questions)
        kept_right, asked = parts.look_up(odds)
        verdict = np.zeros(asked.shape, np.uint8)
        if evidence.leaves is not None:
            verdict = self._settle(parts, known)
            self._apply_runs(parts, evidence, questions, verdict)
            kept_right = np.where(verdict > 0, verdict == Settled.RIGHT, kept_right)
            asked = np.where(verdict > 0, verdict == Settled.ASKED, asked)
        nothing = np.zeros((1, len(questions)), np.float32)
        exposed = parts.by_graph(asked)
        right = np.vstack([nothing, fallbacks]).take(parts.teams.fallback, axis=0)
        right *= exposed
        right += parts.by_graph(kept_right)
        answered = np.vstack([nothing + 1, heard]) != UNKNOWN
        is_kept = (verdict == Settled.RIGHT) | (verdict == Settled.WRONG)
        sure = parts.by_graph(verdict == Settled.ASKED)
        sure &= answered.take(parts.teams.fallback, axis=0)
        sure |= parts.by_graph(is_kept)
        left = np.subtract(1, right)
        left *= right
        left *= ~sure
        unsure = left.mean(axis=1, dtype=np.float64)
        share = 1.0 - sure.mean(axis=1)
        doubt = np.sqrt(np.maximum(unsure, 0.0) / archive.questions + (_SYSTEMATIC * share) ** 2)
        return Predicted(right, exposed, doubt, sure)

    def _teams_of(self, pool: Pool) -> "_Teams":
        """Take a pool apart; the last large one is remembered, a small one costs less than that."""
        if self._last is not None and self._last[0] is pool:
            return self._last[1]
        teams = _Teams.of(pool, self._members)
        if len(pool.candidates) >= _LARGE:
            self._last = pool, teams
        return teams

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

    def _settle(self, parts: "_Parts", known: npt.NDArray[np.int8]) -> npt.NDArray[np.uint8]:
        """Say which votes are settled whatever is unknown, by threshold, set and question.

        Either enough members are right already, or all are known and the vote is settled; a
        question that may not leave is settled by the vote alone.
        """
        sets = parts.teams.sets.astype(np.float32)
        right = (sets @ (known == 1)).astype(np.int64)
        is_whole = (sets @ (known == UNKNOWN)) < 0.5
        verdict = np.where(
            is_whole, self._settled[:, parts.teams.size[:, None], right], Settled.OPEN
        )
        enough = (2 * right > parts.teams.size[:, None]) & (
            right >= self._needed(parts)[:, :, None]
        )
        verdict = np.where(enough, Settled.RIGHT, verdict)
        return np.where(parts.may_leave > 0, verdict, verdict[:1]).astype(np.uint8)

    def _needed(self, parts: "_Parts") -> npt.NDArray[np.float64]:
        """Return how many votes keep an answer, by threshold (0: none) and set."""
        thresholds = np.array((0.0, *self._thresholds))[:, None]
        needed: npt.NDArray[np.float64] = np.ceil(thresholds * parts.teams.size - 1e-9)
        return needed

    def _apply_runs(
        self,
        parts: "_Parts",
        evidence: VoteEvidence,
        questions: npt.NDArray[np.int64],
        verdict: npt.NDArray[np.uint8],
    ) -> None:
        """Settle what runs of the same members with another threshold or fallback tell."""
        told = [
            (place, evidence.counts.get(mask))
            for place, mask in enumerate(parts.teams.masks.tolist())
        ]
        found = [(place, bounds) for place, bounds in told if bounds is not None]
        if not found:
            return
        places = np.array([place for place, _ in found])
        least = np.stack([bounds.least[questions] for _, bounds in found])
        most = np.stack([bounds.most[questions] for _, bounds in found])
        winner = np.stack([bounds.winner[questions] for _, bounds in found])
        needed = self._needed(parts)[:, places, None]
        leaves = parts.may_leave > 0
        here = verdict[:, places]
        kept = (least >= needed) | ~leaves
        kept &= (winner != UNKNOWN) & (here == Settled.OPEN)
        here = np.where(kept, np.where(winner == 1, Settled.RIGHT, Settled.WRONG), here)
        asked = (most < needed) & leaves & (here == Settled.OPEN)
        verdict[:, places] = np.where(asked, Settled.ASKED, here)

    def _posterior(
        self, parts: "_Parts", pool: Pool, teams: Sequence[Row], questions: npt.NDArray[np.int64]
    ) -> VoteOdds:
        """Weigh how often wrong answers coincide, for every question by its own outcomes.

        What is usual is learned from all questions together, in a few steps of
        expectation-maximisation.
        """
        support = np.zeros((len(self._odds), len(questions)))
        for row, index in _placed(teams, pool):
            self._add_likelihoods(support, parts, row, index, questions)
        likelihood = np.exp(support - support.max(axis=0))
        usual = self._usual
        for _ in range(_STEPS):
            weight = usual[:, None] * likelihood
            weight /= weight.sum(axis=0)
            usual = (_PRIOR_QUESTIONS * self._usual + weight.sum(axis=1)) / (
                _PRIOR_QUESTIONS + len(questions)
            )
        weights = weight.T.astype(np.float32)
        return VoteOdds(
            np.tensordot(weights, self._stacked.kept_right, 1),
            np.tensordot(weights, self._stacked.asked, 1),
        )

    def _add_likelihoods(
        self,
        support: npt.NDArray[np.float64],
        parts: "_Parts",
        row: Row,
        index: int,
        questions: npt.NDArray[np.int64],
    ) -> None:
        """Add how likely a team's outcomes are under every odds, given who was right."""
        seen = np.flatnonzero(row.seen[questions])
        team, threshold = parts.teams.team[index], parts.teams.threshold[index]
        right_count, leader = parts.right_count[team, seen], parts.leader[team, seen]
        where = (slice(None), threshold, parts.teams.size[team], right_count, leader)
        exposed = row.exposed[questions[seen]]
        right = row.right[questions[seen]] > 0.5
        asked = self._stacked.asked[where] * parts.may_leave[seen]
        kept_right = self._stacked.kept_right[where]
        kept_wrong = 1.0 - asked - kept_right
        chance = np.where(exposed, asked, np.where(right, kept_right, kept_wrong))
        support[:, seen] += np.log(np.clip(chance, 0.02, 1.0))


@dataclass(frozen=True, slots=True)
class _Teams:
    """A pool of teams taken apart: distinct member sets, and each graph's set and options."""

    sets: npt.NDArray[np.int16]
    masks: npt.NDArray[np.int64]
    size: npt.NDArray[np.int64]
    team: npt.NDArray[np.int64]
    threshold: npt.NDArray[np.int64]
    """0 where there is no fallback."""
    fallback: npt.NDArray[np.int64]
    cell: npt.NDArray[np.int64]
    """Threshold and set as one number."""

    @classmethod
    def of(cls, pool: Pool, count: int) -> "_Teams":
        """Take a pool of graphs of up to ``count`` members apart."""
        masks = pool.choices[:, :count].astype(np.int64) @ (1 << np.arange(count))
        distinct, first, team = np.unique(masks, return_index=True, return_inverse=True)
        sets = pool.choices[first, :count]
        fallback = pool.choices[:, -1].astype(np.int64)
        threshold = np.where(fallback > 0, pool.choices[:, -2].astype(np.int64) + 1, 0)
        team = team.reshape(-1).astype(np.int64)
        return cls(
            sets=sets,
            masks=distinct,
            size=sets.sum(axis=1).astype(np.int64),
            team=team,
            threshold=threshold,
            fallback=fallback,
            cell=threshold * len(sets) + team,
        )


@dataclass(frozen=True, slots=True)
class _Parts:
    """Teams, and who of their members is right, known or drawn."""

    teams: _Teams
    right_count: npt.NDArray[np.int64]
    leader: npt.NDArray[np.int64]
    """Is the member right that breaks a set's ties, shape ``(sets, questions)``."""
    may_leave: _Floats

    @classmethod
    def of(cls, teams: _Teams, members: _Floats, may_leave: _Floats) -> "_Parts":
        """Look at teams; ``members`` says 0 or 1 for every member and question."""
        sets = teams.sets
        best_first = np.argsort(-members.mean(axis=1), kind="stable")
        leader = best_first[sets[:, best_first].argmax(axis=1)]
        return cls(
            teams=teams,
            right_count=np.rint(sets.astype(np.float32) @ members).astype(np.int64),
            leader=members[leader].astype(np.int64),
            may_leave=may_leave,
        )

    def by_graph(self, values: npt.NDArray[_Cell]) -> npt.NDArray[_Cell]:
        """Return by graph what is known by threshold and set, shape ``(graphs, questions)``."""
        return values.reshape(-1, values.shape[-1]).take(self.teams.cell, axis=0)

    def look_up(self, odds: VoteOdds) -> tuple[_Floats, _Floats]:
        """Read odds that have the question as their first index.

        Returns kept-right and asked, shape ``(thresholds + 1, sets, questions)``.
        """
        every = np.arange(self.right_count.shape[1])[None, :]
        where = (every, slice(None), self.teams.size[:, None], self.right_count, self.leader)
        kept_right = np.moveaxis(odds.kept_right[where], -1, 0)
        asked = np.moveaxis(odds.asked[where], -1, 0)
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
        here = is_known & inside
        right = (here & (known == 1)).sum(axis=1)
        chance = ((right + 2.0 * base) / (here.sum(axis=1) + 2.0)).astype(np.float32)
        np.copyto(values, drawn < chance[:, None], where=inside & ~is_known)
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
