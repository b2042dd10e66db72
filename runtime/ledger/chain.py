"""Whether one entry follows another: position, link, signature, MAC and key changes.

The one place that judges the chain; the writer uses it when it opens, the verifier for everything.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from runtime.ledger.entry import FIRST_PREVIOUS, Entry, hash_of_line
from runtime.ledger.keys import head_mac, key_id_of, public_bytes_of, seal_is_signed
from runtime.ledger.record import EntryKind, KeyChanged, Opened

__all__ = ["Chain", "Fault", "KeyRing"]

_RAW_KEY_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with an entry."""

    position: int
    reason: str


@dataclass(slots=True)
class KeyRing:
    """The public keys that an auditor trusts: the first one, and those it vouched for."""

    keys: dict[str, Ed25519PublicKey] = field(default_factory=dict)

    def add(self, key: Ed25519PublicKey) -> str:
        """Trust ``key``; return its id."""
        key_id = key_id_of(key)
        self.keys[key_id] = key
        return key_id

    def has_signed(self, entry: Entry) -> bool:
        """Whether the key that ``entry`` names is trusted and signed it."""
        key = self.keys.get(entry.key_id)
        return key is not None and seal_is_signed(
            key, entry.hash, entry.mac, signature=entry.signature
        )


@dataclass(slots=True)
class Chain:
    """Where a walk along the ledger stands, and what the next entry must be.

    Args:
        ring: The trusted keys; grows with the ledger's key changes.
        key_id: The key that must sign the next entry.
        mac_key: Checks MACs when given.
        every_signature: Check each signature, and not only those on which the others rest.
    """

    ring: KeyRing
    key_id: str
    mac_key: bytes | None = None
    every_signature: bool = True
    position: int = 0
    """Of the next entry."""
    previous: bytes | None = FIRST_PREVIOUS
    """What the next entry must link to; ``None`` when the walk begins in the middle."""
    last: Entry | None = None

    def judge(self, entry: Entry) -> Fault | None:
        """Say what is wrong with ``entry`` as the next one.

        A broken link is traced to its cause with signatures, so that the entry that was altered
        is named and not the innocent one behind it.
        """
        is_linked = self.previous is None or entry.previous == self.previous
        if not is_linked and self.last is not None and (fault := self._signature_fault(self.last)):
            return fault
        if (self.every_signature or not is_linked or _is_pivotal(entry)) and (
            fault := self._signature_fault(entry)
        ):
            return fault
        reason = self._reason(entry, is_linked=is_linked)
        return Fault(entry.position, reason) if reason else None

    def links(self, entry: Entry) -> bool:
        """Whether ``entry`` can be the next one as far as position, link and MAC tell."""
        return (
            entry.position == self.position
            and (self.previous is None or entry.previous == self.previous)
            and (self.mac_key is None or head_mac(self.mac_key, entry.hash) == entry.mac)
        )

    def advance(self, entry: Entry) -> None:
        """Go on behind ``entry``, whatever was said about it."""
        self.position = entry.position + 1
        self.previous = hash_of_line(entry.line)
        self.last = entry
        if isinstance(entry.record, KeyChanged) and self.ring.has_signed(entry):
            self._change_key(entry.record)

    def skip(self) -> None:
        """Go on behind a line that is no entry."""
        self.position += 1
        self.previous = None

    def judge_end(self) -> Fault | None:
        """Say what is wrong with the last entry, on whose signature the whole chain rests."""
        return None if self.last is None else self._signature_fault(self.last)

    def _change_key(self, record: KeyChanged) -> None:
        if len(record.public_key) == _RAW_KEY_BYTES:
            self.key_id = self.ring.add(Ed25519PublicKey.from_public_bytes(record.public_key))

    def _signature_fault(self, entry: Entry) -> Fault | None:
        if entry.key_id not in self.ring.keys:
            reason = "is signed with a key that this ledger does not have"
        elif not self.ring.has_signed(entry):
            reason = "was altered or forged: its signature does not fit"
        else:
            return None
        return Fault(entry.position, f"entry {entry.position} {reason}")

    def _reason(self, entry: Entry, *, is_linked: bool) -> str:
        here = f"entry {entry.position}"
        if entry.position > self.position:
            return f"entries {self.position} to {entry.position - 1} are missing"
        if entry.position < self.position:
            return f"{here} is out of order: entry {self.position} comes here"
        if not is_linked:
            return f"{here} does not follow from the entry before it"
        if self.mac_key is not None and head_mac(self.mac_key, entry.hash) != entry.mac:
            return f"{here} has a MAC that the ledger's secret did not make"
        if entry.key_id != self.key_id:
            return f"{here} is signed with a key that has been replaced"
        if entry.position == 0 and not isinstance(entry.record, Opened):
            return f"{here} is not the opening of a ledger"
        if isinstance(entry.record, KeyChanged) and not _announces_truly(entry.record):
            return f"{here} announces a key under a false id"
        return ""


def _is_pivotal(entry: Entry) -> bool:
    return entry.kind is EntryKind.KEY_CHANGE


def _announces_truly(record: KeyChanged) -> bool:
    if len(record.public_key) != _RAW_KEY_BYTES:
        return False
    key = Ed25519PublicKey.from_public_bytes(record.public_key)
    return key_id_of(key) == record.key_id and public_bytes_of(key) == record.public_key
