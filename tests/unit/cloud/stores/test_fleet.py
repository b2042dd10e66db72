"""States, rollouts and reports, on both databases: what a device is offered, and when."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection

from cloud.fleet.planning import Aim, Choice, chosen, plan
from cloud.fleet.rollout import RolloutStatus, Rules
from cloud.stores.audit import Act
from cloud.stores.database import Database
from cloud.stores.devices import write_device
from cloud.stores.fleet_devices import FleetStore
from cloud.stores.rollouts import RolloutStore
from runtime.errors import NotFound, RequestInvalid, StateInvalid
from runtime.fleet.order import INSTALLED, verify_order
from runtime.fleet.report import (
    HostReport,
    Offer,
    Outcome,
    StateReport,
    SyncReport,
    UsageBatch,
    UsageReport,
)
from runtime.fleet.state import pack_state
from runtime.ids import DeviceId, ModelName

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
ACT = Act("operator:ann", NOON)
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SIGNERS = [KEY.public_key()]
NAMES = [f"device-{number}" for number in range(4)]
RULES = Rules(soak_s=10.0, min_done_share=1.0)


def packed(revision: int, **base: Any) -> bytes:
    return pack_state(
        {"leeward": "fleet-state/v1", "name": "clinics", "revision": revision, "base": base}
    )


class Fleet:
    """A gateway's store with four devices, and a clock that is told the time."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.devices = FleetStore(database)
        self.rollouts = RolloutStore(database)
        self.now = NOON
        self.reports = dict.fromkeys(NAMES, StateReport())

    async def enrol(self, names: list[str]) -> None:
        def write(connection: Connection) -> None:
            for name in names:
                until = NOON + timedelta(days=7)
                write_device(
                    connection,
                    DeviceId(name),
                    ACT,
                    tenant="default",
                    serial="1",
                    expires_at=until,
                    authority="",
                )

        await self.database.run(write)

    async def report(self, name: str, *, complete: bool = True, **labels: str) -> Offer | None:
        state = self.reports.setdefault(name, StateReport())
        report = SyncReport(state, is_complete=complete, labels=labels if complete else {})
        offer, _ = await self.devices.sync(DeviceId(name), report, self.now)
        return offer

    async def take(self, name: str, outcome: Outcome, **changes: Any) -> int:
        """Report, take what is offered, and report how it ended; return the order's number."""
        offer = await self.report(name)
        assert offer is not None
        order = verify_order(offer.order, SIGNERS)
        assert order.device in ("", name)
        state = order.state if outcome is Outcome.RUNS else self.reports[name].state
        taken = StateReport(state, order.number, outcome, **changes)
        self.reports[name] = taken
        await self.report(name)
        return order.number

    async def roll_out(
        self, revision: int, choice: Choice | None = None, waves: tuple[float, ...] = (0.25, 1.0)
    ) -> int:
        hash_, state = await self.rollouts.keep_state(packed(revision), ACT)
        number = await self.rollouts.next_id()
        choice = choice or Choice()
        known = {one.hash: one.revision for one in await self.rollouts.states()}
        new = plan(
            number,
            Aim(hash_, state.revision, state.name),
            chosen(await self.devices.standings(), choice),
            choice,
            waves=waves,
            rules=RULES,
            revisions=known,
            key=KEY,
        )
        await self.rollouts.begin(new, Act("operator:ann", self.now))
        return number

    async def pass_time(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        await self.rollouts.keep_going(self.now)

    async def released(self) -> list[str]:
        return [name for name in NAMES if await self.report(name) is not None]


@pytest.fixture
async def fleet(database: Database) -> Fleet:
    made = Fleet(database)
    await made.enrol(NAMES)
    for name in NAMES:
        await made.report(name)
    return made


async def test_the_canary_gets_it_first_and_the_rest_once_it_runs_and_was_watched(
    fleet: Fleet,
) -> None:
    number = await fleet.roll_out(1)
    (canary,) = await fleet.released()

    await fleet.pass_time(60.0)
    assert await fleet.released() == [canary]  # it has not reported success

    await fleet.take(canary, Outcome.RUNS)
    await fleet.pass_time(1.0)
    assert sorted(await fleet.released()) == sorted(set(NAMES) - {canary})

    for name in sorted(set(NAMES) - {canary}):
        await fleet.take(name, Outcome.RUNS)
    await fleet.pass_time(10.0)
    record = await fleet.rollouts.get(number)
    assert (record.status, record.tally.done) == (RolloutStatus.DONE, 4)


async def test_one_failed_canary_aborts_and_nobody_else_is_ever_offered_the_state(
    fleet: Fleet,
) -> None:
    number = await fleet.roll_out(1)
    (canary,) = await fleet.released()

    await fleet.take(canary, Outcome.FAILED, failure="EngineCrashed")
    await fleet.pass_time(1.0)

    record = await fleet.rollouts.get(number)
    assert (record.status, record.reason) == (RolloutStatus.ABORTED, "devices_failed")
    assert await fleet.released() == [canary]  # the signed way back, of a higher number
    back = await fleet.report(canary)
    assert back is not None
    order = verify_order(back.order, SIGNERS)
    assert (order.state, order.is_rollback) == (INSTALLED, True)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [({"calls": 40, "failures": 9}, "calls_failed"), ({"quality": 0.4}, "quality_low")],
)
async def test_calls_that_fail_and_answers_that_are_wrong_abort_too(
    fleet: Fleet, changes: dict[str, Any], reason: str
) -> None:
    number = await fleet.roll_out(1)
    await fleet.database.run(lambda connection: _set_min_quality(connection, number))
    (canary,) = await fleet.released()

    await fleet.take(canary, Outcome.RUNS, **changes)
    await fleet.pass_time(1.0)

    assert (await fleet.rollouts.get(number)).reason == reason


