"""Reservations and the accounts they count in: many decisions in one transaction.

:func:`book` is given what came in while the last transaction ran, frees what is settled, then
decides on what is asked, in the order of arrival. The arithmetic is ``cloud.admission.accounts``;
this file reads the numbers, and writes back by how much they changed.
"""

import json
from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import Connection

from cloud.admission.accounts import Account, Amount
from cloud.stores.direct import Direct, microseconds
from cloud.stores.idempotency import Claim, KeysInUse, Taken

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
    answered_until: datetime | None = None
    """How long its idempotency key is remembered, if the call was answered whole."""


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
_FIND: Final = Direct(
    f"""
    SELECT a.id, b.name, b.cap_micros, b.cap_tokens, {", ".join(f"a.{name}" for name in _COLUMNS)}
    FROM budget_account AS a JOIN budget AS b ON b.id = a.budget_id
    WHERE a.id IN (:ids) ORDER BY a.id FOR UPDATE OF a
    """  # noqa: S608 - columns are constants
)
_CHANGE: Final = Direct(
    f"""
    UPDATE budget_account SET {", ".join(f"{name} = {name} + :{name}" for name in _COLUMNS)}
    WHERE id = :id
    """  # noqa: S608 - columns are constants
)
_OPEN: Final = Direct(
    """
    INSERT INTO reservation (id, replica, accounts, micros, prompt_tokens, completion_tokens, call,
        claim, request, reserved_at, expires_at)
    VALUES (:id, :replica, :accounts, :micros, :prompt_tokens, :completion_tokens, :call,
        :claim, :request, :reserved_at, :expires_at)
    """
)
_END: Final = Direct(
    """
    UPDATE reservation SET settled_at = :now,
        answered_until = CASE WHEN id IN (:answered) THEN :until END
    WHERE id IN (:ids) AND settled_at IS NULL
    RETURNING id, accounts, micros, prompt_tokens + completion_tokens, presumed_at
    """
)
_GIVE_UP: Final = Direct(
    """
    UPDATE reservation SET presumed_at = :now
    WHERE id IN (:ids) AND settled_at IS NULL AND presumed_at IS NULL
    RETURNING accounts, micros, prompt_tokens + completion_tokens
    """
)
_KNOWN: Final = Direct("SELECT id FROM reservation WHERE id IN (:ids)")


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
    keys = KeysInUse(connection, [ask.claim for ask in asks if ask.claim is not None], now=now)
    verdicts = [_decide(ask, accounts, keys) for ask in asks]
    _write(connection, accounts, before)
    granted = [ask for ask, verdict in zip(asks, verdicts, strict=True) if verdict is None]
    lost = [
        id_ for ask in granted if ask.claim and ask.claim.is_kept for id_ in keys.lost(ask.claim)
    ]
    if lost:
        _replace(connection, lost, now)
    if granted:
        _OPEN.many(connection, [_row(ask, replica, now) for ask in granted])
    return Booked(verdicts, {item.id for item in ended})


def claims_of(asks: Sequence[Ask], charges: Sequence[Charge]) -> set[str]:
    """Return the claims under which :func:`book` may run."""
    keys = {f"key:{ask.claim.name}" for ask in asks if ask.claim is not None}
    return keys | {f"account:{id_}" for id_ in _all_of(asks) | _all_of(charges)}


def presume(connection: Connection, ids: Sequence[str], *, now: datetime) -> int:
    """Count reservations that nobody will settle as used up; return how many there were.

    What their calls really used can still be charged: :func:`book` then puts it in place of this.
    Whoever calls has claimed their accounts.
    """
    rows = _GIVE_UP.rows(connection, {"ids": list(ids), "now": microseconds(now)})
    _change(connection, rows, Account.presume)
    return len(rows)


