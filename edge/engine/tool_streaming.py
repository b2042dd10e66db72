"""Following calls of tools while a model writes them: names first, then what arguments gain.

A call is told piece by piece where it has the usual form, ``{"name": ..., "arguments": {...}}``,
and names a tool that was offered. From its first argument on it is a call, whatever comes: pieces
cannot be taken back. The first call of another form ends the telling; from there on calls come
with the end of the answer, as ``edge.engine.tool_reading`` finds them in the whole of it.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from edge.engine.tool_format import CALLS_MARK, CLOSING_TAG, OPENING_TAG, PYTHON_TAG
from runtime.ports import ToolCall, ToolCallPiece

__all__ = ["CallFollower"]

_MARKS: Final = "|".join(map(re.escape, (OPENING_TAG, CLOSING_TAG, CALLS_MARK, PYTHON_TAG)))
_BETWEEN: Final = re.compile(rf"(?:{_MARKS}|[\s,;\[\]}}])*+")
_HEAD: Final = re.compile(
    rf"{_BETWEEN.pattern}"
    r'\{\s*+"name"\s*+:\s*+"([A-Za-z0-9_-]{1,64})"\s*+,\s*+"(?:arguments|parameters)"\s*+:\s*+'
    r"(?=\{)"
)
"""What stands before the arguments of a call; the group is the tool's name."""
_LONGEST_HEAD: Final = 1024


class CallFollower:
    """Follows one answer from where calls can begin.

    Args:
        names: Of the tools that were offered.
        new_id: Makes the ids of calls.
        most_calls: After so many, nothing more is told.
    """

    def __init__(
        self, names: frozenset[str], *, new_id: Callable[[], str], most_calls: int
    ) -> None:
        self._names = names
        self._new_id = new_id
        self._most_calls = most_calls
        self._named: list[tuple[str, str]] = []
        self._arguments: list[list[str]] = []
        self._head = ""
        self._is_open = False
        self._depth = 0
        self._is_in_string = False
        self._is_escaped = False
        self._is_over = False

    @property
    def is_open(self) -> bool:
        """Whether a call has begun to be told and has not ended."""
        return self._is_open

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """What was told so far, the last call perhaps in part."""
        return tuple(
            ToolCall(call_id, name, "".join(parts))
            for (call_id, name), parts in zip(self._named, self._arguments, strict=True)
        )

    @property
    def unread(self) -> str:
        """What stands behind the last call that was told, without signs of its format."""
        between = _BETWEEN.match(self._head)
        return self._head[between.end() :].rstrip() if between else self._head

    def feed(self, text: str) -> tuple[ToolCallPiece, ...]:
        """Take the next piece of the answer; return what can be told: one piece of each call."""
        pieces: list[ToolCallPiece] = []
        while text:
            if not self._is_open:
                text = self._begun(text, pieces)
                continue
            end = self._end_of_arguments(text)
            self._tell(text[:end], pieces)
            text = text[end:]
        return tuple(pieces)

    def _begun(self, text: str, pieces: list[ToolCallPiece]) -> str:
        """Begin a call if its head is complete; return what of the text is behind the head."""
        self._head += text
        if self._is_over:
            return ""
        head = _HEAD.match(self._head[:_LONGEST_HEAD])
        if head is None or head[1] not in self._names or len(self._named) == self._most_calls:
            self._is_over = head is not None or len(self._head) > _LONGEST_HEAD
            return ""
        rest, self._head = self._head[head.end() :], ""
        call_id = self._new_id()
        self._named.append((call_id, head[1]))
        self._arguments.append([])
        self._is_open = True
        pieces.append(ToolCallPiece(len(self._named) - 1, "", call_id, head[1]))
        return rest

    def _tell(self, text: str, pieces: list[ToolCallPiece]) -> None:
        place = len(self._named) - 1
        self._arguments[place].append(text)
        if pieces and pieces[-1].place == place:
            pieces[-1] = replace(pieces[-1], arguments=pieces[-1].arguments + text)
        else:
            pieces.append(ToolCallPiece(place, text))

    def _end_of_arguments(self, text: str) -> int:
        """Return how much of the next text belongs to the arguments; notice their end."""
        for at, character in enumerate(text):
            if self._is_escaped:
                self._is_escaped = False
            elif self._is_in_string:
                self._is_escaped = character == "\\"
                self._is_in_string = character != '"'
            elif character == '"':
                self._is_in_string = True
            elif character in "{[":
                self._depth += 1
            elif character in "}]":
                self._depth -= 1
                if not self._depth:
                    self._is_open = False
                    return at + 1
        return len(text)
