"""Lets verdicts move what ``leeward/auto`` expects of its graphs.

Only requests without any label are learned from: a verdict may well depend on what stood in the
answer, and what was sensitive in one request must not show in where later ones go. A store that
cannot be read or written costs the learning, never an answer: the fitted router then decides alone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from edge.config_routing import LearnOptions
from edge.feedback.store import FeedbackStore, Verdict, feedback_folder
from runtime.clock import Clock
from runtime.errors import RoutingStoreUnusable
from runtime.ids import RequestId
from runtime.routing.residuals import Residuals, ResidualsOptions
from runtime.telemetry.logs import event_logger

__all__ = ["RouteLearner", "opened_learner", "residuals_of", "teach"]

_logger = event_logger("edge", "feedback")


class RouteLearner:
    """The learning part of a device's router; safe from any thread.

    Args:
        store: Keeps choices and verdicts.
        fresh: Makes what learns, without any verdict yet.
    """

    def __init__(self, store: FeedbackStore, fresh: Callable[[], Residuals]) -> None:
        self._store = store
        self._residuals = fresh()
        self._lock = threading.Lock()
        self._is_usable = True
        try:
            teach(self._residuals, store)
        except RoutingStoreUnusable:
            self._residuals, self._is_usable = fresh(), False
            _logger.warning("routing_store_unusable")

    def adjusted(self, chances: Mapping[str, float]) -> dict[str, float]:
        """Return the fitted router's chances as verdicts have moved them."""
        if not self._is_usable:
            return dict(chances)
        with self._lock:
            return self._residuals.adjusted(chances)

    def note(self, request: RequestId, graph: str, chances: Mapping[str, float]) -> None:
        """Remember what was chosen, so that a verdict can be told to it; never raises."""
        if not self._is_usable:
            return
        try:
            self._store.note(request, graph, chances)
        except RoutingStoreUnusable:
            _logger.warning("routing_store_unusable")

    def judge(self, request: RequestId, verdict: Verdict) -> None:
        """Learn from a verdict.

        Raises:
            NotFound: No choice for that request waits for one.
            RoutingStoreUnusable: The store cannot be used.
        """
        judged = self._store.judge(request, verdict)
        with self._lock:
            self._residuals.learn(judged.graph, judged.chances, is_right=judged.is_right)


def teach(residuals: Residuals, store: FeedbackStore) -> None:
    """Let residuals learn from every verdict that is kept.

    Raises:
        RoutingStoreUnusable: The store cannot be used.
    """
    for one in store.verdicts():
        residuals.learn(one.graph, one.chances, is_right=one.is_right)


def residuals_of(options: LearnOptions) -> Residuals:
    """Return what is to learn, as a configuration has it."""
    return Residuals(ResidualsOptions(options.explore, options.most_shift, options.window))


def opened_learner(state: Path, options: LearnOptions, *, clock: Clock) -> RouteLearner:
    """Open a device's learner."""
    store = FeedbackStore(feedback_folder(state), clock=clock)
    return RouteLearner(store, lambda: residuals_of(options))
