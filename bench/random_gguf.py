"""Write GGUF models and LoRA adapters with random weights: the shape and storage of real ones.

They make no sense; for speed the weights' values do not matter, so no hub is needed. Little more
than the format itself: a header, named values, tensors. The tokenizer is byte-level BPE without
merges, so that a text of N plain characters is N tokens.
"""

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

__all__ = ["SHAPE_135M", "Shape", "write_adapter", "write_model"]

_MAGIC: Final = b"GGUF"
_VERSION: Final = 3
_ALIGNMENT: Final = 32
_U32, _F32, _STRING, _ARRAY, _I32 = 4, 6, 8, 9, 5
_TENSOR_F32, _TENSOR_Q8_0 = 0, 8
_FILE_TYPE_Q8_0: Final = 7
_BLOCK: Final = 32
"""Values of one Q8_0 block: a half-precision scale and as many signed bytes."""
_CONTROL, _NORMAL = 3, 1
_SPECIAL: Final = ("<|bos|>", "<|user|>", "<|assistant|>", "<|end|>")
_TEMPLATE: Final = (
    "<|bos|>{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}"
    "<|end|>{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


@dataclass(frozen=True, slots=True)
class Shape:
    """The size of a Llama-architecture model."""

    layers: int
    width: int
    heads: int
    kv_heads: int
    ffn_width: int
    vocabulary: int
    context_tokens: int
    pooling: int | None = None
    """Makes it an embedding model: 1 averages over the tokens, 3 takes the last."""


SHAPE_135M: Final = Shape(
    layers=30,
    width=576,
    heads=9,
    kv_heads=3,
    ffn_width=1536,
    vocabulary=49_152,
    context_tokens=8192,
)
"""What SmolLM2-135M looks like, whose head shares the embedding's weights."""


def write_model(path: Path, shape: Shape, *, seed: int = 0) -> None:
    """Write a model; the same seed gives the same file.

    Args:
        path: Where.
        shape: How large.
        seed: Of the weights.
    """
    rng = np.random.default_rng(seed)
    _write(path, list(_values(shape)), list(_tensors(shape)), partial(_data, rng))


def write_adapter(
    path: Path,
    shape: Shape,
    *,
    rank: int = 4,
    strength: float = 1.0,
    seed: int = 0,
    architecture: str = "llama",
) -> None:
    """Write a LoRA adapter of the query and output projections of every layer.

    Args:
        path: Where.
        shape: Of the model that it is for.
        rank: Width of its factors.
        strength: What its weights are multiplied by; 0 corrects nothing.
        seed: Of the weights.
        architecture: Of the model that it says it is for.
    """
    rng = np.random.default_rng(seed)
    values = [
        _text("general.type", "adapter"),
        _text("general.architecture", architecture),
        _text("adapter.type", "lora"),
        _string("adapter.lora.alpha") + struct.pack("<If", _F32, float(rank)),
    ]
    tensors = [
        (f"blk.{layer}.{name}.weight.lora_{half}", dimensions)
        for layer in range(shape.layers)
        for name in ("attn_q", "attn_output")
        for half, dimensions in (("a", (shape.width, rank)), ("b", (rank, shape.width)))
    ]

    def data(_: str, dimensions: tuple[int, ...]) -> bytes:
        drawn = rng.standard_normal(dimensions, dtype=np.float32) * np.float32(strength)
        return drawn.astype(np.float32).tobytes()

    _write(path, values, tensors, data, are_floats=True)


def _write(
    path: Path,
    values: list[bytes],
    tensors: Sequence[tuple[str, tuple[int, ...]]],
    data: Callable[[str, tuple[int, ...]], bytes],
    *,
    are_floats: bool = False,
) -> None:
    """Write a file: header, named values, directory of tensors, tensors."""
    with path.open("wb") as file:
        file.write(_MAGIC + struct.pack("<IQQ", _VERSION, len(tensors), len(values)))
        file.write(b"".join(values))
        offset = 0
        for name, dimensions in tensors:
            kind = _TENSOR_F32 if are_floats else _kind(dimensions)
            counts = struct.pack(f"<I{len(dimensions)}Q", len(dimensions), *dimensions)
            file.write(_string(name) + counts + struct.pack("<IQ", kind, offset))
            offset += _padded(_size_bytes(kind, dimensions))
        file.write(b"\0" * (_padded(file.tell()) - file.tell()))
        for name, dimensions in tensors:
            written = data(name, dimensions)
            file.write(written.ljust(_padded(len(written)), b"\0"))


def _tensors(shape: Shape) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Names and dimensions, the fastest running one first."""
    width, kv_width = shape.width, shape.width // shape.heads * shape.kv_heads
    yield "token_embd.weight", (width, shape.vocabulary)
    yield "output_norm.weight", (width,)
    for layer in range(shape.layers):
        for name, dimensions in (
            ("attn_norm", (width,)),
            ("attn_q", (width, width)),
            ("attn_k", (width, kv_width)),
            ("attn_v", (width, kv_width)),
            ("attn_output", (width, width)),
            ("ffn_norm", (width,)),
            ("ffn_gate", (width, shape.ffn_width)),
            ("ffn_up", (width, shape.ffn_width)),
            ("ffn_down", (shape.ffn_width, width)),
        ):
            yield f"blk.{layer}.{name}.weight", dimensions


def _kind(dimensions: tuple[int, ...]) -> int:
    return _TENSOR_F32 if len(dimensions) == 1 else _TENSOR_Q8_0


def _size_bytes(kind: int, dimensions: tuple[int, ...]) -> int:
    count = int(np.prod(dimensions))
    return count * 4 if kind == _TENSOR_F32 else count // _BLOCK * (2 + _BLOCK)


def _data(rng: np.random.Generator, name: str, dimensions: tuple[int, ...]) -> bytes:
    if len(dimensions) == 1:
        return np.ones(dimensions, dtype=np.float32).tobytes()
    blocks = int(np.prod(dimensions)) // _BLOCK
    rows = np.empty((blocks, 2 + _BLOCK), dtype=np.uint8)
    # Uniform bytes have a deviation of 73: the weights' is one over the root of their width.
    scale = np.float16(1 / (73 * float(dimensions[0]) ** 0.5))
    rows[:, :2] = np.frombuffer(scale.tobytes(), dtype=np.uint8)
    rows[:, 2:] = rng.integers(0, 256, (blocks, _BLOCK), dtype=np.uint8)
    if name.startswith("token_embd"):
        # The head shares these rows: special tokens get no logit worth choosing, so no answer ends.
        rows[: len(_SPECIAL) * dimensions[0] // _BLOCK, 2:] = 0
    return rows.tobytes()


def _values(shape: Shape) -> Iterator[bytes]:
    def number(key: str, value: int) -> bytes:
        return _string(key) + struct.pack("<II", _U32, value)

    def real(key: str, value: float) -> bytes:
        return _string(key) + struct.pack("<If", _F32, value)

    tokens = list(_vocabulary(shape.vocabulary))
    kinds = [_CONTROL if token in _SPECIAL else _NORMAL for token in tokens]
    yield _text("general.architecture", "llama")
    yield _text("general.name", "random")
    yield number("general.file_type", _FILE_TYPE_Q8_0)
    yield number("llama.block_count", shape.layers)
    yield number("llama.context_length", shape.context_tokens)
    yield number("llama.embedding_length", shape.width)
    yield number("llama.feed_forward_length", shape.ffn_width)
    yield number("llama.attention.head_count", shape.heads)
    yield number("llama.attention.head_count_kv", shape.kv_heads)
    yield real("llama.attention.layer_norm_rms_epsilon", 1e-5)
    yield real("llama.rope.freq_base", 10_000.0)
    if shape.pooling is not None:
        yield number("llama.pooling_type", shape.pooling)
    yield _text("tokenizer.ggml.model", "gpt2")
    yield _text("tokenizer.ggml.pre", "gpt-2")
    yield (
        _string("tokenizer.ggml.tokens")
        + struct.pack("<IIQ", _ARRAY, _STRING, len(tokens))
        + (b"".join(map(_string, tokens)))
    )
    yield _string("tokenizer.ggml.token_type") + struct.pack(
        f"<IIQ{len(kinds)}i", _ARRAY, _I32, len(kinds), *kinds
    )
    yield _string("tokenizer.ggml.merges") + struct.pack("<IIQ", _ARRAY, _STRING, 0)
    yield number("tokenizer.ggml.bos_token_id", 0)
    yield number("tokenizer.ggml.eos_token_id", 3)
    yield _text("tokenizer.chat_template", _TEMPLATE)


def _vocabulary(size: int) -> Iterator[str]:
    """Special tokens, the 256 bytes as GPT-2 spells them, then words of four letters."""
    yield from _SPECIAL
    spelled = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = iter(range(256, 512))
    for byte in range(256):
        yield chr(byte if byte in spelled else next(others))
    for number in range(size - len(_SPECIAL) - 256):
        letters = [chr(97 + number // 26**place % 26) for place in range(4)]
        yield "\u0120" + "".join(letters)


def _text(key: str, value: str) -> bytes:
    return _string(key) + struct.pack("<I", _STRING) + _string(value)


def _string(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _padded(offset: int) -> int:
    return -(-offset // _ALIGNMENT) * _ALIGNMENT
