"""Which calls were sent under an idempotency key: that they were, never what was answered.

A key is in use while a call that bears it is open, and for a while after it was answered. So the
reservation of a call says it all, and a call that fails or is given up frees its key by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from sqlalchemy import Connection

from cloud.stores.direct import Direct, microseconds

__all__ = ["Claim", "KeysInUse", "Taken"]


@dataclass(frozen=True, slots=True)
class Claim:
    """A caller's idempotency key, and what is asked under it; both as keyed digests."""

    name: str
    request: str


@dataclass(frozen=True, slots=True)
class Taken:
    """Why a key cannot be used."""

    how: Literal["other_request", "answered", "running"]
    """What it is in use for: another request, or the same one, answered or not yet."""


_HOLDERS: Final = Direct(
    """
    SELECT claim, request, answered_until FROM reservation
    WHERE claim IN (:names)
        AND ((settled_at IS NULL AND presumed_at IS NULL) OR answered_until >= :now)
    """
)


class KeysInUse:
    """The keys of some calls, as far as they are in use; read in the transaction that decides."""

    def __init__(self, connection: Connection, claims: Sequence[Claim], *, now: datetime) -> None:
        self._holders: dict[str, tuple[str, bool]] = {}
        if not claims:
            return
        parameters = {"names": [claim.name for claim in claims], "now": microseconds(now)}
        for name, request, answered_until in _HOLDERS.rows(connection, parameters):
            is_answered = answered_until is not None
            # Two can hold a key: one given up, whose answer came to light while its repeat runs.
            if is_answered or name not in self._holders:
                self._holders[name] = (request, is_answered)

    def taken(self, claim: Claim) -> Taken | None:
        """Say what stands in the way of a call, if anything does."""
        holder = self._holders.get(claim.name)
        if holder is None:
            return None
        request, is_answered = holder
        if request != claim.request:
            return Taken("other_request")
        return Taken("answered" if is_answered else "running")

    def take(self, claim: Claim) -> None:
        """Take a key for a call that is granted now."""
        self._holders[claim.name] = (claim.request, False)
