"""Log-probabilities in the shape of OpenAI's chat format."""

from collections.abc import Sequence
from typing import Any, Final

from runtime.ports import TokenLogprob

__all__ = ["chat_logprobs"]

_CUT: Final = "\ufffd"
"""Stands in a token's text for half a character, so its bytes are not known from the text."""


def chat_logprobs(entries: Sequence[TokenLogprob], *, top: int) -> dict[str, Any] | None:
    """Return the ``logprobs`` of one choice, ``None`` when there are none.

    Args:
        entries: One per token.
        top: How many alternatives of each are shown.
    """
    if not entries:
        return None
    content = [
        _entry(one.token, one.logprob)
        | {"top_logprobs": [_entry(token, logprob) for token, logprob in one.top[:top]]}
        for one in entries
    ]
    return {"content": content, "refusal": None}


def _entry(token: str, logprob: float) -> dict[str, Any]:
    bytes_known = None if _CUT in token else list(token.encode())
    return {"token": token, "logprob": logprob, "bytes": bytes_known}
