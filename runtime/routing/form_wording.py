"""How a question is put: question words, negation, cases told, gaps to fill."""

from __future__ import annotations

import math
import re
from typing import Final

from runtime.routing.form_size import WORD, share
from runtime.routing.parts import Parts

__all__ = ["NEGATION", "form_of_wording"]

NEGATION: Final = re.compile(
    r"\b(not|never|no|none|neither|nor|cannot|without|least|incorrect|false|except|unlikely)\b"
    r"|n't\b",
    re.IGNORECASE,
)
_STRESSED_NEGATION: Final = re.compile(r"\b(NOT|EXCEPT|LEAST|FALSE|INCORRECT)\b")
_LATE_NEGATION: Final = re.compile(r"\bexcept\b|\bnot\b.{0,30}$", re.IGNORECASE)
_STATEMENT: Final = re.compile(r"statement\s*(1|i\b|2)", re.IGNORECASE)
_ROMAN: Final = re.compile(r"\bI{2,3}\b")
_FUNCTION_WORDS: Final = frozenset(
    {
        *(
            "the",
            "of",
            "and",
            "to",
            "a",
            "in",
            "is",
            "that",
            "for",
            "on",
            "with",
            "as",
            "by",
            "are",
        ),
        *("was", "an", "be", "from", "or", "which", "it", "at", "this", "have", "has", "not", "he"),
        *("his", "she"),
    }
)
_SAID: Final = {
    name: re.compile(pattern)
    for name, pattern in {
        "what": r"\bwhat\b",
        "which": r"\bwhich\b",
        "who": r"\bwho(m|se)?\b",
        "how": r"\bhow\b",
        "how_many": r"\bhow (many|much)\b",
        "why": r"\bwhy\b",
        "when": r"\bwhen\b",
        "where": r"\bwhere\b",
        "if": r"\bif\b",
        "compute": r"\b(find|compute|calculate|determine|evaluate|solve)\b",
        "best": r"\b(best|most|likely|primarily|main)\b",
        "should": r"\b(should|must|may|would|could)\b",
        "me": r"\b(i|my|me)\b",
        "you": r"\b(you|your)\b",
        "somebody": r"\b(he|she|his|her|him)\b",
        "suppose": r"\b(suppose|assume|let|given|consider)\b",
        "year": r"\b(1[0-9]{3}|20[0-2][0-9])\b",
        "money": r"[%$]",
        "because": r"\b(because|therefore|thus|hence|since)\b",
        "age": r"year-old",
        "term": r"\b(according|argues?|refers?|known as|called|defined?|term)\b",
        "true": r"\btrue\b",
        "following": r"\bfollowing\b",
        "of_the_following": r"\bof the following\b",
    }.items()
}


def form_of_wording(parts: Parts) -> dict[str, float]:
    """Return the features, by name."""
    question = parts.question
    lower, end = question.lower(), question.rstrip()
    words = [word.lower() for word in WORD.findall(parts.text)]
    said = {f"says_{name}": float(bool(one.search(lower))) for name, one in _SAID.items()}
    return said | {
        "asks": float("?" in question),
        "ends_with_question_mark": float(end.endswith("?")),
        "ends_with_colon": float(end.endswith(":")),
        "ends_with_full_stop": float(end.endswith(".")),
        "gap": float("__" in question),
        "negations": math.log1p(sum(1 for _ in NEGATION.finditer(question))),
        "stressed_negation": float(bool(_STRESSED_NEGATION.search(question))),
        "late_negation": float(bool(_LATE_NEGATION.search(question))),
        "statements": float(bool(_STATEMENT.search(question))),
        "roman_numbers": float(bool(_ROMAN.search(parts.text))),
        "the": share(words.count("the"), len(words)),
        "function_words": share(sum(word in _FUNCTION_WORDS for word in words), len(words)),
    }
