"""The LLM agent while it answers, the rule agent when it does not; the reply says which it was."""

from dataclasses import replace
from typing import Final

from optimizer.agents.failures import AgentFailed
from optimizer.agents.model import (
    Agent,
    InitBrief,
    InitReply,
    RevisionBrief,
    RevisionReply,
)
from runtime.telemetry.logs import event_logger

__all__ = ["FallbackAgent"]

_logger: Final = event_logger("optimizer", "agents")


class FallbackAgent:
    """Asks ``first``; when that fails, ``second`` answers this one brief.

    A reply of ``second`` carries its own name as author and why ``first`` did not answer in
    ``fell_back``, so that no record shows the one as the other. Nothing is cut short for later
    briefs: a cap that was reached stops ``first`` at no cost, an outage may pass.
    """

    def __init__(self, first: Agent, second: Agent) -> None:
        self._first = first
        self._second = second

    @property
    def name(self) -> str:
        """Both names."""
        return f"{self._first.name}, or {self._second.name}"

    def initialise(self, brief: InitBrief) -> InitReply:
        """Pick model-count vectors."""
        try:
            return self._first.initialise(brief)
        except AgentFailed as failed:
            _note(failed)
            return replace(self._second.initialise(brief), fell_back=failed.kind)

    def revise(self, brief: RevisionBrief) -> RevisionReply:
        """Propose the next graph and new probabilities."""
        try:
            return self._first.revise(brief)
        except AgentFailed as failed:
            _note(failed)
            return replace(self._second.revise(brief), fell_back=failed.kind)


def _note(failed: AgentFailed) -> None:
    fields = {"reason": failed.kind.value, "count": len(failed.rejections)}
    _logger.warning("agent_fell_back", extra=fields)
