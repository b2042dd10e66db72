"""Reservations and the accounts they count in: many decisions in one transaction.

:func:`book` is given what came in while the last transaction ran, frees what is settled, then
decides on what is asked, in the order of arrival. The arithmetic is ``cloud.admission.accounts``;
this file reads the numbers, and writes back by how much they changed.
"""

import json
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import Connection, bindparam, insert, select, update

from cloud.admission.accounts import Account, Amount
from cloud.stores.idempotency import Claim, Ending, Taken, end_claims, take_claims
from cloud.stores.money_tables import account, budget, reservation

__all__ = [
    "Ask",
    "Booked",
    "CallInfo",
    "Charge",
    "NoRoom",
    "Refusal",
    "book",
    "claims_of",
    "presume",
]


@dataclass(frozen=True, slots=True)
class CallInfo:
    """What is remembered of a call beside numbers; content-free."""

    tenant: str
    kind: Literal["device", "key"]
    """Of the caller."""
    caller: str
    model: str
    graph: str = ""
    request_id: str = ""
    plan_id: str = ""
    step_id: str = ""


_CALL_FIELDS: Final = tuple(field.name for field in fields(CallInfo))


@dataclass(frozen=True, slots=True)
class Ask:
    """A call that wants its worst case set aside."""

    id: str
    accounts: tuple[int, ...]
    micros: int
    prompt_tokens: int
    completion_tokens: int
    call: CallInfo
    expires_at: datetime
    """When its call cannot be running any more."""
    claim: Claim | None = None
    """The idempotency key under which it is made, if any."""

    @property
    def worst(self) -> Amount:
        """What is set aside."""
        return Amount(self.micros, self.prompt_tokens + self.completion_tokens)


@dataclass(frozen=True, slots=True)
class Charge:
    """A reservation that is over."""

    id: str
    used: Amount
    accounts: tuple[int, ...]
    """As asked for; used when a crash of the database has lost the reservation itself."""
    ending: Ending | None = None
    """What becomes of its idempotency key, if it has one."""


@dataclass(frozen=True, slots=True)
class NoRoom:
    """Why an ask was refused."""

    budget: str
    """The budget's name."""
    ever: bool
    """Whether the call would fit if nothing of the budget were used."""


Refusal = NoRoom | Taken


@dataclass(frozen=True, slots=True)
class Booked:
    """What one transaction did."""

    verdicts: Sequence[Refusal | None]
    """For each ask, in order: ``None`` when it was granted."""
    settled: Set[str]
    """The charges that took effect now, and not in an earlier transaction."""


