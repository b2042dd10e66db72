"""A token classifier that was not made here: a graph, a tokeniser and a card of its own."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from runtime.errors import ModelInvalid
from runtime.labels import UNSURE
from runtime.sentinel.categories import PERSON, PLACE
from runtime.sentinel.detectors.tagger import TaggerDetector
from runtime.sentinel.embedding import load_encoder
from runtime.sentinel.scan import Sentinel
from runtime.sentinel.tagger.model import SentinelModel
from tests.onnx_files import Graph, Node, ValueType, write_onnx

WORDS = ["[UNK]", "[CLS]", "[SEP]", "Ann", "Rossi", "Rome", "Orion"]
LABELS = ["O", "B-PER", "I-PER", "B-LOC", "B-PRJ"]
KINDS = {"PER": "person", "LOC": "place", "PRJ": ""}
LABEL_OF = {"Ann": "B-PER", "Rossi": "I-PER", "Rome": "B-LOC", "Orion": "B-PRJ"}
TEXT = "Ann Rossi flew to Rome for Orion ."


def by_heart() -> NDArray[np.float32]:
    """Scores of each word's labels."""
    table = np.zeros((len(WORDS), len(LABELS)), np.float32)
    for at, word in enumerate(WORDS):
        table[at, LABELS.index(LABEL_OF.get(word, "O"))] = 8.0
    return table


def foreign(folder: Path, *, table: NDArray[np.float32] | None = None, **changes: Any) -> Path:
    """Write a model that knows each of its words by heart, or scores them by ``table``."""
    write_onnx(
        folder / "model.onnx",
        Graph(
            nodes=[Node("Gather", ["table", "input_ids"], ["logits"])],
            inputs=[
                ValueType("input_ids", "INT64", ["texts", "tokens"]),
                ValueType("attention_mask", "INT64", ["texts", "tokens"]),
            ],
            outputs=[ValueType("logits", "FP32", ["texts", "tokens", len(LABELS)])],
            constants={"table": by_heart() if table is None else table},
        ),
    )
    words = Tokenizer(WordLevel({word: at for at, word in enumerate(WORDS)}, unk_token="[UNK]"))
    words.pre_tokenizer = Whitespace()
    words.save(str(folder / "tokenizer.json"))
    card = {
        "labels": LABELS,
        "kinds": KINDS,
        "inputs": {"tokens": "input_ids", "attention": "attention_mask", "shapes": ""},
        "outputs": {"scores": "logits", "sentence": ""},
        "threshold": 0.5,
        "window": 16,
        "begin_token": 1,
        "end_token": 2,
        "files": {
            name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
            for name in ("model.onnx", "tokenizer.json")
        },
    }
    (folder / "model.json").write_text(json.dumps(card | changes))
    return folder


def test_its_labels_are_read_as_the_card_calls_them(tmp_path: Path) -> None:
    tagger = TaggerDetector(SentinelModel(foreign(tmp_path)), asked=frozenset({PLACE}))
    scan = Sentinel([tagger]).scan_now(TEXT)

    found = {TEXT[span.start : span.end]: span.category for span in scan.spans}
    assert found == {"Ann Rossi": PERSON, "Rome": PLACE}
    assert not scan.failed


def test_a_long_text_is_read_to_its_end_in_narrow_windows(tmp_path: Path) -> None:
    text = "Orion " * 300 + "Ann"  # nowhere a welcome cut
    (found,) = SentinelModel(foreign(tmp_path)).read(text)

    assert text[found.start : found.end] == "Ann"


def test_a_label_that_the_card_gives_no_kind_here_is_unsure(tmp_path: Path) -> None:
    folder = foreign(tmp_path, kinds={"PER": "person", "LOC": "place"})
    scan = Sentinel([TaggerDetector(SentinelModel(folder), asked=frozenset())]).scan_now(TEXT)

    assert scan.label.categories == {PERSON, UNSURE}


def test_a_long_text_is_read_in_windows_of_its_size(tmp_path: Path) -> None:
    text = "nobody here . " * 40 + "Ann Rossi"
    (found,) = SentinelModel(foreign(tmp_path)).read(text)

    assert text[found.start : found.end] == "Ann Rossi"


def test_it_has_no_vectors_to_give(tmp_path: Path) -> None:
    with pytest.raises(ModelInvalid, match="makes no sentence vectors"):
        load_encoder(foreign(tmp_path))


@pytest.mark.parametrize(
    "changes",
    [{"topics": ["legal_topic"]}, {"outputs": {"scores": "logits", "sentence": "", "topics": "x"}}],
)
def test_topics_without_scores_or_scores_without_topics_are_refused(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    with pytest.raises(ModelInvalid, match="or none of them"):
        SentinelModel(foreign(tmp_path, **changes))
