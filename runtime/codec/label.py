"""Labels and release records to and from their messages.

An absent label decodes to ``unsure``: a sender that does not say is not believed to be public.
"""

from __future__ import annotations

from collections.abc import Iterable

from leeward.v1 import label_pb2
from runtime.codec import bounds
from runtime.codec.enums import RELEASE_KINDS
from runtime.errors import RequestInvalid
from runtime.labels import UNSURE, Label
from runtime.policy.model import ReleaseKind
from runtime.ports import ReleaseRecord

__all__ = [
    "decode_label",
    "decode_label_or_unsure",
    "decode_release",
    "decode_releases",
    "encode_label",
    "encode_release",
    "encode_release_of_receipt",
]


def encode_label(label: Label) -> label_pb2.Label:
    """Return the message of a label."""
    return label_pb2.Label(categories=label.names())


def decode_label(message: label_pb2.Label, field: str) -> Label:
    """Return the label of a message that is present."""
    return Label(frozenset(bounds.categories(message.categories, f"{field}.categories")))


def decode_label_or_unsure(message: label_pb2.Label, field: str, *, present: bool) -> Label:
    """Return the label of a message that may be absent."""
    return decode_label(message, field) if present else Label(frozenset({UNSURE}))


def encode_release(record: ReleaseRecord) -> label_pb2.ReleaseRecord:
    """Return the message of a release record, without who approved it."""
    try:
        kind = ReleaseKind(record.by)
    except ValueError:
        raise RequestInvalid("is not a known release", field="by") from None
    return label_pb2.ReleaseRecord(
        by=RELEASE_KINDS.encode(kind), categories=sorted(record.categories), spans=record.spans
    )


def encode_release_of_receipt(record: ReleaseRecord) -> label_pb2.ReleaseRecord:
    """Return the message of a release record for a caller on this device, who may know it all."""
    message = encode_release(record)
    message.approver = record.approver
    return message


def decode_release(message: label_pb2.ReleaseRecord, field: str) -> ReleaseRecord:
    """Return the release record of a message."""
    return ReleaseRecord(
        by=RELEASE_KINDS.decode(message.by, f"{field}.by").value,
        categories=bounds.categories(message.categories, f"{field}.categories"),
        spans=message.spans,
        approver=bounds.optional_name(message.approver, f"{field}.approver"),
    )


def decode_releases(
    messages: Iterable[label_pb2.ReleaseRecord], field: str
) -> tuple[ReleaseRecord, ...]:
    """Return a bounded list of release records."""
    listed = tuple(messages)
    bounds.count(listed, field, at_most=bounds.MAX_RECORDS)
    return tuple(decode_release(item, f"{field}[{place}]") for place, item in enumerate(listed))
