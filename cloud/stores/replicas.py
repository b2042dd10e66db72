"""Which gateways share the store, and which reservations nobody will settle any more."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, delete, func, insert, or_, select, update

from cloud.stores.database import Database
from cloud.stores.money_tables import replica, reservation
from cloud.stores.reservations import CallInfo, presume

__all__ = ["OpenReservation", "ReplicaStore"]

_KEY_KEPT: Final = timedelta(hours=1)
"""How long a call that came to nothing is remembered under its idempotency key."""
_AT_ONCE: Final = 500
"""How many rows one transaction recovers or sweeps, so that no caller waits long for it."""


@dataclass(frozen=True, slots=True)
class OpenReservation:
    """A reservation that nobody has settled."""

    id: str
    replica: str
    call: CallInfo
    accounts: tuple[int, ...]
    micros: int
    prompt_tokens: int
    completion_tokens: int
    reserved_at: datetime
    is_presumed: bool
    """Whether it was given up and counts as used up."""


class ReplicaStore:
    """Gateways that share the store. Moments are by each replica's own clock.

    Args:
        database: The store.
        lifetime: After how long without a sign of life a replica counts as dead.
    """

    def __init__(self, database: Database, *, lifetime: timedelta) -> None:
        self._database = database
        self._lifetime = lifetime

    async def beat(self, id_: str, *, now: datetime) -> int:
        """Give a sign of life; return how many replicas gave one lately, this one included."""
        seen = update(replica).where(replica.c.id == id_).values(seen_at=now)
        first = insert(replica).values(id=id_, started_at=now, seen_at=now)
        alive = select(func.count()).where(replica.c.seen_at > now - self._lifetime)

        def work(connection: Connection) -> int:
            if not connection.execute(seen).rowcount:
                connection.execute(first)
            return connection.execute(alive).scalar_one()

        return await self._database.run(work)

    async def leave(self, id_: str) -> None:
        """Take a replica off the list that has settled what it could."""
        gone = delete(replica).where(replica.c.id == id_)
        await self._database.run(lambda connection: connection.execute(gone).rowcount)

    async def recover(self, *, now: datetime) -> int:
        """Count the reservations of dead replicas, and those past their time, as used up.

        Returns how many there were. Two replicas that do this at once do it once.
        """
        # A replica that is merely slow settles later, and what was presumed is corrected.
        alive = select(replica.c.id).where(replica.c.seen_at > now - self._lifetime)
        lost = or_(reservation.c.replica.not_in(alive), reservation.c.expires_at < now)
        wanted = reservation.c.presumed_at.is_(None) & lost
        recovered = 0
        while found := await self._open(wanted):
            claims = {f"account:{id_}" for item in found for id_ in item.accounts}
            ids = [item.id for item in found]

            def work(connection: Connection, ids: list[str] = ids) -> int:
                return presume(connection, ids, now=now)

            recovered += await self._database.run(work, claims=claims)
        return recovered

    async def open(self, *, only_presumed: bool = False) -> list[OpenReservation]:
        """Return the oldest reservations that are not settled."""
        is_wanted = reservation.c.presumed_at.is_not(None) if only_presumed else None
        return await self._open(is_wanted)

    async def find(self, id_: str) -> OpenReservation | None:
        """Return a reservation that is not settled, if there is one of that id."""
        found = await self._open(reservation.c.id == id_)
        return found[0] if found else None

    async def sweep(self, *, settled_before: datetime, now: datetime) -> None:
        """Forget reservations settled long ago whose key is free, and replicas that are gone."""
        answered_until = reservation.c.answered_until
        old = select(reservation.c.id).where(
            reservation.c.settled_at < settled_before,
            or_(answered_until.is_(None), answered_until < now),
            # Under a key it tells how often the same was asked.
            or_(reservation.c.claim.is_(None), reservation.c.settled_at < now - _KEY_KEPT),
        )
        dead = delete(replica).where(replica.c.seen_at < now - 10 * self._lifetime)

        def work(connection: Connection) -> int:
            gone = delete(reservation).where(reservation.c.id.in_(old.limit(_AT_ONCE)))
            return connection.execute(gone).rowcount

        while await self._database.run(work) == _AT_ONCE:
            pass
        await self._database.run(lambda connection: connection.execute(dead).rowcount)

    async def _open(self, is_wanted: ColumnElement[bool] | None) -> list[OpenReservation]:
        wanted = select(reservation).where(reservation.c.settled_at.is_(None))
        if is_wanted is not None:
            wanted = wanted.where(is_wanted)
        oldest = wanted.order_by(reservation.c.reserved_at, reservation.c.id).limit(_AT_ONCE)

        def work(connection: Connection) -> list[OpenReservation]:
            return [_read(row) for row in connection.execute(oldest)]

        return await self._database.read(work)


def _read(row: Any) -> OpenReservation:
    return OpenReservation(
        id=row.id,
        replica=row.replica,
        call=CallInfo(**json.loads(row.call)),
        accounts=tuple(json.loads(row.accounts)),
        micros=row.micros,
        prompt_tokens=row.prompt_tokens,
        completion_tokens=row.completion_tokens,
        reserved_at=row.reserved_at,
        is_presumed=row.presumed_at is not None,
    )