def _set_min_quality(connection: Connection, number: int) -> None:
    from cloud.stores.fleet_records import write_rules
    from cloud.stores.fleet_tables import fleet_rollout

    connection.execute(
        fleet_rollout.update()
        .where(fleet_rollout.c.id == number)
        .values(rules=write_rules(replace(RULES, min_quality=0.9)))
    )


async def test_a_paused_rollout_releases_nothing_more_and_goes_on_when_resumed(
    fleet: Fleet,
) -> None:
    number = await fleet.roll_out(1)
    (canary,) = await fleet.released()
    await fleet.rollouts.pause(number, ACT)

    await fleet.take(canary, Outcome.RUNS)
    await fleet.pass_time(100.0)
    assert await fleet.released() == []

    await fleet.rollouts.resume(number, Act("operator:ann", fleet.now))
    await fleet.pass_time(10.0)
    assert len(await fleet.released()) == 3


async def test_a_done_rollout_that_is_aborted_takes_every_device_back(fleet: Fleet) -> None:
    first = await fleet.roll_out(1, waves=(1.0,))
    for name in NAMES:
        await fleet.take(name, Outcome.RUNS)
    second = await fleet.roll_out(2, waves=(1.0,))
    for name in NAMES:
        await fleet.take(name, Outcome.RUNS)

    await fleet.rollouts.abort(second, ACT)

    numbers = {await fleet.take(name, Outcome.RUNS) for name in NAMES}
    assert numbers == {2 * second + 1}
    states = {report.state for report in fleet.reports.values()}
    assert states == {(await fleet.rollouts.get(first)).state}
    assert all(order.is_undone for order in await fleet.rollouts.orders(second))


async def test_a_rollout_by_label_reaches_who_comes_later_and_only_whom_it_names(
    fleet: Fleet,
) -> None:
    await fleet.report(NAMES[0], site="waw")
    number = await fleet.roll_out(1, Choice(labels={"site": "waw"}), waves=(1.0,))
    await fleet.report(NAMES[0], site="waw")
    assert [order.device for order in await fleet.rollouts.orders(number)] == [NAMES[0]]

    await fleet.enrol(["device-9"])
    late = await fleet.report("device-9", site="waw")
    elsewhere = await fleet.report(NAMES[1], site="krk")

    assert late is not None
    order = verify_order(late.order, SIGNERS)
    assert (order.device, order.labels) == ("", {"site": "waw"})
    assert elsewhere is None


async def test_a_group_counts_as_it_was_when_its_orders_were_signed(fleet: Fleet) -> None:
    await fleet.devices.join("kiosks", NAMES[:2], ACT)
    await fleet.roll_out(1, Choice(groups=["kiosks"]), waves=(1.0,))
    await fleet.devices.join("kiosks", NAMES[2:], ACT)

    assert await fleet.released() == NAMES[:2]
    offer = await fleet.report(NAMES[0])
    assert offer is not None
    assert verify_order(offer.order, SIGNERS).groups == ("kiosks",)


