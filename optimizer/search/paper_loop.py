"""Agent-REINFORCE in the paper's plain form, without its slips: the ablation of everything added.

Pre-test a few graphs on one shared batch, begin with the best; then sample, score on a fresh
small batch, and let the agent, by rule here, rewrite the table and write the next graph from it.
No shared order, no belief, no racing, no bound beyond the common verdict.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from optimizer.search.archive import Archive
from optimizer.search.distribution import MOST_REJECTIONS, uniform
from optimizer.search.driver import Request
from optimizer.search.measured import Measured
from optimizer.search.model import Candidate, Recommendation
from optimizer.search.problem import Problem

__all__ = ["PaperLoop", "PaperOptions"]


@dataclass(frozen=True, slots=True)
class PaperOptions:
    """The paper's numbers, but for ``pretest_questions`` (there 1) and the validation."""

    candidates: int = 10
    pretest_questions: int = 3
    batch_questions: int = 3
    history: int = 8
    """Rounds whose mean score says whether the last one was good."""
    nudge: float = 0.15
    validate_every: int = 20
    """Rounds between full runs of the graph at hand, so that there is something to recommend."""


class PaperLoop:
    """The strategy."""

    def __init__(self, problem: Problem, *, seed: int, options: PaperOptions | None = None) -> None:
        self._base = Measured(problem, "agent_reinforce_paper")
        self._options = options or PaperOptions()
        self._rng = np.random.default_rng(seed)
        self.distribution = uniform(problem.space.decisions)

    def batches(self, archive: Archive) -> Iterator[Sequence[Request]]:
        """Pre-test, then one graph per round."""
        graphs = self._starters()
        if not graphs:
            return
        rng, count = self._rng, self._options.pretest_questions
        shared = self._base.on_some(graphs[0], count, rng).questions
        yield [Request(one, shared) for one in graphs]
        scores = [self._score(archive, one, shared) for one in graphs]
        here = graphs[int(np.argmax(scores))]
        history: list[float] = []
        for turn in range(1, 10_000_000):
            request = self._base.on_some(here, self._options.batch_questions, rng)
            yield [request]
            score = self._score(archive, here, request.questions)
            is_good = not history or score >= np.array(history).mean()
            history = [*history, score][-self._options.history :]
            self._rewrite(here, is_good=is_good)
            if turn % self._options.validate_every == 0:
                yield [self._base.on_all(here)]
            here = self._next(here)

    def recommend(self, archive: Archive) -> Recommendation | None:
        """Return the best measured graph of the archive, not the last one."""
        return self._base.verdict(archive)

    def state(self) -> Mapping[str, object]:
        """Return the probabilities by decision."""
        return {
            **self._base.state(),
            "agent": "rule agent",
            "probabilities": self.distribution.table(),
        }

    def _starters(self) -> list[Candidate]:
        space = self._base.problem.space
        drawn = (
            self.distribution.sample_allowed(space, self._rng)
            for _ in range(self._options.candidates)
        )
        return list({one.key: one for one in drawn if one is not None}.values())

    def _score(self, archive: Archive, graph: Candidate, questions: Sequence[int]) -> float:
        """Return accuracy on a batch, less what is exposed beyond the cap."""
        row = archive.get(graph.key)
        if row is None:
            return 0.0
        asked = np.array(questions)
        exposed = np.count_nonzero(row.exposed[asked]) / len(asked)
        over = exposed - self._base.problem.rule.share_limit
        return float(row.right[asked].mean()) - max(0.0, over)

    def _rewrite(self, graph: Candidate, *, is_good: bool) -> None:
        """Raise the options of a graph that helped, lower those of one that did not."""
        step = self._options.nudge if is_good else -self._options.nudge
        gradient = self.distribution.gradient(graph.choices)
        self.distribution = self.distribution.moved(gradient * step)

    def _next(self, here: Candidate) -> Candidate:
        """Redraw two decisions of the graph at hand from the table."""
        space = self._base.problem.space
        for _ in range(MOST_REJECTIONS):
            drawn = self.distribution.sample(self._rng)
            choices = list(here.choices)
            for position in self._rng.choice(len(choices), min(2, len(choices)), replace=False):
                choices[position] = drawn[position]
            if space.refusal(choices) is None:
                return space.candidate(choices)
        return here
