"""What a model will take of the memory, judged from its files; and what a process takes.

The judgement is made before anything is loaded: weights as large as their files, the cache as
the header describes it, the prompts that are kept outside of it, and what a process needs at all.
It knows nothing of who is loaded.
"""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from edge.engine.options import EngineOptions
from edge.engine.sizes import fitted, parked_tokens
from edge.models.files import files_of
from edge.models.gguf_check import check_gguf
from edge.models.onnx_check import is_onnx
from runtime.errors import ModelInvalid

__all__ = ["estimated_bytes", "process_bytes"]

_PROCESS_BYTES: Final = 80 << 20
"""Of an engine's process without a model: interpreter, libraries, buffers of a decode."""

_ENDLESS_TOKENS: Final = 1 << 30
_MOST_BYTES: Final = 1 << 60
"""What a header that lies amounts to: more than any device has, and a number that can be sent."""


def estimated_bytes(path: Path, options: EngineOptions) -> int:
    """Return what a model should take once it is loaded.

    Args:
        path: A GGUF file, or the directory or file of a model of another kind.
        options: How it would be loaded.

    Raises:
        ModelInvalid: The file is missing or contradicts itself.
    """
    if is_onnx(path):
        return _PROCESS_BYTES + _files_bytes(files_of(path))
    summary = check_gguf(path)
    size = fitted(
        trained_tokens=summary.trained_tokens or _ENDLESS_TOKENS,
        context_tokens=options.context_tokens,
        cache_tokens=options.cache_tokens,
        slots=options.slots,
        is_deterministic=options.is_deterministic,
    )
    is_keeping = options.kept_prefixes > 0 and not options.is_deterministic
    parked = parked_tokens(size.cache_tokens) if is_keeping else 0
    cache_bytes = (size.cache_tokens + parked) * summary.cache_bytes_per_token
    adapter_bytes = _files_bytes((options.adapter,)) if options.adapter is not None else 0
    own_bytes = _PROCESS_BYTES + summary.size_bytes + adapter_bytes + cache_bytes
    return min(own_bytes + _draft_bytes(options), _MOST_BYTES)


def process_bytes(pid: int) -> int:
    """Return what a process has in memory, mapped files included; 0 when it is gone."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]
    except (OSError, IndexError):
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def _draft_bytes(options: EngineOptions) -> int:
    """Return what a draft takes beside the model that it guesses for: one sequence of its own."""
    if options.draft is None:
        return 0
    own = replace(options, draft=None, adapter=None, slots=1, cache_tokens=0, kept_prefixes=0)
    return estimated_bytes(options.draft, own) - _PROCESS_BYTES


def _files_bytes(files: Sequence[Path]) -> int:
    total_bytes = 0
    for file in files:
        try:
            total_bytes += file.stat().st_size
        except OSError as error:
            raise ModelInvalid(f"{file}: cannot be read: {error.strerror}") from None
    return total_bytes
