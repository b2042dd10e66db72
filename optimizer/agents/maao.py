"""MaaO with an agent: a REINFORCE step and a rewriting of the table by the agent, in turns.

Graphs are always drawn from the table; the agent writes none.
"""

from collections.abc import Generator, Iterator, Mapping

from optimizer.agents.desk import Desk
from optimizer.agents.model import Ground
from optimizer.agents.rounds import LoopOptions, Requests, Rounds
from optimizer.search.adam import Adam
from optimizer.search.archive import Archive
from optimizer.search.model import Candidate, Recommendation
from optimizer.search.problem import Problem

__all__ = ["AgentMaao"]

_MEMORY = 0.9
"""Weight of the past in the moving average that a score is compared with."""


class AgentMaao:
    """The strategy; see :class:`optimizer.agents.loop.AgentLoop` for the arguments."""

    def __init__(
        self,
        problem: Problem,
        ground: Ground,
        *,
        seed: int,
        desk: Desk,
        options: LoopOptions,
        learning_rate: float = 0.1,
    ) -> None:
        self._desk = desk
        self._rounds = Rounds(problem, ground, seed=seed, name="maao", options=options)
        self._adam = Adam(learning_rate)
        self._usual: float | None = None

    def batches(self, archive: Archive) -> Iterator[Requests]:
        """Run one drawn graph per turn, then let gradient or agent change the table."""
        turn = 0
        while (here := self._rounds.fresh(archive)) is not None:
            yield from self._rounds.run(archive, here)
            if turn % 2:
                yield from self._rewrite(archive)
            else:
                self._step(archive, here)
            turn += 1

    def recommend(self, archive: Archive) -> Recommendation | None:
        """Return the best measured graph."""
        return self._rounds.verdict(archive)

    def state(self) -> Mapping[str, object]:
        """Return the probabilities by decision."""
        return self._rounds.state()

    def _rewrite(self, archive: Archive) -> Generator[Requests, None, None]:
        rounds = self._rounds
        brief = rounds.feedback.revision(
            archive, rounds.tried, table=rounds.odds.table, writes_graph=False
        )
        if brief is not None:
            reply = yield from self._desk.revise(brief)
            rounds.odds.change(reply.changes)

    def _step(self, archive: Archive, here: Candidate) -> None:
        """Move the logits along the graph's own gradient, by how unusual its score is."""
        if self._rounds.feedback.measured(archive, here) is None:
            return
        score = self._rounds.feedback.score(archive, here)
        past = score if self._usual is None else self._usual
        self._usual = _MEMORY * past + (1 - _MEMORY) * score
        gradient = self._rounds.odds.distribution.gradient(here.choices)
        self._rounds.odds.move(self._adam.steps(gradient * (score - past)))
