"""Decode with an ONNX file of a reference model: onnxruntime, one thread, a fed-back KV cache.

Knows the inputs and outputs of `reference.onnx_graph` and the facts in the file. Knows no text:
token ids in, token ids out.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from runtime.onnx_runtime import onnxruntime

__all__ = ["Cache", "ContextFull", "Facts", "OnnxDecoder", "Sampling", "pad_left"]

Tokens = npt.NDArray[np.int64]
Logits = npt.NDArray[np.float32]

_PREFIX: Final = "leeward."


class ContextFull(ValueError):
    """More tokens than the model was made for."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the file says about its model."""

    name: str
    family: str
    context_tokens: int
    bos_token_id: int
    eos_token_id: int
    pad_token_id: int
    gguf_sha256: str
    """Of the GGUF file whose weights these are."""


@dataclass(frozen=True, slots=True, eq=False)
class Cache:
    """Keys and values of the tokens seen so far."""

    parts: tuple[npt.NDArray[np.float32], ...]
    """Key, then value of each layer, each of shape ``(batch, kv_heads, tokens, head_width)``."""
    mask: Tokens
    """Shape ``(batch, tokens)``: 1 for a token, 0 for padding."""

    @property
    def tokens(self) -> int:
        """How many tokens it holds, padding included."""
        return int(self.mask.shape[1])


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a next token is chosen."""

    temperature: float
    """Logits are divided by it; > 0."""
    rng: random.Random


class OnnxDecoder:
    """One loaded model.

    Args:
        path: The ONNX file; verify it first, `reference.weights.onnx_path` does.
        threads: CPU threads; one is quickest for models this small.
    """

    def __init__(self, path: Path, *, threads: int = 1) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
        self._past = [i for i in self._session.get_inputs() if i.name.startswith("past_key_values")]
        self.facts = _facts(self._session.get_modelmeta().custom_metadata_map)

    def empty(self, batch: int = 1) -> Cache:
        """The cache before the first token."""
        parts = tuple(
            np.zeros((batch, part.shape[1], 0, part.shape[3]), np.float32) for part in self._past
        )
        return Cache(parts, np.zeros((batch, 0), np.int64))

    def advance(
        self, tokens: Tokens, cache: Cache, *, mask: Tokens | None = None
    ) -> tuple[Logits, Cache]:
        """Read tokens that follow those in the cache.

        Args:
            tokens: Ids of shape ``(batch, length)``.
            cache: What came before; it is not changed, so it may be gone on from twice.
            mask: Shape of ``tokens``, 0 where a token is padding; none is if absent. Padding
                takes no position, so it may stand on either side.

        Returns:
            Logits of shape ``(batch, length, vocabulary)``, and the cache with the tokens added.

        Raises:
            ContextFull: A sequence would be longer than the model's context.
        """
        mask = np.ones_like(tokens) if mask is None else mask
        whole = np.concatenate((cache.mask, mask), axis=1)
        if whole.sum(axis=1).max() > self.facts.context_tokens:
            raise ContextFull(f"{self.facts.name} reads {self.facts.context_tokens} tokens at most")
        positions = np.maximum(whole.cumsum(axis=1) - 1, 0)[:, cache.tokens :]
        feed: dict[str, npt.NDArray[Any]] = {
            "input_ids": tokens,
            "attention_mask": whole,
            "position_ids": positions,
        }
        feed |= {part.name: held for part, held in zip(self._past, cache.parts, strict=True)}
        logits, *parts = self._session.run(None, feed)
        return logits, Cache(tuple(parts), whole)

    def generate(
        self, prompt: Sequence[int], *, max_tokens: int, sampling: Sampling | None = None
    ) -> Iterator[int]:
        """Write tokens until the model's end token, which is not given out, or ``max_tokens``.

        Args:
            prompt: Token ids.
            max_tokens: Most tokens to write.
            sampling: How to draw; the likeliest token if absent.

        Raises:
            ContextFull: The prompt or the answer grew past the model's context.
        """
        cache, following = self.empty(), list(prompt)
        for _ in range(max_tokens):
            logits, cache = self.advance(np.array([following], np.int64), cache)
            token = _choose(logits[0, -1], sampling)
            if token == self.facts.eos_token_id:
                return
            yield token
            following = [token]


def pad_left(sequences: Sequence[Sequence[int]], pad_token: int) -> tuple[Tokens, Tokens]:
    """Make a batch of sequences of different lengths.

    Returns:
        Tokens and mask, each of shape ``(batch, longest)``.
    """
    longest = max(len(sequence) for sequence in sequences)
    tokens = np.full((len(sequences), longest), pad_token, np.int64)
    mask = np.zeros_like(tokens)
    for row, sequence in enumerate(sequences):
        tokens[row, longest - len(sequence) :] = sequence
        mask[row, longest - len(sequence) :] = 1
    return tokens, mask


def _choose(logits: Logits, sampling: Sampling | None) -> int:
    if sampling is None:
        return int(logits.argmax())
    scaled = (logits - logits.max()) / sampling.temperature
    return sampling.rng.choices(range(len(scaled)), np.exp(scaled).tolist())[0]


def _facts(properties: dict[str, str]) -> Facts:
    found = {name.removeprefix(_PREFIX): value for name, value in properties.items()}
    return Facts(
        name=found["name"],
        family=found["family"],
        context_tokens=int(found["context_tokens"]),
        bos_token_id=int(found["bos_token_id"]),
        eos_token_id=int(found["eos_token_id"]),
        pad_token_id=int(found["pad_token_id"]),
        gguf_sha256=found["gguf_sha256"],
    )
