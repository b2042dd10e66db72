"""The floor of ``bench.edge_serving``: llama.cpp in bare loops, in a process of its own.

No server, no text, no fairness: fill a batch, decode it, take the likeliest token, again. What a
serving engine costs is what it stays behind these. One JSON command per line of standard input,
one JSON answer per line of standard output; ends with its input.
"""

from __future__ import annotations

import ctypes
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import llama_cpp

from bench.edge_serving_widths import decode_times

__all__ = ["Loops"]

_MOST_SEQUENCES: Final = 16
_CONTEXT_TOKENS: Final = 8192
_BATCH_TOKENS: Final = 512
_FIRST_WORD: Final = 300
_MOST_GUESSES: Final = 8
"""Of a step of our engine's."""


class Loops:
    """A model and the loops over it.

    Args:
        model: The GGUF file.
        threads: Of a decode.
    """

    def __init__(self, model: Path, *, threads: int) -> None:
        self._quiet = llama_cpp.llama_log_callback(lambda *_: None)
        llama_cpp.llama_log_set(self._quiet, None)
        llama_cpp.llama_backend_init()
        loaded = llama_cpp.llama_model_load_from_file(
            str(model).encode(), llama_cpp.llama_model_default_params()
        )
        parameters = llama_cpp.llama_context_default_params()
        parameters.n_ctx = _CONTEXT_TOKENS
        parameters.n_batch = parameters.n_ubatch = _BATCH_TOKENS
        parameters.n_seq_max = _MOST_SEQUENCES + 1
        parameters.n_threads = parameters.n_threads_batch = threads
        parameters.kv_unified = True
        parameters.no_perf = True
        self._context = llama_cpp.llama_init_from_model(loaded, parameters)
        self._batch = llama_cpp.llama_batch_init(_BATCH_TOKENS, 0, 1)
        self._sampler = llama_cpp.llama_sampler_init_greedy()

    def single(self, prompt_tokens: int, tokens: int) -> dict[str, float]:
        """Decode one sequence; count from its first token on, as a reader of its stream would."""
        self._clear()
        token = self._prefill([prompt_tokens])[0]
        since_s = time.perf_counter()
        for step in range(tokens - 1):
            token = self._step([token], prompt_tokens + step)[0]
        return {"seconds": time.perf_counter() - since_s, "tokens": tokens - 1}

    def batched(self, sequences: int, prompt_tokens: int, tokens: int) -> dict[str, float]:
        """Decode several sequences side by side, their prompts included."""
        self._clear()
        since_s = time.perf_counter()
        newest = self._prefill([prompt_tokens] * sequences)
        for step in range(tokens - 1):
            newest = self._step(newest, prompt_tokens + step)
        return {"seconds": time.perf_counter() - since_s, "tokens": tokens * sequences}

    def stall(self, sequences: int, prompt_tokens: int, newcomer_tokens: int) -> dict[str, float]:
        """Return how long running sequences wait while a newcomer's prompt is computed whole."""
        self._clear()
        newest = self._prefill([prompt_tokens] * sequences)
        times = []
        for step in range(20):
            since_s = time.perf_counter()
            newest = self._step(newest, prompt_tokens + step)
            times.append(time.perf_counter() - since_s)
        since_s = time.perf_counter()
        self._add(_MOST_SEQUENCES, 0, [_FIRST_WORD] * newcomer_tokens)
        self._decode()
        step_s = sorted(times)[len(times) // 2]
        return {"seconds": time.perf_counter() - since_s + step_s, "step_s": step_s}

    def widths(self, target: str, draft: str, threads: int) -> dict[str, Any]:
        """Return what decodes of a model that guesses take, and what its draft's take."""
        return {
            "target_s": decode_times(target, threads=threads, widths=_MOST_GUESSES + 1),
            "draft_s": decode_times(draft, threads=threads, widths=1)[0],
        }

    def _prefill(self, lengths: list[int]) -> list[int]:
        newest = []
        for sequence, length in enumerate(lengths):
            self._add(sequence, 0, [_FIRST_WORD + sequence] * length)
            row = self._batch.n_tokens - 1
            self._decode()
            newest.append(self._sample(row))
        return newest

    def _step(self, newest: list[int], position: int) -> list[int]:
        for sequence, token in enumerate(newest):
            self._add(sequence, position, [token])
        self._decode()
        return [self._sample(row) for row in range(len(newest))]

    def _sample(self, row: int) -> int:
        return int(llama_cpp.llama_sampler_sample(self._sampler, self._context, row))

    def _add(self, sequence: int, position: int, tokens: list[int]) -> None:
        batch = self._batch
        for place, token in enumerate(tokens):
            at = batch.n_tokens
            batch.token[at] = token
            batch.pos[at] = position + place
            batch.n_seq_id[at] = 1
            batch.seq_id[at][0] = sequence
            batch.logits[at] = place == len(tokens) - 1
            batch.n_tokens += 1

    def _decode(self) -> None:
        code = llama_cpp.llama_decode(self._context, self._batch)
        if code != 0:
            raise RuntimeError(f"llama_decode failed with code {code}")
        self._batch.n_tokens = 0

    def _clear(self) -> None:
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(self._context), ctypes.c_bool(True))


def main(model: str, threads: str) -> None:
    """Answer commands until the input ends."""
    loops = Loops(Path(model), threads=int(threads))
    commands: dict[str, Callable[..., dict[str, Any]]] = {
        "single": loops.single,
        "batched": loops.batched,
        "stall": loops.stall,
        "widths": loops.widths,
    }
    _say({"ready": True})
    for line in sys.stdin:
        command = json.loads(line)
        _say(commands[command.pop("loop")](**command))


def _say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
