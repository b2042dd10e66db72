"""The built-in rule agent: the insights applied by rule, deterministic, without any LLM.

It stands in for the LLM agent behind the same interface and is called ``rule`` wherever its work is
shown. Readable rather than strong: every decision is one sentence in the record.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from optimizer.agents.failures import AgentFailed
from optimizer.agents.labels import Labels
from optimizer.agents.model import (
    FailureKind,
    InitBrief,
    InitReply,
    RevisionBrief,
    RevisionReply,
)
from optimizer.agents.replies import Checks, why_not
from optimizer.agents.rule_moves import Move, best_move, dealt
from optimizer.agents.rule_verdict import (
    changed_table,
    judge,
    probability_changes,
    varies_little,
)

__all__ = ["RuleAgent", "RuleSettings"]

_NAME: Final = "rule"
_UNKNOWN_ACCURACY: Final = 0.5


@dataclass(frozen=True, slots=True)
class RuleSettings:
    """How bold the rules are."""

    rate: float = 0.4
    """Share of the way to 0 or 1 that a probability goes when the verdict is certain."""
    explore_after: int = 3
    """Graphs whose scores must hardly differ before exploring counts more."""
    explore_spread: float = 0.02
    """How close "hardly differ" is, in accuracy."""


class RuleAgent:
    """An ``Agent`` by rule."""

    def __init__(self, checks: Checks, settings: RuleSettings | None = None) -> None:
        self._checks = checks
        self._settings = settings or RuleSettings()

    @property
    def name(self) -> str:
        """``rule``."""
        return _NAME

    def initialise(self, brief: InitBrief) -> InitReply:
        """Pick the vectors that should do best, of different leading models (insight 1)."""
        expected = [_expected(vector, brief) for vector in brief.vectors]
        ranked = sorted(
            range(len(brief.vectors)),
            key=lambda index: (-expected[index], sum(brief.vectors[index]), index),
        )
        picks: list[int] = []
        led_by: set[int] = set()
        for index in ranked:
            leader = _leader(brief.vectors[index], brief)
            if leader not in led_by:
                picks.append(index)
                led_by.add(leader)
        picks += [index for index in ranked if index not in picks]
        picks = picks[: brief.picks]
        return InitReply(tuple(picks), _init_reason(picks, expected, brief), _NAME)

    def revise(self, brief: RevisionBrief) -> RevisionReply:
        """Change the probabilities by rule R4, then try the most promising single change.

        Raises:
            AgentFailed: No allowed graph is one change away, and the starting point is none.
        """
        verdict = judge(brief)
        changes = probability_changes(
            brief, verdict, rate=self._settings.rate, space=self._checks.space
        )
        exploring = varies_little(
            brief, least=self._settings.explore_after, spread=self._settings.explore_spread
        )
        table = changed_table(brief.table, changes)
        move = self._move(brief, table, exploring=exploring)
        reason = f"{verdict.reason}; next: {move.reason}"
        return RevisionReply(move.choices, changes, reason, _NAME)

    def _move(
        self, brief: RevisionBrief, table: tuple[tuple[float, ...], ...], *, exploring: bool
    ) -> Move:
        """Return the best untried change of the best graph that still has one."""
        starts = [dealt(start, brief, self._checks) for start in _starts(brief)]
        for base in starts:
            move = best_move(brief, base, checks=self._checks, table=table, exploring=exploring)
            if move is not None:
                return move
        labels = Labels(brief.ground)
        refused = why_not(starts[0], brief, checks=self._checks, labels=labels)
        if refused is not None:
            raise AgentFailed(FailureKind.REJECTED, agent=_NAME, rejections=(refused,))
        return Move(starts[0], "every graph one change away was tried, so the best is run again")


def _starts(brief: RevisionBrief) -> list[tuple[int, ...]]:
    """Return the graphs to start from: those that keep the caps, the most accurate first."""
    known = [*([brief.best] if brief.best else []), brief.last, *reversed(brief.history)]
    ranked = sorted(
        known, key=lambda item: (bool(item.broken_caps(brief.ground.caps)), -item.accuracy.value)
    )
    return list(dict.fromkeys(item.choices for item in ranked))


def _expected(vector: tuple[int, ...], brief: InitBrief) -> float:
    """Return the accuracy measured of a mix, or that of its models alone by their share of cost."""
    measured = next((mix for mix in brief.mixes if mix.counts == vector), None)
    if measured is not None:
        return measured.accuracy.value
    known = [model.alone.value for model in brief.ground.pool if model.alone is not None]
    unknown = sum(known) / len(known) if known else _UNKNOWN_ACCURACY
    shares = _shares(vector, brief)
    alone = [unknown if model.alone is None else model.alone.value for model in brief.ground.pool]
    return sum(share * accuracy for share, accuracy in zip(shares, alone, strict=True))


def _leader(vector: tuple[int, ...], brief: InitBrief) -> int:
    """Return the model on which most of the budget goes."""
    shares = _shares(vector, brief)
    return shares.index(max(shares))


def _shares(vector: tuple[int, ...], brief: InitBrief) -> list[float]:
    costs = [n * model.unit_cost for n, model in zip(vector, brief.ground.pool, strict=True)]
    total = sum(costs)
    return [cost / total if total else 0.0 for cost in costs]


def _init_reason(picks: Sequence[int], expected: Sequence[float], brief: InitBrief) -> str:
    labels = Labels(brief.ground)
    parts: list[str] = []
    for index in picks:
        counts = zip(labels.models, brief.vectors[index], strict=True)
        mix = " + ".join(f"{count} {name}" for name, count in counts if count)
        known = any(found.counts == brief.vectors[index] for found in brief.mixes)
        how = "measured" if known else "expected from its models alone"
        parts.append(f"{mix} ({expected[index] * 100:.1f} % {how})")
    return f"most promising at this budget: {', then '.join(parts)}"
