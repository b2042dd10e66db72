"""The metrics of providers: names, units and labels beside those of ``runtime.telemetry``.

Labels are names from the configuration and values of closed sets, never from requests.
"""

from typing import Final

from cloud.routing.breaker import BreakerState
from runtime.ports import Usage
from runtime.telemetry.metrics import Metrics, Row

__all__ = ["UPSTREAM_ROWS", "UpstreamMetrics"]

_SECONDS: Final = (0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

UPSTREAM_ROWS: Final[tuple[Row, ...]] = (
    Row("leeward_routed_calls_total", "counter", "Calls that ended", ("model", "outcome")),
    Row(
        "leeward_upstream_attempts_total",
        "counter",
        "Attempts that ended, by how",
        ("upstream", "outcome"),
    ),
    Row("leeward_upstream_retries_total", "counter", "Attempts after a failed one", ("upstream",)),
    Row(
        "leeward_upstream_hedges_total",
        "counter",
        "Second attempts at slow calls: started, won, lost",
        ("upstream", "outcome"),
    ),
    Row(
        "leeward_upstream_continuations_total",
        "counter",
        "Attempts that went on with another's answer",
        ("upstream",),
    ),
    Row("leeward_upstream_ejections_total", "counter", "Times it was ejected", ("upstream",)),
    Row(
        "leeward_upstream_refused_usage_total",
        "counter",
        "Reports of usage that cannot be true",
        ("upstream",),
    ),
    Row(
        "leeward_upstream_breaker_open_ratio",
        "gauge",
        "1 open, 0.5 trying again, 0 closed",
        ("upstream",),
    ),
    Row("leeward_upstream_in_flight_count", "gauge", "Calls in flight", ("upstream",)),
    Row(
        "leeward_upstream_first_token_seconds",
        "histogram",
        "From an attempt's start to its first token",
        ("upstream",),
        _SECONDS,
    ),
    Row(
        "leeward_upstream_tokens_total",
        "counter",
        "Tokens charged, by direction",
        ("upstream", "direction"),
    ),
)
_OPENNESS: Final = {
    BreakerState.CLOSED: 0.0,
    BreakerState.HALF_OPEN: 0.5,
    BreakerState.OPEN: 1.0,
}


class UpstreamMetrics:
    """Counts what happens at providers, in a table that has ``UPSTREAM_ROWS``."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._shown: dict[str, BreakerState] = {}

    def count_call(self, model: str, outcome: str) -> None:
        """A call ended, after all its attempts."""
        self._metrics.count("leeward_routed_calls_total", model, outcome)

    def count_attempt(self, upstream: str, outcome: str) -> None:
        """An attempt ended."""
        self._metrics.count("leeward_upstream_attempts_total", upstream, outcome)

    def count_retry(self, upstream: str) -> None:
        """An attempt is made after a failed one."""
        self._metrics.count("leeward_upstream_retries_total", upstream)

    def count_hedge(self, upstream: str, outcome: str) -> None:
        """A second attempt at a slow call started, won or lost."""
        self._metrics.count("leeward_upstream_hedges_total", upstream, outcome)

    def count_continuation(self, upstream: str) -> None:
        """An attempt goes on with another's answer."""
        self._metrics.count("leeward_upstream_continuations_total", upstream)

    def count_ejection(self, upstream: str) -> None:
        """A provider is ejected."""
        self._metrics.count("leeward_upstream_ejections_total", upstream)

    def count_refused_usage(self, upstream: str) -> None:
        """A provider reported usage that cannot be true."""
        self._metrics.count("leeward_upstream_refused_usage_total", upstream)

    def observe_first_token(self, upstream: str, seconds: float) -> None:
        """An attempt's first token came."""
        self._metrics.observe("leeward_upstream_first_token_seconds", upstream, value=seconds)

    def count_tokens(self, upstream: str, usage: Usage) -> None:
        """An attempt is charged."""
        name = "leeward_upstream_tokens_total"
        self._metrics.count(name, upstream, "prompt", by=usage.prompt_tokens)
        self._metrics.count(name, upstream, "completion", by=usage.completion_tokens)

    def show_breaker(self, upstream: str, state: BreakerState) -> None:
        """A provider's breaker may have changed."""
        if self._shown.get(upstream) is not state:
            self._shown[upstream] = state
            name = "leeward_upstream_breaker_open_ratio"
            self._metrics.set_gauge(name, upstream, to=_OPENNESS[state])

    def show_in_flight(self, upstream: str, calls: int) -> None:
        """The number of a provider's calls in flight may have changed."""
        self._metrics.set_gauge("leeward_upstream_in_flight_count", upstream, to=calls)
