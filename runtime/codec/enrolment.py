"""How a device gets its certificate, to and from the messages of the open enrolment port.

Only sizes and forms are checked here; whether a token is good or a signature true is the
gateway's to decide.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from leeward.v1 import enrolment_pb2 as pb
from runtime.codec import bounds
from runtime.codec.moments import decode_moment, encode_moment
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
        csr_pem=bounds.pem(message.csr_pem, "csr_pem"),
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
        expired_certificate_pem=bounds.pem(
            message.expired_certificate_pem, "expired_certificate_pem"
        ),
        nonce=bounds.digest(message.nonce, "nonce"),
        proof=bounds.sized(message.proof, "proof", at_most_bytes=_MAX_SIGNATURE_BYTES),
        csr_pem=bounds.pem(message.csr_pem, "csr_pem"),
    )


@bounds.encodable()
def encode_nonce_response(nonce: Nonce) -> pb.GetNonceResponse:
    """Return the message of a nonce."""
    return pb.GetNonceResponse(nonce=nonce.value, expires_at=encode_moment(nonce.expires_at))


def decode_nonce_response(message: pb.GetNonceResponse) -> Nonce:
    """Return the nonce of a message."""
    return Nonce(
        value=bounds.digest(message.nonce, "nonce"),
        expires_at=decode_moment(message.expires_at, "expires_at"),
    )


@bounds.encodable()
def encode_credentials(credentials: Credentials) -> pb.Credentials:
    """Return the message of credentials, for the answers to enrol and to recover."""
    return pb.Credentials(
        certificate_chain_pem=credentials.certificate_chain_pem,
        ca_bundle_pem=credentials.ca_bundle_pem,
        gateway_address=credentials.gateway_address,
        expires_at=encode_moment(credentials.expires_at),
        device_id=credentials.device_id,
    )


def decode_credentials(message: pb.Credentials) -> Credentials:
    """Return the credentials of a message."""
    return Credentials(
        certificate_chain_pem=bounds.pem(message.certificate_chain_pem, "certificate_chain_pem"),
        ca_bundle_pem=bounds.pem(message.ca_bundle_pem, "ca_bundle_pem"),
        gateway_address=bounds.name(message.gateway_address, "gateway_address"),
        expires_at=decode_moment(message.expires_at, "expires_at"),
        device_id=DeviceId(bounds.name(message.device_id, "device_id")),
    )
