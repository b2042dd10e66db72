"""The people of this device, as a graph asks them: an answer in place of a model's."""

from __future__ import annotations

from edge.privacy.approvals import Approvals
from runtime.executor.people import PersonAnswer, PersonQuestion

__all__ = ["Operators"]


class Operators:
    """Implements ``PersonPort`` over the desk where approvals wait, too.

    Args:
        desk: Where people see what waits.
        wait_s: How long a question waits at most, seconds.
    """

    def __init__(self, desk: Approvals, *, wait_s: float) -> None:
        self._desk = desk
        self._wait_s = wait_s

    async def answer(self, question: PersonQuestion) -> PersonAnswer | None:
        """Wait for an answer; a refusal, silence and whatever fails are ``None``."""
        return await self._desk.ask_question(question, min(self._wait_s, question.longest_s))
