"""Rollouts and their orders in the gateway's database."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, bindparam, case, func, insert, select, update

from cloud.fleet.rollout import OPEN, Decision, RolloutStatus, Tally, decide
from cloud.stores.audit import Act, write_act
from cloud.stores.database import Database
from cloud.stores.fleet_records import (
    NewOrder,
    NewRollout,
    OrderRecord,
    RolloutRecord,
    StateRecord,
    read_rules,
    write_rules,
)
from cloud.stores.fleet_tables import fleet_order as orders
from cloud.stores.fleet_tables import fleet_rollout as rollouts
from cloud.stores.fleet_tables import fleet_state as states
from runtime.errors import NotFound, RequestInvalid
from runtime.fleet.report import Outcome
from runtime.fleet.state import FleetState, parse_state, state_hash

__all__ = ["SUPERSEDED", "WAITING", "RolloutStore", "waiting_row"]

WAITING: Final = "waiting"
"""Outcome of an order that its device has not taken yet."""
SUPERSEDED: Final = "superseded"
"""Of one whose device got a later order first."""
_CLAIM: Final = "fleet-rollouts"
_FAILED: Final = (Outcome.FAILED.value, Outcome.REFUSED.value)
_IS_RELEASED: Final = orders.c.wave <= rollouts.c.wave


def _counted(condition: Any) -> Any:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)


_SUMMED: Final = (
    select(
        rollouts,
        func.count(orders.c.device).label("devices"),
        _counted(_IS_RELEASED & orders.c.device.is_not(None)).label("released"),
        _counted(_IS_RELEASED & (orders.c.outcome == Outcome.RUNS.value)).label("done"),
        _counted(_IS_RELEASED & orders.c.outcome.in_(_FAILED)).label("failed"),
        _counted(_IS_RELEASED & (orders.c.outcome == SUPERSEDED)).label("superseded"),
        func.coalesce(func.sum(orders.c.calls), 0).label("calls"),
        func.coalesce(func.sum(orders.c.failures), 0).label("failures"),
        func.avg(orders.c.quality).label("quality"),
    )
    .select_from(rollouts.outerjoin(orders, orders.c.rollout == rollouts.c.id))
    .group_by(rollouts.c.id)
    .order_by(rollouts.c.id.desc())
)


class RolloutStore:
    """States, rollouts and orders."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep_state(self, content: bytes, act: Act) -> tuple[str, FleetState]:
        """Keep a packed state; return its hash and what it says. Twice is once.

        Raises:
            StateInvalid: It is none.
            RequestInvalid: Another state has its name and revision.
        """
        state, hash_ = parse_state(content), state_hash(content)

        def keep(connection: Connection) -> None:
            same = select(states.c.hash).where(
                states.c.name == state.name, states.c.revision == state.revision
            )
            known = connection.execute(same).scalar_one_or_none()
            if known == hash_:
                return
            if known is not None:
                reason = f"revision {state.revision} of {state.name} is another one; raise it"
                raise RequestInvalid(reason, field="revision")
            connection.execute(
                insert(states).values(
                    hash=hash_,
                    name=state.name,
                    revision=state.revision,
                    content=content,
                    created_at=act.at,
                )
            )
            write_act(connection, act, "fleet_state_kept", f"{state.name}@{state.revision}")

        await self._database.run(keep, claims=[_CLAIM], is_durable=True)
        return hash_, state

    async def states(self) -> list[StateRecord]:
        """Return every state, newest first."""
        wanted = select(
            states.c.hash, states.c.name, states.c.revision, states.c.created_at
        ).order_by(states.c.created_at.desc(), states.c.revision.desc())
        return await self._database.read(
            lambda connection: [StateRecord(*row) for row in connection.execute(wanted)]
        )

    async def state(self, hash_: str) -> bytes:
        """Return a packed state.

        Raises:
            NotFound: There is none of that hash.
        """
        wanted = select(states.c.content).where(states.c.hash == hash_)
        found = await self._database.read(
            lambda connection: connection.execute(wanted).scalar_one_or_none()
        )
        if found is None:
            raise NotFound(f"no state {hash_[:12]} is kept here; `leeward fleet states`")
        return bytes(found)

    async def next_id(self) -> int:
        """Return the number that the next rollout will have."""
        newest = select(func.coalesce(func.max(rollouts.c.id), 0))
        return 1 + await self._database.read(
            lambda connection: int(connection.execute(newest).scalar_one())
        )

    async def begin(self, new: NewRollout, act: Act) -> None:
        """Begin a rollout: its first wave is released, and it supersedes what is not taken yet.

        Raises:
            RequestInvalid: Somebody has begun another one since its orders were signed.
        """

        def write(connection: Connection) -> None:
            newest = connection.execute(select(func.max(rollouts.c.id))).scalar_one()
            if (newest or 0) >= new.id:
                raise RequestInvalid(f"rollout {newest} has begun meanwhile; run this again")
            connection.execute(insert(rollouts).values(_rollout_row(new, act.at)))
            rows = [_order_row(new.id, order, act.at) for order in new.orders]
            if rows:
                older = (
                    update(orders)
                    .where(orders.c.device == bindparam("whose"), orders.c.outcome == WAITING)
                    .values(outcome=SUPERSEDED)
                )
                connection.execute(older, [{"whose": row["device"]} for row in rows])
                connection.execute(insert(orders), rows)
            write_act(connection, act, "rollout_begun", str(new.id))

        await self._database.run(write, claims=[_CLAIM], is_durable=True)

    async def all(self) -> list[RolloutRecord]:
        """Return every rollout, newest first."""
        return await self._database.read(lambda connection: _records(connection))

    async def get(self, id_: int) -> RolloutRecord:
        """Return one.

        Raises:
            NotFound: There is none of that number.
        """
        return await self._database.read(lambda connection: _record(connection, id_))

    async def orders(self, id_: int) -> list[OrderRecord]:
        """Return how the devices of a rollout stand, by wave and name."""
        columns = (orders.c[name] for name in OrderRecord.__slots__)
        wanted = select(*columns).where(orders.c.rollout == id_)
        wanted = wanted.order_by(orders.c.wave, orders.c.device)
        return await self._database.read(
            lambda connection: [OrderRecord(*row) for row in connection.execute(wanted)]
        )

    async def pause(self, id_: int, act: Act) -> RolloutRecord:
        """Release no further wave.

        Raises:
            NotFound: No such rollout.
            RequestInvalid: It has ended.
        """
        return await self._by_hand(id_, act, "rollout_paused", _paused)

    async def resume(self, id_: int, act: Act) -> RolloutRecord:
        """Go on; the watch over the present wave begins anew.

        Raises:
            NotFound: No such rollout.
            RequestInvalid: It has ended.
        """
        return await self._by_hand(id_, act, "rollout_resumed", _resumed)

    async def advance(self, id_: int, act: Act) -> RolloutRecord:
        """Release the next wave at once, or end the rollout after the last.

        Raises:
            NotFound: No such rollout.
            RequestInvalid: It has ended.
        """
        return await self._by_hand(id_, act, "rollout_advanced", _advanced)

    async def abort(self, id_: int, act: Act) -> RolloutRecord:
        """Give it up, also one that is done: who took the state is told to go back.

        Raises:
            NotFound: No such rollout.
        """

        def abort(record: RolloutRecord) -> Decision:
            return Decision(RolloutStatus.ABORTED, record.wave, "by_hand")

        return await self._by_hand(id_, act, "rollout_aborted", abort, also_ended=True)

    async def keep_going(self, now: datetime) -> list[RolloutRecord]:
        """Decide about every running rollout; return those that changed."""

        def work(connection: Connection) -> list[RolloutRecord]:
            changed = []
            for record in _records(connection, rollouts.c.status == RolloutStatus.RUNNING.value):
                decision = decide(
                    record.tally,
                    record.rules,
                    wave=record.wave,
                    waves=len(record.waves),
                    wave_at=record.wave_at,
                    now=now,
                )
                if (decision.status, decision.wave) != (record.status, record.wave):
                    act = Act("gateway", now)
                    _write(connection, record, decision, act, f"rollout_{decision.status.value}")
                    changed.append(_record(connection, record.id))
            return changed

        return await self._database.run(work, claims=[_CLAIM])

    async def has_running(self) -> bool:
        """Whether there is a rollout to decide about."""
        wanted = select(rollouts.c.id).where(rollouts.c.status == RolloutStatus.RUNNING.value)
        return await self._database.read(
            lambda connection: connection.execute(wanted.limit(1)).first() is not None
        )

    async def _by_hand(
        self,
        id_: int,
        act: Act,
        action: str,
        change: Callable[[RolloutRecord], Decision],
        *,
        also_ended: bool = False,
    ) -> RolloutRecord:
        def work(connection: Connection) -> RolloutRecord:
            record = _record(connection, id_)
            if record.status not in OPEN and not also_ended:
                raise RequestInvalid(f"rollout {id_} is {record.status.value} already")
            _write(connection, record, change(record), act, action)
            return _record(connection, id_)

        return await self._database.run(work, claims=[_CLAIM], is_durable=True)


