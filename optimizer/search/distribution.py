"""The probabilistic graph: independent choices with learned odds, masked by what is allowed.

An edge's presence is a Bernoulli, a role, model or threshold a categorical, all as logits by
decision and option. Knows which options the policy forbids; joint rules (a vote needs a member,
no cycles) are the space's, whose refusal makes a sample be drawn anew.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Final

import numpy as np
import numpy.typing as npt

from optimizer.search.model import Candidate, Decision, DecisionKind, Space

__all__ = ["MOST_REJECTIONS", "GraphDistribution", "uniform"]

MOST_REJECTIONS: Final = 2000
"""Samples drawn anew before a space is given up as having no allowed graph."""
_FORBIDDEN: Final = -1e9
_FARTHEST: Final = 30.0
"""How far from 0 an update takes a logit."""

_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class _Layout:
    """Where the options of every decision stand when all are written one after the other."""

    starts: npt.NDArray[np.int64]
    """By decision, its first option."""
    decision: npt.NDArray[np.int64]
    """By option, the decision that it belongs to."""
    bounds: tuple[tuple[int, int], ...]
    """By decision, its first option and the one after its last."""
    padded: npt.NDArray[np.int64]
    """By option, its place when every decision begins with one place more."""


def _layout(counts: Sequence[int]) -> _Layout:
    ends = np.cumsum(np.array(counts, np.int64))
    starts = ends - np.array(counts, np.int64)
    bounds = tuple(zip(starts.tolist(), ends.tolist(), strict=True))
    decision = np.repeat(np.arange(len(counts)), counts)
    return _Layout(starts, decision, bounds, np.arange(len(decision)) + decision + 1)


@dataclass(frozen=True)
class GraphDistribution:
    """Logits of all options, one decision's after the other's.

    Forbidden options have a logit that no update brings back. Gradients and steps have the same
    form: searches take thousands of them, and one array costs a decision's time, not all.
    """

    decisions: tuple[Decision, ...]
    logits: _Floats

    @cached_property
    def _layout(self) -> _Layout:
        return _layout([len(one.options) for one in self.decisions])

    @cached_property
    def _flat(self) -> _Floats:
        """The probabilities of all options."""
        layout = self._layout
        highest = np.maximum.reduceat(self.logits, layout.starts)
        weights = np.exp(self.logits - highest[layout.decision])
        # A sum begins with 0, as that of one decision alone does: rounding is the same.
        padded = np.zeros(len(weights) + len(layout.starts))
        padded[layout.padded] = weights
        total = np.add.reduceat(padded, layout.starts + np.arange(len(layout.starts)))
        flat: _Floats = weights / total[layout.decision]
        return flat

    @cached_property
    def probabilities(self) -> tuple[_Floats, ...]:
        """The options' probabilities by decision."""
        return tuple(self._flat[start:end] for start, end in self._layout.bounds)

    @cached_property
    def _steps(self) -> tuple[list[float], ...]:
        """Cumulated probabilities, without the last."""
        chances = self._flat.tolist()
        return tuple(
            list(accumulate(chances[start : end - 1])) for start, end in self._layout.bounds
        )

    def sample(self, rng: np.random.Generator) -> tuple[int, ...]:
        """Draw an option for every decision."""
        return tuple(map(bisect_right, self._steps, rng.random(len(self.decisions)).tolist()))

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
        return float(np.log(self._flat[self._chosen(choices)]).sum())

    def gradient(self, choices: Sequence[int]) -> _Floats:
        """Return the gradient of the log-probability: one-hot minus probabilities."""
        gradient: _Floats = -self._flat
        gradient[self._chosen(choices)] += 1.0
        return gradient

    def moved(self, steps: _Floats) -> "GraphDistribution":
        """Return the distribution with ``steps`` added to its logits."""
        reached = np.minimum(np.maximum(self.logits + steps, -_FARTHEST), _FARTHEST)
        is_forbidden = self.logits <= _FORBIDDEN / 2
        return self._with(np.where(is_forbidden, self.logits, reached))

    def towards(self, elites: Sequence[Sequence[int]], rate: float) -> "GraphDistribution":
        """Return the distribution moved towards the shares of options among good graphs."""
        if not elites:
            return self
        chosen = np.array(elites) + self._layout.starts
        shares = np.bincount(chosen.ravel(), minlength=len(self.logits)) / len(elites)
        mixed = np.log((1 - rate) * self._flat + rate * shares + 1e-4)
        is_forbidden = self.logits <= _FORBIDDEN / 2
        return self._with(np.where(is_forbidden, _FORBIDDEN, mixed))

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

    def _with(self, logits: _Floats) -> "GraphDistribution":
        """Return the distribution of other logits over the same options."""
        made = GraphDistribution(self.decisions, logits)
        made.__dict__["_layout"] = self._layout  # as the cached property would, without its work
        return made

    def _chosen(self, choices: Sequence[int]) -> npt.NDArray[np.int64]:
        """Return where the chosen options stand among all."""
        return self._layout.starts + np.array(choices, np.int64)

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
    return GraphDistribution(tuple(decisions), np.concatenate(logits))
