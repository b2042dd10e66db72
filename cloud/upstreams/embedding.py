"""A provider's answer to a request for vectors, checked: as many as texts, finite, unit length."""

import json
import math
from collections.abc import Sequence
from typing import Any, Final

from cloud.stages import Embedded
from cloud.upstreams.estimate import TokenBound, estimate_tokens, most_tokens
from cloud.upstreams.reported import read_usage
from runtime.ids import ModelName
from runtime.ports import Usage

__all__ = ["NoEmbeddings", "embedding_bound", "read_embeddings"]

_TOKENS_AROUND_A_TEXT: Final = 16
_UNIT_TOLERANCE: Final = 1e-3


class NoEmbeddings(Exception):
    """What came are no vectors for these texts."""


def embedding_bound(texts: Sequence[str]) -> TokenBound:
    """Return the most tokens that embedding ``texts`` once can be charged for."""
    return TokenBound(sum(map(most_tokens, texts)) + _TOKENS_AROUND_A_TEXT * len(texts), 0)


def read_embeddings(body: bytes, texts: Sequence[str]) -> Embedded:
    """Return the vectors of ``texts``, in their order, scaled to unit length.

    Raises:
        NoEmbeddings: The body is something else.
    """
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise NoEmbeddings from error
    items = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(items, list) or len(items) != len(texts):
        raise NoEmbeddings
    vectors: dict[int, Sequence[float]] = {}
    for place, item in enumerate(items):
        if not isinstance(item, dict):
            raise NoEmbeddings
        vectors[_index(item, place)] = _unit(item.get("embedding"))
    ordered = tuple(vectors[place] for place in sorted(vectors))
    if sorted(vectors) != list(range(len(texts))) or len({len(vector) for vector in ordered}) > 1:
        raise NoEmbeddings
    model = answer.get("model")
    return Embedded(
        ordered, ModelName(model if isinstance(model, str) else ""), _usage(answer, texts)
    )


def _index(item: dict[str, Any], place: int) -> int:
    index = item.get("index", place)
    if not isinstance(index, int):
        raise NoEmbeddings
    return index


def _unit(values: Any) -> Sequence[float]:
    if not isinstance(values, list) or not values:
        raise NoEmbeddings
    try:
        length = math.hypot(*values)
    except (TypeError, OverflowError) as error:
        raise NoEmbeddings from error
    if not math.isfinite(length) or length == 0:
        raise NoEmbeddings
    if abs(length - 1) <= _UNIT_TOLERANCE:
        return values
    return [value / length for value in values]


def _usage(answer: dict[str, Any], texts: Sequence[str]) -> Usage:
    reported = answer.get("usage")
    if isinstance(reported, dict):
        usage = read_usage(
            {**reported, "completion_tokens": 0}, embedding_bound(texts), has_text=False
        )
        if usage is not None:
            return usage
    return Usage(prompt_tokens=sum(estimate_tokens(text) for text in texts), estimated=True)
