"""Our own token counts: an estimate where a provider reports no usage, and bounds that hold.

An estimate errs on the high side for English text: words of up to four letters count one, longer
ones one per four letters, and every digit and mark counts one. It is always marked
``estimated`` in what the gateway records. A bound is never below what any tokenizer of bytes
counts, because no token is shorter than a byte of the text as the tokenizer reads it.
"""

import math
import re
from dataclasses import dataclass
from typing import Final
from unicodedata import normalize

from runtime.ports import GenerateRequest

__all__ = [
    "TokenBound",
    "estimate_prompt_tokens",
    "estimate_tokens",
    "most_tokens",
    "rough_prompt_tokens",
    "token_bound",
]

_PIECE = re.compile(r"[^\W\d_]+|\d|[^\w\s]|_")
_LETTERS_PER_TOKEN = 4
_TOKENS_PER_TURN = 4
"""What a chat template adds around a turn."""
_MOST_TOKENS_PER_TURN: Final = 16
_MOST_TOKENS_OF_A_TEMPLATE: Final = 256
"""Some templates put a system turn of their own before the chat."""
_TOOL_SPREAD: Final = 4
_TOKENS_PAST_THE_LIMIT: Final = 16
"""Some providers count the end of the answer and the tokens of a forced tool name."""


@dataclass(frozen=True, slots=True)
class TokenBound:
    """The most tokens that one attempt can honestly be charged for."""

    prompt_tokens: int
    completion_tokens: int


def estimate_tokens(text: str) -> int:
    """Return about how many tokens ``text`` has."""
    return sum(math.ceil(len(piece) / _LETTERS_PER_TOKEN) for piece in _PIECE.findall(text))


def estimate_prompt_tokens(request: GenerateRequest) -> int:
    """Return about how many tokens the prompt has once its template is applied."""
    turns = sum(estimate_tokens(turn.content) + _TOKENS_PER_TURN for turn in request.messages)
    turns += estimate_tokens(request.begun) + estimate_tokens(request.draft)
    return turns + sum(map(estimate_tokens, _tool_texts(request)))


def rough_prompt_tokens(request: GenerateRequest) -> int:
    """Return about how many tokens the prompt has, without looking at its text.

    For attempts that were given up and may be charged for: known before the call, so that it can
    be reserved exactly.
    """
    once = _size_bytes(request) // _LETTERS_PER_TOKEN + len(request.messages) * _TOKENS_PER_TURN + 1
    return once * _readings(request)


def token_bound(request: GenerateRequest) -> TokenBound:
    """Return the most that one attempt at ``request`` can be charged for."""
    around = len(request.messages) * _MOST_TOKENS_PER_TURN + _MOST_TOKENS_OF_A_TEMPLATE
    # Templates write the JSON of tools with line breaks and indents of their own.
    tools = _TOOL_SPREAD * sum(map(most_tokens, _tool_texts(request)))
    around += tools + len(request.tools) * _MOST_TOKENS_PER_TURN
    prompt_tokens = sum(map(most_tokens, _texts(request))) + around
    return TokenBound(
        prompt_tokens * _readings(request),
        request.sampling.max_tokens * _readings(request) + _TOKENS_PAST_THE_LIMIT,
    )


def most_tokens(text: str) -> int:
    """Return the most tokens that ``text`` alone can have.

    As many as bytes, after a tokenizer's normaliser has made the most of them: ``U+FDFA`` is 3
    bytes, and 33 once it is taken apart.
    """
    if text.isascii():
        return len(text)
    # Taken apart is longer than put together, for every character; a test walks all of Unicode.
    forms = (text, normalize("NFD", text), normalize("NFKD", text))
    return max(len(form.encode("utf-8", "surrogatepass")) for form in forms)


def _readings(request: GenerateRequest) -> int:
    """Return how often a provider may read the prompt: a draft is checked, then gone on without."""
    return 2 if request.draft else 1


def _size_bytes(request: GenerateRequest) -> int:
    texts = [*_texts(request), *_tool_texts(request)]
    return sum(len(text) if text.isascii() else len(text.encode()) for text in texts)


def _texts(request: GenerateRequest) -> list[str]:
    texts = [turn.content for turn in request.messages]
    texts += [request.begun, request.draft]
    return [*texts, request.sampling.json_schema, request.sampling.grammar]


def _tool_texts(request: GenerateRequest) -> list[str]:
    """Return what tools add to a prompt: their definitions, and earlier calls of them."""
    if not request.uses_tools:
        return []
    texts = [text for tool in request.tools for text in (tool.name, tool.description)]
    texts += [tool.parameters for tool in request.tools]
    for turn in request.messages:
        texts.append(turn.tool_call_id)
        for call in turn.tool_calls:
            texts += [call.id, call.name, call.arguments]
    return texts
