"""The probabilistic graph: independent choices with learned odds, masked by what is allowed.

An edge's presence is a Bernoulli, a role, model or threshold a categorical, all as logits by
decision and option. Knows which options the policy forbids; joint rules (a vote needs a member,
no cycles) are the space's, whose refusal makes a sample be drawn anew.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from optimizer.search.model import Candidate, Decision, DecisionKind, Space

__all__ = ["MOST_REJECTIONS", "GraphDistribution", "uniform"]

MOST_REJECTIONS: Final = 2000
"""Samples drawn anew before a space is given up as having no allowed graph."""
_FORBIDDEN: Final = -1e9

_Logits = tuple[npt.NDArray[np.float64], ...]


@dataclass(frozen=True)
class GraphDistribution:
    """Logits per decision; forbidden options have a logit that no update brings back."""

    decisions: tuple[Decision, ...]
    logits: _Logits

    @cached_property
    def probabilities(self) -> _Logits:
        """The options' probabilities by decision."""
        return tuple(_softmax(one) for one in self.logits)

    @cached_property
    def _steps(self) -> tuple[list[float], ...]:
        """Cumulated probabilities, without the last."""
        return tuple(np.cumsum(one)[:-1].tolist() for one in self.probabilities)

    def sample(self, rng: np.random.Generator) -> tuple[int, ...]:
        """Draw an option for every decision."""
        drawn = rng.random(len(self.decisions)).tolist()
        return tuple(
            bisect_right(steps, one) for steps, one in zip(self._steps, drawn, strict=True)
        )

    def sample_allowed(self, space: Space, rng: np.random.Generator) -> Candidate | None:
        """Draw until the space allows it; ``None`` after too many refusals.

        Each try starts afresh: what was refused leaves no trace in the next.
        """
        for _ in range(MOST_REJECTIONS):
            choices = self.sample(rng)
            if space.refusal(choices) is None:
                return space.candidate(choices)
        return None

    def log_probability(self, choices: Sequence[int]) -> float:
        """Return the log of the chance to draw exactly these choices, before any refusal."""
        pairs = zip(self.probabilities, choices, strict=True)
        return float(sum(np.log(chances[choice]) for chances, choice in pairs))

    def gradient(self, choices: Sequence[int]) -> _Logits:
        """Return the gradient of the log-probability: one-hot minus probabilities."""
        return tuple(
            np.eye(len(chances))[choice] - chances
            for chances, choice in zip(self.probabilities, choices, strict=True)
        )

    def moved(self, steps: Sequence[npt.NDArray[np.float64]]) -> "GraphDistribution":
        """Return the distribution with ``steps`` added to its logits."""
        logits = tuple(
            np.where(one <= _FORBIDDEN / 2, one, np.clip(one + step, -30.0, 30.0))
            for one, step in zip(self.logits, steps, strict=True)
        )
        return GraphDistribution(self.decisions, logits)

    def towards(self, elites: Sequence[Sequence[int]], rate: float) -> "GraphDistribution":
        """Return the distribution moved towards the shares of options among good graphs."""
        if not elites:
            return self
        chosen = np.array(elites)
        logits = []
        for position, chances in enumerate(self.probabilities):
            shares = np.bincount(chosen[:, position], minlength=len(chances)) / len(chosen)
            mixed = np.log((1 - rate) * chances + rate * shares + 1e-4)
            logits.append(np.where(self.logits[position] <= _FORBIDDEN / 2, _FORBIDDEN, mixed))
        return GraphDistribution(self.decisions, tuple(logits))

    def decode(self, space: Space) -> Candidate | None:
        """Return the likeliest graph that the space allows.

        Starts from each decision's likeliest option and, while the space refuses, changes the
        decision that costs the least probability and was not changed yet.
        """
        chances = self.probabilities
        choices = [int(one.argmax()) for one in chances]
        costs = sorted(
            (float(np.log(one.max()) - np.log(np.sort(one)[-2] + 1e-300)), position)
            for position, one in enumerate(chances)
            if len(one) > 1
        )
        for _, position in [(0.0, -1), *costs]:
            if position >= 0:
                choices[position] = int(np.argsort(chances[position])[-2])
            if space.refusal(choices) is None:
                return space.candidate(choices)
        return None

    def table(self) -> dict[str, dict[str, float]]:
        """Return the probabilities by name, for reports and agents."""
        return {
            decision.name: {
                option: round(float(chance), 4)
                for option, chance in zip(decision.options, chances, strict=True)
            }
            for decision, chances in zip(self.decisions, self.probabilities, strict=True)
        }


def uniform(
    decisions: Sequence[Decision],
    *,
    forbidden: Sequence[tuple[int, int]] = (),
    edge_probability: float = 0.5,
) -> GraphDistribution:
    """Return the prior: every option alike, edges with the given probability.

    Args:
        decisions: What is to be decided.
        forbidden: Decision and option, by position, that the policy does not allow.
        edge_probability: Of an edge being present.
    """
    logits = []
    for position, decision in enumerate(decisions):
        values = np.zeros(len(decision.options))
        if decision.kind is DecisionKind.EDGE and len(values) == 2:
            values[1] = np.log(edge_probability / (1.0 - edge_probability))
        for where, option in forbidden:
            if where == position:
                values[option] = _FORBIDDEN
        logits.append(values)
    return GraphDistribution(tuple(decisions), tuple(logits))


def _softmax(logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    weights = np.exp(logits - logits.max())
    normal: npt.NDArray[np.float64] = weights / weights.sum()
    return normal
