"""Find the code in an answer: a fenced block, or the whole text."""

from __future__ import annotations

import ast
import re
from typing import Final

__all__ = ["code_of", "is_python"]

_THINKING: Final = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL)
_FENCE: Final = re.compile(
    r"^[ \t]*(```+|~~~+)[ \t]*([\w+-]*)[^\n]*\n(.*?)(?:^[ \t]*\1|\Z)", re.DOTALL | re.MULTILINE
)
_PYTHON: Final = frozenset({"", "python", "py", "python3"})
_LONGEST: Final = 100_000


def code_of(answer: str, *, entry_point: str = "") -> str | None:
    """Return the code of an answer, or ``None``.

    Of several fenced blocks it is the last that defines ``entry_point``, otherwise the last; blocks
    of another language do not count. Without a block, the whole text is taken as code.
    """
    text = _THINKING.sub("", answer).replace("\r\n", "\n")
    blocks = [body for _, kind, body in _FENCE.findall(text) if kind.lower() in _PYTHON]
    if not blocks and _FENCE.search(text):
        return None
    defining = [body for body in blocks if _defines(body, entry_point)]
    code = (defining or blocks or [text])[-1]
    return code if code.strip() and len(code) <= _LONGEST else None


def is_python(code: str) -> bool:
    """Say whether Python can read the code; nothing of it is run."""
    try:
        ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _defines(body: str, name: str) -> bool:
    definition = rf"^\s*(?:async\s+)?def\s+{re.escape(name)}\b"
    return bool(name) and re.search(definition, body, re.MULTILINE) is not None
