"""The one table of metrics: names, units, labels, and who counts them.

Every name starts with ``leeward_`` and ends with its unit. Labels are names from catalog,
policy and code, never from requests. The registry is an argument, so that two roles in one
process, or two tests, do not meet.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

__all__ = ["TABLE", "Metrics", "Row"]

_SECONDS: Final = (0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


@dataclass(frozen=True, slots=True)
class Row:
    """One metric."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    meaning: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


TABLE: Final[tuple[Row, ...]] = (
    Row("leeward_runs_total", "counter", "Runs that ended", ("graph", "outcome")),
    Row("leeward_run_seconds", "histogram", "Duration of runs", ("graph",), _SECONDS),
    Row("leeward_steps_total", "counter", "Steps that ended", ("node", "model")),
    Row("leeward_step_seconds", "histogram", "Duration of steps", ("node", "model"), _SECONDS),
    Row(
        "leeward_first_token_seconds",
        "histogram",
        "From a step's start to its first token",
        ("node", "model"),
        _SECONDS,
    ),
    Row("leeward_tokens_total", "counter", "Tokens, by direction", ("node", "model", "direction")),
    Row("leeward_cost_usd_total", "counter", "Cost of calls", ("node", "model")),
    Row("leeward_fallbacks_total", "counter", "Steps taken over by the edge", ("error",)),
    Row("leeward_released_spans_total", "counter", "Spans replaced", ("release",)),
    Row("leeward_passages_total", "counter", "Content calls that left the edge", ("node",)),
    Row("leeward_ledger_position_count", "gauge", "Position of the newest ledger entry", ()),
    Row("leeward_node_reachable_ratio", "gauge", "1 while the node can be reached", ("node",)),
    Row("leeward_engine_restarts_count", "gauge", "Restarts of a model's process", ("model",)),
    Row("leeward_engine_open_calls_count", "gauge", "Calls that a model is serving", ("model",)),
    Row("leeward_engine_memory_bytes", "gauge", "Memory that a model takes", ("model",)),
    Row("leeward_engine_slots_count", "gauge", "Calls that can run at the same time", ("model",)),
    Row("leeward_engine_running_calls_count", "gauge", "Calls that have a slot", ("model",)),
    Row("leeward_engine_waiting_calls_count", "gauge", "Calls that wait for one", ("model",)),
    Row("leeward_engine_calls_total", "counter", "Calls that ended", ("model", "outcome")),
    Row("leeward_engine_tokens_total", "counter", "Tokens of a model's calls", ("model", "kind")),
    Row(
        "leeward_engine_guessed_tokens_total",
        "counter",
        "Tokens computed on the chance that they follow",
        ("model", "outcome"),
    ),
    Row(
        "leeward_engine_stage_seconds_total",
        "counter",
        "Time that calls spent waiting, on their prompts, and on their answers",
        ("model", "stage"),
    ),
    Row(
        "leeward_engine_first_token_seconds",
        "histogram",
        "From a call's arrival to its first text, waiting included",
        ("model",),
        _SECONDS,
    ),
    Row("leeward_certificate_expiry_timestamp_seconds", "gauge", "When our certificate ends", ()),
)
"""Every metric of the edge; the gateway's come with its own work."""


class Metrics:
    """The table's metrics in one registry.

    Args:
        registry: Where they are registered, and what ``/metrics`` shows.
        rows: The metrics; the whole table by default.
    """

    def __init__(self, registry: CollectorRegistry, rows: Sequence[Row] = TABLE) -> None:
        self.registry = registry
        self._counters: dict[str, Counter] = {}
        self._gauges: dict[str, Gauge] = {}
        self._histograms: dict[str, Histogram] = {}
        for row in rows:
            match row.kind:
                case "counter":
                    counter = Counter(row.name, row.meaning, row.labels, registry=registry)
                    self._counters[row.name] = counter
                case "gauge":
                    gauge = Gauge(row.name, row.meaning, row.labels, registry=registry)
                    self._gauges[row.name] = gauge
                case "histogram":
                    self._histograms[row.name] = Histogram(
                        row.name, row.meaning, row.labels, buckets=row.buckets, registry=registry
                    )

    def count(self, name: str, *labels: str, by: float = 1.0) -> None:
        """Add to a counter; ``labels`` in the table's order."""
        counter = self._counters[name]
        (counter.labels(*labels) if labels else counter).inc(by)

    def set_gauge(self, name: str, *labels: str, to: float) -> None:
        """Set a gauge; ``labels`` in the table's order."""
        gauge = self._gauges[name]
        (gauge.labels(*labels) if labels else gauge).set(to)

    def observe(self, name: str, *labels: str, value: float) -> None:
        """Add an observation to a histogram; ``labels`` in the table's order."""
        histogram = self._histograms[name]
        (histogram.labels(*labels) if labels else histogram).observe(value)
