"""A decoder in ONNX that adds: its next token is the sum of all tokens so far, modulo 16.

So what it must say is known without it, whatever its export looks like, and a cache, a mask or a
position that is wrong changes the answer. Its tokenizer is SentencePiece's kind, with bytes.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import tokenizers
from tokenizers import decoders, models, normalizers

from tests.onnx_files import TYPES, Graph, Node, ValueType, write_onnx

__all__ = ["CONTEXT_TOKENS", "expected_text", "tokens_of", "write_toy"]

CONTEXT_TOKENS: Final = 256
VOCABULARY: Final = ("<unk>", "<s>", "</s>", "<0xC3>", "<0xA9>", "▁", *"abcdefghij")
SIZE: Final = len(VOCABULARY)
BOS, EOS = 1, 2
_PIECES: Final = [
    b"",
    b"",
    b"",
    b"\xc3",
    b"\xa9",
    b" ",
    *(letter.encode() for letter in "abcdefghij"),
]


def tokens_of(text: str) -> list[int]:
    """Return the tokens of a prompt."""
    found: list[int] = _tokenizer().encode(text, add_special_tokens=False).ids
    return [BOS, *found]


def expected_text(text: str, *, max_tokens: int, counts_positions: bool = False) -> str:
    """Return what the decoder answers."""
    tokens, said = tokens_of(text), b""
    for _ in range(max_tokens):
        token = (sum(tokens) + (len(tokens) - 1) * counts_positions) % SIZE
        if token == EOS:
            break
        tokens.append(token)
        said += _PIECES[token]
    return said.decode("utf-8", "replace")


def write_toy(
    folder: Path,
    *,
    ids: str = "INT64",
    cache: str = "FP32",
    counts_positions: bool = False,
    has_branch: bool = False,
    last_row_only: bool = False,
    rows_asked: bool = False,
    minds_neighbours: bool = False,
    forgets: bool = False,
    keeps: int = 0,
    extra_input: str = "",
) -> Path:
    """Write the decoder with its tokenizer into a new folder.

    Args:
        folder: Where.
        ids: Datatype of tokens, mask and positions.
        cache: Datatype of keys and values.
        counts_positions: Has positions, and adds each token's own to its sum.
        has_branch: Has the switch of merged exports.
        last_row_only: Gives logits for the last token alone.
        rows_asked: Gives logits for as many of the last tokens as it is told.
        minds_neighbours: Adds how many others are in the batch.
        forgets: Computes without looking at its cache.
        keeps: Keeps so many tokens in its cache; 0 keeps all.
        extra_input: Name of an input that nobody knows.
    """
    folder.mkdir()
    nodes = [
        *_sums(cache, forgets=forgets),
        *_cache(cache, keeps=keeps),
        *_logits(
            counts_positions=counts_positions,
            last_row_only=last_row_only,
            rows_asked=rows_asked,
            minds_neighbours=minds_neighbours,
        ),
    ]
    inputs = [ValueType("input_ids", ids, ["b", "s"]), ValueType("attention_mask", ids, ["b", "t"])]
    if counts_positions:
        inputs.append(ValueType("position_ids", ids, ["b", "s"]))
    if has_branch:
        inputs.append(ValueType("use_cache_branch", "BOOL", [1]))
    if rows_asked:
        inputs.append(ValueType("num_logits_to_keep", "INT64", []))
    if extra_input:
        inputs.append(ValueType(extra_input, "FP32", [1]))
    inputs += [ValueType(f"past_key_values.0.{part}", cache, ["b", 1, "p", 1]) for part in PARTS]
    outputs = [ValueType("logits", "FP32", ["b", "n", SIZE])]
    outputs += [ValueType(f"present.0.{part}", cache, ["b", 1, "k", 1]) for part in PARTS]
    constants = {
        "axes": np.array([1, 3], np.int64), "rank": np.array([3], np.int64),
        "two": np.array(2, np.int64), "size": np.array(SIZE, np.float32),
        "depth": np.array([SIZE], np.int64), "off_on": np.array([0, 10], np.float32),
        "end": np.array([1 << 40], np.int64), "time": np.array([2], np.int64),
        "first": np.array([-1], np.int64), "heads": np.array([1], np.int64),
        "some": np.array([-keeps], np.int64), "unit": np.array([1], np.float32),
        "one": np.array(1, np.int64), "zero": np.array([0], np.int64),
    }  # fmt: skip
    write_onnx(folder / "model.onnx", Graph(nodes, inputs, outputs, constants=constants))
    _tokenizer().save(str(folder / "tokenizer.json"))
    notes = {"bos_token": "<s>", "eos_token": {"content": "</s>"}, "add_bos_token": True}
    (folder / "tokenizer_config.json").write_text(json.dumps(notes))
    config = {"max_position_embeddings": CONTEXT_TOKENS, "eos_token_id": EOS}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


PARTS: Final = ("key", "value")


def _sums(cache: str, *, forgets: bool) -> Iterator[Node]:
    """For each new token the sum of all tokens up to it: ``sums``, shape ``(b, s)``."""
    yield Node("Cast", ["input_ids"], ["numbers"], {"to": TYPES[cache]})
    yield Node("Unsqueeze", ["numbers", "axes"], ["new"])
    yield Node("Concat", ["past_key_values.0.key", "new"], ["all"], {"axis": 2})
    yield Node("Cast", ["all"], ["all_real"], {"to": TYPES["FP32"]})
    yield Node("Squeeze", ["all_real", "rank"], ["read"])
    yield Node("Cast", ["attention_mask"], ["mask"], {"to": TYPES["FP32"]})
    yield Node("Unsqueeze", ["mask", "heads"], ["mask_heads"])
    yield Node("Mul", ["read", "mask_heads"], ["seen"])
    yield Node("CumSum", ["seen", "two"], ["running"])
    yield Node("Shape", ["input_ids"], ["length"], {"start": 1, "end": 2})
    yield Node("Neg", ["length"], ["from"])
    yield Node("Slice", ["running", "from", "end", "time"], ["new_sums"])
    yield Node("Squeeze", ["new_sums", "heads"], ["remembered"])
    if forgets:
        yield Node("Cast", ["input_ids"], ["new_real"], {"to": TYPES["FP32"]})
        yield Node("CumSum", ["new_real", "one"], ["sums"])
    else:
        yield Node("Identity", ["remembered"], ["sums"])


def _cache(cache: str, *, keeps: int) -> Iterator[Node]:
    yield Node("Concat", ["past_key_values.0.value", "new"], ["all_values"], {"axis": 2})
    for source, part in (("all", "key"), ("all_values", "value")):
        if keeps:
            yield Node("Slice", [source, "some", "end", "time"], [f"present.0.{part}"])
        else:
            yield Node("Identity", [source], [f"present.0.{part}"])


def _logits(
    *, counts_positions: bool, last_row_only: bool, rows_asked: bool, minds_neighbours: bool
) -> Iterator[Node]:
    places = "sums"
    if counts_positions:
        yield Node("Cast", ["position_ids"], ["positions"], {"to": TYPES["FP32"]})
        yield Node("Add", ["sums", "positions"], ["placed"])
        places = "placed"
    if minds_neighbours:
        yield Node("Shape", ["input_ids"], ["rows"], {"start": 0, "end": 1})
        yield Node("Cast", ["rows"], ["rows_real"], {"to": TYPES["FP32"]})
        yield Node("Sub", ["rows_real", "unit"], ["others"])
        yield Node("Add", [places, "others"], ["disturbed"])
        places = "disturbed"
    yield Node("Mod", [places, "size"], ["next"], {"fmod": 1})
    yield Node("Cast", ["next"], ["next_id"], {"to": TYPES["INT64"]})
    yield Node("OneHot", ["next_id", "depth", "off_on"], ["every_row"])
    if rows_asked:
        yield Node("Neg", ["num_logits_to_keep"], ["less"])
        yield Node("Unsqueeze", ["less", "zero"], ["from_row"])
        yield Node("Slice", ["every_row", "from_row", "end", "heads"], ["logits"])
    elif last_row_only:
        yield Node("Slice", ["every_row", "first", "end", "heads"], ["logits"])
    else:
        yield Node("Identity", ["every_row"], ["logits"])


def _tokenizer() -> Any:
    vocabulary = {text: number for number, text in enumerate(VOCABULARY)}
    tokenizer = tokenizers.Tokenizer(
        models.BPE(vocabulary, [], unk_token="<unk>", byte_fallback=True)
    )
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>"])
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    parts: Sequence[Any] = (decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse())
    tokenizer.decoder = decoders.Sequence(list(parts))
    return tokenizer
