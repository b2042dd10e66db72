"""Which calls were sent under an idempotency key: that they were, never what was answered."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import Connection, bindparam, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from cloud.stores.money_tables import idempotency as table
from cloud.stores.money_tables import reservation

__all__ = ["Claim", "Ending", "Taken", "end_claims", "take_claims"]


@dataclass(frozen=True, slots=True)
class Claim:
    """A caller's idempotency key, and what was asked under it; both as keyed digests."""

    name: str
    request: str
    reservation: str
    """The reservation of the call that claims it."""
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Taken:
    """Why a claim was refused."""

    how: Literal["other_request", "answered", "running"]
    """What its key is in use for: another request, or the same one, answered or not yet."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a call that had claimed its key ended."""

    name: str
    reservation: str
    answered: bool
    """Whether it was answered whole; otherwise the key is free again."""
    expires_at: datetime


_HOLDERS: Final = (
    select(
        table.c.claim,
        table.c.request,
        table.c.reservation,
        table.c.answered,
        reservation.c.id.label("is_known"),
        reservation.c.presumed_at,
    )
    .outerjoin(reservation, reservation.c.id == table.c.reservation)
    .where(table.c.claim.in_(bindparam("names", expanding=True)))
)
_HAND_OVER: Final = (
    update(table)
    .where(table.c.claim == bindparam("name"))
    .values(
        request=bindparam("new_request"),
        reservation=bindparam("new_reservation"),
        expires_at=bindparam("until"),
    )
)
_ANSWERED: Final = (
    update(table)
    .where(table.c.claim == bindparam("name"), table.c.reservation == bindparam("by"))
    .values(answered=True, expires_at=bindparam("until"))
)
_FREE: Final = delete(table).where(
    table.c.claim == bindparam("name"), table.c.reservation == bindparam("by")
)


def _take(statement: sqlite.Insert | postgresql.Insert) -> sqlite.Insert | postgresql.Insert:
    """Insert a claim, or put it in place of one that has expired."""
    new = statement.excluded
    columns = (table.c.request, table.c.reservation, table.c.answered, table.c.expires_at)
    return statement.on_conflict_do_update(
        index_elements=[table.c.claim],
        set_={column.name: new[column.name] for column in columns},
        where=table.c.expires_at < bindparam("now", type_=table.c.expires_at.type),
    )


_TAKE: Final = {
    "sqlite": _take(sqlite.insert(table)),
    "postgresql": _take(postgresql.insert(table)),
}


def take_claims(
    connection: Connection, claims: Sequence[Claim], *, now: datetime
) -> dict[str, Taken]:
    """Take what is free; return by reservation what is not, and why.

    Free is also what has expired, and what a call claimed that was given up with its gateway.
    """
    if not claims:
        return {}
    _insert(connection, claims, now)
    names = sorted({claim.name for claim in claims})
    holders = {row.claim: row for row in connection.execute(_HOLDERS, {"names": names})}
    refused = {}
    for claim in claims:
        holder = holders[claim.name]
        if holder.reservation == claim.reservation:
            continue
        taken = _taken(claim, holder)
        if taken is None:
            _hand_over(connection, claim)
        else:
            refused[claim.reservation] = taken
    return refused


def end_claims(connection: Connection, endings: Iterable[Ending]) -> None:
    """Keep the keys of calls that were answered, and free the others."""
    kept, freed = [], []
    for ending in endings:
        who = {"name": ending.name, "by": ending.reservation}
        if ending.answered:
            kept.append(who | {"until": ending.expires_at})
        else:
            freed.append(who)
    if kept:
        connection.execute(_ANSWERED, kept)
    if freed:
        connection.execute(_FREE, freed)


def _insert(connection: Connection, claims: Sequence[Claim], now: datetime) -> None:
    rows = [
        {
            "claim": claim.name,
            "request": claim.request,
            "reservation": claim.reservation,
            "answered": False,
            "expires_at": claim.expires_at,
            "now": now,
        }
        for claim in claims
    ]
    connection.execute(_TAKE[connection.dialect.name], rows)


def _taken(claim: Claim, holder: Any) -> Taken | None:
    """Say what stands in the way; ``None`` when the call that holds the key is gone."""
    if holder.answered or holder.request != claim.request:
        is_same = holder.request == claim.request
        return Taken("answered" if is_same else "other_request")
    is_gone = holder.is_known is None or holder.presumed_at is not None
    return None if is_gone else Taken("running")


def _hand_over(connection: Connection, claim: Claim) -> None:
    connection.execute(
        _HAND_OVER,
        {
            "name": claim.name,
            "new_request": claim.request,
            "new_reservation": claim.reservation,
            "until": claim.expires_at,
        },
    )
