"""How many tokens a prompt can have at most: a bound that no provider's own count passes.

Every tokeniser in use turns each byte into at most one token: byte-level ones by construction,
those with a vocabulary of pieces because they fall back to bytes. What could break the bound is
counted in: a normaliser may lengthen the text first (``U+FDFA`` is 3 bytes, and 33 after NFKC), and
a chat template adds tokens of its own, some a whole default system turn.

About four times what English really takes. Tighter would mean to know each provider's tokeniser
and template, and to be wrong the day it changes one; what is reserved too much is free again when
the call settles.
"""

from collections.abc import Iterable, Sequence
from typing import Final
from unicodedata import normalize

from runtime.ports import ChatMessage, Sampling

__all__ = ["most_chat_tokens", "most_text_tokens"]

_PER_CALL: Final = 256
"""What a template may add once: markers, a date, a default system turn."""
_PER_TURN: Final = 16
"""Markers around one turn."""
_PER_TEXT: Final = 8
"""Markers around one text to embed."""


def most_chat_tokens(messages: Sequence[ChatMessage], sampling: Sampling) -> int:
    """Return the most tokens that a chat can have as a prompt.

    A schema or a grammar counts too: some providers write it into the prompt.
    """
    turns = sum(_most(turn.content) + len(turn.role) + _PER_TURN for turn in messages)
    return _PER_CALL + turns + _most(sampling.json_schema) + _most(sampling.grammar)


def most_text_tokens(texts: Iterable[str]) -> int:
    """Return the most tokens that texts to embed can have."""
    return sum(_most(text) + _PER_TEXT for text in texts)


def _most(text: str) -> int:
    if text.isascii():
        return len(text)
    # Taken apart is longer than put together, for every character; a test walks all of Unicode.
    forms = (text, normalize("NFD", text), normalize("NFKD", text))
    return max(len(form.encode("utf-8", "surrogatepass")) for form in forms)
