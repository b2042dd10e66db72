"""What guessing can win at most on this processor: decodes of several tokens against one.

A guess of some tokens is computed in one decode with the token before them. What that decode costs
more than one of a single token, and what the draft's decodes cost, bounds the speed-up for any
chance of being right, however clever the engine is.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from typing import Any, Final

import llama_cpp

__all__ = ["most_speedup", "decode_times"]

_TEXT_TOKENS: Final = 64
_FIRST_TOKEN: Final = 20
_ROUNDS: Final = 3
_CONTEXT_TOKENS: Final = 512


def most_speedup(target_s: Sequence[float], draft_s: float, share: float) -> float:
    """Return the best speed-up over all lengths of a guess.

    Args:
        target_s: What the model's decode of 1, 2, 3, ... tokens takes.
        draft_s: What the draft's decode of one token takes.
        share: Chance of each guessed token to be right where those before it were.
    """
    tokens, chance, best = 1.0, 1.0, 1.0
    for length, decode_s in enumerate(target_s[1:], 1):
        chance *= share
        tokens += chance
        best = max(best, tokens * target_s[0] / (decode_s + length * draft_s))
    return best


def decode_times(path: str, *, threads: int, widths: int, repeats: int = 24) -> list[float]:
    """Return what decodes of 1 to so many tokens behind a short text take, seconds.

    Processor time of the thread that decodes, lower quartiles; widths take turns.
    """
    model = llama_cpp.llama_model_load_from_file(
        path.encode(), llama_cpp.llama_model_default_params()
    )
    parameters = llama_cpp.llama_context_default_params()
    parameters.n_ctx = parameters.n_batch = parameters.n_ubatch = _CONTEXT_TOKENS
    parameters.n_threads = parameters.n_threads_batch = threads
    parameters.no_perf = True
    # As our engine has it for a model with a draft.
    parameters.flash_attn_type = llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED
    context = llama_cpp.llama_init_from_model(model, parameters)
    batch = llama_cpp.llama_batch_init(_CONTEXT_TOKENS, 0, 1)
    memory = llama_cpp.llama_get_memory(context)
    _decode(context, batch, 0, _TEXT_TOKENS)
    times: dict[int, list[float]] = {width: [] for width in range(1, widths + 1)}
    for _ in range(_ROUNDS):
        for width, each in times.items():
            # The first of a width lays its graph out, which the others use again.
            for repeat in range(repeats // _ROUNDS + 1):
                since_s = time.thread_time()
                _decode(context, batch, _TEXT_TOKENS, width)
                if repeat:
                    each.append(time.thread_time() - since_s)
                llama_cpp.llama_memory_seq_rm(memory, 0, _TEXT_TOKENS, -1)
    llama_cpp.llama_batch_free(batch)
    llama_cpp.llama_free(context)
    llama_cpp.llama_model_free(model)
    return [statistics.quantiles(each, n=4)[0] for each in times.values()]


def _decode(context: Any, batch: Any, position: int, count: int) -> None:
    for at in range(count):
        batch.token[at] = _FIRST_TOKEN + at
        batch.pos[at] = position + at
        batch.n_seq_id[at] = 1
        batch.seq_id[at][0] = 0
        batch.logits[at] = position > 0 or at == count - 1
    batch.n_tokens = count
    code = llama_cpp.llama_decode(context, batch)
    if code != 0:
        raise RuntimeError(f"llama_decode failed with code {code}")
