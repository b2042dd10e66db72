"""Whatever bytes arrive, decoding ends in a value or in a named refusal."""

from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf.message import DecodeError, Message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leeward.v1 import collaboration_pb2, enrolment_pb2, inference_pb2, ledger_pb2
from runtime.codec.collaboration import (
    decode_plan_request,
    decode_plan_response,
    decode_run_request,
)
from runtime.codec.embedding import decode_embed_request, decode_embed_response
from runtime.codec.enrolment import (
    decode_credentials,
    decode_enrol_request,
    decode_nonce_response,
    decode_recover_request,
)
from runtime.codec.events import decode_event
from runtime.codec.inference import (
    decode_chunk,
    decode_generate_request,
    decode_passage,
    decode_served_models,
)
from runtime.codec.ledger import decode_ledger_entry
from runtime.errors import GraphInvalid, RequestInvalid

Decoder = Callable[[Any], object]
DECODERS: list[tuple[type[Message], Decoder]] = [
    (inference_pb2.GenerateRequest, lambda message: decode_generate_request(message, timeout_s=1)),
    (inference_pb2.GenerateRequest, decode_passage),
    (inference_pb2.GenerateResponse, decode_chunk),
    (inference_pb2.EmbedRequest, lambda message: decode_embed_request(message, timeout_s=1)),
    (inference_pb2.EmbedResponse, lambda message: decode_embed_response(message, texts=1)),
    (inference_pb2.ListModelsResponse, decode_served_models),
    (collaboration_pb2.PlanRequest, decode_plan_request),
    (collaboration_pb2.PlanResponse, decode_plan_response),
    (collaboration_pb2.RunRequest, decode_run_request),
    (collaboration_pb2.RunResponse, decode_event),
    (ledger_pb2.LedgerEntry, decode_ledger_entry),
    (enrolment_pb2.EnrollRequest, decode_enrol_request),
    (enrolment_pb2.RecoverRequest, decode_recover_request),
    (enrolment_pb2.GetNonceResponse, decode_nonce_response),
    (enrolment_pb2.Credentials, decode_credentials),
]


def decode_or_refuse(kind: type[Message], decode: Decoder, data: bytes) -> None:
    try:
        message = kind.FromString(data)
    except DecodeError:
        return
    try:
        decode(message)
    except (RequestInvalid, GraphInvalid):
        return


def varint(number: int) -> bytes:
    if number < 128:
        return bytes((number,))
    return bytes((number & 127 | 128,)) + varint(number >> 7)


def fields(content: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """Well-formed fields, so that random bytes get past the parser and into the codec."""
    numbers = st.integers(1, 16)
    length_delimited = st.builds(
        lambda number, inner: varint(number << 3 | 2) + varint(len(inner)) + inner, numbers, content
    )
    scalars = st.one_of(
        st.builds(
            lambda number, value: varint(number << 3) + varint(value),
            numbers,
            st.integers(0, 2**64 - 1),
        ),
        st.builds(
            lambda number, value: varint(number << 3 | 1) + value,
            numbers,
            st.binary(min_size=8, max_size=8),
        ),
        st.builds(
            lambda number, value: varint(number << 3 | 5) + value,
            numbers,
            st.binary(min_size=4, max_size=4),
        ),
    )
    return st.lists(length_delimited | scalars, max_size=6).map(b"".join)


LEAVES = st.text(max_size=9).map(str.encode) | st.binary(max_size=40)
WIRE_BYTES = fields(st.recursive(LEAVES, fields, max_leaves=8))


@pytest.mark.parametrize(("kind", "decode"), DECODERS)
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.binary(max_size=200))
def test_random_bytes_are_decoded_or_refused(
    kind: type[Message], decode: Decoder, data: bytes
) -> None:
    decode_or_refuse(kind, decode, data)


@pytest.mark.parametrize(("kind", "decode"), DECODERS)
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=WIRE_BYTES)
def test_well_formed_nonsense_is_decoded_or_refused(
    kind: type[Message], decode: Decoder, data: bytes
) -> None:
    decode_or_refuse(kind, decode, data)