async def test_a_later_rollout_overtakes_what_was_not_taken(fleet: Fleet) -> None:
    first = await fleet.roll_out(1, waves=(1.0,))
    second = await fleet.roll_out(2, waves=(1.0,))

    assert await fleet.take(NAMES[0], Outcome.RUNS) == 2 * second
    assert {order.outcome for order in await fleet.rollouts.orders(first)} == {"superseded"}


async def test_a_batch_of_usage_is_added_once_however_often_it_comes(fleet: Fleet) -> None:
    used = UsageReport(ModelName("slm"), 3, 1, 30, 12)
    for series, number in [(7, 1), (7, 1), (7, 2), (7, 1), (7, 2), (9, 1), (9, 1), (0, 0), (0, 0)]:
        batch = UsageBatch(series, number, (used,))
        report = SyncReport(StateReport(), is_complete=False, batch=batch)
        await fleet.devices.sync(DeviceId(NAMES[0]), report, NOON)

    # Two of one series, one of another, and two of a device that numbers nothing.
    standing = (await fleet.devices.standings())[0]
    assert (standing.calls, standing.failures) == (5 * 3, 5 * 1)
    assert (standing.prompt_tokens, standing.completion_tokens) == (5 * 30, 5 * 12)


async def test_a_report_without_usage_leaves_the_number_of_the_last_batch(fleet: Fleet) -> None:
    used = UsageReport(ModelName("slm"), 3, 1, 30, 12)
    for batch in (UsageBatch(7, 1, (used,)), UsageBatch(7, 0), UsageBatch(7, 1, (used,))):
        report = SyncReport(StateReport(), is_complete=False, batch=batch)
        await fleet.devices.sync(DeviceId(NAMES[0]), report, NOON)

    assert (await fleet.devices.standings())[0].calls == 3


async def test_a_revision_is_one_state_for_ever(fleet: Fleet) -> None:
    await fleet.rollouts.keep_state(packed(1), ACT)
    await fleet.rollouts.keep_state(packed(1), ACT)

    with pytest.raises(RequestInvalid, match="is another one; raise it"):
        await fleet.rollouts.keep_state(packed(1, settings={"max_queue": 2}), ACT)
    with pytest.raises(StateInvalid):
        await fleet.rollouts.keep_state(json.dumps({"leeward": "x"}).encode(), ACT)
    assert len(await fleet.rollouts.states()) == 1


async def test_what_is_not_there_is_said_by_name(fleet: Fleet) -> None:
    with pytest.raises(NotFound, match="no rollout 7"):
        await fleet.rollouts.get(7)
    with pytest.raises(NotFound, match="no device 'ghost'"):
        await fleet.devices.join("kiosks", ["ghost"], ACT)
    number = await fleet.roll_out(1)
    await fleet.rollouts.abort(number, ACT)
    with pytest.raises(RequestInvalid, match="is aborted already"):
        await fleet.rollouts.pause(number, ACT)


async def test_what_calls_came_to_is_summed_by_model_and_room_is_as_told_last(
    fleet: Fleet,
) -> None:
    device, counts = DeviceId(NAMES[0]), {"failed.EngineCrashed": 1, "total_s.1": 3}
    used = UsageReport(ModelName("slm"), 3, 1, 30, 12, counts)
    host = HostReport(disk_free_mib=900, memory_free_mib=400, models_mib=70)

    for number in (1, 2, 2):  # the answer to the second was lost
        batch = UsageBatch(series=7, number=number, usage=(used,))
        report = SyncReport(StateReport(), is_complete=True, batch=batch, usage_dropped=number)
        report = replace(report, host=host if number == 1 else None)
        await fleet.devices.sync(device, report, fleet.now)

    (told,) = await fleet.devices.telemetry()
    assert (told.device, told.model, told.calls) == (device, "slm", 6)
    assert told.counts == {"failed.EngineCrashed": 2, "total_s.1": 6}
    standing = next(one for one in await fleet.devices.standings() if one.device == device)
    assert standing.host == {"disk_free_mib": 900, "memory_free_mib": 400, "models_mib": 70}
    assert standing.usage_dropped == 2


async def test_a_device_that_names_ever_more_models_fills_nothing(fleet: Fleet) -> None:
    for number in range(2):
        usage = tuple(
            UsageReport(ModelName(f"m{number}-{one}"), 1, 0, 1, 1, {"total_s.1": 1})
            for one in range(200)
        )
        batch = UsageBatch(series=7, number=number + 1, usage=usage)
        report = SyncReport(StateReport(), is_complete=True, batch=batch)
        await fleet.devices.sync(DeviceId(NAMES[0]), report, fleet.now)

    assert len(await fleet.devices.telemetry()) == 256
