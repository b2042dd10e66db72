"""Moments in time, to and from the well-known message."""

from __future__ import annotations

from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from runtime.errors import RequestInvalid

__all__ = ["decode_moment", "encode_moment"]


def encode_moment(moment: datetime) -> Timestamp:
    """Return the message of an aware moment."""
    timestamp = Timestamp()
    timestamp.FromDatetime(moment)
    return timestamp


def decode_moment(timestamp: Timestamp, field_path: str) -> datetime:
    """Return the moment of a message, in UTC.

    Raises:
        RequestInvalid: It is none.
    """
    try:
        return timestamp.ToDatetime(UTC)
    except (ValueError, OverflowError):
        raise RequestInvalid("is not a moment in time", field=field_path) from None
