"""Whether a model may take the place of another: both answer what was once answered rightly.

An answer counts as kept when its final answer is the one that was judged right; so the gate is for
tasks whose answers can be compared word for word, and says nothing of free prose.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from edge.capture.store import Example
from runtime.executor.voting import final_answer
from runtime.ids import ModelName, RequestId
from runtime.labels import Label
from runtime.ports import ChatMessage
from runtime.shares import share_lower, share_upper

__all__ = ["GateResult", "compared"]

Ask = Callable[[ModelName, tuple[ChatMessage, ...], Label], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class GateResult:
    """What the two models made of the examples."""

    examples: int
    candidate_kept: int
    """Examples to which the candidate gives the right answer."""
    current_kept: int
    """Examples to which the model in use does."""
    lost: tuple[RequestId, ...]
    """Examples that only the model in use answers rightly."""
    gained: int = 0
    """Examples that only the candidate answers rightly."""

    @property
    def has_passed(self) -> bool:
        """Whether the candidate keeps at least as many; never without any example."""
        return self.examples > 0 and self.candidate_kept >= self.current_kept

    def most_loss(self, confidence: float) -> float:
        """Return how much less accurate the candidate may be at worst, a share of all questions.

        Exact for examples drawn as questions to come are: the upper bound of the share that is
        lost less the lower bound of the share that is gained (Clopper-Pearson, both at half the
        risk).
        """
        each = (1 + confidence) / 2
        lost = share_upper(len(self.lost), self.examples, confidence=each)
        return lost - share_lower(self.gained, self.examples, confidence=each)


async def compared(
    examples: Sequence[Example],
    candidate: ModelName,
    current: ModelName,
    *,
    ask: Ask,
    tick: Callable[[], None] = lambda: None,
) -> GateResult:
    """Ask both models every example.

    Args:
        examples: Examples whose answers were judged right.
        candidate: The model that is to come.
        current: The model in use.
        ask: Answers a chat by a model of the device, greedily.
        tick: Called after each example.

    Raises:
        LeewardError: A model could not be asked.
    """
    lost: list[RequestId] = []
    gained = 0
    kept = {candidate: 0, current: 0}
    for example in examples:
        label = Label(frozenset(example.categories))
        wanted = final_answer(example.answer)
        said = {
            model: final_answer(await ask(model, example.messages, label)) == wanted
            for model in (candidate, current)
        }
        for model, is_kept in said.items():
            kept[model] += is_kept
        if said[current] and not said[candidate]:
            lost.append(example.request)
        gained += said[candidate] and not said[current]
        tick()
    return GateResult(len(examples), kept[candidate], kept[current], tuple(lost), gained)
