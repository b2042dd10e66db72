"""How the devices of the fleet stand, and what each is offered, in the gateway's database."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from cloud.fleet.rollout import RolloutStatus
from cloud.stores.audit import Act, write_act
from cloud.stores.database import Database
from cloud.stores.fleet_records import DeviceStanding
from cloud.stores.fleet_tables import fleet_device as devices
from cloud.stores.fleet_tables import fleet_member as members
from cloud.stores.fleet_tables import fleet_order as orders
from cloud.stores.fleet_tables import fleet_rollout as rollouts
from cloud.stores.fleet_tables import fleet_state as states
from cloud.stores.fleet_telemetry import ModelTelemetry, add_usage, read_telemetry
from cloud.stores.rollouts import WAITING, waiting_row
from cloud.stores.tables import device as enrolled
from runtime.errors import NotFound
from runtime.fleet.order import INSTALLED, SignedOrder
from runtime.fleet.report import ENDED, Offer, Outcome, StateReport, SyncReport, UsageBatch
from runtime.ids import DeviceId

__all__ = ["FleetStore", "order_number", "undo_number"]

_USAGE: Final = ("calls", "failures", "prompt_tokens", "completion_tokens")
_FIND: Final = select(devices).where(devices.c.device == bindparam("wanted"))
_CHANGE: Final = update(devices).where(devices.c.device == bindparam("wanted"))
_OWN: Final = (
    select(orders.c.rollout)
    .where(orders.c.device == bindparam("wanted"))
    .order_by(orders.c.rollout.desc())
    .limit(1)
)
_NEWEST: Final = (
    select(orders, rollouts.c.status, rollouts.c.wave.label("released_wave"), rollouts.c.state)
    .add_columns(rollouts.c.public_key, rollouts.c.order_content, rollouts.c.order_signature)
    .join(rollouts, rollouts.c.id == orders.c.rollout)
    .where(orders.c.device == bindparam("wanted"))
    .order_by(orders.c.rollout.desc())
    .limit(8)
)
_LATER: Final = (
    select(rollouts.c.id, rollouts.c.labels, rollouts.c.wave, rollouts.c.waves)
    .where(
        rollouts.c.labels.is_not(None),
        rollouts.c.id > bindparam("above"),
        rollouts.c.status.in_([RolloutStatus.RUNNING.value, RolloutStatus.DONE.value]),
    )
    .order_by(rollouts.c.id.desc())
)
_CONTENT: Final = select(states.c.content).where(states.c.hash == bindparam("wanted"))


def order_number(rollout: int) -> int:
    """Return the number of the orders of a rollout."""
    return 2 * rollout


def undo_number(rollout: int) -> int:
    """Return the number of the orders that take a rollout back: above its own, below the next."""
    return 2 * rollout + 1


class FleetStore:
    """Reports, offers and groups."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def sync(
        self, device: DeviceId, report: SyncReport, now: datetime
    ) -> tuple[Offer | None, bool]:
        """Keep a device's report; return what it is offered, and whether more must be told.

        Nothing is kept of an incomplete report by a device that the store does not know.
        """

        def work(connection: Connection) -> tuple[Offer | None, bool]:
            known: Any = connection.execute(_FIND, {"wanted": device}).first()
            if known is None and not report.is_complete:
                return None, True
            labels = dict(report.labels) if report.is_complete else json.loads(known.labels)
            _keep_report(connection, device, known, report, now)
            _keep_outcome(connection, device, report.state, now)
            return _offer(connection, device, report.state, labels, now), False

        return await self._database.run(work)

    async def standings(self) -> list[DeviceStanding]:
        """Return every enrolled device and what it last told, by id."""
        joined = enrolled.outerjoin(devices, devices.c.device == enrolled.c.id)
        wanted = select(enrolled.c.id, enrolled.c.tenant, enrolled.c.revoked_at, devices)
        wanted = wanted.select_from(joined).order_by(enrolled.c.id)

        def read(connection: Connection) -> list[DeviceStanding]:
            groups: dict[str, list[str]] = {}
            for group, device in connection.execute(_members()):
                groups.setdefault(device, []).append(group)
            return [_standing(row, groups.get(row.id, [])) for row in connection.execute(wanted)]

        return await self._database.read(read)

    async def telemetry(self) -> list[ModelTelemetry]:
        """Return what the calls of every device's models came to."""
        return await self._database.read(read_telemetry)

    async def groups(self) -> dict[str, list[str]]:
        """Return the devices of every group."""

        def read(connection: Connection) -> dict[str, list[str]]:
            found: dict[str, list[str]] = {}
            for group, device in connection.execute(_members()):
                found.setdefault(group, []).append(device)
            return found

        return await self._database.read(read)

    async def join(self, group: str, device_ids: Iterable[str], act: Act) -> None:
        """Put devices into a group; it counts from the next rollout on.

        Raises:
            NotFound: A device is not enrolled; then none is put in.
        """
        names = list(device_ids)

        def work(connection: Connection) -> None:
            _require(connection, names)
            _leave(connection, group, names)
            rows = [{"fleet_group": group, "device": name} for name in names]
            connection.execute(insert(members), rows)
            for name in names:
                write_act(connection, act, "fleet_group_joined", f"{group}/{name}")

        await self._database.run(work, claims=["fleet-groups"], is_durable=True)

    async def leave(self, group: str, device_ids: Iterable[str], act: Act) -> None:
        """Take devices out of a group; it counts from the next rollout on.

        Raises:
            NotFound: A device is not enrolled; then none is taken out.
        """
        names = list(device_ids)

        def work(connection: Connection) -> None:
            _require(connection, names)
            _leave(connection, group, names)
            for name in names:
                write_act(connection, act, "fleet_group_left", f"{group}/{name}")

        await self._database.run(work, claims=["fleet-groups"], is_durable=True)