def _replace(connection: Connection, ids: Sequence[str], now: datetime) -> None:
    """Take back what was presumed for calls that are now made again under their keys."""
    parameters = {"ids": list(ids), "now": microseconds(now), "answered": [], "until": 0}
    rows = [row[1:4] for row in _END.rows(connection, parameters)]
    _change(connection, rows, lambda account, amount: account.correct(amount, Amount()))


def _change(
    connection: Connection, rows: Iterable[Any], change: Callable[[Account, Amount], None]
) -> None:
    """Change the accounts of reservations, given as accounts, micro-dollars and tokens of each."""
    accounts: dict[int, Account] = {}
    for written, micros, tokens in rows:
        for id_ in json.loads(written):
            change(accounts.setdefault(id_, Account(id_, "", None, None)), Amount(micros, tokens))
    _write(connection, accounts, dict.fromkeys(accounts, (0,) * len(_COLUMNS)))


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
    answered = {
        charge.id: charge.answered_until for charge in charges if charge.answered_until is not None
    }
    parameters = {
        "ids": list(by_id),
        "now": microseconds(now),
        "answered": list(answered),
        "until": microseconds(max(answered.values(), default=now)),
    }
    ended = {
        id_: _Ended(
            id=id_,
            accounts=json.loads(accounts),
            reserved=Amount(micros, tokens),
            used=by_id[id_].used,
            is_presumed=presumed_at is not None,
        )
        for id_, accounts, micros, tokens, presumed_at in _END.rows(connection, parameters)
    }
    missing = [charge for charge in charges if charge.id not in ended]
    if missing:
        # Settled before, or taken by a crash of the database server: then it is charged as it is.
        ids = [charge.id for charge in missing]
        settled = {id_ for (id_,) in _KNOWN.rows(connection, {"ids": ids})}
        for charge in missing:
            if charge.id not in settled:
                ended[charge.id] = _Ended(
                    charge.id, charge.accounts, Amount(), charge.used, is_presumed=False
                )
    # In the order in which calls ended: who comes first finds more room for what was not reserved.
    return [ended[id_] for id_ in by_id if id_ in ended]


def _accounts(
    connection: Connection, asks: Sequence[Ask], ended: Sequence[_Ended]
) -> dict[int, Account]:
    """Read the accounts of all; without caps where none is going to be compared."""
    wanted = _all_of(asks) | _all_of(ended)
    if asks or any(item.is_beyond for item in ended):
        rows = _FIND.rows(connection, {"ids": sorted(wanted)}) if wanted else ()
        return {row[0]: Account(*row[:4], *_amounts(row[4:])) for row in rows}
    return {id_: Account(id_, "", None, None) for id_ in wanted}


def _decide(ask: Ask, accounts: dict[int, Account], keys: KeysInUse) -> Refusal | None:
    taken = keys.taken(ask.claim) if ask.claim is not None else None
    if taken is not None:
        return taken
    found = [accounts[id_] for id_ in ask.accounts if id_ in accounts]
    for item in found:
        if not item.has_room(ask.worst):
            return NoRoom(item.budget, ever=item.could_ever_hold(ask.worst))
    for item in found:
        item.reserve(ask.worst)
    if ask.claim is not None:
        keys.take(ask.claim)
    return None


def _write(
    connection: Connection, accounts: dict[int, Account], before: dict[int, tuple[int, ...]]
) -> None:
    changes = []
    for id_, item in accounts.items():
        steps = [new - old for new, old in zip(_numbers(item), before[id_], strict=True)]
        if any(steps):
            changes.append({"id": id_, **dict(zip(_COLUMNS, steps, strict=True))})
    if changes:
        _CHANGE.many(connection, changes)


def _all_of(items: Iterable[Ask | Charge | _Ended]) -> set[int]:
    return {id_ for item in items for id_ in item.accounts}


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
        "claim": ask.claim.name if ask.claim is not None else None,
        "request": ask.claim.request if ask.claim is not None else None,
        "reserved_at": microseconds(now),
        "expires_at": microseconds(ask.expires_at),
    }
