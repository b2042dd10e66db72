"""What a search itself cost, from its events: in all, and the agent's part of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from optimizer.agents.model import FailureKind
from optimizer.evaluation.model import Spend
from optimizer.evaluation.spend_total import SpendTotal
from optimizer.study.advised import USED, Advised
from optimizer.study.events import Event, Failed, Outcome

__all__ = ["AgentCost", "agent_cost", "total_cost"]


@dataclass(frozen=True, slots=True)
class AgentCost:
    """What an LLM agent did in a search, and what that came to."""

    decisions: int
    fell_back: Mapping[str, int]
    """Decisions that the built-in rule agent took instead, by why."""
    unused: Mapping[str, int]
    """Calls that were of no use, by why: rejected replies, failures."""
    spent: Spend
    prompt_tokens: int
    completion_tokens: int
    estimated_calls: int
    """Calls that are counted at their most, as nobody said what they came to."""

    @property
    def by_llm(self) -> int:
        """Decisions that were the LLM's own."""
        return self.decisions - sum(self.fell_back.values())

    @property
    def was_given_up(self) -> bool:
        """Whether the LLM failed so often that it was not asked any more."""
        return FailureKind.GIVEN_UP.value in self.fell_back


def total_cost(events: Iterable[Event]) -> Spend:
    """Return everything that a search spent, its agent included."""
    total = SpendTotal()
    for event in events:
        match event:
            case Outcome():
                total.add(event.evaluated.spent)
            case Failed():
                total.add(event.spent)
            case Advised():
                total.add(event.spent)
            case _:
                pass
    return total.as_spend()


def agent_cost(events: Iterable[Event]) -> AgentCost | None:
    """Return what an LLM agent cost; ``None`` where none was asked anything."""
    advised = [event for event in events if isinstance(event, Advised)]
    if not advised:
        return None
    exchanges = [one for event in advised for one in event.exchanges]
    reasons = (event.reply.fell_back for event in advised)
    total = SpendTotal()
    for one in exchanges:
        total.add(one.spent)
    return AgentCost(
        decisions=len(advised),
        fell_back=_counted(reason.value for reason in reasons if reason is not None),
        unused=_counted(one.outcome for one in exchanges if one.outcome != USED),
        spent=total.as_spend(),
        prompt_tokens=sum(one.tokens.prompt for one in exchanges),
        completion_tokens=sum(one.tokens.completion for one in exchanges),
        estimated_calls=sum(one.is_estimated for one in exchanges),
    )


def _counted(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))