def _members() -> Any:
    return select(members.c.fleet_group, members.c.device).order_by(
        members.c.fleet_group, members.c.device
    )


def _require(connection: Connection, names: list[str]) -> None:
    found = connection.execute(select(enrolled.c.id).where(enrolled.c.id.in_(names)))
    missing = sorted(set(names) - set(found.scalars()))
    if missing:
        raise NotFound(f"no device {missing[0]!r} is enrolled here")


def _leave(connection: Connection, group: str, names: list[str]) -> None:
    chosen = (members.c.fleet_group == group) & members.c.device.in_(names)
    connection.execute(delete(members).where(chosen))


def _keep_report(
    connection: Connection, device: DeviceId, known: Any, report: SyncReport, now: datetime
) -> None:
    state = report.state
    values: dict[str, Any] = {
        "seen_at": now,
        "state": state.state,
        "order_number": state.order,
        "outcome": state.outcome.value,
        "failure": state.failure,
    }
    if report.is_complete:
        values["version"] = report.software_version
        values["labels"] = json.dumps(dict(report.labels))
    if report.is_complete or report.models:
        models = {} if report.is_complete else json.loads(known.models)
        for one in report.models:
            models[one.model] = [one.health.value, one.decode_tokens_per_s]
        values["models"] = json.dumps(models)
    usage = report.batch.usage if _is_new(report.batch, known) else ()
    if known is None or (usage and report.batch.number):
        values |= {"usage_series": report.batch.series, "usage_batch": report.batch.number}
    if report.host is not None:
        values["host"] = json.dumps(asdict(report.host))
    if known is None or report.usage_dropped != known.usage_dropped:
        values["usage_dropped"] = report.usage_dropped
    for name in _USAGE:
        added = sum(getattr(one, name) for one in usage)
        if known is None or added:
            values[name] = added + (getattr(known, name) if known is not None else 0)
    if known is None:
        connection.execute(insert(devices).values(device=device, **values))
    else:
        connection.execute(_CHANGE, {"wanted": device, **values})
    add_usage(connection, device, usage, now)


def _is_new(batch: UsageBatch, known: Any) -> bool:
    """Whether a batch was not added before: its answer may have been lost."""
    if known is None or not batch.number or batch.series != known.usage_series:
        return True
    return batch.number > int(known.usage_batch)


