"""Labelled examples in a file: what ``leeward edge capture export`` writes, a JSON object a line.

``messages`` end with the assistant's answer; only answers judged right, or not judged at all in a
file without verdicts, can be a gate's measure.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from edge.capture.store import Example
from runtime.errors import DocumentInvalid
from runtime.ids import Category, RequestId
from runtime.ports import ChatMessage

__all__ = ["read_labelled"]

_MOST_EXAMPLES: Final = 100_000
_FEWEST_TURNS: Final = 2


def read_labelled(file: Path) -> tuple[Example, ...]:
    """Read the examples that a gate can use: those not judged wrong.

    Raises:
        DocumentInvalid: The file cannot be read, or holds none; names file and line.
    """
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DocumentInvalid("cannot be read as UTF-8 text", file=str(file)) from error
    examples = tuple(_examples(file, lines))
    if not examples:
        raise DocumentInvalid("holds no example with an answer judged right", file=str(file))
    return examples


def _examples(file: Path, lines: list[str]) -> Iterator[Example]:
    if len(lines) > _MOST_EXAMPLES:
        raise DocumentInvalid(f"holds more than {_MOST_EXAMPLES} lines", file=str(file))
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            example = _example(json.loads(line), number)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            reason = "is no example: {messages: [..., {role: assistant, content: ...}]}"
            raise DocumentInvalid(reason, file=str(file), line=number) from error
        if example is not None:
            yield example


def _example(data: dict[str, Any], number: int) -> Example | None:
    turns = [ChatMessage(turn["role"], turn["content"]) for turn in data["messages"]]
    are_texts = all(isinstance(text, str) for turn in turns for text in (turn.role, turn.content))
    if not are_texts or len(turns) < _FEWEST_TURNS or turns[-1].role != "assistant":
        raise ValueError("no answer")
    if data.get("verdict") == "wrong":
        return None
    *asked, answer = turns
    return Example(
        RequestId(str(data.get("request_id") or f"line-{number}")),
        tuple(asked),
        answer.content,
        tuple(Category(str(name)) for name in data.get("categories") or ()),
        str(data.get("graph") or ""),
        str(data.get("verdict") or ""),
    )
