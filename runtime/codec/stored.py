"""Runs, calls and answers as bytes, for whoever keeps them on its own disk.

The same messages as on the wire, one behind the other, each after its length.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import Final, TypeVar

from google.protobuf.message import DecodeError, Message

from leeward.v1 import collaboration_pb2, inference_pb2
from runtime.codec.events import decode_event, encode_event
from runtime.codec.inference import (
    decode_chunk,
    decode_generate_request,
    encode_chunk,
    generate_payload,
)
from runtime.errors import RequestInvalid
from runtime.executor.events import Event
from runtime.ports import Chunk, GenerateRequest

__all__ = [
    "pack_call",
    "pack_chunks",
    "pack_events",
    "unpack_call",
    "unpack_chunks",
    "unpack_events",
]

_LENGTH: Final = struct.Struct("<I")
MessageT = TypeVar("MessageT", bound=Message)


def pack_events(events: Iterable[Event]) -> bytes:
    """Return the bytes of a run's events."""
    return _joined(encode_event(event).SerializeToString() for event in events)


def unpack_events(data: bytes) -> tuple[Event, ...]:
    """Return the events of :func:`pack_events`.

    Raises:
        RequestInvalid: The bytes are damaged.
    """
    return tuple(
        decode_event(_parsed(collaboration_pb2.RunResponse(), part)) for part in _parts(data)
    )


def pack_call(request: GenerateRequest) -> bytes:
    """Return the bytes of a call, as they would travel."""
    return generate_payload(request)


def unpack_call(data: bytes) -> GenerateRequest:
    """Return the call of :func:`pack_call`; of its deadline nothing is kept.

    Raises:
        RequestInvalid: The bytes are damaged.
    """
    message = _parsed(inference_pb2.GenerateRequest(), data)
    return decode_generate_request(message, timeout_s=0.0, takes_tools=True)


def pack_chunks(chunks: Iterable[Chunk]) -> bytes:
    """Return the bytes of an answer's stream."""
    return _joined(encode_chunk(chunk).SerializeToString() for chunk in chunks)


def unpack_chunks(data: bytes) -> tuple[Chunk, ...]:
    """Return the stream of :func:`pack_chunks`.

    Raises:
        RequestInvalid: The bytes are damaged.
    """
    return tuple(
        decode_chunk(_parsed(inference_pb2.GenerateResponse(), part), takes_tools=True)
        for part in _parts(data)
    )


def _joined(parts: Iterable[bytes]) -> bytes:
    return b"".join(_LENGTH.pack(len(part)) + part for part in parts)


def _parts(data: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        try:
            (length,) = _LENGTH.unpack_from(data, at)
        except struct.error as error:
            raise RequestInvalid("what was kept is damaged") from error
        at += _LENGTH.size + length
        if at > len(data):
            raise RequestInvalid("what was kept is damaged")
        yield data[at - length : at]


def _parsed(message: MessageT, data: bytes) -> MessageT:
    try:
        message.ParseFromString(data)
    except DecodeError as error:
        raise RequestInvalid("what was kept is damaged") from error
    return message
