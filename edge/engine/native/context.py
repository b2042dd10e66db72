"""Where a model computes: one libllama context, its sequences, and the decoding of a batch.

Knows tokens, positions and numbers of sequences; not whose they are nor what follows them.
"""

import ctypes
import os
from collections.abc import Sequence
from typing import Any, Final

import llama_cpp
import numpy as np
import numpy.typing as npt

from edge.engine.frames import Load
from edge.engine.native.batch import Batch, Part
from edge.engine.native.decoder import Saved
from edge.engine.native.model import LlamaModel, LoadLog
from edge.engine.sizes import ContextSize, fitted, parked_tokens
from runtime.errors import EngineCrashed, ModelInvalid

__all__ = ["LlamaContext", "threads_of"]

_SCORE_BYTES: Final = 4
_MOST_SCORES_BYTES: Final = 192 << 20
_BYTES: Final = ctypes.POINTER(ctypes.c_uint8)

# ``llama_get_logits_ith`` once more, returning a number: it is asked for every token, and making
# a pointer object each time costs more than the answer.
_logits_address: Final = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int32)(
    ctypes.cast(llama_cpp.llama_get_logits_ith, ctypes.c_void_p).value or 0
)


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
        size = fitted(
            trained_tokens=model.trained_context_tokens,
            context_tokens=load.context_tokens,
            cache_tokens=load.cache_tokens,
            slots=load.slots,
            is_deterministic=load.is_deterministic,
        )
        self.context_tokens = size.context_tokens
        """What prompt and answer of one sequence share."""
        self.cache_tokens = size.cache_tokens
        """Room of all sequences together."""
        self.slots = size.slots
        """Sequences that can be computed at the same time."""
        is_keeping = model.can_share and not load.is_deterministic
        self.kept_prefixes = load.kept_prefixes if is_keeping else 0
        """Idle sequences that there are numbers for besides."""
        self.handle = _make(model, load, size, log, kept_prefixes=self.kept_prefixes)
        self.batch_tokens = int(llama_cpp.llama_n_batch(self.handle))
        self.guesses = load.guesses and model.can_share and not load.is_deterministic
        """Whether it may compute guesses, whose wrong ones are cut off again."""
        self._memory = llama_cpp.llama_get_memory(self.handle)
        self._token_bytes = model.token_bytes
        self._vocabulary_size = model.vocabulary_size
        self._batch = Batch(self.batch_tokens)
        # Rows come at few addresses, again and again, and making an array of one costs ten
        # times as much as finding it.
        self._views: dict[int, npt.NDArray[np.float32]] = {}

    @property
    def cache_bytes(self) -> int:
        """Memory that it may come to need: for parked prompts; the cache's own is taken already."""
        return parked_tokens(self.cache_tokens) * self._token_bytes if self.kept_prefixes else 0

    def forget(self, sequence: int) -> None:
        """Drop everything of a sequence."""
        llama_cpp.llama_memory_seq_rm(self._memory, sequence, -1, -1)

    def cut(self, sequence: int, position: int) -> None:
        """Drop a sequence's tokens from a position on; not for models with one whole state."""
        llama_cpp.llama_memory_seq_rm(self._memory, sequence, position, -1)

    def share(self, source: int, target: int, tokens: int) -> None:
        """Let an empty sequence begin with the first tokens of another, at no cost."""
        llama_cpp.llama_memory_seq_cp(self._memory, source, target, 0, tokens)

    def save(self, sequence: int) -> Saved | None:
        """Return a copy of what a sequence holds; ``None`` where there is no memory for one."""
        size = llama_cpp.llama_state_seq_get_size(self.handle, sequence)
        try:
            saved = np.empty(size, np.uint8)
        except MemoryError:
            return None
        written = llama_cpp.llama_state_seq_get_data(
            self.handle, saved.ctypes.data_as(_BYTES), size, sequence
        )
        return saved if written == size else None

    def restore(self, sequence: int, saved: Saved) -> bool:
        """Let an empty sequence hold what was saved; whether there was room for it."""
        read = llama_cpp.llama_state_seq_set_data(
            self.handle, saved.ctypes.data_as(_BYTES), saved.size, sequence
        )
        if read != saved.size:
            self.forget(sequence)
            return False
        return True

    def decode(self, parts: Sequence[Part]) -> list[int]:
        """Run tokens through the model.

        Args:
            parts: At most ``batch_tokens`` tokens together, one part per sequence.

        Returns:
            Per part the row in which its logits are found until the next decode, if it wants
            them.

        Raises:
            EngineCrashed: libllama failed; the context is not to be used again.
        """
        rows = self._batch.fill(parts)
        code = llama_cpp.llama_decode(self.handle, self._batch.native)
        if code != 0:  # 1, no room, included: whoever admits calls has counted the cells
            raise EngineCrashed(f"llama_decode failed with code {code}")
        return rows

    def logits(self, row: int) -> npt.NDArray[np.float32]:
        """A row's logits, shape ``(vocabulary_size,)``; valid until the next decode."""
        address = _logits_address(self.handle, row)
        view = self._views.get(address)
        if view is None:
            memory = (ctypes.c_float * self._vocabulary_size).from_address(address)
            view = self._views[address] = np.ctypeslib.as_array(memory)
        return view


def threads_of(load: Load) -> int:
    """Return how many threads a decode uses: all cores but one, unless told otherwise."""
    return load.threads or max(1, len(os.sched_getaffinity(0)) - 1)


def _is_faster_without_flash_attention(
    model: LlamaModel, load: Load, size: ContextSize, *, batch_tokens: int
) -> bool:
    """Whether to compute the scores of all cells at once, where memory allows it.

    On processors libllama's flash attention goes through the cells of a token one by one, so that
    each further token of a decode costs most of the first; without it several are far cheaper, as
    guesses need it, and one behind a short prompt is dearer: with two threads a 135 M model wrote
    41 instead of 61 tokens a second. So only a model with a draft has it.
    """
    scores_bytes = size.cache_tokens * batch_tokens * model.heads * _SCORE_BYTES
    return bool(load.draft) and not load.gpu_layers and scores_bytes <= _MOST_SCORES_BYTES


def _make(
    model: LlamaModel, load: Load, size: ContextSize, log: LoadLog, *, kept_prefixes: int
) -> Any:
    threads = threads_of(load)
    parameters = llama_cpp.llama_context_default_params()
    parameters.n_ctx = size.cache_tokens
    parameters.n_batch = parameters.n_ubatch = max(
        min(load.batch_tokens, size.context_tokens), size.slots
    )
    parameters.n_seq_max = size.slots + kept_prefixes
    parameters.n_threads = parameters.n_threads_batch = threads
    parameters.kv_unified = not load.is_deterministic
    parameters.no_perf = True
    if _is_faster_without_flash_attention(model, load, size, batch_tokens=parameters.n_batch):
        parameters.flash_attn_type = llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED
    context = llama_cpp.llama_init_from_model(model.handle, parameters)
    if not context:
        raise ModelInvalid(f"no context of {parameters.n_ctx} tokens could be made: {log.reason}")
    return context
