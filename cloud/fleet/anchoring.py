"""Countersigns the ledger heads that devices show, and keeps the newest of each.

With it an auditor finds a ledger that was cut off at its end. The key is derived from the newest
authority's, so that every gateway of a store has the same.
"""

import asyncio
import logging
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloud.authorities import Authorities
from cloud.stores.anchors import AnchorStore, Standing
from runtime.clock import Clock
from runtime.identity.signing import SignaturePurpose, sign
from runtime.ids import DeviceId
from runtime.ledger.countersignature import Countersignature, Seen
from runtime.ledger.entry import Head
from runtime.ledger.keys import key_id_of

__all__ = ["Anchors", "anchor_key"]

_logger: Final = logging.getLogger("leeward.cloud.anchors")


def anchor_key(authorities: Authorities) -> Ed25519PrivateKey:
    """Return the key that vouches for heads, as long as no newer authority takes over."""
    return Ed25519PrivateKey.from_private_bytes(authorities.newest.secret(b"leeward anchors"))


class Anchors:
    """Countersigns and keeps.

    Args:
        store: Where the newest head of each device is kept.
        authorities: The newest one's key vouches for what was seen.
        clock: Says when.
    """

    def __init__(self, store: AnchorStore, authorities: Authorities, *, clock: Clock) -> None:
        self._store = store
        self._authorities = authorities
        self._clock = clock
        self._key = anchor_key(authorities)
        self._key_id = key_id_of(self._key.public_key())
        self._key_of = authorities.newest

    async def of(self, device: DeviceId) -> Countersignature | None:
        """Return the newest head that was seen of a device, ``None`` if none was.

        It is countersigned anew where another authority has taken over since.
        """
        kept = await self._store.of(device)
        self._follow_authority()
        if kept is None or kept.key_id == self._key_id:
            return kept
        return self._countersigned(kept.seen)

    def note_head(
        self, device: DeviceId, *, position: int, head_mac: bytes
    ) -> asyncio.Future[None]:
        """Keep the head that a content request shows.

        Returns at once; await what it returns to know that it is kept.
        """
        return asyncio.ensure_future(self._keep(self._signed(device, position, head_mac, b"")))

    async def countersign(self, device: DeviceId, head: Head) -> Countersignature:
        """Keep the newest head of a device, and return our word that we have seen it."""
        signed = self._signed(device, head.position, head.mac, head.hash)
        await self._keep(signed)
        return signed

    def _signed(
        self, device: DeviceId, position: int, mac: bytes, entry_hash: bytes
    ) -> Countersignature:
        return self._countersigned(Seen(device, position, mac, entry_hash, self._clock.now()))

    def _follow_authority(self) -> None:
        if self._key_of is not self._authorities.newest:
            self._key_of = self._authorities.newest
            self._key = anchor_key(self._authorities)
            self._key_id = key_id_of(self._key.public_key())

    def _countersigned(self, seen: Seen) -> Countersignature:
        self._follow_authority()
        signature = sign(self._key, seen.payload(), purpose=SignaturePurpose.COUNTERSIGNATURE)
        return Countersignature(seen, self._key_id, signature)

    async def _keep(self, signed: Countersignature) -> None:
        standing: Standing = await self._store.keep(signed)
        if standing in {"rewritten", "shortened"}:
            extra = {"device": signed.seen.device, "state": standing}
            _logger.error("ledger_does_not_continue", extra=extra)
