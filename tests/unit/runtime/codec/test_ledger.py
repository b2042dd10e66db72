"""Exported entries are what is stored, and say what their line says."""

from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from leeward.v1 import ledger_pb2
from runtime.codec.ledger import (
    LedgerReference,
    decode_ledger_entry,
    encode_ledger_entry,
    reference_to,
)
from runtime.errors import RequestInvalid
from runtime.ledger.entry import Entry, Unsealed, parse_line, seal_line
from runtime.ledger.record import EntryKind, Opened, record_to_fields


@pytest.fixture
def entry() -> Entry:
    unsealed = Unsealed(
        position=7,
        kind=EntryKind.OPEN,
        at=datetime(2026, 11, 24, tzinfo=UTC),
        previous=bytes(32),
        key_id="k",
        fields=record_to_fields(Opened(software_version="0.1.0")),
    )
    line, _ = seal_line(unsealed, signing_key=Ed25519PrivateKey.generate(), mac_key=bytes(32))
    return parse_line(line)


def test_an_entry_survives_the_wire(entry: Entry) -> None:
    received = ledger_pb2.LedgerEntry.FromString(encode_ledger_entry(entry).SerializeToString())

    assert decode_ledger_entry(received) == entry
    assert received.recorded_at.ToDatetime(UTC) == entry.at


def test_a_call_refers_to_the_entry_that_records_it(entry: Entry) -> None:
    assert reference_to(entry.head) == LedgerReference(position=7, head_mac=entry.mac)


@pytest.mark.parametrize(
    "changes", [{"position": 8}, {"kind": ledger_pb2.LEDGER_ENTRY_KIND_CONTENT}]
)
def test_an_entry_that_does_not_say_what_its_line_says_is_refused(
    entry: Entry, changes: dict[str, int]
) -> None:
    message = encode_ledger_entry(entry)
    for name, value in changes.items():
        setattr(message, name, value)

    with pytest.raises(RequestInvalid, match="does not say"):
        decode_ledger_entry(message)


@pytest.mark.parametrize("line", [b"", b"{}", bytes(1_000_001)])
def test_a_line_that_is_no_entry_is_refused(line: bytes) -> None:
    with pytest.raises(RequestInvalid, match=r"entry\.line"):
        decode_ledger_entry(ledger_pb2.LedgerEntry(line=line))
