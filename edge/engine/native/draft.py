"""A draft: a small model that runs a few tokens ahead of the one that answers.

It writes the likeliest token each time, however the answer is drawn: what it says is a guess, and
the answering model decides about each. One text at a time, for only a stream that is alone has
room for guesses.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from edge.engine.frames import Load
from edge.engine.native.batch import Part
from edge.engine.native.context import LlamaContext
from edge.engine.native.model import LlamaModel, LoadLog
from edge.engine.native.vocabulary import LlamaVocabulary
from runtime.errors import ModelInvalid

__all__ = ["DraftModel"]

_SEQUENCE: Final = 0
_BEHIND_TOKENS: Final = 16
"""Further behind its text than this, it catches up and guesses nothing."""
_CATCH_UP_TOKENS: Final = 64
"""Most of its text that it reads at once: the stream that it is to help waits meanwhile."""
_PADDING_TOKENS: Final = 256
"""Models of one family round the size of their vocabulary up differently."""


class DraftModel:
    """Implements ``edge.engine.guessing.Draft``.

    Args:
        model: Who answers.
        load: With what settings it was loaded; names the draft's file.
        log: Says why libllama refuses that.

    Raises:
        ModelInvalid: It is no usable model, or one with another vocabulary.
    """

    def __init__(self, model: LlamaModel, load: Load, log: LoadLog) -> None:
        own = replace(
            load, path=load.draft, slots=1, cache_tokens=0, kept_prefixes=0, guesses=False
        )
        try:
            self._model = LlamaModel(own, log)
            self._context = LlamaContext(self._model, own, log)
        except ModelInvalid as error:
            raise ModelInvalid(f"its draft {load.draft}: {error}") from None
        if not self._model.can_share:
            raise ModelInvalid(f"its draft {load.draft} cannot take a wrong guess back")
        if not _is_same_vocabulary(model, self._model):
            raise ModelInvalid(f"its draft {load.draft} has another vocabulary")
        self._vocabulary_size = min(model.vocabulary_size, self._model.vocabulary_size)
        self._most_behind = min(_CATCH_UP_TOKENS, self._context.batch_tokens)
        self._owner: object = None
        self._held: list[int] = []
        """The tokens in its context: the text, and guesses behind it."""
        self._sure = 0
        """Of those, that are known to be the text."""

    def guess(
        self, owner: object, text: Sequence[int], most: int, *, least_chance: float
    ) -> list[int] | None:
        """Return tokens that may come next; ``None`` where it had to catch up first."""
        if owner is not self._owner:
            self._owner, self._sure = owner, 0
            self._keep(0)
        most = min(most, self._context.context_tokens - len(text))
        if most <= 0:
            return []
        self._agree(text)
        behind = text[self._sure : self._sure + self._most_behind]
        row = self._decode(behind)
        self._sure = len(self._held)
        if self._sure < len(text) or len(behind) > _BEHIND_TOKENS:
            return None
        return self._ahead(row, most, least_chance)

    def _ahead(self, row: int, most: int, least_chance: float) -> list[int]:
        guess: list[int] = []
        chance = 1.0
        while True:
            logits = self._context.logits(row)
            token = int(logits.argmax())
            chance /= float(np.exp(logits - logits[token]).sum())
            is_known = token < self._vocabulary_size and not self._model.is_end(token)
            if chance < least_chance or not is_known:
                return guess
            guess.append(token)
            if len(guess) == most:
                return guess
            row = self._decode([token])

    def _agree(self, text: Sequence[int]) -> None:
        """Drop what is held and not the text; its last token is computed in any case."""
        end = min(len(self._held), len(text) - 1)
        while self._sure < end and self._held[self._sure] == text[self._sure]:
            self._sure += 1
        self._sure = min(self._sure, end)
        self._keep(self._sure)

    def _keep(self, tokens: int) -> None:
        if len(self._held) > tokens:
            self._context.cut(_SEQUENCE, tokens)
            del self._held[tokens:]

    def _decode(self, tokens: Sequence[int]) -> int:
        (row,) = self._context.decode([Part(_SEQUENCE, len(self._held), tokens, wants_logits=True)])
        self._held += tokens
        return row


def _is_same_vocabulary(one: LlamaVocabulary, other: LlamaVocabulary) -> bool:
    """Whether every token means the same; at the end one may have some that the other has not."""
    if abs(one.vocabulary_size - other.vocabulary_size) > _PADDING_TOKENS:
        return False
    if (one.bos, one.bos_text, one.eos_text) != (other.bos, other.bos_text, other.eos_text):
        return False
    tokens = range(min(one.vocabulary_size, other.vocabulary_size))
    return all(one.spelling(token) == other.spelling(token) for token in tokens)
