"""Our own token count, for providers that report no usage with a stream.

An estimate errs on the high side for English text: words of up to four letters count one, longer
ones one per four letters, and every digit and mark counts one. It is always marked
``estimated`` in what the gateway records.
"""

import math
import re
from collections.abc import Sequence

from runtime.ports import ChatMessage

__all__ = ["estimate_prompt_tokens", "estimate_tokens", "most_prompt_tokens"]

_PIECE = re.compile(r"[^\W\d_]+|\d|[^\w\s]|_")
_LETTERS_PER_TOKEN = 4
_TOKENS_PER_TURN = 4
"""What a chat template adds around a turn."""
_TEMPLATE_TOKENS = 16


def estimate_tokens(text: str) -> int:
    """Return about how many tokens ``text`` has."""
    return sum(math.ceil(len(piece) / _LETTERS_PER_TOKEN) for piece in _PIECE.findall(text))


def estimate_prompt_tokens(messages: Sequence[ChatMessage]) -> int:
    """Return about how many tokens a chat has once its template is applied."""
    return sum(estimate_tokens(turn.content) + _TOKENS_PER_TURN for turn in messages)


def most_prompt_tokens(messages: Sequence[ChatMessage]) -> int:
    """Return a bound that no tokeniser passes: a token stands for at least one byte.

    Chat templates add markers around a turn that are tokens of their own; ``_TEMPLATE_TOKENS``
    of them are allowed for each turn and as many for the whole.
    """
    turns = sum(len(turn.content.encode()) + _TEMPLATE_TOKENS for turn in messages)
    return turns + _TEMPLATE_TOKENS
