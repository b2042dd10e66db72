"""A gateway's word that it has seen a ledger's head: what it says, and the bytes that are signed.

Knows no key: ``runtime.identity.signing`` signs and checks, for the purpose ``countersignature``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime

from runtime.ids import DeviceId

__all__ = ["Countersignature", "Seen"]


@dataclass(frozen=True, slots=True)
class Seen:
    """A head as somebody outside of the device saw it."""

    device: DeviceId
    """Whose ledger it is, by its verified certificate."""
    position: int
    """Counted from 0."""
    mac: bytes
    """Of that entry, 32 bytes."""
    hash: bytes
    """SHA-256 of that entry; empty where a content request told of it."""
    seen_at: datetime
    """By the gateway's clock."""

    def payload(self) -> bytes:
        """Return what is signed."""
        return json.dumps(
            {
                "at": self.seen_at.astimezone(UTC).isoformat(timespec="microseconds"),
                "device": self.device,
                "hash": self.hash.hex(),
                "mac": self.mac.hex(),
                "position": self.position,
            },
            sort_keys=True,
            separators=(",", ":"),
        ).encode("ascii")


@dataclass(frozen=True, slots=True)
class Countersignature:
    """A head that was seen, and who says so."""

    seen: Seen
    key_id: str
    """Which of the gateway's keys signed."""
    signature: bytes
    """Ed25519, over ``seen.payload()``; 64 bytes."""
