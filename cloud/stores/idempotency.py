"""Which calls were sent under an idempotency key: that they were, never what was answered.

A key is in use while a call that bears it is open, and for a while after it was answered. So the
reservation of a call says it all, and a call that fails or is given up frees its key by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from sqlalchemy import Connection

from cloud.stores.database import Database
from cloud.stores.direct import Direct, microseconds

__all__ = ["Claim", "KeyStore", "KeysInUse", "Taken"]


@dataclass(frozen=True, slots=True)
class Claim:
    """A caller's idempotency key, and what is asked under it; both as keyed digests."""

    name: str
    request: str
    is_kept: bool = False
    """Whether the sender keeps the call until it is answered: it is charged whole, and once."""
    no_retry: bool = False
    """Whether a model may be asked at most once under it."""
    is_repeat: bool = False
    """Whether the sender knows that it was answered, and has lost the answer."""


@dataclass(frozen=True, slots=True)
class Taken:
    """Why a key cannot be used."""

    how: Literal["other_request", "answered", "running", "begun"]
    """What it is in use for: another request, or the same one, answered or not yet; or begun, and
    that is once too often for it to be begun again."""


@dataclass(frozen=True, slots=True)
class _Held:
    """One reservation that was made under a key."""

    id: str
    request: str
    is_open: bool
    is_answered: bool
    is_lost: bool
    """Given up, and counted as used up."""


_HELD: Final = Direct(
    """
    SELECT claim, id, request, answered_until, settled_at, presumed_at FROM reservation
    WHERE claim IN (:names)
    """
)


class KeysInUse:
    """The keys of some calls, as far as they were used; read in the transaction that decides."""

    def __init__(self, connection: Connection, claims: Sequence[Claim], *, now: datetime) -> None:
        self._held: dict[str, list[_Held]] = {}
        if not claims:
            return
        moment = microseconds(now)
        parameters = {"names": [claim.name for claim in claims]}
        for name, id_, request, until, settled_at, presumed_at in _HELD.rows(
            connection, parameters
        ):
            held = _Held(
                id_,
                request,
                is_open=settled_at is None and presumed_at is None,
                is_answered=until is not None and until >= moment,
                is_lost=settled_at is None and presumed_at is not None,
            )
            self._held.setdefault(name, []).append(held)

    def taken(self, claim: Claim) -> Taken | None:
        """Say what stands in the way of a call, if anything does."""
        held = self._held.get(claim.name, ())
        holders = [one for one in held if one.is_open or one.is_answered]
        if any(one.request != claim.request for one in holders):
            return Taken("other_request")
        is_running = any(one.is_open for one in holders)
        if claim.is_repeat and not claim.no_retry:
            return Taken("running") if is_running else None
        # Two can hold a key: one given up, whose answer came to light while its repeat runs.
        if any(one.is_answered for one in holders):
            return Taken("answered")
        if is_running:
            return Taken("running")
        is_begun = any(one.request == claim.request for one in held)
        return Taken("begun") if claim.no_retry and is_begun else None

    def lost(self, claim: Claim) -> list[str]:
        """Return the reservations under a key that were given up."""
        held = self._held.get(claim.name, ())
        return [one.id for one in held if one.is_lost and one.request == claim.request]

    def take(self, claim: Claim) -> None:
        """Take a key for a call that is granted now."""
        held = _Held("", claim.request, is_open=True, is_answered=False, is_lost=False)
        self._held.setdefault(claim.name, []).append(held)


_COUNT: Final = Direct(
    "SELECT COUNT(*) FROM reservation WHERE claim IN (:names) AND request IN (:requests)"
)


class KeyStore:
    """The keys in the gateway's database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def times_begun(self, claim: Claim) -> int:
        """Return how often the same call was begun under its key, as far as that is remembered.

        Raises:
            DatabaseUnavailable: The database failed.
        """
        parameters = {"names": [claim.name], "requests": [claim.request]}
        rows = await self._database.read(lambda connection: _COUNT.rows(connection, parameters))
        return int(rows[0][0])
