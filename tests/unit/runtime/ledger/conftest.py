"""A ledger on disk with a clock that moves one second per reading."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from runtime.ids import Category, ModelName, NodeName, PlanId, RequestId, SessionId, StepId
from runtime.labels import Label
from runtime.ledger.record import ContentPassage, Destination, Record
from runtime.ledger.writer import LedgerWriter
from runtime.ports import ReleaseRecord


class TickingClock:
    def __init__(self) -> None:
        self._now = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)

    def now(self) -> datetime:
        self._now += timedelta(seconds=1)
        return self._now

    def monotonic_s(self) -> float:
        return 0.0


@pytest.fixture
def clock() -> TickingClock:
    return TickingClock()


@pytest.fixture
def passage() -> Callable[[str], ContentPassage]:
    def build(request_id: str) -> ContentPassage:
        return ContentPassage(
            destination=Destination(NodeName("cloud"), "gateway.example:7443"),
            model=ModelName("gannet-m"),
            request_id=RequestId(request_id),
            session_id=SessionId("session-1"),
            plan_id=PlanId("plan-1"),
            step_id=StepId("far"),
            graph="ask-cloud",
            label_before=Label.of("person"),
            label=Label(),
            releases=(ReleaseRecord("redact", (Category("person"),), 2),),
            payload_digest=bytes(32),
            payload_bytes=100,
            policy_hash="ab12",
        )

    return build


@pytest.fixture
def write(clock: TickingClock) -> Callable[..., object]:
    """Open a ledger, append records one by one, close it."""

    async def run(directory: Path, *records: Record, segment_bytes: int = 1 << 24) -> None:
        writer = LedgerWriter.open(directory, clock=clock, segment_bytes=segment_bytes)
        async with writer:
            for record in records:
                await writer.append(record)

    return run
