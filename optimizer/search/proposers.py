"""Peers in which an LLM writes the next graph, with a rule proposer standing in for the LLM.

``RuleTextGrad`` edits the last graph after what the last score did, knows no insights and
keeps no table. ``RuleMaao`` alternates one REINFORCE step and one rewriting of the table towards
the best graph so far. Reports name them as what they are: no LLM is behind them.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np

from optimizer.search.adam import Adam
from optimizer.search.archive import Archive
from optimizer.search.distribution import MOST_REJECTIONS, GraphDistribution, uniform
from optimizer.search.driver import Request
from optimizer.search.measured import Measured
from optimizer.search.model import Candidate, Recommendation
from optimizer.search.problem import Problem

__all__ = ["RuleMaao", "RuleTextGrad"]

_EDITS: Final = 2
"""Choices changed per proposal, at most."""
_GIVE_UP: Final = 12
"""Proposals without a gain after which the proposer starts from another graph."""


class RuleTextGrad:
    """Keeps an edit that helped, takes back one that did not."""

    def __init__(self, problem: Problem, *, seed: int) -> None:
        self._base = Measured(problem, "textgrad_rule")
        self._rng = np.random.default_rng(seed)

    def batches(self, archive: Archive) -> Iterator[Sequence[Request]]:
        """Yield one graph per round."""
        space = self._base.problem.space
        prior = uniform(space.decisions)
        while (here := prior.sample_allowed(space, self._rng)) is not None:
            yield [self._base.on_all(here)]
            failures = 0
            while failures < _GIVE_UP:
                edited = self._edit(here, archive)
                if edited is None:
                    return
                yield [self._base.on_all(edited)]
                if self._base.score(archive, edited) >= self._base.score(archive, here):
                    here, failures = edited, 0
                else:
                    failures += 1

    def recommend(self, archive: Archive) -> Recommendation | None:
        """Return the best measured graph."""
        return self._base.verdict(archive)

    def state(self) -> Mapping[str, object]:
        """Return the method's name and what stands in for the LLM."""
        return {**self._base.state(), "proposer": "rule, no LLM"}

    def _edit(self, here: Candidate, archive: Archive) -> Candidate | None:
        """Change one or two choices at random into a graph that was not run yet."""
        space = self._base.problem.space
        for _ in range(MOST_REJECTIONS):
            choices = list(here.choices)
            for position in self._rng.choice(
                len(choices), min(_EDITS, len(choices)), replace=False
            ):
                options = len(space.decisions[position].options)
                choices[position] = int(self._rng.integers(options))
            if space.refusal(choices) is None:
                edited = space.candidate(choices)
                if archive.get(edited.key) is None:
                    return edited
        return None


class RuleMaao:
    """One gradient step, one rewriting of the table, in turns."""

    def __init__(self, problem: Problem, *, seed: int, learning_rate: float = 0.1) -> None:
        self._base = Measured(problem, "maao_rule")
        self._rng = np.random.default_rng(seed)
        self._adam = Adam(learning_rate)
        self.distribution = uniform(problem.space.decisions)

    def batches(self, archive: Archive) -> Iterator[Sequence[Request]]:
        """Yield one new graph per round; stop when only known graphs come up."""
        baseline: float | None = None
        for turn in range(1_000_000):
            graph = self._fresh(archive)
            if graph is None:
                return
            yield [self._base.on_all(graph)]
            if turn % 2:
                self._rewrite(archive)
                continue
            score = self._base.score(archive, graph)
            baseline = score if baseline is None else 0.9 * baseline + 0.1 * score
            gradient = self.distribution.gradient(graph.choices) * (score - baseline)
            self.distribution = self.distribution.moved(self._adam.steps(gradient))

    def recommend(self, archive: Archive) -> Recommendation | None:
        """Return the best measured graph."""
        return self._base.verdict(archive)

    def state(self) -> Mapping[str, object]:
        """Return the probabilities, and what stands in for the LLM."""
        return {
            **self._base.state(),
            "proposer": "rule, no LLM",
            "probabilities": self.distribution.table(),
        }

    def _fresh(self, archive: Archive) -> Candidate | None:
        """Draw a graph that was not run yet; flatten the table when only known ones come up."""
        space = self._base.problem.space
        for _ in range(20):
            for _ in range(50):
                drawn = self.distribution.sample_allowed(space, self._rng)
                if drawn is not None and archive.get(drawn.key) is None:
                    return drawn
            flatter = self.distribution.logits * 0.8
            self.distribution = GraphDistribution(space.decisions, flatter)
        return None

    def _rewrite(self, archive: Archive) -> None:
        """Raise the options of the best graph so far, as an LLM would be told to."""
        best = max(archive, key=lambda row: (self._base.score_of(row), row.candidate.key))
        self.distribution = self.distribution.towards([best.candidate.choices], 0.15)
