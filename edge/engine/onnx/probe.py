"""What a decoder graph can do, found out by trying, once, while it is loaded.

Exports differ in what their names do not tell: whether several sequences of different lengths
may be computed side by side, and for which tokens there are logits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from edge.engine.onnx.blocks import Block, Held, gathered
from edge.engine.onnx.graph import DecoderGraph, Ids, Logits, Past
from runtime.errors import EngineCrashed, ModelInvalid

__all__ = ["GraphTraits", "probe"]

_LONG, _SHORT = 5, 2
_STEP: Final = 37
_LEAST_LIKENESS: Final = 0.97
"""Cosine between the logits of a text read whole and read in two parts. A graph that computes on
8-bit activations rounds each part anew and stays above 0.99."""
_SAME: Final = 2e-3
"""Largest difference of logits, as a share of their spread, up to which they count as the same."""


@dataclass(frozen=True, slots=True)
class GraphTraits:
    """How a graph may be used."""

    vocabulary_size: int
    """Tokens that it gives logits for."""
    has_every_row: bool
    """Whether it gives logits for every token of a run, not for the last one only."""
    may_join: bool
    """Whether a sequence's logits stay the same when others are computed beside it."""


def probe(graph: DecoderGraph, *, tokens: int) -> GraphTraits:
    """Try a graph.

    Args:
        graph: What to try.
        tokens: How many tokens its tokenizer knows.

    Raises:
        ModelInvalid: It does not decode as its names promise.
    """
    ids = (np.arange(1, _LONG + _SHORT + 1) * _STEP % tokens).astype(np.int64)
    try:
        return _tried(graph, long=ids[:_LONG], short=ids[_LONG:])
    except EngineCrashed as error:
        raise ModelInvalid(f"it fails on a few tokens: {error}") from None


def _tried(graph: DecoderGraph, *, long: Ids, short: Ids) -> GraphTraits:
    whole, past = _read(graph, long, graph.empty(1), cached=0)
    held = _held(past, len(long))
    _, begun = _read(graph, long[:_SHORT], graph.empty(1), cached=0)
    rest, _ = _read(graph, long[_SHORT:], begun, cached=_SHORT)
    if _likeness(whole[-1], rest[-1]) < _LEAST_LIKENESS:
        raise ModelInvalid("what it computes behind a cache is not what it computes without one")
    return GraphTraits(
        vocabulary_size=whole.shape[1],
        has_every_row=len(whole) == len(long),
        may_join=_joins(graph, held, short),
    )


def _joins(graph: DecoderGraph, long: Held, short: Ids) -> bool:
    """Whether two sequences of different lengths say the same side by side as each by itself."""
    try:
        _, past = _read(graph, short, graph.empty(1), cached=0)
        both = [long, _held(past, len(short))]
        alone = [_next(graph, [one])[0] for one in both]
        joined = _next(graph, both)
    except (EngineCrashed, ModelInvalid):
        return False
    return all(_is_same(one, other) for one, other in zip(alone, joined, strict=True))


def _next(graph: DecoderGraph, held: Sequence[Held]) -> Logits:
    """Return what follows token 1 behind each sequence, shape ``(sequences, vocabulary)``."""
    past, mask = gathered(graph, held)
    ones = np.ones((len(held), 1), np.int64)
    logits, _ = graph.run(ones, np.concatenate((mask, ones), axis=1), past)
    return _real(logits)[:, -1]


def _read(graph: DecoderGraph, ids: Ids, past: Past, *, cached: int) -> tuple[Logits, Past]:
    """Return the logits of one sequence's tokens, shape ``(tokens or 1, vocabulary)``."""
    mask = np.ones((1, cached + len(ids)), np.int64)
    logits, present = graph.run(ids[None], mask, past)
    return _real(logits)[0], present


def _held(past: Past, tokens: int) -> Held:
    kept = {value.shape()[2] for value in past}
    if kept != {tokens}:
        raise ModelInvalid(f"it keeps {sorted(kept)} of {tokens} tokens in its cache")
    return Held(Block(past, 1, tokens), row=0, start=0, length=tokens)


def _real(logits: Any) -> Logits:
    found: Logits = logits.numpy().astype(np.float32)
    if found.ndim != 3 or not np.isfinite(found).all():  # batch, tokens, vocabulary
        raise ModelInvalid("its logits are not numbers of shape (batch, tokens, vocabulary)")
    return found


def _likeness(one: Logits, other: Logits) -> float:
    first, second = one - one.mean(), other - other.mean()
    lengths = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(first @ second) / lengths if lengths else 1.0


def _is_same(one: Logits, other: Logits) -> bool:
    return float(np.abs(one - other).max()) <= _SAME * max(float(np.ptp(one)), 1e-6)
