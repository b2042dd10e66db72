"""Vectors of sentences from the sentinel's model, for whatever compares texts on this machine.

The model that marks what is sensitive gives them in the same pass; nothing leaves, and no other
model is loaded. What they are good for, and what not: ``docs/sentinel.md``.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from runtime.errors import ModelInvalid
from runtime.sentinel.tagger.model import BUILT_IN, SentinelModel

__all__ = ["SentenceEncoder", "load_encoder"]


class SentenceEncoder(Protocol):
    """Turns texts into vectors; safe to call from several threads at once."""

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return a vector of unit length for each text; their product is their likeness."""
        ...


def load_encoder(folder: Path = BUILT_IN) -> SentenceEncoder:
    """Return the encoder in a sentinel's model.

    Args:
        folder: Of the model; the shipped one unless told otherwise.

    Raises:
        ModelInvalid: The model cannot be used, or makes no vectors.
    """
    model = SentinelModel(folder)
    if not model.embeds:
        raise ModelInvalid(
            f"{folder} makes no sentence vectors: name them in `outputs.sentence` of its card"
        )
    return model
