"""How a device gets its certificate, to and from the messages of the open enrolment port.

Only sizes and forms are checked here; whether a token is good or a signature true is the
gateway's to decide.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp

from leeward.v1 import enrolment_pb2 as pb
from runtime.codec import bounds
from runtime.errors import RequestInvalid
from runtime.ids import DeviceId

__all__ = [
    "Credentials",
    "EnrolCall",
    "Nonce",
    "RecoverCall",
    "decode_credentials",
    "decode_enrol_request",
    "decode_nonce_response",
    "decode_recover_request",
    "encode_credentials",
    "encode_enrol_request",
    "encode_nonce_response",
    "encode_recover_request",
]

_MAX_PEM_BYTES: Final = 64 * 1024
_MAX_SIGNATURE_BYTES: Final = 1024


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a device needs to speak to its gateway."""

    certificate_chain_pem: bytes
    """Leaf first."""
    ca_bundle_pem: bytes
    """By which the device knows its gateway."""
    gateway_address: str
    """``host:port``."""
    expires_at: datetime
    """When the certificate ends; aware, UTC."""
    device_id: DeviceId


@dataclass(frozen=True, slots=True)
class EnrolCall:
    """A join token and a request for a certificate."""

    join_token: str = field(repr=False)
    csr_pem: bytes


@dataclass(frozen=True, slots=True)
class Nonce:
    """What a recovering device signs, once."""

    value: bytes
    """32 bytes."""
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class RecoverCall:
    """Proof of the old key, and a request for a certificate."""

    expired_certificate_pem: bytes
    nonce: bytes
    """32 bytes."""
    proof: bytes
    """Signature by the old key over nonce and signing request."""
    csr_pem: bytes


@bounds.encodable()
def encode_enrol_request(call: EnrolCall) -> pb.EnrollRequest:
    """Return the message of a call to enrol."""
    return pb.EnrollRequest(join_token=call.join_token, csr_pem=call.csr_pem)


def decode_enrol_request(message: pb.EnrollRequest) -> EnrolCall:
    """Return the call to enrol of a message."""
    return EnrolCall(
        join_token=bounds.name(message.join_token, "join_token"),
        csr_pem=_pem(message.csr_pem, "csr_pem"),
    )


@bounds.encodable()
def encode_recover_request(call: RecoverCall) -> pb.RecoverRequest:
    """Return the message of a call to recover."""
    return pb.RecoverRequest(
        expired_certificate_pem=call.expired_certificate_pem,
        nonce=call.nonce,
        proof=call.proof,
        csr_pem=call.csr_pem,
    )


def decode_recover_request(message: pb.RecoverRequest) -> RecoverCall:
    """Return the call to recover of a message."""
    return RecoverCall(
        expired_certificate_pem=_pem(message.expired_certificate_pem, "expired_certificate_pem"),
        nonce=bounds.digest(message.nonce, "nonce"),
        proof=_sized(message.proof, "proof", at_most_bytes=_MAX_SIGNATURE_BYTES),
        csr_pem=_pem(message.csr_pem, "csr_pem"),
    )


@bounds.encodable()
def encode_nonce_response(nonce: Nonce) -> pb.GetNonceResponse:
    """Return the message of a nonce."""
    return pb.GetNonceResponse(nonce=nonce.value, expires_at=_timestamp(nonce.expires_at))


def decode_nonce_response(message: pb.GetNonceResponse) -> Nonce:
    """Return the nonce of a message."""
    return Nonce(
        value=bounds.digest(message.nonce, "nonce"),
        expires_at=_moment(message.expires_at, "expires_at"),
    )


@bounds.encodable()
def encode_credentials(credentials: Credentials) -> pb.Credentials:
    """Return the message of credentials, for the answers to enrol and to recover."""
    return pb.Credentials(
        certificate_chain_pem=credentials.certificate_chain_pem,
        ca_bundle_pem=credentials.ca_bundle_pem,
        gateway_address=credentials.gateway_address,
        expires_at=_timestamp(credentials.expires_at),
        device_id=credentials.device_id,
    )


def decode_credentials(message: pb.Credentials) -> Credentials:
    """Return the credentials of a message."""
    return Credentials(
        certificate_chain_pem=_pem(message.certificate_chain_pem, "certificate_chain_pem"),
        ca_bundle_pem=_pem(message.ca_bundle_pem, "ca_bundle_pem"),
        gateway_address=bounds.name(message.gateway_address, "gateway_address"),
        expires_at=_moment(message.expires_at, "expires_at"),
        device_id=DeviceId(bounds.name(message.device_id, "device_id")),
    )


def _pem(value: bytes, field_path: str) -> bytes:
    return _sized(value, field_path, at_most_bytes=_MAX_PEM_BYTES)


def _sized(value: bytes, field_path: str, *, at_most_bytes: int) -> bytes:
    if not 1 <= len(value) <= at_most_bytes:
        raise RequestInvalid(f"must be 1 to {at_most_bytes} bytes", field=field_path)
    return value


def _timestamp(moment: datetime) -> Timestamp:
    timestamp = Timestamp()
    timestamp.FromDatetime(moment)
    return timestamp


def _moment(timestamp: Timestamp, field_path: str) -> datetime:
    try:
        return timestamp.ToDatetime(UTC)
    except (ValueError, OverflowError):
        raise RequestInvalid("is not a moment in time", field=field_path) from None
