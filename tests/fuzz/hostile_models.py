"""Model files whose parts fit together and whose contents lie: what a check of sizes cannot see.

A file is taken apart into named values and tensors, changed, and put together again with every
length right, so that it reaches whoever loads it. The same seed makes the same files everywhere.
"""

import random
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Final

__all__ = ["TEMPLATES", "Gguf", "Value", "lying_files"]

_STRING, _ARRAY = 8, 9
_LAYOUTS: Final = {
    0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f",
    7: "<B", 10: "<Q", 11: "<q", 12: "<d",
}  # fmt: skip
_TEMPLATE: Final = b"tokenizer.chat_template"
_ALIGNMENT: Final = 32

TEMPLATES: Final = {
    "never ends": b"{% for a in range(9999) %}{% for b in range(9999) %}{% for c in range(9999) %}"
    b"{% endfor %}{% endfor %}{% endfor %}",
    "never compiles": b"{{ 9 ** (9 ** 9) }}",
    "takes all memory": b"{% set a = ['x'] %}{% for i in range(99) %}"
    b"{% set ns = namespace(b='x' * 99999999) %}{{ ns.b * 9999 }}{% endfor %}",
    "calls itself": b"{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "includes": b"{% include 'other' %}",
    "extends itself": b"{% extends self %}",
    "imports": b"{% import 'os' as os %}{{ os.environ }}",
    "climbs": b"{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "climbs by a global": b"{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "formats": b"{{ '%999999999d' % 1 }}",
    "formats an attribute": b"{{ '{0.__class__.__mro__}'.format(messages) }}",
    "does not parse": b"{% if %}",
    "is brackets": b"{{ " + b"(" * 20_000 + b"1" + b")" * 20_000 + b" }}",
    "is blocks": b"{% if 1 %}" * 3_000 + b"{% endif %}" * 3_000,
    "refuses": b"{{ raise_exception('no') }}",
    "wants more": b"{{ messages[99].content.nothing.at.all }}",
    "writes control tokens": b"{{ bos_token }}" * 9_999 + b"{{ messages[0].content }}",
    "says nothing": b"",
    "is no text": b"\0\xff\xed\xa0\x80",
}
"""Chat templates by what they do."""
_EXTREMES: Final = (0, 1, 2, 3, 7, 31, 255, 4096, 65_535, 2**31 - 1, 2**31, 2**32 - 1, 2**63)
_FLOATS: Final = (0.0, -1.0, 1e-45, 1e38, float("inf"), float("nan"))
_TEXTS: Final = (
    "",
    "llama",
    "gpt2",
    "bert",
    "qwen2",
    "mamba",
    "t5",
    "clip",
    "x" * 9_999,
    "\0",
    "é",
)
_TENSOR_TYPES: Final = (0, 1, 2, 8, 12, 14, 30)


@dataclass(frozen=True, slots=True)
class Value:
    """A named value, its bytes as they stand in the file."""

    key: bytes
    kind: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Tensor:
    """An entry of the directory, and its weights."""

    name: bytes
    shape: tuple[int, ...]
    kind: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Gguf:
    """A file in its parts."""

    values: tuple[Value, ...]
    tensors: tuple[Tensor, ...]

    @classmethod
    def read(cls, file: bytes) -> "Gguf":
        """Take a good file apart."""
        return _Reader(file).file()

    def written(self) -> bytes:
        """Return the file, every length and offset right."""
        head = [b"GGUF", struct.pack("<IQQ", 3, len(self.tensors), len(self.values))]
        head += (
            _string(value.key) + struct.pack("<I", value.kind) + value.data for value in self.values
        )
        offset, body = 0, []
        for tensor in self.tensors:
            shape = struct.pack(f"<I{len(tensor.shape)}Q", len(tensor.shape), *tensor.shape)
            head.append(_string(tensor.name) + shape + struct.pack("<IQ", tensor.kind, offset))
            padded = tensor.data + bytes(-len(tensor.data) % _ALIGNMENT)
            body.append(padded)
            offset += len(padded)
        start = b"".join(head)
        return start + bytes(-len(start) % _ALIGNMENT) + b"".join(body)

    def with_template(self, template: bytes) -> "Gguf":
        """Return the same model with another chat template."""
        others = (value for value in self.values if value.key != _TEMPLATE)
        return replace(self, values=(*others, Value(_TEMPLATE, _STRING, _string(template))))


class _Reader:
    def __init__(self, file: bytes) -> None:
        self._file = file
        self._at = 24

    def file(self) -> Gguf:
        tensors, values = struct.unpack_from("<QQ", self._file, 8)
        named = tuple(self._value() for _ in range(values))
        entries = [self._entry() for _ in range(tensors)]
        start = -(-self._at // _ALIGNMENT) * _ALIGNMENT
        ends = [*(offset for *_, offset in entries[1:]), len(self._file) - start]
        return Gguf(
            named,
            tuple(
                Tensor(name, shape, kind, self._file[start + offset : start + end])
                for (name, shape, kind, offset), end in zip(entries, ends, strict=True)
            ),
        )

    def _value(self) -> Value:
        key, kind = self._text(), self._take("<I")
        since = self._at
        self._skip(kind)
        return Value(key, kind, self._file[since : self._at])

    def _skip(self, kind: int) -> None:
        if kind == _STRING:
            self._text()
        elif kind == _ARRAY:
            inner, count = self._take("<I"), self._take("<Q")
            for _ in range(count):
                self._skip(inner)
        else:
            self._take(_LAYOUTS[kind])

    def _entry(self) -> tuple[bytes, tuple[int, ...], int, int]:
        name, dimensions = self._text(), self._take("<I")
        shape = tuple(self._take("<Q") for _ in range(dimensions))
        return name, shape, self._take("<I"), self._take("<Q")

    def _text(self) -> bytes:
        length = self._take("<Q")
        self._at += length
        return self._file[self._at - length : self._at]

    def _take(self, layout: str) -> int:
        (value,) = struct.unpack_from(layout, self._file, self._at)
        self._at += struct.calcsize(layout)
        return int(value) if layout not in ("<f", "<d") else 0


def lying_files(good: bytes, rng: random.Random) -> Iterator[bytes]:
    """Yield files near a good one, without end, whose lengths and offsets are right."""
    whole = Gguf.read(good)
    changes: Sequence[Callable[[Gguf, random.Random], Gguf]] = (
        _other_number,
        _other_number,
        _other_text,
        _other_array,
        _other_kind,
        _without_a_value,
        _value_twice,
        _other_tensor_name,
        _tensor_twice,
        _without_a_tensor,
        _other_shape,
        _other_tensor_type,
        _other_weights,
        lambda file, rng: file.with_template(rng.choice(tuple(TEMPLATES.values()))),
    )
    while True:
        file = whole
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            file = rng.choice(changes)(file, rng)
        yield file.written()


def _put_value(file: Gguf, at: int, value: Value) -> Gguf:
    return replace(file, values=(*file.values[:at], value, *file.values[at + 1 :]))


def _put_tensor(file: Gguf, at: int, tensor: Tensor) -> Gguf:
    return replace(file, tensors=(*file.tensors[:at], tensor, *file.tensors[at + 1 :]))


def _one(file: Gguf, rng: random.Random, *, of: Callable[[int], bool]) -> int:
    return rng.choice([at for at, value in enumerate(file.values) if of(value.kind)] or [0])


def _other_number(file: Gguf, rng: random.Random) -> Gguf:
    at = _one(file, rng, of=lambda kind: kind in _LAYOUTS)
    value = file.values[at]
    return _put_value(file, at, replace(value, data=_number(value.kind, rng)))


def _number(kind: int, rng: random.Random) -> bytes:
    layout = _LAYOUTS.get(kind, "<I")
    if layout in ("<f", "<d"):
        return struct.pack(layout, rng.choice(_FLOATS))
    return rng.choice(_EXTREMES).to_bytes(8, "little")[: struct.calcsize(layout)]


def _other_text(file: Gguf, rng: random.Random) -> Gguf:
    at = _one(file, rng, of=lambda kind: kind == _STRING)
    return _put_value(file, at, replace(file.values[at], data=_string(rng.choice(_TEXTS).encode())))


def _other_array(file: Gguf, rng: random.Random) -> Gguf:
    """Arrays of other lengths: vocabularies, merges, kinds of tokens."""
    at = _one(file, rng, of=lambda kind: kind == _ARRAY)
    value = file.values[at]
    inner = struct.unpack_from("<I", value.data)[0]
    count = rng.choice((0, 1, 2, 100, 5_000))
    item = _string(rng.choice(_TEXTS[:8]).encode()) if inner == _STRING else _number(inner, rng)
    return _put_value(
        file, at, replace(value, data=struct.pack("<IQ", inner, count) + item * count)
    )


def _other_kind(file: Gguf, rng: random.Random) -> Gguf:
    """The right key with a value of another kind."""
    at = rng.randrange(len(file.values))
    kind = rng.choice((*_LAYOUTS, _STRING, _ARRAY))
    data = {_STRING: _string(b"x"), _ARRAY: struct.pack("<IQ", 4, 0)}.get(kind)
    return _put_value(
        file, at, Value(file.values[at].key, kind, _number(kind, rng) if data is None else data)
    )


def _without_a_value(file: Gguf, rng: random.Random) -> Gguf:
    at = rng.randrange(len(file.values))
    return replace(file, values=file.values[:at] + file.values[at + 1 :])


def _value_twice(file: Gguf, rng: random.Random) -> Gguf:
    return replace(file, values=(*file.values, rng.choice(file.values)))


def _other_tensor_name(file: Gguf, rng: random.Random) -> Gguf:
    at = rng.randrange(len(file.tensors))
    name = rng.choice((b"", b"x", b"blk.99.attn_q.weight", b"token_embd.weight", b"\0" * 70))
    return _put_tensor(file, at, replace(file.tensors[at], name=name))


def _tensor_twice(file: Gguf, rng: random.Random) -> Gguf:
    return replace(file, tensors=(*file.tensors, rng.choice(file.tensors)))


def _without_a_tensor(file: Gguf, rng: random.Random) -> Gguf:
    at = rng.randrange(len(file.tensors))
    return replace(file, tensors=file.tensors[:at] + file.tensors[at + 1 :])


def _other_shape(file: Gguf, rng: random.Random) -> Gguf:
    """As many weights, laid out otherwise, or fewer than there are bytes for."""
    at = rng.randrange(len(file.tensors))
    tensor = file.tensors[at]
    weights = prod(tensor.shape)
    shape = rng.choice(
        ((weights,), (weights, 1), (1, weights), (32, weights // 32), (32,), (*tensor.shape, 1, 1))
    )
    return _put_tensor(file, at, replace(tensor, shape=shape[:4]))


def _other_tensor_type(file: Gguf, rng: random.Random) -> Gguf:
    at = rng.randrange(len(file.tensors))
    tensor = file.tensors[at]
    data = tensor.data.ljust(4 * prod(tensor.shape), b"\x7f")
    return _put_tensor(file, at, replace(tensor, kind=rng.choice(_TENSOR_TYPES), data=data))


def _other_weights(file: Gguf, rng: random.Random) -> Gguf:
    at = rng.randrange(len(file.tensors))
    tensor = file.tensors[at]
    data = rng.choice((b"\0", b"\xff", b"\x7f\x80", b"\0\xfc")) * len(tensor.data)
    return _put_tensor(file, at, replace(tensor, data=data[: len(tensor.data)]))


def _string(data: bytes) -> bytes:
    return struct.pack("<Q", len(data)) + data
