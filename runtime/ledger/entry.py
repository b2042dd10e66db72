"""One line of the ledger: how it is written, sealed, chained and read back.

A line is ``{"entry":<body>,"hash":..,"mac":..,"signature":..}``: the body is canonical JSON, its
hash is SHA-256 over exactly those bytes, the MAC is keyed over the hash, and the signature covers
both. ``previous`` in the body is the SHA-256 of the whole line before, so that no byte of an
earlier line, its signature included, can change unnoticed. Knows no files.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from runtime.errors import LedgerCorrupt
from runtime.ledger.keys import head_mac, sign_seal
from runtime.ledger.record import EntryKind, Record, record_from_fields

__all__ = [
    "FIRST_PREVIOUS",
    "LINE_START",
    "Entry",
    "Head",
    "Unsealed",
    "hash_of_line",
    "parse_line",
    "seal_line",
]

FIRST_PREVIOUS: Final = bytes(32)
"""What the entry at position 0 has in place of the line before it."""
LINE_START: Final = b'{"entry":{"at":"'
"""How every line begins; what a torn line can be a piece of."""

_VERSION: Final = 1
_ENTRY_DOMAIN: Final = b"leeward ledger entry v1\n"
_LINE: Final = re.compile(
    rb'\{"entry":(\{.*\}),"hash":"([0-9a-f]{64})","mac":"([0-9a-f]{64})",'
    rb'"signature":"([0-9a-f]{128})"\}'
)


@dataclass(frozen=True, slots=True)
class Head:
    """The newest entry of a ledger; what a content request carries and a gateway countersigns."""

    position: int
    """Counted from 0."""
    hash: bytes
    """SHA-256 of the entry, 32 bytes."""
    mac: bytes
    """Keyed over the hash, 32 bytes."""
    at: datetime
    """When the entry was written, by the edge's clock."""


@dataclass(frozen=True, slots=True)
class Unsealed:
    """An entry that has its place in the chain but no seal yet."""

    position: int
    kind: EntryKind
    at: datetime
    previous: bytes
    key_id: str
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry as stored."""

    position: int
    kind: EntryKind
    at: datetime
    record: Record
    key_id: str
    """Which key signed it."""
    previous: bytes
    """SHA-256 of the whole line before."""
    hash: bytes
    mac: bytes
    signature: bytes
    line: bytes
    """The bytes as stored, without the line end."""

    @property
    def head(self) -> Head:
        """What the ledger's head was when this entry was the newest."""
        return Head(position=self.position, hash=self.hash, mac=self.mac, at=self.at)


def seal_line(
    entry: Unsealed, *, signing_key: Ed25519PrivateKey, mac_key: bytes
) -> tuple[bytes, Head]:
    """Return the line of ``entry``, without its end, and the head that it makes."""
    body = _canonical(
        {
            "at": _format_time(entry.at),
            "key": entry.key_id,
            "kind": entry.kind.value,
            "position": entry.position,
            "previous": entry.previous.hex(),
            "record": entry.fields,
            "version": _VERSION,
        }
    )
    digest = _hash_of_body(body)
    mac = head_mac(mac_key, digest)
    signature = sign_seal(signing_key, digest, mac)
    line = b'{"entry":%b,"hash":"%b","mac":"%b","signature":"%b"}' % (
        body,
        digest.hex().encode(),
        mac.hex().encode(),
        signature.hex().encode(),
    )
    return line, Head(position=entry.position, hash=digest, mac=mac, at=entry.at)


def hash_of_line(line: bytes) -> bytes:
    """Return what the next entry calls ``previous``."""
    return hashlib.sha256(line).digest()


def parse_line(line: bytes) -> Entry:
    """Read one line, given without its end, and check that its hash fits its body.

    Raises:
        LedgerCorrupt: It is not a line of a ledger, or its body was altered.
    """
    matched = _LINE.fullmatch(line)
    if matched is None:
        raise LedgerCorrupt("the line is not a ledger entry")
    body, digest_hex, mac_hex, signature_hex = matched.groups()
    digest = bytes.fromhex(digest_hex.decode())
    if _hash_of_body(body) != digest:
        raise LedgerCorrupt("the entry was altered: its hash does not fit")
    data = _read_body(body)
    try:
        kind = EntryKind(data["kind"])
        return Entry(
            position=int(data["position"]),
            kind=kind,
            at=_parse_time(data["at"]),
            record=record_from_fields(kind, data["record"]),
            key_id=str(data["key"]),
            previous=bytes.fromhex(data["previous"]),
            hash=digest,
            mac=bytes.fromhex(mac_hex.decode()),
            signature=bytes.fromhex(signature_hex.decode()),
            line=line,
        )
    except (KeyError, TypeError, ValueError):
        raise LedgerCorrupt("the entry lacks a field that every entry has") from None


def _hash_of_body(body: bytes) -> bytes:
    return hashlib.sha256(_ENTRY_DOMAIN + body).digest()


def _canonical(data: dict[str, Any]) -> bytes:
    return json.dumps(
        data, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
    ).encode("ascii")


def _read_body(body: bytes) -> dict[str, Any]:
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        raise LedgerCorrupt("the entry is not JSON") from None
    if not isinstance(data, dict) or data.get("version") != _VERSION:
        raise LedgerCorrupt("the entry has a version that this software does not read")
    return data


def _format_time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _parse_time(text: str) -> datetime:
    return datetime.fromisoformat(text)
