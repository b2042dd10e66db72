"""The card of a model, ``model.json``: labels, thresholds, inputs, and what it vouches for.

A model that was not made here fits in with a card of its own: ``labels`` as that model numbers
them, ``kinds`` to say what they are called here, ``inputs`` and ``outputs`` to say how its graph
names things.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from runtime.documents.described_file import read_described
from runtime.errors import ModelInvalid

__all__ = ["Card", "read_card"]

CARD: Final = "model.json"
_INPUTS: Final = {
    "tokens": "tokens",
    "attention": "attention",
    "shapes": "shapes",
    "segments": "",
    "wants_sentence": "",
}
_OUTPUTS: Final = {"scores": "label_scores", "sentence": "sentence_vector", "topics": ""}


@dataclass(frozen=True, slots=True)
class Card:
    """How to run a model and how to read what it says."""

    labels: tuple[tuple[str, bool], ...]
    """Kind of each label, empty for one that marks nothing, and whether it begins a span."""
    threshold: float
    """From which chance of marking anything a token is sensitive."""
    neighbour_threshold: float
    """The same for a token beside a sensitive one."""
    window: int
    """Most tokens that are shown at once."""
    begin: int
    end: int
    """Tokens before and after a window."""
    inputs: Mapping[str, str]
    """What the graph calls ``tokens``, ``attention`` and, if it wants them, ``shapes`` and
    ``segments`` (how much each token counts in each sentence) and ``wants_sentence`` (whether the
    sentence's vector is to be computed)."""
    scores: str
    """What it calls the scores of labels."""
    sentence: str
    """What it calls the sentence's vector; empty if it makes none."""
    files: Mapping[str, str]
    """SHA-256 of every other file of the model."""
    topics: tuple[str, ...] = ()
    """Kinds that a whole sentence may be of, as the graph numbers them; empty for one ignored."""
    topic_scores: str = ""
    """What the graph calls the log-odds of topics of sentences; empty if it gives none."""
    topic_threshold: float = 0.5
    """From which chance a sentence is of a kind."""

    @property
    def kinds(self) -> frozenset[str]:
        """Every kind that it marks, in words or in sentences."""
        return frozenset(filter(None, (*(kind for kind, _ in self.labels), *self.topics)))


def read_card(directory: Path) -> Card:
    """Return the card of the model in ``directory``.

    Raises:
        ModelInvalid: It is missing or no card.
    """
    path = directory / CARD
    try:
        card = _card(json.loads(read_described(path)))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelInvalid(f"{path} is not the card of a sentinel's model") from error
    if not 0 < card.neighbour_threshold <= card.threshold < 1 or card.window < 16:
        raise ModelInvalid(f"{path} has a window or threshold out of range")
    parts = {bool(card.topics), bool(card.topic_scores), "segments" in card.inputs}
    if len(parts) > 1 or not 0 < card.topic_threshold < 1:
        raise ModelInvalid(
            f"{path} needs `topics`, their scores among the `outputs`, `segments` among the"
            " `inputs`, and a `topic_threshold` between 0 and 1; or none of them"
        )
    if not card.kinds:
        raise ModelInvalid(f"{path} has no label that marks anything")
    return card


def _card(document: dict[str, Any]) -> Card:
    kinds = {str(theirs): str(ours) for theirs, ours in document.get("kinds", {}).items()}
    threshold = float(document["threshold"])
    outputs = _OUTPUTS | dict(document.get("outputs", {}))
    inputs = _INPUTS | dict(document.get("inputs", {}))
    return Card(
        labels=tuple(_label(str(label), kinds) for label in document["labels"]),
        threshold=threshold,
        neighbour_threshold=float(document.get("neighbour_threshold", threshold)),
        window=int(document["window"]),
        begin=int(document["begin_token"]),
        end=int(document["end_token"]),
        inputs={ours: str(theirs) for ours, theirs in inputs.items() if theirs},
        scores=str(outputs["scores"]),
        sentence=str(outputs["sentence"] or ""),
        topics=tuple(kinds.get(str(topic), str(topic)) for topic in document.get("topics", ())),
        topic_scores=str(outputs["topics"] or ""),
        topic_threshold=float(document.get("topic_threshold", 0.5)),
        files={str(name): str(digest) for name, digest in document["files"].items()},
    )


def _label(label: str, kinds: Mapping[str, str]) -> tuple[str, bool]:
    """``B-x`` begins a span of kind x, ``I-x`` goes on with it, ``x`` alone does either."""
    if label == "O":
        return "", False
    place, dash, name = label.partition("-")
    if not dash or place not in ("B", "I", "S", "E", "L", "U"):
        place, name = "I", label
    return kinds.get(name, name), place in ("B", "S", "U")
