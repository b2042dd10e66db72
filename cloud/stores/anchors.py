"""The newest countersigned ledger head of each device.

A head tells only what came before it, so an older one never replaces a newer one. Two heads at one
position, or a ledger that is shorter than it was a while ago, mean that it was changed: that goes
to the audit trail.
"""

import asyncio
from datetime import timedelta
from typing import Any, Final, Literal

from sqlalchemy import Connection, bindparam, select, update

from cloud.stores.audit import Act, write_act
from cloud.stores.database import Database
from cloud.stores.tables import device as table
from runtime.ids import DeviceId
from runtime.ledger.countersignature import Countersignature, Seen

__all__ = ["AnchorStore", "Standing"]

Standing = Literal["newer", "known", "older", "rewritten", "shortened"]
"""How a head stands to the one that is kept; the last two are alarms."""

_OVERTAKEN_WITHIN: Final = timedelta(minutes=2)
"""A head that is shown in a request may be overtaken by those of calls sent meanwhile."""
_KEPT: Final = select(
    table.c.tenant,
    table.c.ledger_position,
    table.c.ledger_head_mac,
    table.c.ledger_head_hash,
    table.c.anchored_at,
    table.c.anchor_key,
    table.c.anchor_signature,
).where(table.c.id == bindparam("wanted"))
_CHANGE: Final = update(table).where(table.c.id == bindparam("wanted"))


class AnchorStore:
    """Heads in the gateway's database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, signed: Countersignature) -> asyncio.Future[Standing]:
        """Keep a head if it is the newest of its device; say how it stands.

        Returns at once; await what it returns to know that it is kept. A head with a hash is one
        that its device showed as the newest, so that a later one cannot have been known long.
        """

        def keep(connection: Connection) -> Standing:
            seen = signed.seen
            row = connection.execute(_KEPT, {"wanted": seen.device}).first()
            standing = _standing(row, seen)
            if standing == "newer":
                connection.execute(_CHANGE, _values(signed))
            if row is not None and standing in {"rewritten", "shortened"}:
                act = Act(f"device:{seen.device}", seen.seen_at)
                write_act(connection, act, f"ledger_{standing}", seen.device, tenant=row.tenant)
            return standing

        return self._database.begin(keep)

    async def of(self, device: DeviceId) -> Countersignature | None:
        """Return the newest countersigned head of a device."""

        def find(connection: Connection) -> Countersignature | None:
            row = connection.execute(_KEPT, {"wanted": device}).first()
            if row is None or row.anchor_signature is None:
                return None
            seen = Seen(
                device=device,
                position=row.ledger_position,
                mac=bytes(row.ledger_head_mac),
                hash=bytes(row.ledger_head_hash or b""),
                seen_at=row.anchored_at,
            )
            return Countersignature(seen, row.anchor_key, bytes(row.anchor_signature))

        return await self._database.read(find)


def _standing(row: Any, seen: Seen) -> Standing:
    if row is None:
        return "older"  # nobody of ours
    if row.ledger_position is None or seen.position > row.ledger_position:
        return "newer"
    if seen.position == row.ledger_position:
        return "known" if seen.mac == bytes(row.ledger_head_mac) else "rewritten"
    was_newest = bool(seen.hash)
    if was_newest and row.anchored_at and row.anchored_at + _OVERTAKEN_WITHIN < seen.seen_at:
        return "shortened"
    return "older"


def _values(signed: Countersignature) -> dict[str, Any]:
    seen = signed.seen
    return {
        "wanted": seen.device,
        "ledger_position": seen.position,
        "ledger_head_mac": seen.mac,
        "ledger_head_hash": seen.hash,
        "anchored_at": seen.seen_at,
        "anchor_key": signed.key_id,
        "anchor_signature": signed.signature,
    }
