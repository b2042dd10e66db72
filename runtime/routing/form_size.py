"""How long a prompt is and of what characters it is made."""

from __future__ import annotations

import math
import re
import zlib
from typing import Final

from runtime.routing.parts import Parts

__all__ = ["WORD", "form_of_size", "share"]

WORD: Final = re.compile(r"[A-Za-z]+(?:'[a-z]+)?")
_NUMBER: Final = re.compile(r"\d+(?:[.,]\d+)*")
_SENTENCE_END: Final = re.compile(r"[.?!]+(?:\s|$)")
_SIGNS: Final = frozenset("=+*/^<>{}[]|\\_~()-")
_LONG_WORD: Final = 8


def share(count: float, of: float) -> float:
    """Return a share; of nothing, 0."""
    return count / of if of else 0.0


def form_of_size(parts: Parts) -> dict[str, float]:
    """Return the features, by name; counts as logarithms, so that no page outweighs a line."""
    text, question = parts.text, parts.question
    words = [word.lower() for word in WORD.findall(text)]
    asked = WORD.findall(question)
    sentences = [piece for piece in _SENTENCE_END.split(question) if piece.strip()]
    bytes_ = text.encode("utf-8", errors="replace")
    size = len(text)
    return {
        "characters": math.log1p(parts.characters),
        "question_characters": math.log1p(len(question)),
        "words": math.log1p(len(words)),
        "question_words": math.log1p(len(asked)),
        "word_length": share(sum(map(len, words)), len(words)),
        "question_word_length": share(sum(map(len, asked)), len(asked)),
        "long_words": share(sum(len(word) > _LONG_WORD for word in words), len(words)),
        "different_words": share(len(set(words)), len(words)),
        "compressed": share(len(zlib.compress(bytes_)), len(bytes_)),
        "sentences": math.log1p(len(sentences)),
        "sentence_words": math.log1p(share(len(asked), len(sentences))),
        "last_sentence_words": math.log1p(len(WORD.findall(sentences[-1])) if sentences else 0),
        "lines": math.log1p(question.count("\n")),
        "digits": share(sum(map(str.isdigit, text)), size),
        "numbers": math.log1p(len(_NUMBER.findall(question))),
        "signs": share(sum(character in _SIGNS for character in text), size),
        "equals": math.log1p(text.count("=")),
        "powers": float("^" in text),
        "brackets": math.log1p(text.count("(")),
        "capitals": share(sum(map(str.isupper, text)), size),
        "capital_words": share(sum(word[0].isupper() for word in asked[1:]), len(asked)),
        "shouted_words": float(sum(len(word) > 1 and word.isupper() for word in asked)),
        "foreign_characters": share(sum(ord(character) > 127 for character in text), size),
        "commas": share(text.count(","), len(words)),
        "quotes": math.log1p(text.count('"') + text.count("'")),
        "semicolons": math.log1p(text.count(";")),
        "colons": math.log1p(question.count(":")),
    }
