"""What ``/metrics`` says after runs."""

from collections.abc import AsyncGenerator
from datetime import UTC, datetime

import pytest

from edge.metrics import EdgeMetrics
from edge.status import DaemonStatus, NodeStatus
from runtime.errors import CloudAway
from runtime.executor.events import Event, ReleaseApplied, StepFellBack
from runtime.ids import Category, DeviceId, ModelName, NodeName, StepId
from runtime.ledger.entry import Head
from runtime.ports import ReleaseRecord

NOW = datetime(2026, 11, 24, tzinfo=UTC)


class Board:
    """A daemon that stands still."""

    def status(self) -> DaemonStatus:
        return DaemonStatus(
            node=NodeName("edge"),
            version="0",
            device=DeviceId("d"),
            certificate_expires_at=NOW,
            is_refused=False,
            models=(),
            nodes=(NodeStatus(NodeName("cloud"), "cloud", False, 0.0),),
            ledger_head=Head(7, b"", b"", NOW),
            uptime_s=1.0,
        )


async def play(*items: Event | Exception) -> AsyncGenerator[Event, None]:
    for item in items:
        if isinstance(item, Exception):
            raise item
        yield item


async def test_events_are_counted_as_they_pass() -> None:
    metrics = EdgeMetrics(Board())  # type: ignore[arg-type]
    record = ReleaseRecord("redact", (Category("person"),), spans=3)
    fell = StepFellBack(StepId("a"), "CloudAway", NodeName("edge"), ModelName("m"))

    passed = [event async for event in metrics.counted("g", play(ReleaseApplied(record), fell))]

    text = metrics.exposition().decode()
    assert len(passed) == 2
    assert 'leeward_released_spans_total{release="redact"} 3.0' in text
    assert 'leeward_fallbacks_total{error="CloudAway"} 1.0' in text


async def test_a_failed_run_is_counted_by_its_failure() -> None:
    metrics = EdgeMetrics(Board())  # type: ignore[arg-type]

    with pytest.raises(CloudAway):
        _ = [event async for event in metrics.counted("g", play(CloudAway("away")))]

    assert 'leeward_runs_total{graph="g",outcome="CloudAway"} 1.0' in metrics.exposition().decode()


def test_gauges_are_read_when_asked() -> None:
    text = EdgeMetrics(Board()).exposition().decode()  # type: ignore[arg-type]

    assert "leeward_ledger_position_count 7.0" in text
    assert 'leeward_node_reachable_ratio{node="cloud"} 0.0' in text
    assert f"leeward_certificate_expiry_timestamp_seconds {NOW.timestamp():.0f}".split()[0] in text
