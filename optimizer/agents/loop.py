"""Agent-REINFORCE with an agent that is asked: sample, feed back, let the agent update.

The paper's loop (AGENT_REINFORCE 1.6) without its slips: candidates are pre-tested on one shared
batch, the best of the archive is recommended and not the last, an agent's table never ends the
search, and every brief is followed by a trial that is new. Without the informed start (and with
prompts that leave the insights out) it is TextGrad's form.
"""

from collections.abc import Generator, Iterator, Mapping
from dataclasses import replace
from typing import Final

from optimizer.agents.desk import Desk
from optimizer.agents.model import Ground, InitBrief
from optimizer.agents.rounds import LoopOptions, Requests, Rounds
from optimizer.agents.starters import Mixes, thinned
from optimizer.search.archive import Archive
from optimizer.search.distribution import uniform
from optimizer.search.model import Candidate, Recommendation
from optimizer.search.pools import draw_pool
from optimizer.search.problem import Problem

__all__ = ["AgentLoop"]

_PICKS: Final = 2


class AgentLoop:
    """The strategy; the desk is where its agent is asked.

    Args:
        problem: Space, caps and number of questions.
        ground: What every brief rests on; what was measured is added here.
        seed: Fixes everything but the agent's replies.
        desk: Where briefs are laid.
        options: What the loop does.
        name: What state and reports call it.
    """

    def __init__(
        self,
        problem: Problem,
        ground: Ground,
        *,
        seed: int,
        desk: Desk,
        options: LoopOptions,
        name: str = "agent_reinforce",
    ) -> None:
        self._desk = desk
        self._options = options
        self._problem = problem
        self._rounds = Rounds(problem, ground, seed=seed, name=name, options=options)
        self._counts: tuple[int, ...] | None = None

    def batches(self, archive: Archive) -> Iterator[Requests]:
        """Begin, then one new graph per round until hardly any is left."""
        informed = self._options.starts_informed
        here = (yield from self._informed(archive)) if informed else self._rounds.fresh(archive)
        while here is not None:
            yield from self._rounds.run(archive, here)
            here = yield from self._next(archive)

    def recommend(self, archive: Archive) -> Recommendation | None:
        """Return the best measured graph of the archive, not the last one."""
        return self._rounds.verdict(archive)

    def state(self) -> Mapping[str, object]:
        """Return the probabilities by decision, and how far the questions go."""
        return self._rounds.state()

    def _next(self, archive: Archive) -> Generator[Requests, None, Candidate | None]:
        """Ask the agent for the next graph; draw one where it has nothing new to say."""
        rounds = self._rounds
        brief = rounds.feedback.revision(
            archive, rounds.tried, table=rounds.odds.table, counts=self._counts
        )
        if brief is not None:
            reply = yield from self._desk.revise(brief)
            rounds.odds.change(reply.changes)
            proposed = self._problem.space.candidate(reply.choices)
            if rounds.is_news(archive, proposed):
                return proposed
        return rounds.fresh(archive)

    def _informed(self, archive: Archive) -> Generator[Requests, None, Candidate | None]:
        """Insight 1: measure models alone, let the agent pick mixes, pre-test graphs of them."""
        rounds, space, ground = self._rounds, self._problem.space, self._rounds.feedback.ground
        pool = self._problem.pool or draw_pool(space, uniform(space.decisions), rounds.rng)
        mixes = Mixes.of(space, pool.candidates, [model.name for model in ground.pool], rounds.rng)
        # The plainest graphs may break a cap that others of the same model keep: still informative.
        yield [rounds.shared(one) for one in mixes.alone.values()]
        ground = replace(
            ground,
            pool=tuple(
                replace(model, alone=found.accuracy)
                if model.name in mixes.alone
                and (found := rounds.feedback.measured(archive, mixes.alone[model.name]))
                else model
                for model in ground.pool
            ),
        )
        rounds.adopt(ground)
        vectors = mixes.fullest()
        if not vectors:
            return rounds.fresh(archive)
        brief = InitBrief(ground, vectors, picks=min(_PICKS, len(vectors)))
        reply = yield from self._desk.initialise(brief)
        costs = [model.unit_cost for model in ground.pool]
        wanted = dict.fromkeys(
            counts for pick in reply.picks for counts in thinned(vectors[pick], costs)
        )
        drawn = [(counts, mixes.draw(counts, rounds.rng)) for counts in wanted]
        starters = [(counts, one) for counts, one in drawn if one is not None]
        yield [rounds.shared(one) for _, one in starters]
        counts, best = max(
            starters, key=lambda pair: (rounds.feedback.score(archive, pair[1]), pair[1].key)
        )
        self._counts = counts if self._options.keeps_counts else None
        return best
