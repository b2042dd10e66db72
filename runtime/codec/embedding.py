"""Embedding calls and their vectors, to and from their messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from leeward.v1 import inference_pb2 as pb
from runtime.codec import bounds
from runtime.codec.chat import decode_usage, encode_usage
from runtime.codec.inference import decode_provenance, encode_provenance
from runtime.codec.label import decode_label_or_unsure, encode_label
from runtime.codec.ledger import LedgerReference, encode_ledger_reference
from runtime.ids import ModelName
from runtime.ports import EmbedRequest, Usage

__all__ = [
    "EmbedResult",
    "decode_embed_request",
    "decode_embed_response",
    "encode_embed_request",
    "encode_embed_response",
]


@dataclass(frozen=True, slots=True)
class EmbedResult:
    """The vectors, in the order of the texts."""

    embeddings: tuple[tuple[float, ...], ...]
    model: ModelName
    usage: Usage


@bounds.encodable()
def encode_embed_request(
    call: EmbedRequest, *, ledger: LedgerReference | None = None
) -> pb.EmbedRequest:
    """Return the message of an embedding call."""
    return pb.EmbedRequest(
        model=call.model,
        texts=call.texts,
        label=encode_label(call.label),
        provenance=encode_provenance(call.provenance) if call.provenance else None,
        ledger=encode_ledger_reference(ledger) if ledger else None,
    )


def decode_embed_request(message: pb.EmbedRequest, *, timeout_s: float) -> EmbedRequest:
    """Return the embedding call of a message.

    Args:
        message: As received.
        timeout_s: Time left of the caller's deadline, seconds.
    """
    bounds.count(message.texts, "texts", at_least=1, at_most=bounds.MAX_TEXTS)
    return EmbedRequest(
        model=ModelName(bounds.name(message.model, "model")),
        texts=tuple(bounds.text(item, f"texts[{at}]") for at, item in enumerate(message.texts)),
        label=decode_label_or_unsure(message.label, "label", present=message.HasField("label")),
        provenance=(
            decode_provenance(message.provenance) if message.HasField("provenance") else None
        ),
        timeout_s=timeout_s,
    )


@bounds.encodable()
def encode_embed_response(
    embeddings: Sequence[Sequence[float]], *, model: ModelName, usage: Usage
) -> pb.EmbedResponse:
    """Return the message of an embedding call's vectors."""
    return pb.EmbedResponse(
        embeddings=[pb.Embedding(values=values) for values in embeddings],
        model=model,
        usage=encode_usage(usage),
    )


def decode_embed_response(message: pb.EmbedResponse, *, texts: int) -> EmbedResult:
    """Return the vectors of a message.

    Args:
        message: As received.
        texts: How many vectors were asked for; another number is refused.
    """
    bounds.count(message.embeddings, "embeddings", at_least=texts, at_most=texts)
    return EmbedResult(
        embeddings=tuple(
            _decode_vector(item, f"embeddings[{at}]") for at, item in enumerate(message.embeddings)
        ),
        model=ModelName(bounds.optional_name(message.model, "model")),
        usage=decode_usage(message.usage),
    )


def _decode_vector(message: pb.Embedding, field: str) -> tuple[float, ...]:
    values = message.values
    bounds.count(values, field, at_least=1, at_most=bounds.MAX_VECTOR_VALUES)
    return tuple(bounds.number(value, field, low=-1e30, high=1e30) for value in values)
