"""How a request asks for a person's approval: the question, and who takes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from runtime.ids import RequestId, SessionId
from runtime.planner.approvals import Wanted
from runtime.ports import ChatMessage

__all__ = ["ApprovalDesk", "Question"]


@dataclass(frozen=True, slots=True)
class Question:
    """May this request leave with these categories in its text?"""

    wanted: Wanted
    messages: tuple[ChatMessage, ...]
    """The request as the application sent it; behind the chat, the texts of its tools."""
    request_id: RequestId
    session_id: SessionId
    longest_s: float
    """How long the request can wait for an answer, seconds."""


class ApprovalDesk(Protocol):
    """Brings questions before a person."""

    async def ask(self, question: Question) -> str | None:
        """Wait for an answer; return who said yes, or ``None`` for every other end."""
        ...
