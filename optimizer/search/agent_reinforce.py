"""Agent-REINFORCE: sample graphs, take feedback, let an agent update the distribution.

The built-in rule agent is meant here; it applies the paper's three insights by rule and needs no
LLM. What is added to the paper's loop: one shared, fixed order of questions (common random
numbers), a belief about every graph (``belief``) in place of the last score, racing, caps with a
confidence bound, and calls as the currency where virtual trials are handed in.

Knows spaces through their decisions only; how a vote follows from its members is the space's.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from optimizer.search.agent_options import AgentOptions
from optimizer.search.amounts import amount_excess
from optimizer.search.archive import Archive
from optimizer.search.belief import Belief, Believer
from optimizer.search.distribution import GraphDistribution, uniform
from optimizer.search.driver import Request
from optimizer.search.kriging import KrigingPredictor
from optimizer.search.model import Candidate, Recommendation
from optimizer.search.plain_update import PlainUpdate
from optimizer.search.pools import draw_pool
from optimizer.search.prediction import Pool
from optimizer.search.probing import Prober
from optimizer.search.problem import Problem
from optimizer.search.virtual import VirtualTrials

__all__ = ["AgentReinforce"]

_INFEASIBLE: Final = -1.0
_AMOUNT_SLACK: Final = 0.1
"""Relative excess that an expected amount may have before the graph is run."""
_HOPE_SD: Final = 2.5
"""A graph further behind than so many deviations of its doubt is not worth running."""
_NEAR: Final = 0.06
"""Further behind the best, no resampling of the questions makes a graph the best."""
_NARROWED_FROM: Final = 100
"""Questions from which on graphs that are far behind are left out for good."""
_MOST_KEPT: Final = 2500
_NEAR_AT_LAST: Final = 0.025
"""As ``_NEAR`` once all questions were probed: several deviations of a prediction's error."""


