"""How well an ONNX decoder agrees with llama.cpp on greedy answers to the same prompts.

Knows two engines with logits; knows neither files nor questions. llama.cpp answers token by
token, the decoder follows its choices with a cache of its own, and the logits are compared.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reference.llama_process import LlamaProcess
from reference.llama_requests import Decoded
from reference.onnx_decoder import OnnxDecoder

__all__ = ["EngineAgreement", "Tolerance", "compare"]

Logits = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far two engines may be apart."""

    logits: float
    """Largest difference over the vocabulary; two best logits closer than it are a near tie."""
    share: float
    """Share of the tokens that must be within it."""


@dataclass(frozen=True, slots=True)
class EngineAgreement:
    """What a comparison found. A token's logit difference is the largest over the vocabulary."""

    tolerance: Tolerance
    questions: int
    tokens: int
    tokens_within: int
    """Tokens whose logit difference is within the tolerance."""
    largest_difference: float
    p99_difference: float
    """Over the tokens."""
    near_ties: int
    """Tokens where llama.cpp's two best logits are within the tolerance of each other."""
    near_ties_decided_otherwise: int
    """Near ties where the decoder prefers another token; llama.cpp's is followed."""
    disagreements: int
    """Tokens that are no near tie and where the decoder prefers another."""
    prefill_difference: float
    """Largest logit difference between decoding step by step and reading all in one go."""

    @property
    def is_good(self) -> bool:
        """Whether enough logits are within the tolerance and no choice but near ties differs."""
        enough = self.tokens_within >= self.tolerance.share * self.tokens
        return enough and self.disagreements == 0


def compare(
    llama: LlamaProcess,
    decoder: OnnxDecoder,
    prompts: Iterable[str],
    *,
    tolerance: Tolerance,
    max_tokens: int,
) -> EngineAgreement:
    """Answer every prompt with both engines.

    Args:
        llama: The GGUF file in llama.cpp.
        decoder: The ONNX file.
        prompts: Chats as text with special tokens, at least one.
        tolerance: For logits and near ties.
        max_tokens: Longest answer.
    """
    answers = [_answered(llama, decoder, prompt, max_tokens) for prompt in prompts]
    differences = np.concatenate([answer.differences for answer in answers])
    is_near = np.concatenate([answer.margins for answer in answers]) <= tolerance.logits
    is_other = np.concatenate([answer.is_other for answer in answers])
    return EngineAgreement(
        tolerance=tolerance,
        questions=len(answers),
        tokens=len(differences),
        tokens_within=int((differences <= tolerance.logits).sum()),
        largest_difference=float(differences.max()),
        p99_difference=float(np.quantile(differences, 0.99)),
        near_ties=int(is_near.sum()),
        near_ties_decided_otherwise=int((is_near & is_other).sum()),
        disagreements=int((is_other & ~is_near).sum()),
        prefill_difference=max(answer.prefill_difference for answer in answers),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Answered:
    """One answer, token by token."""

    differences: npt.NDArray[np.float32]
    margins: npt.NDArray[np.float32]
    """Between llama.cpp's two best logits."""
    is_other: npt.NDArray[np.bool_]
    prefill_difference: float


def _answered(llama: LlamaProcess, decoder: OnnxDecoder, prompt: str, max_tokens: int) -> _Answered:
    read = llama.tokenize(prompt)
    room = decoder.facts.context_tokens - len(read)
    written = llama.decode(read, max_tokens=min(max_tokens, room))
    stepped = _stepwise(decoder, read, written)
    at_once, _ = decoder.advance(
        np.array([[*read, *written.tokens[:-1]]], np.int64), decoder.empty()
    )
    best = np.sort(written.logits, axis=1)[:, -2:]
    return _Answered(
        differences=np.abs(stepped - written.logits).max(axis=1),
        margins=best[:, 1] - best[:, 0],
        is_other=stepped.argmax(axis=1) != written.tokens,
        prefill_difference=float(np.abs(at_once[0, len(read) - 1 :] - stepped).max()),
    )


def _stepwise(decoder: OnnxDecoder, read: list[int], written: Decoded) -> Logits:
    """Logits of every written token, from a cache that grows by one token at a time."""
    cache, following = decoder.empty(), read
    rows: list[Logits] = []
    for token in written.tokens:
        logits, cache = decoder.advance(np.array([following], np.int64), cache)
        rows.append(logits[0, -1])
        following = [token]
    return np.stack(rows)
