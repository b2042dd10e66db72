"""How a run asks a person where no model's answer can be relied on.

Knows what is asked and what comes back; who is asked, and where they see it, is the node's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from runtime.ids import NodeName, RequestId, StepId
from runtime.labels import Label

__all__ = ["WAITING_SHARE", "PersonAnswer", "PersonPort", "PersonQuestion", "text_for_person"]

WAITING_SHARE: Final = 0.9
"""Of the time that a run has left, how much it may wait for a person: what remains is for telling
the caller that nobody answered."""


@dataclass(frozen=True, slots=True)
class PersonQuestion:
    """What a person of the node is asked."""

    request_id: RequestId
    step: StepId
    node: NodeName
    """Where the run is, and the person."""
    label: Label
    """Of what they are shown."""
    content: str = field(repr=False)
    """The question, and the answers that are not relied on."""
    longest_s: float
    """How long the run can wait, seconds."""


@dataclass(frozen=True, slots=True)
class PersonAnswer:
    """What a person answered."""

    text: str = field(repr=False)
    by: str
    """Who, as they named themselves."""


class PersonPort(Protocol):
    """Brings questions before a person."""

    async def answer(self, question: PersonQuestion) -> PersonAnswer | None:
        """Wait for an answer; return ``None`` for every other end."""
        ...


def text_for_person(question: str, answers: Sequence[str]) -> str:
    """Return what a person is shown: the question, then what the models made of it."""
    found = [f"[not relied on] {answer.strip()}" for answer in dict.fromkeys(answers)]
    return "\n\n".join([f"[question] {question.strip()}", *found])
