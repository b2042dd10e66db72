"""How much of a draft a model would have said itself, by what it makes of the echoed prompt. Pure.

A provider that echoes a prompt says of every token how likely it was, and which one was likeliest.
While the two are the same, greedy decoding would have said the draft. No vocabulary is needed here:
tokens are told by their texts, from the prompt's end backwards, for marks of a template have none.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["Checked", "NoEcho", "check_draft"]

_BROKEN: Final = "\N{REPLACEMENT CHARACTER}"
_MARKS: Final = ("<", "[", "\N{FULLWIDTH LESS-THAN SIGN}")
"""What the spelling of a token begins with that is no text, such as the end of a turn."""


class NoEcho(Exception):
    """What came is no echo of the prompt with the likeliest tokens."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What the model says of a draft."""

    accepted: str
    """The beginning of the draft that it would have said."""
    accepted_tokens: int
    correction: str
    """What it says next in place of the draft's rest; empty when that cannot be told from here."""
    is_whole: bool
    """Whether all of the draft was accepted, so that what the model wrote behind it counts."""


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    logprob: float | None
    top: dict[str, float] | None

    @property
    def is_likeliest(self) -> bool:
        if self.logprob is None or not self.top:
            return False
        return self.logprob >= max(self.top.values())


def check_draft(logprobs: Any, begun: str, draft: str, *, written_tokens: int) -> Checked:
    """Return how much of ``draft`` the model would have said behind ``begun``.

    Args:
        logprobs: The ``logprobs`` of a completion whose prompt, which ends with both, was echoed.
        begun: The answer so far.
        draft: What may follow; not empty.
        written_tokens: How many tokens at the end are no echo.

    Raises:
        NoEcho: ``logprobs`` is something else.
    """
    tokens = _read(logprobs)
    echoed = tokens[: len(tokens) - written_tokens]
    found = _behind(echoed, begun + draft, len(begun))
    if found is None:
        return Checked("", 0, "", is_whole=False)
    at, tail = found
    accepted_tokens = 0
    for token in tail:
        if not token.is_likeliest:
            accepted = draft[: max(0, at - len(begun))]
            correction = _correction(token) if at >= len(begun) else ""
            return Checked(accepted, accepted_tokens, correction, is_whole=False)
        at += len(token.text)
        accepted_tokens += 1
    return Checked(draft, accepted_tokens, "", is_whole=True)


def _behind(
    tokens: Sequence[_Token], text: str, border: int
) -> tuple[int, Sequence[_Token]] | None:
    """Return the last tokens, whose texts end ``text`` and begin at ``border`` or just before it.

    ``None`` when a token among them is a piece of a character: then it cannot be told which of them
    stands where.
    """
    place, at = len(tokens), len(text)
    while at > border:
        place -= 1
        piece = tokens[place].text if place >= 0 else ""
        if not piece or _BROKEN in piece or not text[:at].endswith(piece):
            return None
        at -= len(piece)
    return at, tokens[place:]


def _correction(token: _Token) -> str:
    """Return the likeliest token's text where it is certainly one."""
    if not token.top:
        return ""
    text = max(token.top, key=token.top.__getitem__)
    if _BROKEN in text or text.strip().startswith(_MARKS):
        return ""
    return text


def _read(logprobs: Any) -> list[_Token]:
    if not isinstance(logprobs, dict):
        raise NoEcho
    columns: list[list[Any]] = []
    for name in ("tokens", "token_logprobs", "top_logprobs"):
        column = logprobs.get(name)
        if not isinstance(column, list):
            raise NoEcho
        columns.append(column)
    if len({len(column) for column in columns}) > 1:
        raise NoEcho
    return [_token(*row) for row in zip(*columns, strict=True)]


def _token(text: Any, logprob: Any, top: Any) -> _Token:
    if not isinstance(text, str):
        raise NoEcho
    likeliest = None
    if isinstance(top, dict):
        likeliest = {word: value for word, value in top.items() if _is_number(value)}
        if len(likeliest) < len(top):
            raise NoEcho
    return _Token(text, logprob if _is_number(logprob) else None, likeliest)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
