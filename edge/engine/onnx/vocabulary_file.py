"""A tokenizer's vocabulary, written as a GGUF file that holds nothing else.

libllama's samplers and grammars ask a vocabulary which bytes a token stands for. With one of its
own making in memory, they serve a model that libllama cannot load. Pure data: no libllama.
"""

import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from runtime.errors import ModelInvalid

__all__ = ["Tokens", "read_tokens", "vocabulary_file"]

_MAGIC: Final = b"GGUF"
_VERSION: Final = 3
_U32, _I32, _BOOL, _STRING, _ARRAY = 4, 5, 7, 8, 9
_NORMAL, _CONTROL, _OWN, _UNUSED, _BYTE = 1, 3, 4, 5, 6
_MOST_TOKENS: Final = 1 << 22
_BYTE_LEVEL, _PIECES = "gpt2", "llama"
"""Bytes are spelled with one letter each, or text is spelled as it is but for blanks."""
_END_KEYS: Final = ("eos", "eot", "eom")
_BYTE_TOKEN: Final = re.compile(r"<0x[0-9A-F]{2}>")


@dataclass(frozen=True, slots=True)
class Tokens:
    """The vocabulary of a ``tokenizer.json``."""

    spelling: str
    """How tokens are spelled, in libllama's words: ``gpt2`` or ``llama``."""
    by_id: Mapping[int, str]
    special: frozenset[int]
    """They mean something to the model and are no text."""
    added: frozenset[int]
    """They are text, spelled as it is, special ones aside."""

    def id_of(self, text: str) -> int | None:
        """Return the token that is spelled so."""
        return next((number for number, one in self.by_id.items() if one == text), None)


def read_tokens(tokenizer: Mapping[str, Any]) -> Tokens:
    """Read the vocabulary out of a ``tokenizer.json``.

    Raises:
        ModelInvalid: It is not of a kind whose tokens have bytes of their own.
    """
    model = tokenizer.get("model")
    vocabulary = model.get("vocab") if isinstance(model, dict) else None
    if isinstance(vocabulary, dict):
        spelled = {number: text for text, number in vocabulary.items() if type(number) is int}
    elif isinstance(vocabulary, list):  # unigram models: text and score
        spelled = {number: str(entry[0]) for number, entry in enumerate(vocabulary) if entry}
    else:
        raise ModelInvalid("tokenizer.json holds no vocabulary")
    added = [one for one in tokenizer.get("added_tokens") or () if isinstance(one, dict)]
    marks = {one["id"]: one for one in added if type(one.get("id")) is int}
    spelled |= {number: str(one.get("content", "")) for number, one in marks.items()}
    if not spelled or min(spelled) < 0 or max(spelled) >= _MOST_TOKENS:
        raise ModelInvalid("tokenizer.json numbers its tokens in a way that is not served")
    special = frozenset(number for number, one in marks.items() if one.get("special"))
    return Tokens(_spelling(tokenizer), spelled, special, frozenset(marks) - special)


def vocabulary_file(
    tokens: Tokens, *, size: int, ends: Sequence[int], bos: int | None, adds_bos: bool
) -> bytes:
    """Write a vocabulary.

    Args:
        tokens: What to write.
        size: How many tokens the model gives logits for; more are cut, missing ones are empty.
        ends: Tokens with which the model ends, at least one, the most important first.
        bos: The token that begins a sequence, if there is one.
        adds_bos: Whether every prompt begins with it.
    """
    texts, kinds = _spelled(tokens, size)
    values = [
        _text("general.architecture", "llama"),
        _text("tokenizer.ggml.model", tokens.spelling),
        _text("tokenizer.ggml.pre", "default"),
        _array("tokenizer.ggml.tokens", _STRING, len(texts)) + b"".join(map(_string, texts)),
        _array("tokenizer.ggml.token_type", _I32, size) + struct.pack(f"<{size}i", *kinds),
        _array("tokenizer.ggml.merges", _STRING, 0),
        _number("tokenizer.ggml.bos_token_id", ends[0] if bos is None else bos),
        _string("tokenizer.ggml.add_bos_token") + struct.pack("<IB", _BOOL, adds_bos),
        *_ends(ends),
    ]
    return _MAGIC + struct.pack("<IQQ", _VERSION, 0, len(values)) + b"".join(values)


def _ends(ends: Sequence[int]) -> Iterator[bytes]:
    for key, token in zip(_END_KEYS, ends, strict=False):
        yield _number(f"tokenizer.ggml.{key}_token_id", token)


def _spelled(tokens: Tokens, size: int) -> tuple[list[str], list[int]]:
    """Spelling and kind of every token; libllama cannot have two that are spelled alike."""
    texts, kinds, seen = [], [], set[str]()
    for number in range(size):
        text = tokens.by_id.get(number)
        if text is None or text in seen:
            texts.append(f"[{number} is no token]")
            kinds.append(_UNUSED)
        else:
            texts.append(text)
            kinds.append(_kind(tokens, number, text))
        seen.add(texts[-1])
    return texts, kinds


def _kind(tokens: Tokens, number: int, text: str) -> int:
    if number in tokens.special:
        return _CONTROL
    if number in tokens.added:
        return _OWN
    return _BYTE if tokens.spelling == _PIECES and _is_byte(text) else _NORMAL


def _is_byte(text: str) -> bool:
    """Whether a token is spelled like ``<0x0A>`` and means one byte."""
    return _BYTE_TOKEN.fullmatch(text) is not None


def _spelling(tokenizer: Mapping[str, Any]) -> str:
    """Tell by the decoder how the tokens are spelled."""
    kinds = set(_kinds_of(tokenizer.get("decoder")))
    if "ByteLevel" in kinds:
        return _BYTE_LEVEL
    if kinds & {"ByteFallback", "Metaspace", "Replace"} and "WordPiece" not in kinds:
        return _PIECES
    raise ModelInvalid(
        "tokenizer.json has a decoder that is not served; those of byte-level BPE and of "
        "SentencePiece are"
    )


def _kinds_of(decoder: Any) -> Iterator[str]:
    if isinstance(decoder, dict):
        yield str(decoder.get("type"))
        for one in decoder.get("decoders") or ():
            yield from _kinds_of(one)


def _number(key: str, value: int) -> bytes:
    return _string(key) + struct.pack("<II", _U32, value)


def _text(key: str, value: str) -> bytes:
    return _string(key) + struct.pack("<I", _STRING) + _string(value)


def _array(key: str, kind: int, length: int) -> bytes:
    return _string(key) + struct.pack("<IIQ", _ARRAY, kind, length)


def _string(text: str) -> bytes:
    data = text.encode("utf-8", "surrogatepass")
    return struct.pack("<Q", len(data)) + data
