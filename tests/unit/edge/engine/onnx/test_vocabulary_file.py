"""Vocabularies of tokenizers, as libllama reads them: bytes, kinds, ends."""

from typing import Any

import pytest

from edge.engine.native.model import LoadLog
from edge.engine.native.vocabulary import LlamaVocabulary
from edge.engine.onnx.model import read_vocabulary
from edge.engine.onnx.vocabulary_file import Tokens, read_tokens, vocabulary_file
from runtime.errors import ModelInvalid

SPECIAL: list[dict[str, Any]] = [
    {"id": 0, "content": "<s>", "special": True},
    {"id": 1, "content": "</s>", "special": True},
    {"id": 2, "content": "<tool>", "special": False},
]
BYTE_LEVEL = {
    "model": {"vocab": {"<s>": 0, "</s>": 1, "<tool>": 2, "a": 3, "\u0120b": 4, "\u00c3": 5}},
    "added_tokens": SPECIAL,
    "decoder": {"type": "ByteLevel"},
}
SPELLED = ("<s>", "</s>", "x", "a", "\u2581b", "<0xC3>")
UNIGRAM = {
    "model": {"vocab": [[text, -1.0] for text in SPELLED]},
    "added_tokens": SPECIAL,
    "decoder": {"type": "Sequence", "decoders": [{"type": "Metaspace"}]},
}


def loaded(tokens: Tokens, *, size: int) -> LlamaVocabulary:
    data = vocabulary_file(tokens, size=size, ends=[1], bos=0, adds_bos=True)
    with LoadLog() as log:
        return LlamaVocabulary(read_vocabulary(data, log))


@pytest.mark.parametrize("document", [BYTE_LEVEL, UNIGRAM], ids=["byte-level", "unigram"])
def test_pieces_are_the_bytes_that_the_tokenizer_means(document: dict[str, Any]) -> None:
    vocabulary = loaded(read_tokens(document), size=8)

    assert [vocabulary.piece(token) for token in range(8)] == [
        b"", b"", b"<tool>", b"a", b" b", b"\xc3", b"", b""
    ]  # fmt: skip
    assert vocabulary.vocabulary_size == 8
    assert [vocabulary.is_end(token) for token in range(4)] == [False, True, False, False]
    assert (vocabulary.bos, vocabulary.bos_text) == (0, "<s>")
    assert set(vocabulary.control_texts) == {"<s>", "</s>"}


def test_two_tokens_that_are_spelled_alike_end_nothing() -> None:
    document = BYTE_LEVEL | {"added_tokens": [*SPECIAL, {"id": 7, "content": "a"}]}

    vocabulary = loaded(read_tokens(document), size=9)

    assert [vocabulary.piece(token) for token in (3, 7)] == [b"a", b""]


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"model": {}},
        {"model": {"vocab": {}}, "decoder": {"type": "ByteLevel"}},
        {"model": {"vocab": {"a": -1}}, "decoder": {"type": "ByteLevel"}},
        {"model": {"vocab": {"a": 1 << 40}}, "decoder": {"type": "ByteLevel"}},
        {"model": {"vocab": {"a": 0}}, "decoder": None},
        {"model": {"vocab": {"a": 0}}, "decoder": {"type": "WordPiece"}},
    ],
)
def test_what_is_no_vocabulary_of_a_decoder_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(ModelInvalid, match=r"tokenizer\.json"):
        read_tokens(document)
