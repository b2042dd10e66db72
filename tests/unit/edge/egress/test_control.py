from pathlib import Path

import pytest

from edge.egress.control import ControlLog, command_log, opened_control
from edge.egress.door import open_door, open_local
from runtime.clock import SystemClock
from runtime.errors import ConfigInvalid, LedgerUnavailable
from runtime.ids import NodeName
from runtime.ledger.read import read_entries
from runtime.ledger.record import ControlPassage, ControlPurpose, Destination
from runtime.ledger.verify import verify_ledger
from runtime.ledger.writer import LedgerWriter

HUB = Destination(NodeName(""), "hub.example:443")
GATEWAY = Destination(NodeName("cloud"), "gateway.example:7443")


def _control_entries(directory: Path) -> list[ControlPassage]:
    records = [entry.record for entry in read_entries(directory)]
    return [record for record in records if isinstance(record, ControlPassage)]


async def test_counts_are_added_up_by_destination_purpose_and_outcome(tmp_path: Path) -> None:
    async with (
        LedgerWriter.open(tmp_path, clock=SystemClock()) as ledger,
        opened_control(tmp_path, ledger) as log,
    ):
        for _ in range(100):
            log.count(GATEWAY, ControlPurpose.HEALTH, sent_bytes=10, received_bytes=2)
        log.count(
            GATEWAY, ControlPurpose.HEALTH, sent_bytes=10, received_bytes=0, status="CloudAway"
        )
        log.count(HUB, ControlPurpose.PULL, sent_bytes=1, received_bytes=5000)

    assert _control_entries(tmp_path) == [
        ControlPassage(GATEWAY, ControlPurpose.HEALTH, 1000, 200),
        ControlPassage(GATEWAY, ControlPurpose.HEALTH, 10, 0, "CloudAway"),
        ControlPassage(HUB, ControlPurpose.PULL, 1, 5000),
    ]
    assert verify_ledger(tmp_path).is_intact


async def test_a_command_writes_the_ledger_itself_when_it_is_free(tmp_path: Path) -> None:
    async def fail_in_the_middle() -> None:
        async with command_log(tmp_path / "ledger", clock=SystemClock()) as log:
            log.count(HUB, ControlPurpose.PULL, sent_bytes=1, received_bytes=2)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail_in_the_middle()

    assert _control_entries(tmp_path / "ledger") == [ControlPassage(HUB, ControlPurpose.PULL, 1, 2)]


async def test_a_command_beside_a_daemon_leaves_its_counts_for_it(tmp_path: Path) -> None:
    async with LedgerWriter.open(tmp_path, clock=SystemClock()) as ledger:
        async with command_log(tmp_path, clock=SystemClock()) as log:
            log.count(HUB, ControlPurpose.PULL, sent_bytes=1, received_bytes=2)
        (tmp_path / "pending-control" / "junk.json").write_bytes(b"{")

        ControlLog(tmp_path, ledger).write()

        assert list((tmp_path / "pending-control").iterdir()) == []
    assert _control_entries(tmp_path) == [ControlPassage(HUB, ControlPurpose.PULL, 1, 2)]
    assert verify_ledger(tmp_path).is_intact


async def test_counts_are_kept_when_the_ledger_refuses(tmp_path: Path) -> None:
    ledger = LedgerWriter.open(tmp_path, clock=SystemClock())
    await ledger.close()
    log = ControlLog(tmp_path, ledger)
    log.count(HUB, ControlPurpose.PULL, sent_bytes=1, received_bytes=2)

    with pytest.raises(LedgerUnavailable):
        log.write()

    async with LedgerWriter.open(tmp_path, clock=SystemClock()) as reopened:
        log._ledger = reopened
        log.write()
    assert _control_entries(tmp_path) == [ControlPassage(HUB, ControlPurpose.PULL, 1, 2)]


async def test_the_local_door_leads_nowhere_else() -> None:
    with pytest.raises(ConfigInvalid):
        open_local("gateway.example:7443")


async def test_there_is_no_door_without_tls() -> None:
    with pytest.raises(ConfigInvalid):
        open_door("gateway.example:7443", None)  # type: ignore[arg-type]
