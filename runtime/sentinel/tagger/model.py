"""The model's files and one forward pass: ONNX Runtime and the published tokeniser.

One directory holds ``model.onnx``, ``tokenizer.json`` and ``model.json`` (labels, threshold,
window, checksum). Safe to call from several threads at once.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from runtime.errors import ModelInvalid
from runtime.sentinel.tagger.readings import Reading, Token, readings, tokens_of
from runtime.sentinel.tagger.windows import windows

__all__ = ["SentinelModel"]

_OVERLAP: Final = 24
_BATCH: Final = 8
"""Windows that go through the model together; more gain nothing on a small device."""


@dataclass(frozen=True, slots=True)
class _Card:
    """What ``model.json`` says."""

    labels: tuple[str, ...]
    threshold: float
    window: int
    sha256: str
    begin: int
    end: int


class SentinelModel:
    """A loaded model.

    Args:
        directory: Where its files are.
        threads: How many of ONNX Runtime's threads one pass may use.

    Raises:
        ModelInvalid: A file is missing, altered, or not what it should be; or ONNX Runtime or
            ``tokenizers`` is not installed.
    """

    def __init__(self, directory: Path, *, threads: int = 1) -> None:
        card = _read_card(directory)
        content = _read(directory / "model.onnx")
        if hashlib.sha256(content).hexdigest() != card.sha256:
            raise ModelInvalid(
                f"{directory / 'model.onnx'} is not the file that its card describes"
            )
        try:
            import onnxruntime  # only nodes that are configured with it need it
            from tokenizers import Tokenizer
        except ImportError as error:
            raise ModelInvalid(
                f"the sentinel's model needs {error.name}; install leeward with its edge extra"
            ) from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        try:
            self._session = onnxruntime.InferenceSession(content, options)
            self._tokenizer = Tokenizer.from_str(
                _read(directory / "tokenizer.json").decode("utf-8")
            )
        except Exception as error:  # both raise what they like
            raise ModelInvalid(f"{directory} holds no model that can be loaded") from error
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._card = card

    @property
    def kinds(self) -> frozenset[str]:
        """Every kind that it can find."""
        return frozenset(label.partition("-")[2] for label in self._card.labels[1:])

    def read(self, text: str) -> list[Reading]:
        """Return what ``text`` holds, in order."""
        encoded = self._tokenizer.encode(text, add_special_tokens=False)
        ids, offsets = encoded.ids, encoded.offsets
        if not ids:
            return []
        tokens: list[Token] = []
        cut = list(windows(len(ids), size=self._card.window, overlap=_OVERLAP))
        for at in range(0, len(cut), _BATCH):
            batch = cut[at : at + _BATCH]
            chances, _ = self._pass([ids[window.start : window.end] for window in batch])
            for window, row in zip(batch, chances, strict=True):
                judged = row[1 + window.first - window.start : 1 + window.last - window.start]
                tokens += tokens_of(
                    offsets[window.first : window.last],
                    judged,
                    self._card.labels,
                    self._card.threshold,
                )
        return readings(text, tokens)

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return a vector of unit length for each text; of a long text, for its first window."""
        vectors: list[list[float]] = []
        for text in texts:
            ids = self._tokenizer.encode(text, add_special_tokens=False).ids[: self._card.window]
            vectors.append(self._pass([ids])[1][0].tolist())
        return vectors

    def _pass(self, rows: Sequence[Sequence[int]]) -> tuple[Any, Any]:
        """Return the chances of labels [rows, tokens, labels] and the vectors [rows, hidden]."""
        import numpy as np  # comes with ONNX Runtime

        longest = max(len(row) for row in rows) + 2
        ids = np.zeros((len(rows), longest), dtype=np.int64)
        attention = np.zeros_like(ids)
        for at, row in enumerate(rows):
            ids[at, 0] = self._card.begin
            ids[at, 1 : 1 + len(row)] = row
            ids[at, 1 + len(row)] = self._card.end
            attention[at, : len(row) + 2] = 1
        scores, vectors = self._session.run(None, {"tokens": ids, "attention": attention})
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        return scores / scores.sum(-1, keepdims=True), vectors


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelInvalid(f"{path} cannot be read: {error.strerror}") from error


def _read_card(directory: Path) -> _Card:
    try:
        card = json.loads(_read(directory / "model.json"))
        labels = tuple(map(str, card["labels"]))
        made = _Card(
            labels=labels,
            threshold=float(card["threshold"]),
            window=int(card["window"]),
            sha256=str(card["sha256"]),
            begin=int(card["begin_token"]),
            end=int(card["end_token"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise ModelInvalid(f"{directory / 'model.json'} is not the card of a sentinel") from error
    if made.window <= _OVERLAP or not labels or not 0 < made.threshold < 1:
        raise ModelInvalid(f"{directory / 'model.json'} has a window or threshold out of range")
    return made
