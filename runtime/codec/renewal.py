"""Renewal of a device's certificate, to and from its messages.

Only sizes and forms are checked here; who asks is the verified certificate's to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from leeward.v1 import fleet_pb2 as pb
from runtime.codec import bounds
from runtime.codec.ledger import (
    decode_countersignature,
    decode_ledger_head,
    encode_countersignature,
    encode_ledger_head,
)
from runtime.codec.moments import decode_moment, encode_moment
from runtime.ledger.countersignature import Countersignature
from runtime.ledger.entry import Head

__all__ = [
    "RenewCall",
    "Renewed",
    "decode_renew_request",
    "decode_renew_response",
    "encode_renew_request",
    "encode_renew_response",
]


@dataclass(frozen=True, slots=True)
class RenewCall:
    """A request for a certificate for a new key."""

    csr_pem: bytes
    head: Head | None = None
    """The newest entry of the caller's ledger, to be countersigned."""


@dataclass(frozen=True, slots=True)
class Renewed:
    """The new certificate."""

    certificate_chain_pem: bytes
    """Leaf first."""
    ca_bundle_pem: bytes
    """By which the device knows its gateway from now on."""
    expires_at: datetime
    countersignature: Countersignature | None = None


@bounds.encodable()
def encode_renew_request(call: RenewCall) -> pb.RenewRequest:
    """Return the message of a call to renew."""
    head = None if call.head is None else encode_ledger_head(call.head)
    return pb.RenewRequest(csr_pem=call.csr_pem, ledger_head=head)


def decode_renew_request(message: pb.RenewRequest) -> RenewCall:
    """Return the call to renew of a message."""
    has_head = message.HasField("ledger_head")
    return RenewCall(
        csr_pem=bounds.pem(message.csr_pem, "csr_pem"),
        head=decode_ledger_head(message.ledger_head, "ledger_head") if has_head else None,
    )


@bounds.encodable()
def encode_renew_response(renewed: Renewed) -> pb.RenewResponse:
    """Return the message of a new certificate."""
    seen = renewed.countersignature
    return pb.RenewResponse(
        certificate_chain_pem=renewed.certificate_chain_pem,
        ca_bundle_pem=renewed.ca_bundle_pem,
        expires_at=encode_moment(renewed.expires_at),
        countersignature=None if seen is None else encode_countersignature(seen),
    )


def decode_renew_response(message: pb.RenewResponse) -> Renewed:
    """Return the new certificate of a message."""
    is_signed = message.HasField("countersignature")
    return Renewed(
        certificate_chain_pem=bounds.pem(message.certificate_chain_pem, "certificate_chain_pem"),
        ca_bundle_pem=bounds.pem(message.ca_bundle_pem, "ca_bundle_pem"),
        expires_at=decode_moment(message.expires_at, "expires_at"),
        countersignature=decode_countersignature(message.countersignature, "countersignature")
        if is_signed
        else None,
    )