def _paused(record: RolloutRecord) -> Decision:
    return Decision(RolloutStatus.PAUSED, record.wave, "by_hand")


def _resumed(record: RolloutRecord) -> Decision:
    return Decision(RolloutStatus.RUNNING, record.wave)


def _advanced(record: RolloutRecord) -> Decision:
    if record.wave + 1 < len(record.waves):
        return Decision(record.status, record.wave + 1)
    return Decision(RolloutStatus.DONE, record.wave)


def _write(
    connection: Connection, record: RolloutRecord, decision: Decision, act: Act, action: str
) -> None:
    has_ended = decision.status not in OPEN
    connection.execute(
        update(rollouts)
        .where(rollouts.c.id == record.id)
        .values(
            status=decision.status.value,
            wave=decision.wave,
            reason=decision.reason,
            wave_at=act.at,
            ended_at=act.at if has_ended else None,
        )
    )
    write_act(connection, act, action, str(record.id))


def _record(connection: Connection, id_: int) -> RolloutRecord:
    found = _records(connection, rollouts.c.id == id_)
    if not found:
        raise NotFound(f"there is no rollout {id_}; `leeward fleet rollout list`")
    return found[0]


def _records(connection: Connection, *conditions: Any) -> list[RolloutRecord]:
    return [_read(row) for row in connection.execute(_SUMMED.where(*conditions))]


