"""The one question that a search has for its agent, and the one reply that it waits for.

A strategy is plain code and never waits itself: it lays a brief on the desk and yields until a
reply lies there. Who fetches the reply, over which network and at what price, it does not know.
"""

from collections.abc import Generator
from typing import TypeVar

from optimizer.agents.model import InitBrief, InitReply, RevisionBrief, RevisionReply

__all__ = ["Brief", "Desk", "Reply"]

Brief = InitBrief | RevisionBrief
Reply = InitReply | RevisionReply
_Wanted = TypeVar("_Wanted", InitReply, RevisionReply)


class Desk:
    """Holds at most one brief."""

    def __init__(self) -> None:
        self._brief: Brief | None = None
        self._reply: Reply | None = None

    @property
    def brief(self) -> Brief | None:
        """What waits for a reply."""
        return self._brief

    def take(self, reply: Reply) -> None:
        """Lay down the reply; the strategy finds it when it is asked for trials again."""
        self._reply, self._brief = reply, None

    def initialise(self, brief: InitBrief) -> Generator[None, None, InitReply]:
        """Yield until the choice of model-count vectors is there."""
        return self._wait(brief, InitReply)

    def revise(self, brief: RevisionBrief) -> Generator[None, None, RevisionReply]:
        """Yield until the revision is there."""
        return self._wait(brief, RevisionReply)

    def _wait(self, brief: Brief, wanted: type[_Wanted]) -> Generator[None, None, _Wanted]:
        self._brief = brief
        while not isinstance(self._reply, wanted):
            yield None
        reply, self._reply = self._reply, None
        return reply
