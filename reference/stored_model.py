"""Read a model back from its GGUF file: shape, special tokens and weights as they are stored.

The exports that start from a GGUF file share it, so that the file is the only source of weights.
Knows Q8_0 blocks, f16 and f32, which is all that `reference.gguf_file` writes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import gguf
import numpy as np
import numpy.typing as npt

__all__ = ["BLOCK", "Blocks", "Matrix", "StoredModel", "UnreadableTensor", "read_model"]

BLOCK: Final = 32
"""Weights in a Q8_0 or Q4_0 block."""

_SCALE_BYTES: Final = 2


class UnreadableTensor(ValueError):
    """A tensor is stored in a way that the reference models never use."""


@dataclass(frozen=True, slots=True, eq=False)
class Blocks:
    """A Q8_0 matrix: row by row, blocks of 32 integers with one scale each.

    Weight ``[row, 32 * block + place]`` is ``integers[row, block, place] * scales[row, block]``.
    """

    integers: npt.NDArray[np.int8]
    """Shape ``(rows, blocks, 32)``."""
    scales: npt.NDArray[np.float16]
    """Shape ``(rows, blocks)``."""


Matrix = Blocks | npt.NDArray[np.float16]
"""Shape ``(out, in)``."""


@dataclass(frozen=True, slots=True, eq=False)
class StoredModel:
    """What a GGUF file of the ``llama`` architecture says, as far as a decoder needs it."""

    name: str
    layers: int
    width: int
    heads: int
    kv_heads: int
    context_tokens: int
    vocabulary_size: int
    rope_base: float
    norm_epsilon: float
    bos_token: int
    eos_token: int
    pad_token: int
    matrices: Mapping[str, Matrix]
    """By the tensor's name in the file, such as ``blk.0.attn_q.weight``."""
    norms: Mapping[str, npt.NDArray[np.float32]]
    """The vectors, all of them scales of an RMSNorm, by the tensor's name."""

    @property
    def head_width(self) -> int:
        """Size of one attention head."""
        return self.width // self.heads


def read_model(path: Path) -> StoredModel:
    """Read a GGUF file that `reference.gguf_file` wrote.

    Raises:
        KeyError: The file lacks an entry that every reference model has.
        UnreadableTensor: A tensor is of another kind than Q8_0, f16 or, for norms, f32.
    """
    reader = gguf.GGUFReader(path)

    def entry(name: str) -> Any:
        return reader.fields[name].contents()

    return StoredModel(
        name=entry("general.name"),
        layers=entry("llama.block_count"),
        width=entry("llama.embedding_length"),
        heads=entry("llama.attention.head_count"),
        kv_heads=entry("llama.attention.head_count_kv"),
        context_tokens=entry("llama.context_length"),
        vocabulary_size=entry("llama.vocab_size"),
        rope_base=entry("llama.rope.freq_base"),
        norm_epsilon=entry("llama.attention.layer_norm_rms_epsilon"),
        bos_token=entry("tokenizer.ggml.bos_token_id"),
        eos_token=entry("tokenizer.ggml.eos_token_id"),
        pad_token=entry("tokenizer.ggml.padding_token_id"),
        matrices={t.name: _matrix(t) for t in reader.tensors if t.data.ndim > 1},
        norms={t.name: _norm(t) for t in reader.tensors if t.data.ndim == 1},
    )


def _norm(tensor: gguf.ReaderTensor) -> npt.NDArray[np.float32]:
    if tensor.tensor_type is not gguf.GGMLQuantizationType.F32:
        raise UnreadableTensor(f"{tensor.name} is stored as {tensor.tensor_type.name}")
    return np.array(tensor.data, dtype=np.float32)


def _matrix(tensor: gguf.ReaderTensor) -> Matrix:
    match tensor.tensor_type:
        case gguf.GGMLQuantizationType.F16:
            return np.array(tensor.data, dtype=np.float16)
        case gguf.GGMLQuantizationType.Q8_0:
            return _blocks(np.asarray(tensor.data))
        case kind:
            raise UnreadableTensor(f"{tensor.name} is stored as {kind.name}")


def _blocks(stored: npt.NDArray[np.uint8]) -> Blocks:
    """Take the bytes of ``(rows, blocks * 34)`` apart: per block a scale, then 32 integers."""
    bytes_per_block = _SCALE_BYTES + BLOCK
    blocks = stored.reshape(stored.shape[0], -1, bytes_per_block)
    return Blocks(
        integers=blocks[:, :, _SCALE_BYTES:].copy().view(np.int8),
        scales=blocks[:, :, :_SCALE_BYTES].copy().view(np.float16)[:, :, 0],
    )
