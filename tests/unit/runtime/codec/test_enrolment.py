"""What passes the open enrolment port is small, whole, and not shown."""

from datetime import UTC, datetime

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given, settings
from hypothesis import strategies as st

from leeward.v1 import enrolment_pb2 as pb
from runtime.codec.enrolment import (
    Credentials,
    EnrolCall,
    Nonce,
    RecoverCall,
    decode_credentials,
    decode_enrol_request,
    decode_nonce_response,
    decode_recover_request,
    encode_credentials,
    encode_enrol_request,
    encode_nonce_response,
    encode_recover_request,
)
from runtime.errors import RequestInvalid
from runtime.ids import DeviceId

MOMENTS = st.datetimes(
    min_value=datetime(1970, 1, 1),
    max_value=datetime(9999, 1, 1),
    timezones=st.just(UTC),
)
PEMS = st.binary(min_size=1, max_size=40)


@settings(deadline=None)
@given(PEMS, PEMS, MOMENTS)
def test_credentials_survive_the_wire(chain: bytes, bundle: bytes, end: datetime) -> None:
    credentials = Credentials(chain, bundle, "gateway.test:443", end, DeviceId("tablet-7"))

    sent = pb.Credentials.FromString(encode_credentials(credentials).SerializeToString())

    assert decode_credentials(sent) == credentials


def test_calls_and_nonces_survive_the_wire() -> None:
    enrol = EnrolCall("token", b"csr")
    recover = RecoverCall(b"old", bytes(32), b"proof", b"csr")
    nonce = Nonce(bytes(range(32)), datetime(2026, 11, 24, tzinfo=UTC))

    assert decode_enrol_request(encode_enrol_request(enrol)) == enrol
    assert decode_recover_request(encode_recover_request(recover)) == recover
    assert decode_nonce_response(encode_nonce_response(nonce)) == nonce


def test_a_join_token_is_not_shown() -> None:
    assert "sesame" not in repr(EnrolCall("sesame", b"csr"))


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (pb.EnrollRequest(csr_pem=b"csr"), "join_token"),
        (pb.EnrollRequest(join_token="t" * 257, csr_pem=b"csr"), "join_token"),
        (pb.EnrollRequest(join_token="token"), "csr_pem"),
        (pb.EnrollRequest(join_token="token", csr_pem=bytes(65 * 1024)), "csr_pem"),
    ],
)
def test_a_bad_call_to_enrol_is_refused_by_field(message: pb.EnrollRequest, field: str) -> None:
    with pytest.raises(RequestInvalid) as refusal:
        decode_enrol_request(message)

    assert refusal.value.field == field


def test_a_nonce_of_another_size_is_refused() -> None:
    message = pb.RecoverRequest(expired_certificate_pem=b"x", nonce=b"short")

    with pytest.raises(RequestInvalid, match="nonce"):
        decode_recover_request(message)


def test_a_moment_that_is_none_is_refused() -> None:
    message = pb.GetNonceResponse(nonce=bytes(32), expires_at=Timestamp(seconds=2**62))

    with pytest.raises(RequestInvalid, match="expires_at"):
        decode_nonce_response(message)


def test_a_token_that_the_wire_cannot_carry_is_a_named_failure() -> None:
    with pytest.raises(RequestInvalid):
        encode_enrol_request(EnrolCall("\ud800", b"csr"))
