"""What `reference.llama_process` asks its child process, and what it is answered."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

__all__ = ["Answer", "Decode", "Decoded", "Evaluate", "Precision", "Request", "Tokenize"]


@dataclass(frozen=True, slots=True)
class Tokenize:
    """Turn text with special tokens in it into ids."""

    text: str


@dataclass(frozen=True, slots=True)
class Evaluate:
    """Compute the logits of every token, read in one go."""

    tokens: list[int]


@dataclass(frozen=True, slots=True)
class Decode:
    """Continue a prompt greedily, one token at a time."""

    prompt: list[int]
    max_tokens: int


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer a chat greedily, as the stock server does."""

    messages: list[dict[str, str]]
    max_tokens: int


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """A greedy continuation; its last token may be the end token."""

    tokens: list[int]
    logits: npt.NDArray[np.float32]
    """From which each token was chosen, shape ``(tokens, vocabulary)``."""


Request = Tokenize | Evaluate | Decode | Answer

Precision = Literal["served", "exact"]
"""``served``: Q8_0 products round the activations, keys and values are kept as f16.
``exact``: the same weights as f32, and so is everything else.
"""
