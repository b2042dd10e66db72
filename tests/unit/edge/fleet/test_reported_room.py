"""How much room a device has is told when it changes; what calls came to is counted by class."""

from dataclasses import replace
from pathlib import Path

import pytest

from edge.engine.process import ModelStatus
from edge.engine.traffic import CallAccount, Traffic
from edge.fleet.call_counts import CallCounts
from edge.fleet.host import host_report
from edge.fleet.reporter import Reporter
from edge.fleet.usage_journal import UsageJournal
from runtime.fleet.report import HostReport, StateReport
from runtime.ids import ModelName

NAME = ModelName("slm")
ROOM = HostReport(disk_free_mib=10_000, memory_free_mib=2_000, models_mib=100)


class Device:
    """A device whose room and calls a test sets."""

    def __init__(self, tmp_path: Path) -> None:
        self.room = ROOM
        self.counts = CallCounts()
        self.ended = 0
        self.reporter = Reporter(
            models=self._models,
            state=StateReport,
            labels={},
            version="1",
            journal=UsageJournal(tmp_path / "usage.json"),
            counts=self.counts.of,
            host=lambda _: self.room,
        )

    def end(self, account: CallAccount) -> None:
        self.counts.call_ended(NAME, account)
        self.ended += 1

    def _models(self) -> tuple[ModelStatus, ...]:
        traffic = Traffic(answered=self.ended)
        return (ModelStatus(NAME, Path(), "ready", None, None, 0, traffic, 4, "", 1 << 20),)

    async def told(self, *, is_answered: bool = True) -> HostReport | None:
        host = (await self.reporter.next()).host
        if is_answered:
            await self.reporter.answered(wants_complete=False)
        return host


@pytest.fixture
def device(tmp_path: Path) -> Device:
    return Device(tmp_path)


async def test_room_is_told_first_and_again_only_when_it_is_another(device: Device) -> None:
    assert await device.told() == ROOM
    assert await device.told() is None
    device.room = replace(ROOM, memory_free_mib=1_950)
    assert await device.told() is None

    device.room = replace(ROOM, memory_free_mib=1_000)
    assert await device.told(is_answered=False) == device.room
    assert await device.told() == device.room  # the answer was lost
    assert await device.told() is None


async def test_a_gateway_that_wants_everything_gets_the_room_again(device: Device) -> None:
    await device.told()
    await device.reporter.next()
    await device.reporter.answered(wants_complete=True)

    assert await device.told() == ROOM


async def test_calls_are_told_by_class_and_time_once(device: Device) -> None:
    device.end(CallAccount(0.0, "answered", cached_tokens=7, queued_s=0.2, first_token_s=0.5,
                           total_s=2.0))  # fmt: skip
    device.end(CallAccount(0.0, "EngineCrashed", total_s=200.0))
    device.end(CallAccount(0.0, "what Anna Kowalska asked", total_s=0.0))

    (usage,) = (await device.reporter.next()).batch.usage
    await device.reporter.answered(wants_complete=False)

    assert usage.counts == {
        "cached_tokens": 7,
        "failed.EngineCrashed": 1,
        "failed.other": 1,
        "first_token_s.1": 1,
        "queued_s.0.3": 1,
        "restarts": 4,
        "total_s.0.1": 1,
        "total_s.3": 1,
        "total_s.longer": 1,
    }
    assert (await device.reporter.next()).batch.usage == ()


@pytest.mark.parametrize(
    ("text", "mib"), [("MemTotal: 9\nMemAvailable:  2048000 kB\n", 2000), ("nothing", 0), (None, 0)]
)
def test_memory_is_read_where_the_system_tells_it(
    tmp_path: Path, text: str | None, mib: int
) -> None:
    if text is not None:
        (tmp_path / "meminfo").write_text(text)

    found = host_report(tmp_path, models_bytes=5 << 20, memory=tmp_path / "meminfo")

    assert (found.memory_free_mib, found.models_mib) == (mib, 5)
    assert found.disk_free_mib > 0