_NUMBERS: Final = ("spent", "reserved", "excess")
_COLUMNS: Final = tuple(f"{name}_{unit}" for name in _NUMBERS for unit in ("micros", "tokens"))
_FIND: Final = (
    select(
        account.c.id,
        budget.c.name,
        budget.c.cap_micros,
        budget.c.cap_tokens,
        *(account.c[name] for name in _COLUMNS),
    )
    .join(budget, budget.c.id == account.c.budget_id)
    .where(account.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(account.c.id)
    .with_for_update(of=account)
)
_CHANGE: Final = (
    update(account)
    .where(account.c.id == bindparam("account_id"))
    .values({name: account.c[name] + bindparam(f"by_{name}") for name in _COLUMNS})
)
_OPEN: Final = insert(reservation)
_END: Final = (
    update(reservation)
    .where(
        reservation.c.id.in_(bindparam("ids", expanding=True)), reservation.c.settled_at.is_(None)
    )
    .values(settled_at=bindparam("now"))
    .returning(
        reservation.c.id,
        reservation.c.accounts,
        reservation.c.micros,
        reservation.c.prompt_tokens,
        reservation.c.completion_tokens,
        reservation.c.presumed_at,
    )
)
_GIVE_UP: Final = (
    update(reservation)
    .where(
        reservation.c.id.in_(bindparam("ids", expanding=True)),
        reservation.c.settled_at.is_(None),
        reservation.c.presumed_at.is_(None),
    )
    .values(presumed_at=bindparam("now"))
    .returning(
        reservation.c.accounts,
        reservation.c.micros,
        reservation.c.prompt_tokens,
        reservation.c.completion_tokens,
    )
)
_KNOWN: Final = select(reservation.c.id).where(
    reservation.c.id.in_(bindparam("ids", expanding=True))
)


def book(
    connection: Connection,
    asks: Sequence[Ask],
    charges: Sequence[Charge],
    *,
    replica: str,
    now: datetime,
) -> Booked:
    """Settle what is over, then set aside what is asked for.

    A charge whose reservation is settled already changes nothing. Whoever calls has claimed the
    accounts of all of them (:func:`claims_of`).
    """
    ended = _end(connection, charges, now) if charges else []
    accounts = _accounts(connection, asks, ended)
    before = {id_: _numbers(item) for id_, item in accounts.items()}
    for item in ended:
        item.apply_to(accounts)
    claims = [ask.claim for ask in asks if ask.claim is not None]
    taken = take_claims(connection, claims, now=now)
    verdicts = [taken.get(ask.id) or _decide(ask, accounts) for ask in asks]
    _write(connection, accounts, before)
    _end_claims(connection, asks, verdicts, charges)
    granted = [ask for ask, verdict in zip(asks, verdicts, strict=True) if verdict is None]
    if granted:
        connection.execute(_OPEN, [_row(ask, replica, now) for ask in granted])
    return Booked(verdicts, {item.id for item in ended})


def claims_of(asks: Iterable[Ask], charges: Iterable[Charge]) -> set[str]:
    """Return the claims under which :func:`book` may run."""
    asks, charges = tuple(asks), tuple(charges)
    keys = {ask.claim.name for ask in asks if ask.claim is not None}
    keys |= {charge.ending.name for charge in charges if charge.ending is not None}
    accounts = _all_of(asks) | _all_of(charges)
    return {f"account:{id_}" for id_ in accounts} | {f"key:{name}" for name in keys}


def presume(connection: Connection, ids: Sequence[str], *, now: datetime) -> int:
    """Count reservations that nobody will settle as used up; return how many there were.

    What their calls really used can still be charged: :func:`book` then puts it in place of this.
    Whoever calls has claimed their accounts.
    """
    rows = connection.execute(_GIVE_UP, {"ids": list(ids), "now": now}).all()
    wanted = {id_ for row in rows for id_ in json.loads(row.accounts)}
    accounts = {id_: Account(id_, "", None, None) for id_ in wanted}
    before = {id_: _numbers(item) for id_, item in accounts.items()}
    for row in rows:
        for id_ in json.loads(row.accounts):
            accounts[id_].presume(_set_aside(row))
    _write(connection, accounts, before)
    return len(rows)


@dataclass(frozen=True, slots=True)
class _Ended:
    """A reservation that is being settled, with what it had set aside."""

    id: str
    accounts: Sequence[int]
    reserved: Amount
    used: Amount
    is_presumed: bool

    @property
    def is_beyond(self) -> bool:
        """Whether more was used than set aside, so that caps must be looked at."""
        return self.used.at_most(self.reserved) != self.used

    def apply_to(self, accounts: dict[int, Account]) -> None:
        for id_ in self.accounts:
            found = accounts.get(id_)
            if found is None:
                continue  # the budget has been removed meanwhile
            if self.is_presumed:
                found.correct(self.reserved, self.used)
            else:
                found.settle(self.reserved, self.used)


def _end(connection: Connection, charges: Sequence[Charge], now: datetime) -> list[_Ended]:
    by_id = {charge.id: charge for charge in charges}
    rows = connection.execute(_END, {"ids": list(by_id), "now": now}).all()
    ended = [
        _Ended(
            id=row.id,
            accounts=json.loads(row.accounts),
            reserved=_set_aside(row),
            used=by_id.pop(row.id).used,
            is_presumed=row.presumed_at is not None,
        )
        for row in rows
    ]
    if by_id:
        # Settled before, or taken by a crash of the database server: then it is charged as it is.
        settled = set(connection.execute(_KNOWN, {"ids": list(by_id)}).scalars())
        ended += [
            _Ended(charge.id, charge.accounts, Amount(), charge.used, is_presumed=False)
            for charge in by_id.values()
            if charge.id not in settled
        ]
    return ended


def _accounts(
    connection: Connection, asks: Sequence[Ask], ended: Sequence[_Ended]
) -> dict[int, Account]:
    """Read the accounts of all; without caps where none is going to be compared."""
    wanted = _all_of(asks) | _all_of(ended)
    if asks or any(item.is_beyond for item in ended):
        rows = connection.execute(_FIND, {"ids": sorted(wanted)}) if wanted else ()
        return {row[0]: Account(*row[:4], *_amounts(row[4:])) for row in rows}
    return {id_: Account(id_, "", None, None) for id_ in wanted}


def _decide(ask: Ask, accounts: dict[int, Account]) -> NoRoom | None:
    found = [accounts[id_] for id_ in ask.accounts if id_ in accounts]
    for item in found:
        if not item.has_room(ask.worst):
            return NoRoom(item.budget, ever=item.could_ever_hold(ask.worst))
    for item in found:
        item.reserve(ask.worst)
    return None


def _end_claims(
    connection: Connection,
    asks: Sequence[Ask],
    verdicts: Sequence[Refusal | None],
    charges: Sequence[Charge],
) -> None:
    endings = [charge.ending for charge in charges if charge.ending is not None]
    for ask, verdict in zip(asks, verdicts, strict=True):
        if ask.claim is not None and isinstance(verdict, NoRoom):
            # It was claimed a moment ago, and the call is not made after all.
            claim = ask.claim
            endings.append(Ending(claim.name, ask.id, answered=False, expires_at=claim.expires_at))
    end_claims(connection, endings)


def _write(
    connection: Connection, accounts: dict[int, Account], before: dict[int, tuple[int, ...]]
) -> None:
    changes = []
    for id_, item in accounts.items():
        steps = [new - old for new, old in zip(_numbers(item), before[id_], strict=True)]
        if any(steps):
            named = zip((f"by_{name}" for name in _COLUMNS), steps, strict=True)
            changes.append({"account_id": id_, **dict(named)})
    if changes:
        connection.execute(_CHANGE, changes)


def _all_of(items: Iterable[Ask | Charge | _Ended]) -> set[int]:
    return {id_ for item in items for id_ in item.accounts}


def _set_aside(row: Any) -> Amount:
    return Amount(row.micros, row.prompt_tokens + row.completion_tokens)


def _numbers(item: Account) -> tuple[int, ...]:
    return tuple(
        number
        for amount in (item.spent, item.reserved, item.excess)
        for number in (amount.micros, amount.tokens)
    )


def _amounts(numbers: Sequence[int]) -> list[Amount]:
    return [Amount(*numbers[start : start + 2]) for start in (0, 2, 4)]


def _row(ask: Ask, replica: str, now: datetime) -> dict[str, Any]:
    return {
        "id": ask.id,
        "replica": replica,
        "accounts": json.dumps(ask.accounts),
        "micros": ask.micros,
        "prompt_tokens": ask.prompt_tokens,
        "completion_tokens": ask.completion_tokens,
        "call": json.dumps({name: getattr(ask.call, name) for name in _CALL_FIELDS}),
        "reserved_at": now,
        "expires_at": ask.expires_at,
    }
