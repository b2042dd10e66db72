"""Where a model computes: one libllama context, its sequences, and the decoding of a batch.

Knows tokens, positions and numbers of sequences; not whose they are nor what follows them.
"""

import ctypes
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import llama_cpp
import numpy as np
import numpy.typing as npt

from edge.engine.frames import Load
from edge.engine.native.model import LlamaModel, LoadLog
from runtime.errors import ContextOverflow, EngineCrashed, ModelInvalid

__all__ = ["LlamaContext", "Part"]

_DEFAULT_CONTEXT_TOKENS: Final = 8192
_DEFAULT_CACHE_TOKENS: Final = 8192
_PADDING: Final = 256
"""libllama rounds the size of a context up to this."""
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


class LlamaContext:
    """The context of a model, with room for several sequences.

    Args:
        model: Who computes.
        load: With what settings. A deterministic context gives every sequence a stretch of
            memory of its own, so that none computes over the places of another; otherwise all
            share one.
        log: Says why libllama refuses the settings.

    Raises:
        ModelInvalid: There is no memory for it.
    """

    def __init__(self, model: LlamaModel, load: Load, log: LoadLog) -> None:
        size = _size_of(model, load)
        self.context_tokens = size.context_tokens
        """What prompt and answer of one sequence share."""
        self.cache_tokens = size.cache_tokens
        """Room of all sequences together."""
        self.slots = size.slots
        """Sequences that can be computed at the same time."""
        self.kept_prefixes = size.kept_prefixes
        """Idle sequences that there are numbers for besides."""
        self.handle = _make(model, load, size, log)
        self.batch_tokens = int(llama_cpp.llama_n_batch(self.handle))
        self._memory = llama_cpp.llama_get_memory(self.handle)
        self._vocabulary_size = model.vocabulary_size
        self._batch = _Batch(self.batch_tokens)

    def forget(self, sequence: int) -> None:
        """Drop everything of a sequence."""
        llama_cpp.llama_memory_seq_rm(self._memory, sequence, -1, -1)

    def share(self, source: int, target: int, tokens: int) -> None:
        """Let an empty sequence begin with the first tokens of another, at no cost."""
        llama_cpp.llama_memory_seq_cp(self._memory, source, target, 0, tokens)

    def decode(self, parts: Sequence[Part]) -> list[int]:
        """Run tokens through the model.

        Args:
            parts: At most ``batch_tokens`` tokens together, one part per sequence.

        Returns:
            Per part the row in which its logits are found until the next decode, if it wants
            them.

        Raises:
            ContextOverflow: There is no room for them; nothing was changed.
            EngineCrashed: libllama failed; the context is not to be used again.
        """
        rows = self._batch.fill(parts)
        code = llama_cpp.llama_decode(self.handle, self._batch.native)
        if code == 1:
            raise ContextOverflow(f"no room left in a cache of {self.cache_tokens} tokens")
        if code != 0:
            raise EngineCrashed(f"llama_decode failed with code {code}")
        return rows

    def logits(self, row: int) -> npt.NDArray[np.float32]:
        """A row's logits, shape ``(vocabulary_size,)``; valid until the next decode."""
        pointer = llama_cpp.llama_get_logits_ith(self.handle, row)
        return np.ctypeslib.as_array(pointer, shape=(self._vocabulary_size,))


class _Batch:
    """A ``llama_batch`` over arrays of our own, which NumPy fills faster than ctypes."""

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

    def fill(self, parts: Sequence[Part]) -> list[int]:
        """Lay the parts out one after another; return each one's last row."""
        rows, start = [], 0
        for part in parts:
            end = start + len(part.tokens)
            self._tokens[start:end] = part.tokens
            self._positions[start:end] = self._steps[: end - start] + part.position
            self._sequences[start:end] = part.sequence
            self._wanted[start:end] = 0
            self._wanted[end - 1] = part.wants_logits
            rows.append(end - 1)
            start = end
        self.native.n_tokens = start
        return rows


@dataclass(frozen=True, slots=True)
class _Size:
    context_tokens: int
    cache_tokens: int
    slots: int
    kept_prefixes: int


def _size_of(model: LlamaModel, load: Load) -> _Size:
    """Fit slots and contexts into the cache; without other orders, into one default context."""
    context = _padded(
        min(model.trained_context_tokens, load.context_tokens or _DEFAULT_CONTEXT_TOKENS)
    )
    cache = max(context, _padded(load.cache_tokens or _DEFAULT_CACHE_TOKENS))
    if load.is_deterministic:
        slots = min(load.slots, cache // context)
        return _Size(context, slots * context, slots, kept_prefixes=0)
    kept = load.kept_prefixes if model.can_share else 0
    return _Size(context, min(cache, load.slots * context), load.slots, kept)


def _padded(tokens: int) -> int:
    return -(-tokens // _PADDING) * _PADDING


def _make(model: LlamaModel, load: Load, size: _Size, log: LoadLog) -> Any:
    threads = load.threads or max(1, len(os.sched_getaffinity(0)) - 1)
    parameters = llama_cpp.llama_context_default_params()
    parameters.n_ctx = size.cache_tokens
    parameters.n_batch = parameters.n_ubatch = max(
        min(load.batch_tokens, size.context_tokens), size.slots
    )
    parameters.n_seq_max = size.slots + size.kept_prefixes
    parameters.n_threads = parameters.n_threads_batch = threads
    parameters.kv_unified = not load.is_deterministic
    parameters.no_perf = True
    context = llama_cpp.llama_init_from_model(model.handle, parameters)
    if not context:
        raise ModelInvalid(f"no context of {parameters.n_ctx} tokens could be made: {log.reason}")
    return context
