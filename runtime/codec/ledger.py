"""Ledger references and exported entries, to and from their messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from leeward.v1 import ledger_pb2
from runtime.codec import bounds
from runtime.codec.moments import decode_moment, encode_moment
from runtime.errors import LedgerCorrupt, RequestInvalid
from runtime.ids import DeviceId
from runtime.ledger.countersignature import Countersignature, Seen
from runtime.ledger.entry import Entry, Head, parse_line
from runtime.ledger.record import EntryKind

__all__ = [
    "LedgerReference",
    "decode_countersignature",
    "decode_ledger_entry",
    "decode_ledger_head",
    "decode_ledger_reference",
    "encode_countersignature",
    "encode_ledger_entry",
    "encode_ledger_head",
    "encode_ledger_reference",
    "reference_to",
]

_MAX_LINE_BYTES: Final = 1_000_000
_SIGNATURE_BYTES: Final = 64
_KINDS: Final[Mapping[EntryKind, ledger_pb2.LedgerEntryKind.ValueType]] = {
    EntryKind.OPEN: ledger_pb2.LEDGER_ENTRY_KIND_OPEN,
    EntryKind.CONTENT: ledger_pb2.LEDGER_ENTRY_KIND_CONTENT,
    EntryKind.OUTCOME: ledger_pb2.LEDGER_ENTRY_KIND_OUTCOME,
    EntryKind.CONTROL: ledger_pb2.LEDGER_ENTRY_KIND_CONTROL,
    EntryKind.RECOVERY: ledger_pb2.LEDGER_ENTRY_KIND_RECOVERY,
    EntryKind.KEY_CHANGE: ledger_pb2.LEDGER_ENTRY_KIND_KEY_CHANGE,
    EntryKind.APPROVAL: ledger_pb2.LEDGER_ENTRY_KIND_APPROVAL,
}


@dataclass(frozen=True, slots=True)
class LedgerReference:
    """The entry that records a passage, as the gateway is told of it."""

    position: int
    """Counted from 0."""
    head_mac: bytes
    """The entry's MAC, 32 bytes."""


def reference_to(head: Head) -> LedgerReference:
    """Return what a call that ``head`` records says about it."""
    return LedgerReference(position=head.position, head_mac=head.mac)


def encode_ledger_reference(reference: LedgerReference) -> ledger_pb2.LedgerReference:
    """Return the message of a reference."""
    return ledger_pb2.LedgerReference(position=reference.position, head_mac=reference.head_mac)


def decode_ledger_reference(
    message: ledger_pb2.LedgerReference, field: str = "ledger"
) -> LedgerReference:
    """Return the reference of a message that is present."""
    return LedgerReference(
        position=bounds.whole(message.position, f"{field}.position"),
        head_mac=bounds.digest(message.head_mac, f"{field}.head_mac"),
    )


def encode_ledger_head(head: Head, device: str = "") -> ledger_pb2.LedgerHead:
    """Return the message of a head."""
    return ledger_pb2.LedgerHead(
        device_id=device,
        position=head.position,
        hash=head.hash,
        mac=head.mac,
        recorded_at=encode_moment(head.at),
    )


def decode_ledger_head(message: ledger_pb2.LedgerHead, field: str) -> Head:
    """Return the head of a message that is present; whose it is says the certificate."""
    return Head(
        position=bounds.whole(message.position, f"{field}.position"),
        hash=bounds.digest(message.hash, f"{field}.hash"),
        mac=bounds.digest(message.mac, f"{field}.mac"),
        at=decode_moment(message.recorded_at, f"{field}.recorded_at"),
    )


def encode_countersignature(signed: Countersignature) -> ledger_pb2.Countersignature:
    """Return the message of a countersignature."""
    seen = signed.seen
    return ledger_pb2.Countersignature(
        head=ledger_pb2.LedgerHead(
            device_id=seen.device, position=seen.position, hash=seen.hash, mac=seen.mac
        ),
        key_id=signed.key_id,
        signed_at=encode_moment(seen.seen_at),
        signature=signed.signature,
    )


def decode_countersignature(message: ledger_pb2.Countersignature, field: str) -> Countersignature:
    """Return the countersignature of a message; whether it is true is not checked here."""
    head = message.head
    seen = Seen(
        device=DeviceId(bounds.name(head.device_id, f"{field}.head.device_id")),
        position=bounds.whole(head.position, f"{field}.head.position"),
        mac=bounds.digest(head.mac, f"{field}.head.mac"),
        hash=bounds.digest(head.hash, f"{field}.head.hash") if head.hash else b"",
        seen_at=decode_moment(message.signed_at, f"{field}.signed_at"),
    )
    return Countersignature(
        seen=seen,
        key_id=bounds.name(message.key_id, f"{field}.key_id"),
        signature=bounds.digest(
            message.signature, f"{field}.signature", size_bytes=_SIGNATURE_BYTES
        ),
    )


def encode_ledger_entry(entry: Entry) -> ledger_pb2.LedgerEntry:
    """Return the message of an entry."""
    return ledger_pb2.LedgerEntry(
        position=entry.position,
        kind=_KINDS[entry.kind],
        recorded_at=encode_moment(entry.at),
        line=entry.line,
    )


def decode_ledger_entry(message: ledger_pb2.LedgerEntry) -> Entry:
    """Return the entry of a message, read from its line alone; the chain is not checked here.

    Raises:
        RequestInvalid: The line is no entry, or the other fields say something else.
    """
    if len(message.line) > _MAX_LINE_BYTES:
        raise RequestInvalid(f"longer than {_MAX_LINE_BYTES} bytes", field="entry.line")
    try:
        entry = parse_line(message.line)
    except LedgerCorrupt:
        raise RequestInvalid("is not a ledger entry", field="entry.line") from None
    if (message.position, message.kind) != (entry.position, _KINDS[entry.kind]):
        raise RequestInvalid("does not say what its line says", field="entry")
    return entry
