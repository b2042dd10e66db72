"""Takes a verdict to whoever can use it: the router that chose, and the example that was kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from edge.capture.capture import Capture
from edge.feedback.store import Verdict
from runtime.errors import NotFound
from runtime.ids import RequestId

if TYPE_CHECKING:  # it brings numpy, and most devices learn nothing
    from edge.feedback.learner import RouteLearner

__all__ = ["NOBODY_WAITS", "Taken", "Verdicts"]

NOBODY_WAITS: Final = (
    "nothing waits for a verdict on that request: it was labelled, judged before, too old, not"
    " chosen by leeward/auto, or `routing.learn` and `capture` are off"
)
Judge = Callable[[RequestId, Verdict], None]


@dataclass(frozen=True, slots=True)
class Taken:
    """Who took a verdict; at least one did."""

    by_router: bool
    by_capture: bool


class Verdicts:
    """Where callers say whether an answer was right.

    Args:
        learner: Learns from what ``leeward/auto`` chose; ``None`` where nothing is learned.
        capture: Keeps requests with consent; ``None`` where nothing is kept.
    """

    def __init__(self, learner: RouteLearner | None, capture: Capture | None) -> None:
        self._learner = learner
        self._capture = capture

    async def give(self, request: RequestId, verdict: Verdict) -> Taken:
        """Tell a verdict to the router and to the kept example.

        Raises:
            NotFound: Neither knows the request.
            RoutingStoreUnusable: The router's verdicts cannot be kept.
            VaultLocked: The kept example cannot be judged.
        """
        return await asyncio.to_thread(self._give, request, verdict)

    def _give(self, request: RequestId, verdict: Verdict) -> Taken:
        capture, learner = self._capture, self._learner
        taken = Taken(
            by_capture=capture is not None and _is_known(capture.judge, request, verdict),
            by_router=learner is not None and _is_known(learner.judge, request, verdict),
        )
        if not (taken.by_router or taken.by_capture):
            raise NotFound(NOBODY_WAITS)
        return taken


def _is_known(judge: Judge, request: RequestId, verdict: Verdict) -> bool:
    try:
        judge(request, verdict)
    except NotFound:
        return False
    return True