class AgentReinforce:
    """The strategy; see the module."""

    def __init__(
        self,
        problem: Problem,
        *,
        seed: int,
        options: AgentOptions | None = None,
        virtual: VirtualTrials | None = None,
    ) -> None:
        self._problem = problem
        self._rule = problem.rule
        self._options = options or AgentOptions()
        self._virtual = virtual if self._options.has_virtual_trials else None
        self._plain = None if self._options.has_agent else PlainUpdate()
        self._since = self._round = 0
        """Versions of the archive at the beginning of the last round and of this one."""
        self._rng = np.random.default_rng(seed)
        self._total = problem.questions
        self._order = self._rng.permutation(self._total)
        self._prefix = self._total
        if self._options.is_racing:
            self._prefix = min(self._options.first_questions, self._total)
        self.distribution: GraphDistribution = uniform(problem.space.decisions)
        self._enter(problem.allowed or draw_pool(problem.space, self.distribution, self._rng))

    def _enter(self, pool: Pool) -> None:
        """Take up a pool of graphs."""
        self._pool = pool
        structured = self._problem.predictor if self._options.is_structured else None
        self._believer = Believer(
            pool,
            structured or KrigingPredictor(),
            questions=self._total,
            virtual=self._virtual,
            is_shrinking=self._options.is_shrinking,
        )
        limit = self._limit
        self._prober = Prober(
            pool, self._believer, self._options, self._order, limit, self._virtual is not None
        )
        self._exposing = self._problem.exposing(pool)
        self._belief: tuple[int, int, Belief] | None = None
        self._excess = np.zeros(len(pool.candidates))
        """By how much caps on amounts are expected to be broken; the belief's companion."""

    def batches(self, archive: Archive) -> Iterator[Sequence[Request]]:
        """Probe, then update and race on a growing prefix, then race on everything."""
        probes = self._problem.probes(self._pool)
        if self._options.starts_informed:
            yield from self._prober.first(archive, probes, self._prefix)
        else:
            some = self._rng.permutation(len(self._pool.candidates))[: len(probes)]
            yield [self._request(self._pool.candidates[row]) for row in some]
        while True:
            self._since, self._round = self._round, archive.version
            drawn = self._update(archive)
            yield self._prober.heats(self._memory(archive), probes, drawn, self._prefix)
            if self._prefix >= self._total:
                break
            drawn = self._update(archive)
            longer = min(self._total, round(self._prefix * self._options.growth))
            share = float(self._believe(archive).share[drawn].mean())
            yield from self._prober.extend(
                self._memory(archive), probes, drawn, longer, share=share
            )
            self._prefix = longer
            if self._problem.pool is not None and self._prefix >= _NARROWED_FROM:
                self._narrow(archive)
        known = -1
        while known < len(archive):
            known = len(archive)
            yield from self._race(archive)
            if self._problem.pool is None:
                self._redraw(archive)

    def _update(self, archive: Archive) -> list[int]:
        """Move the distribution towards graphs that may be the best, and return their rows."""
        if self._problem.pool is None:
            self._redraw(archive)
        belief = self._believe(archive)
        if self._plain is not None:
            return self._sample(belief, self._plain, archive)
        drawn = self._draw(belief)
        elites = [self._pool.candidates[row].choices for row in drawn]
        self.distribution = self.distribution.towards(elites, self._options.rate)
        return drawn

    def _sample(self, belief: Belief, plain: PlainUpdate, archive: Archive) -> list[int]:
        """Without an agent: step along the gradient of what was run last, then sample."""
        last = [row.candidate for row in archive.changed_since(self._since)]
        self.distribution = plain.step(self.distribution, last, archive, limit=self._limit)
        drawn = (
            self.distribution.sample_allowed(self._problem.space, self._rng)
            for _ in range(self._options.draws)
        )
        rows = self._pool.rows_of([one for one in drawn if one is not None])
        best = self._best(belief)
        return list(dict.fromkeys(rows)) or [0 if best is None else best]

    def _memory(self, archive: Archive) -> Archive:
        """Return what the search remembers: the archive, or without one, the last round."""
        if self._options.has_archive or self._since == 0:
            return archive
        recent = Archive(self._total)
        for row in archive.changed_since(self._since):
            recent.take(row)
        return recent

    def _narrow(self, archive: Archive) -> None:
        """Leave out what is too far behind to win once all questions count; it only costs time."""
        belief = self._believe(archive)
        near = _NEAR_AT_LAST if self._prefix >= self._total else _NEAR
        rows = self._plausible(belief, near=near)
        if len(rows) > _MOST_KEPT:
            rows = rows[np.argsort(-belief.value[rows], kind="stable")[:_MOST_KEPT]]
        firsts = [row for row in (self._safest(belief), self._best(belief)) if row is not None]
        kept = np.union1d(rows, np.array(firsts, np.int64))
        if not self._believer.may_forget_runs:
            kept = np.union1d(kept, np.flatnonzero(belief.ran > 0))
        if len(kept) < len(self._pool.candidates):
            candidates = tuple(self._pool.candidates[row] for row in kept)
            self._enter(Pool(candidates, self._pool.decisions))

    def _redraw(self, archive: Archive) -> None:
        """Draw a pool anew where the space is too large to list."""
        known = sorted(archive, key=lambda row: (-row.accuracy, row.candidate.key))
        kept = [row.candidate for row in known]
        self._enter(draw_pool(self._problem.space, self.distribution, self._rng, kept=kept))

    def recommend(self, archive: Archive) -> Recommendation | None:
        """Return the best graph that was run and keeps every cap with confidence."""
        if not archive.version:
            return None
        belief = self._believe(archive)
        keeps = self._keeps(belief)
        least = min(self._options.first_questions, len(belief.questions))
        rows = np.flatnonzero(keeps & (belief.measured >= least) & (belief.ran > 0))
        if not len(rows):
            return None
        cautious = belief.value[rows] - self._options.caution_sd * belief.doubt[rows]
        row = int(rows[np.argmax(cautious)])
        value = float(belief.value[row])
        seen = int(belief.measured[row])
        left = max(value * (1 - value), 0.01) * (1 / seen - 1 / self._total)
        spread = 2.0 * float(np.sqrt(left + belief.doubt[row] ** 2))
        interval = (max(0.0, value - spread), min(1.0, value + spread))
        return Recommendation(self._pool.candidates[row], value, interval, int(belief.ran[row]))

    def state(self) -> Mapping[str, object]:
        """Return the probabilities by decision, and how far the questions go."""
        return {
            "searcher": "agent_reinforce",
            "agent": "rule agent",
            "questions": self._prefix,
            "probabilities": self.distribution.table(),
        }

    def _request(self, candidate: Candidate, upto: int | None = None) -> Request:
        questions = self._order[: self._prefix if upto is None else upto]
        return Request(candidate, tuple(questions.tolist()))

    def _next_open(self, belief: Belief, row: int, block: int) -> tuple[int, ...]:
        """Return the next questions on which a graph's outcome is not certain."""
        where = np.flatnonzero(~belief.certain[row])[:block]
        return tuple(belief.questions[where].tolist())

    def _believe(self, archive: Archive) -> Belief:
        key = (archive.version, self._prefix)
        if self._belief is None or self._belief[:2] != key:
            if not self._options.has_archive:
                self._enter(self._pool)
            belief = self._believer.form(self._memory(archive), self._order[: self._prefix])
            self._belief = (*key, belief)
            self._excess = amount_excess(self._pool, archive, self._rule)
        return self._belief[2]

    def _draw(self, belief: Belief) -> list[int]:
        """Return rows of graphs, the likeliest best first, then by how often they were drawn.

        Each draw reweights the questions seen (Bayesian bootstrap, with less spread the fewer
        are left) and adds what prediction leaves in doubt; the best feasible graph is taken.
        """
        seen, draws = len(belief.questions), self._options.draws
        weights = self._rng.exponential(size=(seen, draws))
        weights /= weights.sum(axis=0)
        left = np.sqrt(max(0.0, 1.0 - seen / self._total))
        change = ((weights - 1.0 / seen) * left).astype(np.float32)
        rows = self._plausible(belief)
        value = belief.value[rows, None] + belief.right[rows] @ change * (
            1 - 0.5 * belief.shrinkage
        )
        value += belief.doubt[rows, None] * self._rng.standard_normal((len(rows), draws))
        share = belief.share[rows, None] + belief.exposed[rows] @ change
        keeps = (share <= self._limit) | ~self._exposing[rows, None]
        keeps &= (self._excess[rows] <= 0.0)[:, None]
        value = np.where(keeps, value, _INFEASIBLE - share)
        winners, times = np.unique(rows[value.argmax(axis=0)], return_counts=True)
        order = winners[np.lexsort((winners, -belief.value[winners], -times))]
        firsts = [row for row in (self._safest(belief), self._best(belief)) if row is not None]
        return list(dict.fromkeys([*firsts, *(int(row) for row in order)]))

    @property
    def _limit(self) -> float:
        """The share that may be exposed on all questions of the search."""
        return self._rule.most_exposed(self._total) / self._total

    def _plausible(self, belief: Belief, *, near: float = _NEAR) -> npt.NDArray[np.int64]:
        """Leave out graphs that no draw could make the best."""
        fits = self._fits(belief, slack=0.05) & (self._excess <= _AMOUNT_SLACK)
        if not fits.any():
            return np.arange(len(belief.value))
        best = belief.value[fits].max()
        return np.flatnonzero(fits & (belief.value >= best - near))

    def _fits(self, belief: Belief, *, slack: float = 1e-9) -> npt.NDArray[np.bool_]:
        """Say whose expected exposure will do once all questions are seen."""
        fits: npt.NDArray[np.bool_] = (belief.share <= self._limit + slack) | ~self._exposing
        return fits

    def _keeps(self, belief: Belief) -> npt.NDArray[np.bool_]:
        """Say which graphs keep every cap on new questions with confidence, as far as seen."""
        seen = len(belief.questions)
        most = self._rule.most_exposed(seen)
        keeps: npt.NDArray[np.bool_] = (belief.share * seen <= most + 1e-6) | ~self._exposing
        return keeps & (self._excess <= 0.0)

    def _best(self, belief: Belief) -> int | None:
        """Return the row of the best that will do once all questions are seen."""
        return _argmax(belief, self._fits(belief) & (self._excess <= 0.0))

    def _safest(self, belief: Belief) -> int | None:
        """Return the row of the best that could be recommended now."""
        return _argmax(belief, self._keeps(belief))

    def _race(self, archive: Archive) -> Iterator[Sequence[Request]]:
        """Run the graphs that promise most, block by block, until they are done or beaten."""
        block = self._total
        if self._options.is_racing:
            block = max(1, round(self._options.block * self._total))
        beaten: set[int] = set()
        while True:
            belief = self._believe(archive)
            rows = self._hopeful(belief, beaten)
            if not rows:
                return
            yield [
                Request(self._pool.candidates[row], self._next_open(belief, row, block))
                for row in rows
            ]
            after = self._believe(archive)
            best = self._best(after)
            beaten.update(
                row for row in rows if best is not None and self._is_beaten(after, row, best)
            )

    def _is_beaten(self, belief: Belief, row: int, best: int) -> bool:
        if belief.measured[row] >= self._total:
            return False
        behind = belief.value[best] - belief.value[row]
        return bool(behind > self._options.give_up_sd * max(belief.doubt[row], 1e-3))

    def _hopeful(self, belief: Belief, beaten: set[int]) -> list[int]:
        """Return graphs that may well be better than all that are done, the likeliest first."""
        done = belief.measured >= self._total
        kept = done & self._keeps(belief)
        bar = belief.value[kept].max() if kept.any() else 0.0
        may = self._fits(belief, slack=0.01) & (self._excess <= _AMOUNT_SLACK) & ~done
        may[list(beaten)] = False
        may &= belief.value + _HOPE_SD * belief.doubt > bar
        worth = _expected_gain(belief.value - bar, belief.doubt)
        room = (self._limit - belief.share) / np.maximum(belief.share_doubt, 1e-6)
        worth *= np.where(self._exposing, _normal_share(room), 1.0)
        width = max(self._options.race_width, int(done.sum()) // 8)
        order = np.argsort(np.where(may, -worth, np.inf), kind="stable")[:width]
        return [int(row) for row in order if may[row]]


def _expected_gain(
    ahead: npt.NDArray[np.float64], doubt: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return by how much graphs are expected to beat the bar, counting losses as nothing."""
    spread = np.maximum(doubt, 1e-6)
    z = ahead / spread
    density = np.exp(-0.5 * z**2) / np.sqrt(2.0 * np.pi)
    gain: npt.NDArray[np.float64] = spread * np.maximum(z * _normal_share(z) + density, 1e-12)
    return gain


def _normal_share(z: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return about the share of a standard normal below z, within 0.01: ranks need no more."""
    share: npt.NDArray[np.float64] = 1.0 / (1.0 + np.exp(np.clip(-1.702 * z, -50.0, 50.0)))
    return share


def _argmax(belief: Belief, among: npt.NDArray[np.bool_]) -> int | None:
    if not among.any():
        return None
    return int(np.where(among, belief.value, -np.inf).argmax())
