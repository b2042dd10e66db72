"""What every search with an agent shares: which questions, which graphs so far, who leads.

Graphs are compared on the same questions, which grow in number; a graph that leads is run on all
of them, so that there is something to recommend. Knows no agent.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from optimizer.agents.feedback import Feedback
from optimizer.agents.model import Ground
from optimizer.agents.odds import EDGE_PRIOR, Odds
from optimizer.search.archive import Archive
from optimizer.search.driver import Request
from optimizer.search.measured import Measured
from optimizer.search.model import Candidate, CandidateKey, Recommendation
from optimizer.search.problem import Problem

__all__ = ["LoopOptions", "Requests", "Rounds"]

Requests = Sequence[Request] | None
"""What a strategy yields; ``None`` while it waits for its agent."""


@dataclass(frozen=True, slots=True)
class LoopOptions:
    """What the loop does; the paper's own numbers are in brackets."""

    first_questions: int = 24
    """Questions that graphs are compared on at first [3, fresh ones each time]."""
    growth: float = 1.5
    """Factor by which that grows."""
    rounds: int = 8
    """Graphs until it grows."""
    starts_informed: bool = True
    """Insight 1: the agent picks the mix to begin with, else the first graph is drawn."""
    keeps_counts: bool = False
    """Whether the mix that won at first stays fixed, as in the paper."""
    edge_prior: float = EDGE_PRIOR


class Rounds:
    """The state of one search."""

    def __init__(
        self, problem: Problem, ground: Ground, *, seed: int, name: str, options: LoopOptions
    ) -> None:
        self.problem = problem
        self.options = options
        self.rng = np.random.default_rng(seed)
        self._base = Measured(problem, name)
        self._order = self.rng.permutation(problem.questions)
        self._asked = min(options.first_questions, problem.questions)
        self._confirmed: set[CandidateKey] = set()
        """Graphs that were run on all questions; some of these may have failed."""
        self.tried: list[Candidate] = []
        self.adopt(ground)

    def adopt(self, ground: Ground) -> None:
        """Rest on another ground, with fresh odds."""
        self.feedback = Feedback(self.problem, ground)
        self.odds = Odds(
            ground.decisions, forbidden=ground.forbidden, edge_prior=self.options.edge_prior
        )

    def shared(self, candidate: Candidate) -> Request:
        """Ask for a graph on the questions that all graphs are compared on."""
        return Request(candidate, tuple(self._order[: self._asked].tolist()))

    def run(self, archive: Archive, candidate: Candidate) -> Iterator[Requests]:
        """Run a graph, then whichever leads on all questions, so that it can be recommended."""
        self.tried.append(candidate)
        yield [self.shared(candidate)]
        while (leader := self.feedback.leader(archive)) is not None:
            key = leader.candidate.key
            if leader.count >= self.problem.questions or key in self._confirmed:
                break
            self._confirmed.add(key)
            yield [self._base.on_all(leader.candidate)]
        if len(self.tried) % self.options.rounds == 0:
            longer = round(self._asked * self.options.growth)
            self._asked = min(self.problem.questions, longer)

    def is_news(self, archive: Archive, candidate: Candidate) -> bool:
        """Whether a graph has not yet been run on all that graphs are compared on."""
        return bool(archive.missing(candidate, self.shared(candidate).questions))

    def fresh(self, archive: Archive) -> Candidate | None:
        """Draw a graph that is news."""
        return self.odds.fresh(self.problem.space, self.rng, lambda one: self.is_news(archive, one))

    def verdict(self, archive: Archive) -> Recommendation | None:
        """Return the best measured graph that keeps the caps."""
        return self._base.verdict(archive)

    def state(self) -> Mapping[str, object]:
        """Return the probabilities by decision, and how far the questions go."""
        return {
            **self._base.state(),
            "questions": self._asked,
            "rounds": len(self.tried),
            "probabilities": self.odds.distribution.table(),
        }
