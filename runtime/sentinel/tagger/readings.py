"""From the labels of tokens to spans of a text.

A token counts as sensitive when the labels of all kinds that are looked for have together at least
the threshold, whatever they think it is: which of two kinds a word is matters less than that it
goes. Beside a sensitive token a lower threshold holds: half an address is no use. Where some kinds
weigh less than others, the weightier ones get a word as soon as they have that much together.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from runtime.sentinel.tagger.card import Card

__all__ = ["Focus", "Reading", "Token", "focus_on", "readings", "tokens_of"]

_ANY_MARKS: Final = frozenset({"password", "api_key"})
"""What may begin or end with any mark."""
_OPENING: Final = frozenset("+(")
_CLOSING: Final = frozenset(")/")
_WORD_REST: Final = re.compile(r"[^\W_]+")
_LONGEST_GAP: Final = 3
"""Between two tokens of one span: a blank, or a comma and a blank."""


@dataclass(frozen=True, slots=True)
class Focus:
    """Numbers of the labels that count, of those among them that weigh more, and of topics."""

    looked: tuple[int, ...]
    heavy: tuple[int, ...]
    topics: tuple[int, ...] = ()
    """What whole sentences are judged on."""


class Token(NamedTuple):
    """Where a sensitive token stands, what it is most likely part of, and how likely."""

    start: int
    end: int
    kind: str
    begins: bool
    """Whether it begins a span of its own."""
    score: float
    is_heavy: bool = True
    """Whether its kind is one of those that weigh more."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A stretch of the text; ``end`` is exclusive."""

    start: int
    end: int
    kind: str
    score: float


def focus_on(card: Card, kinds: Collection[str], *, lighter: Collection[str] = ()) -> Focus:
    """Return which labels count when ``kinds`` are looked for, ``lighter`` ones as less heavy."""
    looked = [at for at, (kind, _) in enumerate(card.labels) if kind in kinds]
    heavy = [at for at in looked if card.labels[at][0] not in lighter]
    topics = [at for at, kind in enumerate(card.topics) if kind in kinds]
    return Focus(tuple(looked), tuple(heavy), tuple(topics))


def tokens_of(
    offsets: Sequence[tuple[int, int]], chances: Any, card: Card, focus: Focus
) -> list[Token]:
    """Return the sensitive tokens, in order.

    Args:
        offsets: Start and end of each token in the text.
        chances: Of each label per token, [tokens, labels]; a row sums to one.
        card: What the labels are and which chance is enough.
        focus: Which of the labels count.
    """
    if not focus.looked:
        return []
    looked = chances[:, focus.looked]
    inside = looked.sum(-1).tolist()
    chosen = [at for at in _sensitive(inside, card) if offsets[at][0] < offsets[at][1]]
    best = looked[chosen].argmax(-1).tolist()
    is_heavy, heaviest = _heavy(chances[chosen], card, focus)
    heavy = frozenset(focus.heavy)
    tokens = []
    for row, at in enumerate(chosen):
        label = focus.heavy[heaviest[row]] if is_heavy[row] else focus.looked[best[row]]
        kind, begins = card.labels[label]
        tokens.append(Token(*offsets[at], kind, begins, inside[at], label in heavy))
    return tokens


def _heavy(chances: Any, card: Card, focus: Focus) -> tuple[list[bool], list[int]]:
    """Return, per token, whether the weightier kinds have it, and which of them most."""
    if not focus.heavy:
        return [False] * len(chances), []
    heavy = chances[:, focus.heavy]
    return (heavy.sum(-1) >= card.neighbour_threshold).tolist(), heavy.argmax(-1).tolist()


def _sensitive(inside: list[float], card: Card) -> list[int]:
    """Runs of tokens over the lower threshold that hold one over the higher."""
    chosen: list[int] = []
    lower, higher = card.neighbour_threshold, card.threshold
    begin, most = 0, 0.0
    for at, chance in enumerate([*inside, 0.0]):
        if chance >= lower:
            most = max(most, chance)
            continue
        if most >= higher:
            chosen += range(begin, at)
        begin, most = at + 1, 0.0
    return chosen


def readings(text: str, tokens: Sequence[Token]) -> list[Reading]:
    """Join sensitive tokens to spans, each grown to whole words and rid of marks at its ends.

    A label that begins a span starts a new one only at a word's start: the pieces of one word
    belong together, whatever the model thinks of them one by one, and the kind that weighs more
    has the word.
    """
    found: list[Reading] = []
    first = last = -1
    kind, score, is_heavy = "", 0.0, True
    for token in tokens:
        start, end = token.start, token.end
        if end > last:  # else it is a piece of a word that is in already
            start, end = _whole_word(text, start, end)
        if start < last or (kind == token.kind and _joins(text[last:start], token)):
            last = max(end, last)
            score = max(score, token.score)
            kind = token.kind if token.is_heavy and not is_heavy else kind
            is_heavy = is_heavy or token.is_heavy
            continue
        if kind:
            found.append(Reading(first, last, kind, score))
        first, last = start, end
        kind, score, is_heavy = token.kind, token.score, token.is_heavy
    if kind:
        found.append(Reading(first, last, kind, score))
    return [trimmed for item in found if (trimmed := _trimmed(text, item)) is not None]


def _trimmed(text: str, item: Reading) -> Reading | None:
    """Without the quotation mark before a name and the comma after it; nothing if that is all."""
    start, end = item.start, item.end
    if not any(mark.isalnum() for mark in text[start:end]):
        return None
    if item.kind in _ANY_MARKS:
        return item
    while not text[start].isalnum() and text[start] not in _OPENING:
        start += 1
    while not text[end - 1].isalnum() and text[end - 1] not in _CLOSING:
        end -= 1
    return Reading(start, end, item.kind, item.score)


def _whole_word(text: str, start: int, end: int) -> tuple[int, int]:
    while start > 0 and text[start].isalnum() and text[start - 1].isalnum():
        start -= 1
    if text[end - 1].isalnum() and (rest := _WORD_REST.match(text, end)):
        end = rest.end()
    return start, end


def _joins(between: str, token: Token) -> bool:
    """Whether a token goes on with a span of its kind: nothing but marks and blanks between.

    Marks without a blank, as in a date or a double name, join even what claims to begin anew.
    """
    if len(between) > _LONGEST_GAP or any(mark.isalnum() for mark in between):
        return False
    return not token.begins or (bool(between) and not any(mark.isspace() for mark in between))
