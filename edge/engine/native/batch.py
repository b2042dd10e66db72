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
    """A ``llama_batch`` over arrays of our own.

    Each is seen twice: NumPy fills stretches of a prompt faster, and ctypes the single tokens of
    answers, which most steps are made of.

    Args:
        capacity: Most tokens that it holds.
    """

    def __init__(self, capacity: int) -> None:
        self._tokens = (llama_cpp.llama_token * capacity)()
        self._positions = (llama_cpp.llama_pos * capacity)()
        self._sequences = (llama_cpp.llama_seq_id * capacity)()
        self._wanted = (ctypes.c_int8 * capacity)()
        self._counts = (ctypes.c_int32 * capacity)(*[1] * capacity)
        first, step = ctypes.addressof(self._sequences), ctypes.sizeof(llama_cpp.llama_seq_id)
        self._places = (ctypes.c_void_p * capacity)(*range(first, first + step * capacity, step))
        self._token_row = np.ctypeslib.as_array(self._tokens)
        self._position_row = np.ctypeslib.as_array(self._positions)
        self._sequence_row = np.ctypeslib.as_array(self._sequences)
        self._wanted_row = np.ctypeslib.as_array(self._wanted)
        self._steps = np.arange(capacity, dtype=np.int32)
        self.native = llama_cpp.llama_batch(
            n_tokens=0,
            token=self._tokens,
            embd=None,
            pos=self._positions,
            n_seq_id=self._counts,
            seq_id=ctypes.cast(self._places, ctypes.POINTER(_POINTER)),
            logits=self._wanted,
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
            if end - start == 1:
                self._tokens[start] = part.tokens[0]
                self._positions[start] = part.position
                self._sequences[start] = part.sequence
                self._wanted[start] = every_row or part.wants_logits
            else:
                self._fill_stretch(start, end, part, every_row=every_row)
            rows.append(end - 1)
            start = end
        self.native.n_tokens = start
        return rows

    def _fill_stretch(self, start: int, end: int, part: Part, *, every_row: bool) -> None:
        self._token_row[start:end] = part.tokens
        self._position_row[start:end] = self._steps[: end - start] + part.position
        self._sequence_row[start:end] = part.sequence
        self._wanted_row[start:end] = every_row
        self._wanted_row[end - 1 - part.guesses : end] = part.wants_logits
