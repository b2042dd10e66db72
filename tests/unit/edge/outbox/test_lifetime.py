"""How long something has waited, whatever the clock of the device says."""

from pathlib import Path

import pytest

from edge.outbox.lifetime import Mark, SystemBootClock, waited_s
from runtime.clock import SystemClock
from tests.unit.edge.outbox.conftest import TTL_S, OutboxHouse

QUEUED = Mark("one", 100.0, 1_000_000.0)
EARLIEST_S = 900_000.0


@pytest.mark.parametrize(
    ("now", "is_vouched", "expected_s"),
    [
        (Mark("one", 130.0, 1_000_030.0), True, 30.0),
        (Mark("one", 130.0, 5.0), True, 30.0),  # a clock that jumps is not looked at
        (Mark("one", 130.0, 9e9), False, 30.0),
        (Mark("two", 40.0, 1_000_500.0), True, 500.0),
        (Mark("two", 40.0, 1_000_500.0), False, 40.0),  # nobody vouches: at least this boot
        (Mark("two", 40.0, 5.0), True, 40.0),  # a clock behind: at least this boot
    ],
)
def test_a_boot_is_measured_and_a_reboot_is_believed_where_somebody_vouches(
    now: Mark, is_vouched: bool, expected_s: float
) -> None:
    waited = waited_s(QUEUED, now, is_clock_vouched=is_vouched, earliest_s=EARLIEST_S)

    assert waited == expected_s


def test_a_clock_that_was_wrong_when_the_waiting_began_says_nothing_after_a_reboot() -> None:
    queued = Mark("one", 100.0, 50.0)  # 1970: a board without a battery
    now = Mark("two", 40.0, 1_000_500.0)

    assert waited_s(queued, now, is_clock_vouched=True, earliest_s=EARLIEST_S) == 40.0


def test_the_machine_knows_its_boot() -> None:
    clock = SystemBootClock(SystemClock())

    first, second = clock.mark(), clock.mark()

    assert first.boot == second.boot != ""
    assert 0 < first.boot_s <= second.boot_s


def test_where_a_sandbox_hides_the_boot_every_start_is_one_and_nothing_has_waited_too_long(
    tmp_path: Path,
) -> None:
    hidden = tmp_path / "sys" / "boot_id"
    queued = SystemBootClock(SystemClock(), boot_id=hidden).mark()
    restarted = SystemBootClock(SystemClock(), boot_id=hidden)

    now = restarted.mark()

    assert now.boot != queued.boot
    assert 0 <= now.boot_s < 60  # since the daemon's start, not the machine's
    assert waited_s(queued, now, is_clock_vouched=False, earliest_s=EARLIEST_S) < 60


async def test_a_wrong_clock_at_boot_drops_nothing_until_the_gateway_vouches_for_it(
    house: OutboxHouse,
) -> None:
    async with house.running() as running:
        house.is_linked = False
        await running.queue("hello", key="k")
    house.boots.reboot(off_s=TTL_S * 10)

    async with house.running() as running:
        item = await running.outbox.get("k")
        assert running.outbox.left_s(item) == TTL_S
        house.is_linked = True
        assert running.outbox.left_s(item) == 0.0
