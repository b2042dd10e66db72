"""Agent-REINFORCE where graphs are steps that read other steps: sample, feedback, update.

The rule agent's loop for such spaces. Insight 1: every model alone on a few shared questions, the
larger ones taken for the better until shown otherwise. Then, round by round: draw graphs that may
be the best from what is known of every step (``step_model``), move the distribution towards them,
and run the likeliest on the questions on which most hangs. Insights 2 and 3 are in the step model:
what another step adds follows from what its model makes of right and wrong answers.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from optimizer.search.agent_options import AgentOptions
from optimizer.search.archive import Archive, Row
from optimizer.search.composition import Composition
from optimizer.search.distribution import GraphDistribution, uniform
from optimizer.search.driver import Request
from optimizer.search.improvement import expected_gain
from optimizer.search.model import Recommendation
from optimizer.search.prediction import Pool
from optimizer.search.problem import Problem
from optimizer.search.step_amounts import Excess, MeasuredAmounts, expected_excess
from optimizer.search.step_model import Habits, Seen, Told, learn_habits, spread
from optimizer.search.virtual import VirtualTrials
from optimizer.search.wiring import Wiring

__all__ = ["ComposedReinforce"]

_LUCK: Final = 0.25
"""Of an outcome's variance, what comes on top of its habit's."""
_WIDENS: Final = 12
"""One in so many of the graphs that were run is run side by side: late rounds settle much."""
_HOPE_SD: Final = 2.5
"""A graph further behind than so many deviations of its doubt is not worth running."""

_SURE_SD: Final = 3.5
"""A graph so many deviations behind is left out for good, and so is one as far beyond a cap."""
_SLACK: Final = 0.03
_MOST_KEPT: Final = 0.8
"""Share of the pool; leaving out less is not worth the work."""
_MOST_TELLING: Final = 400
"""Graphs that were run on few questions and are remembered all the same."""
_NARROWS_FROM: Final = 8
_NARROWS_BY: Final = 2.0
"""Growth of the archive after which the pool is narrowed again."""

_Floats = npt.NDArray[np.float64]
_Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _View:
    """What is expected of every graph, given an archive."""

    habits: Habits
    told: Told
    chance: npt.NDArray[np.float32]
    open: npt.NDArray[np.bool_]
    mean: _Floats
    doubt: _Floats
    excess: Excess
    ran: npt.NDArray[np.bool_]
    may_share: npt.NDArray[np.bool_]
    """Which may keep the cap on the cloud share."""
    keeps_share: npt.NDArray[np.bool_]
    """Which were seen to keep it."""


class ComposedReinforce:
    """The strategy; see the module."""

    def __init__(
        self,
        problem: Problem,
        pool: Pool,
        parts: Composition,
        *,
        seed: int,
        options: AgentOptions,
        virtual: VirtualTrials | None = None,
    ) -> None:
        self._problem, self._pool, self._parts = problem, pool, parts
        self._rule = problem.rule
        self._options = options
        self._virtual = virtual if options.has_virtual_trials else None
        self._rng = np.random.default_rng(seed)
        self._total = problem.questions
        self._order = self._rng.permutation(self._total)
        self.distribution: GraphDistribution = uniform(problem.space.decisions)
        self._wiring = Wiring.of(parts)
        self._amounts = MeasuredAmounts(problem.rule, problem.questions)
        self._exposing = problem.exposing(pool)
        shape = (len(parts.inputs), self._total)
        self._seen = Seen(np.zeros(shape, np.float32), np.zeros(shape, np.bool_))
        self._rows: dict[int, Row] = {}
        self._counts = np.zeros(len(pool.candidates), np.int64)
        """By graph, the questions that it was run on; side by side, to be sorted by."""
        self._version = -1
        self._narrowed = _NARROWS_FROM
        """Version of the archive when the pool was narrowed last."""
        self._since = 0
        """Version of the archive when the last round began: all that is remembered without one."""
        self._view: _View | None = None

    def batches(self, archive: Archive) -> Iterator[Sequence[Request]]:
        """Look at every model alone, then round by round at what may be the best."""
        if self._options.starts_informed:
            yield from self._alone(archive)
        else:
            yield self._anything()
        while requests := self._round(archive):
            yield requests

    def recommend(self, archive: Archive) -> Recommendation | None:
        """Return the best expectation among graphs that were run and keep the caps."""
        view = self._look(archive)
        may = view.ran & (view.excess.value <= 0.0) & view.keeps_share
        if not may.any():
            return None
        row = int(np.where(may, view.mean - 0.25 * view.doubt, -np.inf).argmax())
        told = self._rows[row]
        half = 2.0 * float(view.doubt[row])
        value = float(view.mean[row])
        interval = (max(0.0, value - half), min(1.0, value + half))
        return Recommendation(self._pool.candidates[row], value, interval, told.count)

    def state(self) -> Mapping[str, object]:
        """Return the probabilities by decision."""
        return {
            "searcher": "agent_reinforce",
            "agent": "rule agent",
            "probabilities": self.distribution.table(),
        }

    def _alone(self, archive: Archive) -> Iterator[Sequence[Request]]:
        """Insight 1: run every model alone on ever more questions while it may be the best one."""
        parts = self._parts
        alone = (parts.depth[parts.sinks] == 1) & (parts.sample[parts.sinks] == 0)
        racing = np.flatnonzero(alone & self._may_share())
        upto = min(self._options.first_look, self._total)
        while len(racing):
            asked = tuple(self._order[:upto].tolist())
            yield [Request(self._pool.candidates[row], asked) for row in racing]
            view = self._look(archive)
            fits = self._fits(view)[racing]
            best = (view.mean - view.doubt)[racing[fits]].max() if fits.any() else 0.0
            racing = racing[(view.mean + view.doubt)[racing] >= best]
            if upto >= self._total * self._options.alone_share:
                return
            upto = min(self._total, round(upto * self._options.alone_growth))

    def _narrow(self, view: _View) -> None:
        """Leave out what is too far behind to win; it only costs time."""
        fits = (view.excess.value <= _SURE_SD * view.excess.doubt) & view.may_share
        best = view.mean[fits].max() if fits.any() else 0.0
        near = fits & (view.mean + _SURE_SD * view.doubt >= best - _SLACK)
        # What was run and tells much stays, whether it may win or not.
        near[[row for row, _ in self._telling()]] = True
        # What graphs that stay read is a graph too, and tells of them when it is run.
        near |= np.isin(self._parts.sinks, self._parts.parts_of(np.flatnonzero(near)))
        kept = np.flatnonzero(near)
        if len(kept) > _MOST_KEPT * len(near):
            return
        place = {int(row): number for number, row in enumerate(kept)}
        told = self._parts.parts_of(kept)
        self._seen = Seen(self._seen.right[told], self._seen.seen[told])
        self._parts = self._parts.only(kept)
        self._wiring = Wiring.of(self._parts)
        self._exposing, self._counts = self._exposing[kept], self._counts[kept]
        self._rows = {place[row]: known for row, known in self._rows.items() if row in place}
        candidates = tuple(self._pool.candidates[row] for row in kept)
        self._pool = Pool(candidates, self._pool.decisions)
        self._view = None

    def _anything(self) -> list[Request]:
        """Without insight 1: as many graphs as there are models, whichever they are."""
        some = self._rng.permutation(len(self._pool.candidates))[: len(self._parts.models)]
        few = tuple(self._order[: self._options.first_look].tolist())
        return [Request(self._pool.candidates[row], few) for row in some]

    def _fits(self, view: _View) -> npt.NDArray[np.bool_]:
        """Say which graphs may keep the caps; should none seem to, which are the least unlikely."""
        fits = np.zeros(len(self._exposing), np.bool_)
        for deviations in (1.0, _HOPE_SD):
            fits = view.excess.value - deviations * view.excess.doubt <= 0.0
            fits &= view.may_share
            if fits.any():
                break
        return fits

    def _round(self, archive: Archive) -> list[Request]:
        if archive.version >= _NARROWS_BY * self._narrowed:
            self._narrowed = archive.version
            self._narrow(self._look(archive))
        view = self._look(archive)
        self._since = archive.version
        drawn = self._draw(view)
        if not drawn:
            return []
        elites = [self._pool.candidates[row].choices for row in drawn]
        self.distribution = self.distribution.towards(elites, self._options.rate)
        width = max(self._options.contenders, len(self._rows) // _WIDENS)
        running = [
            row for row in self._contenders(view, drawn) if self._unanswered(view, row).any()
        ]
        return [self._request(view, row) for row in running[:width] or self._hopeful(view)]

    def _contenders(self, view: _View, drawn: Sequence[int]) -> list[int]:
        """Return by turns the graph from which most is to be gained, and one that luck drew.

        The one finishes what is nearly known to be the best; the other finds what nobody expects.
        """
        likeliest = max(drawn, key=lambda row: (drawn.count(row), -row))
        lucky = dict.fromkeys([likeliest, *drawn])
        # Who remembers one round only would expect the same gain for ever.
        gainful = self._gainful(view) if self._options.has_archive else []
        by_turns = (row for pair in zip(gainful, lucky, strict=False) for row in pair)
        return list(dict.fromkeys([*by_turns, *lucky]))

    def _gainful(self, view: _View) -> list[int]:
        """Return the graphs from which most is to be gained, as many as are ever drawn."""
        bar = self._bar(view)
        may = np.flatnonzero(self._fits(view) & (view.mean + _HOPE_SD * view.doubt > bar))
        gain = expected_gain(
            view.mean[may],
            view.doubt[may],
            bar,
            excess=view.excess.value[may],
            excess_doubt=view.excess.doubt[may],
        )
        order = np.argsort(-gain, kind="stable")[: self._options.step_draws]
        return [int(may[row]) for row in order if gain[row] > 0.0]

    def _bar(self, view: _View) -> float:
        """Return the expected value of the best graph that could be recommended."""
        known = view.ran & (view.excess.value <= 0.0) & view.keeps_share
        return float(view.mean[known].max()) if known.any() else 0.0

    def _unanswered(self, view: _View, row: int) -> npt.NDArray[np.bool_]:
        """Return the questions on which running a graph tells something.

        Where calls that were paid decide all outcomes, what the graph costs may still be in doubt.
        """
        if view.open[row].any() or view.excess.doubt[row] <= 0.0:
            is_open: npt.NDArray[np.bool_] = view.open[row]
            return is_open
        known = self._rows.get(row)
        return np.ones(self._total, np.bool_) if known is None else ~known.seen

    def _request(self, view: _View, row: int) -> Request:
        """Ask for the questions on which most hangs, in the shared order where that is equal."""
        chance, block = view.chance[row], self._total
        if self._options.is_racing:
            block = max(self._options.step_block, len(self._rows) // 4)
        worth = chance * (1 - chance) if self._options.is_selective else np.zeros_like(chance)
        if self._virtual is not None:
            # Calls are what is paid: of a graph whose first steps were paid, only the others are.
            fresh = (~self._seen.seen[list(self._parts.steps[row])]).sum(axis=0)
            worth = worth / np.maximum(fresh, 1)
        worth = np.where(self._unanswered(view, row), worth, -1.0)[self._order]
        asked = np.argsort(-np.round(worth, 2), kind="stable")[:block]
        asked = asked[worth[asked] >= 0.0]
        return Request(self._pool.candidates[row], tuple(self._order[asked].tolist()))

    def _draw(self, view: _View) -> list[int]:
        """Return the graph that is the best in each draw."""
        fits = self._fits(view)
        if not fits.any():
            return []
        short = self._short(view, fits)
        draws = self._options.step_draws
        ends = self._parts.sinks[short]
        needed = np.zeros(len(self._parts.inputs), np.bool_)
        needed[ends] = True
        numbers, wiring = self._wiring.only(needed | self._wiring.read_by(needed))
        told = view.told.among(numbers, len(needed))
        chance = spread(wiring, view.habits.drawn(self._rng, draws), told)
        value = chance.mean(axis=2)[np.searchsorted(numbers, ends)]
        chances = view.chance[short]
        noise = np.sqrt(_LUCK * (chances * (1 - chances)).sum(axis=1)) / self._total
        value += noise[:, None] * self._rng.standard_normal(value.shape)
        over = view.excess.value[short, None] + view.excess.doubt[
            short, None
        ] * self._rng.standard_normal(value.shape)
        value = np.where(over <= 0.0, value, -over)
        return [int(short[one]) for one in value.argmax(axis=0)]

    def _short(self, view: _View, fits: npt.NDArray[np.bool_]) -> _Ints:
        """Return the most promising graphs, equally many of every model that may answer last."""
        hope = np.where(fits, view.mean + view.doubt, -np.inf)
        order = np.argsort(-hope, kind="stable")
        order = order[hope[order] > -np.inf]
        models = self._parts.model[self._parts.sinks[order]]
        each = -(-self._options.shortlist // len(self._parts.models))
        kept = [order[models == model][:each] for model in range(len(self._parts.models))]
        return np.sort(np.concatenate(kept))

    def _hopeful(self, view: _View) -> list[int]:
        """Return graphs that may still beat the best one known, the most promising first."""
        fits = self._fits(view)
        ahead = view.mean + _HOPE_SD * view.doubt - self._bar(view)
        may = np.flatnonzero(fits & (ahead > 0.0))
        order = may[np.argsort(-ahead[may], kind="stable")]
        width = max(self._options.race_width, len(self._rows) // 8)
        return [int(row) for row in order if self._unanswered(view, int(row)).any()][:width]

    def _may_share(self) -> npt.NDArray[np.bool_]:
        if self._rule.share_limit >= 1.0:
            return np.ones(len(self._exposing), np.bool_)
        limit = self._rule.most_exposed(self._total) / self._total
        told = [row.share for number, row in self._rows.items() if self._exposing[number]]
        expected = min(told, default=0.0) if limit > 0 else 1.0
        may: npt.NDArray[np.bool_] = ~self._exposing | (expected <= limit)
        return may

    def _keeps_share(self) -> npt.NDArray[np.bool_]:
        keeps = ~self._exposing
        if self._rule.share_limit >= 1.0:
            return np.ones_like(keeps)
        for number, row in self._rows.items():
            keeps[number] |= row.exposed_sum <= self._rule.most_exposed(row.count)
        return keeps

    def _look(self, archive: Archive) -> _View:
        if self._view is None or self._version != archive.version:
            self._take(archive)
            self._view = self._form()
        return self._view

    def _take(self, archive: Archive) -> None:
        since = max(self._version, 0)
        if not self._options.has_archive:
            since = self._since
            self._rows.clear()
            self._seen.seen[:] = False
        for row in archive.changed_since(since):
            number = self._pool.index.get(row.candidate.key)
            if number is None:
                continue
            self._rows[number], self._counts[number] = row, row.count
            sink = self._parts.sinks[number]
            self._seen.seen[sink] |= row.seen
            self._seen.right[sink] = np.where(row.seen, row.right, self._seen.right[sink])
        self._version = archive.version
        if self._virtual is not None:
            decided = self._virtual.decided(self._pool.candidates, range(self._total))
            rows, columns = np.nonzero(decided.known & ~self._seen.seen[self._parts.sinks])
            ends = self._parts.sinks[rows]
            self._seen.seen[ends, columns] = True
            self._seen.right[ends, columns] = decided.right[rows, columns]

    def _telling(self) -> list[tuple[int, Row]]:
        """Return the graphs that tell most of what graphs cost: those run on most questions.

        Those that were run on all are among them, for nothing about them is to be expected.
        """
        if len(self._rows) <= _MOST_TELLING:
            return list(self._rows.items())
        numbers = np.fromiter(self._rows, np.int64, len(self._rows))
        counts = self._counts[numbers]
        most = max(_MOST_TELLING, int((counts >= self._total).sum()))
        kept = numbers[np.argsort(-counts, kind="stable")[:most]]
        return [(number, self._rows[number]) for number in kept.tolist()]

    def _form(self) -> _View:
        sinks = self._parts.sinks
        told = self._seen.told()
        habits = learn_habits(
            self._wiring, self._seen, told, expects_usual=self._options.is_shrinking
        )
        chance = spread(self._wiring, habits, told)[sinks]
        is_open = ~self._seen.seen[sinks]
        open_variance = (chance * (1 - chance) * is_open).sum(axis=1)
        swing = 4.0 * open_variance / self._total
        variance = open_variance * (1.0 + _LUCK)
        models, is_reading = self._parts.model[sinks], self._parts.depth[sinks] > 1
        shared = np.where(
            is_reading, habits.kept_doubt.max(axis=(0, 1))[models], habits.alone_doubt[models]
        )
        variance = variance / self._total**2 + (shared * swing) ** 2
        ran = np.zeros(len(sinks), np.bool_)
        ran[list(self._rows)] = True
        return _View(
            habits,
            told,
            chance,
            is_open,
            chance.mean(axis=1, dtype=np.float64),
            np.sqrt(variance),
            expected_excess(self._parts, self._telling(), self._amounts),
            ran,
            self._may_share(),
            self._keeps_share(),
        )