def _keep_outcome(
    connection: Connection, device: DeviceId, report: StateReport, now: datetime
) -> None:
    """Note how far a device is with an order, where that is news."""
    if not report.order:
        return
    rollout, is_undo = divmod(report.order, 2)
    mine = (orders.c.rollout == rollout) & (orders.c.device == device)
    known: Any = connection.execute(select(orders).where(mine)).first()
    if known is None:
        return
    if is_undo:
        values: dict[str, Any] = {"is_undone": report.outcome is Outcome.RUNS}
        is_news = bool(known.is_undone) is not values["is_undone"]
    else:
        values = {
            "outcome": report.outcome.value,
            "failure": report.failure,
            "quality": report.quality,
            "calls": report.calls,
            "failures": report.failures,
        }
        is_news = any(getattr(known, name) != value for name, value in values.items())
    if not is_news:
        return
    connection.execute(update(orders).where(mine).values(values | {"updated_at": now}))
    if report.outcome in ENDED and (is_undo or known.outcome != report.outcome.value):
        act = Act(f"device:{device}", now)
        action = "state_undone" if is_undo else f"state_{report.outcome.value}"
        write_act(connection, act, action, f"{rollout}/{report.failure or 'ok'}")


def _offer(
    connection: Connection,
    device: DeviceId,
    report: StateReport,
    labels: Mapping[str, str],
    now: datetime,
) -> Offer | None:
    """Return the newest released order that a device has not taken yet."""
    _adopt_latecomer(connection, device, report, labels, now)
    for row in connection.execute(_NEWEST, {"wanted": device}):
        if row.wave > row.released_wave:
            continue
        if row.status == RolloutStatus.ABORTED.value:
            if row.undo_content is None or row.outcome == WAITING:
                continue
            number, state = undo_number(row.rollout), row.undo_state
            signed = SignedOrder(row.undo_content, row.public_key, row.undo_signature)
        else:
            number, state = order_number(row.rollout), row.state
            content = row.content if row.content is not None else row.order_content
            signature = row.signature if row.signature is not None else row.order_signature
            signed = SignedOrder(content, row.public_key, signature)
        if number <= report.order:
            return None
        return Offer(signed, _content(connection, state, report))
    return None


def _content(connection: Connection, state: str, report: StateReport) -> bytes:
    if state in (INSTALLED, report.state):
        return b""
    return bytes(connection.execute(_CONTENT, {"wanted": state}).scalar_one())


def _adopt_latecomer(
    connection: Connection,
    device: DeviceId,
    report: StateReport,
    labels: Mapping[str, str],
    now: datetime,
) -> None:
    """Give a device its place in a rollout by labels that began before it was known."""
    newest = connection.execute(_OWN, {"wanted": device}).scalar()
    above = max(newest or 0, report.order // 2)
    for row in connection.execute(_LATER, {"above": above}):
        last_wave = len(json.loads(row.waves)) - 1
        wanted: dict[str, str] = json.loads(row.labels)
        if row.wave < last_wave or any(labels.get(name) != wanted[name] for name in wanted):
            continue
        connection.execute(insert(orders).values(waiting_row(row.id, device, last_wave, now)))
        return


def _standing(row: Any, groups: list[str]) -> DeviceStanding:
    models = json.loads(row.models) if row.models else {}
    return DeviceStanding(
        device=row.id,
        tenant=row.tenant,
        is_revoked=row.revoked_at is not None,
        groups=tuple(groups),
        labels=json.loads(row.labels) if row.labels else {},
        seen_at=row.seen_at,
        version=row.version or "",
        state=row.state or INSTALLED,
        order=row.order_number or 0,
        outcome=row.outcome or Outcome.NONE.value,
        failure=row.failure or "",
        models={name: (str(health), float(speed)) for name, (health, speed) in models.items()},
        calls=row.calls or 0,
        failures=row.failures or 0,
        prompt_tokens=row.prompt_tokens or 0,
        completion_tokens=row.completion_tokens or 0,
        host=json.loads(row.host) if row.host else None,
        usage_dropped=row.usage_dropped or 0,
    )