def _read(row: Any) -> RolloutRecord:
    return RolloutRecord(
        id=row.id,
        name=row.name,
        state=row.state,
        revision=row.revision,
        labels=None if row.labels is None else json.loads(row.labels),
        waves=tuple(json.loads(row.waves)),
        rules=read_rules(row.rules),
        wave=row.wave,
        status=RolloutStatus(row.status),
        reason=row.reason,
        created_at=row.created_at,
        wave_at=row.wave_at,
        ended_at=row.ended_at,
        devices=row.devices,
        tally=Tally(
            released=int(row.released),
            done=int(row.done),
            failed=int(row.failed),
            superseded=int(row.superseded),
            calls=int(row.calls),
            failures=int(row.failures),
            quality=None if row.quality is None else float(row.quality),
        ),
    )


def _rollout_row(new: NewRollout, at: datetime) -> dict[str, Any]:
    return {
        "id": new.id,
        "name": new.name,
        "state": new.state,
        "revision": new.revision,
        "labels": None if new.labels is None else json.dumps(dict(new.labels)),
        "order_content": new.order_content,
        "order_signature": new.order_signature,
        "public_key": new.public_key,
        "waves": json.dumps(new.waves),
        "rules": write_rules(new.rules),
        "wave": 0,
        "status": RolloutStatus.RUNNING.value,
        "reason": "",
        "created_at": at,
        "wave_at": at,
    }


def _order_row(rollout: int, order: NewOrder, at: datetime) -> dict[str, Any]:
    return waiting_row(rollout, order.device, order.wave, at) | {
        "content": order.content,
        "signature": order.signature,
        "undo_content": order.undo_content,
        "undo_signature": order.undo_signature,
        "undo_state": order.undo_state,
    }


def waiting_row(rollout: int, device: str, wave: int, at: datetime) -> dict[str, Any]:
    """Return the columns of a device's place in a rollout of which nothing has come yet."""
    return {
        "rollout": rollout,
        "device": device,
        "wave": wave,
        "outcome": WAITING,
        "is_undone": False,
        "failure": "",
        "calls": 0,
        "failures": 0,
        "updated_at": at,
    }
