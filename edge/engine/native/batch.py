"""What one decode is given: parts of sequences, laid out as libllama wants them."""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import llama_cpp
import numpy as np

__all__ = ["Batch", "Part"]

_POINTER: Final = ctypes.POINTER(llama_cpp.llama_seq_id)


@dataclass(frozen=True, slots=True)
class Part:
    """What a batch adds to one sequence."""

    sequence: int
    position: int
    """Where in the sequence the first token stands."""
    tokens: Sequence[int]
    wants_logits: bool
    """Whether what follows the last token is asked for."""
    guesses: int = 0
    """How many of the last tokens are guesses: what follows each of them is asked for, too, and
    what follows the token before them."""


class Batch:
    """A ``llama_batch`` over arrays of our own, which NumPy fills faster than ctypes.

    Args:
        capacity: Most tokens that it holds.
    """

    def __init__(self, capacity: int) -> None:
        self._tokens = np.zeros(capacity, dtype=np.int32)
        self._positions = np.zeros(capacity, dtype=np.int32)
        self._sequences = np.zeros(capacity, dtype=np.int32)
        self._counts = np.ones(capacity, dtype=np.int32)
        self._wanted = np.zeros(capacity, dtype=np.int8)
        step = self._sequences.itemsize
        self._places = self._sequences.ctypes.data + step * np.arange(capacity, dtype=np.uint64)
        self._steps = np.arange(capacity, dtype=np.int32)
        self.native = llama_cpp.llama_batch(
            n_tokens=0,
            token=self._tokens.ctypes.data_as(ctypes.POINTER(llama_cpp.llama_token)),
            embd=None,
            pos=self._positions.ctypes.data_as(ctypes.POINTER(llama_cpp.llama_pos)),
            n_seq_id=self._counts.ctypes.data_as(ctypes.POINTER(ctypes.c_int32)),
            seq_id=self._places.ctypes.data_as(ctypes.POINTER(_POINTER)),
            logits=self._wanted.ctypes.data_as(ctypes.POINTER(ctypes.c_int8)),
        )

    def fill(self, parts: Sequence[Part], *, every_row: bool = False) -> list[int]:
        """Lay the parts out one after another; return each one's last row.

        Args:
            parts: What to lay out.
            every_row: Ask for the output of every token, as embeddings need it.
        """
        rows, start = [], 0
        for part in parts:
            end = start + len(part.tokens)
            self._tokens[start:end] = part.tokens
            self._positions[start:end] = self._steps[: end - start] + part.position
            self._sequences[start:end] = part.sequence
            self._wanted[start:end] = every_row
            self._wanted[end - 1 - part.guesses : end] = part.wants_logits
            rows.append(end - 1)
            start = end
        self.native.n_tokens = start
        return rows
