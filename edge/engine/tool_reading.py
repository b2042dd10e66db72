"""Finding calls of tools in an answer while it is written, in every format that models use.

What may be a call is held back; all else passes at once. A call that stands behind a mark, or that
a grammar saw to, is told while it is written; every other comes with the end. What looked like a
call and is none, or asks for a tool that was not offered, is shown as the text that it is.
"""

import json
import math
import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from edge.engine.text import unfinished_characters
from edge.engine.tool_format import CALLS_MARK, CLOSING_TAG, OPENING_TAG, PYTHON_TAG
from edge.engine.tool_streaming import CallFollower
from runtime.ports import ToolCall, ToolCallPiece

__all__ = ["MOST_CALLS", "ToolCallReader"]

MOST_CALLS: Final = 128
"""Of one answer; what a turn of a chat may hold."""

_MARKS: Final = (OPENING_TAG, CALLS_MARK, PYTHON_TAG)
_PASSED: Final = re.compile(
    rf"(?:[\s,;]|{re.escape(CLOSING_TAG)}|({'|'.join(map(re.escape, _MARKS))}))++"
)
"""What may stand before a call; the group is a mark."""
_CLOSED: Final = re.compile(rf"\s*{re.escape(CLOSING_TAG)}")
_KEYS: Final = tuple(
    f'"{key}"' for key in ("name", "arguments", "parameters", "type", "function", "id")
)
"""With what the first object of a call without a mark may begin."""


class _NoCall(Exception):
    """What was read asks for no tool that was offered."""


class ToolCallReader:
    """Reads one answer.

    Args:
        names: Of the tools that were offered.
        new_id: Makes the ids of calls.
        only_at_start: Whether a call can stand at the answer's beginning alone, because a grammar
            saw to it; a mark in a text is then a part of the text.
        most_calls: More are left out.
    """

    def __init__(
        self,
        names: frozenset[str],
        *,
        new_id: Callable[[], str],
        only_at_start: bool = False,
        most_calls: int = MOST_CALLS,
    ) -> None:
        self._names = names
        self._new_id = new_id
        self._only_at_start = only_at_start
        self._most_calls = most_calls
        self._follower = CallFollower(names, new_id=new_id, most_calls=most_calls)
        self._is_followed = False
        self._pieces: tuple[ToolCallPiece, ...] = ()
        self._held = ""
        self._parts: list[str] = []
        self._is_text = False
        self._is_call = False

    def feed(self, text: str) -> str:
        """Take the next piece; return what can be shown now."""
        if self._is_call:
            self._hold(text)
            return ""
        self._held += text
        if not self._is_text:
            begins = _begins_call(self._held)
            if begins is None:
                return ""
            if begins:
                is_certain = self._only_at_start or self._held.lstrip().startswith(_MARKS)
                self._begin_call(self._held, is_certain=is_certain)
                return ""
            self._is_text = True
        return self._shown_of_text()

    def take_pieces(self) -> tuple[ToolCallPiece, ...]:
        """Return what can be told of calls since this was asked last."""
        pieces, self._pieces = self._pieces, ()
        return pieces

    def finish(self, *, is_cut: bool) -> tuple[str, tuple[ToolCall, ...]]:
        """Return what is left to show, and the calls; those that were told are as they were told.

        Args:
            is_cut: Whether the answer ended at its limit: a call that was begun is then none.
        """
        held = "".join(self._parts) + self._held
        self._parts, self._held = [], ""
        if not self._is_call:
            return held, ()
        told = self._follower.calls
        calls, rest = _calls_in(held, self._names)
        if is_cut and (rest or not calls):
            return ("" if told else held), ()
        names = [name for name, _ in calls]
        if names[: len(told)] != [call.name for call in told]:
            return self._follower.unread, told  # their arguments are no JSON
        if not calls:
            return held, ()
        others = calls[len(told) : self._most_calls]
        return rest, told + tuple(ToolCall(self._new_id(), name, said) for name, said in others)

    def _begin_call(self, text: str, *, is_certain: bool) -> None:
        self._is_call, self._is_followed = True, is_certain
        self._held = ""
        self._hold(text)

    def _hold(self, text: str) -> None:
        self._parts.append(text)
        if self._is_followed:
            self._pieces += self._follower.feed(text)

    def _shown_of_text(self) -> str:
        text = self._held
        if self._only_at_start:
            self._held = ""
            return text
        at = min((found for mark in _MARKS if (found := text.find(mark)) >= 0), default=-1)
        if at >= 0:
            self._begin_call(text[at:], is_certain=True)
            return text[:at]
        shown = len(text) - unfinished_characters(text, _MARKS)
        self._held = text[shown:]
        return text[:shown]


def _begins_call(text: str) -> bool | None:
    """Whether an answer begins like a call; ``None`` while that cannot be told."""
    text = text.lstrip()
    if not text or any(mark.startswith(text) for mark in _MARKS):
        return None
    if text.startswith(_MARKS):
        return True
    if text[0] not in "{[":
        return False
    inside = text.lstrip("[{ \t\r\n")
    if not inside or any(key.startswith(inside) for key in _KEYS):
        return None
    return inside.startswith(_KEYS)


def _calls_in(text: str, names: frozenset[str]) -> tuple[list[tuple[str, str]], str]:
    """Return the calls at the beginning of a text, and what follows them.

    A text whose calls carry no mark must be nothing but calls.
    """
    calls: list[tuple[str, str]] = []
    at = 0
    is_marked = False
    while True:
        passed = _PASSED.match(text, at)
        begin = passed.end() if passed else at
        is_marked |= bool(passed and passed[1])
        if begin == len(text):
            return calls, ""
        try:
            value, end = _DECODER.raw_decode(text, begin)
            found = list(_calls_of(value, names, is_marked=is_marked))
        except (_NoCall, ValueError, RecursionError):
            found = []
        if not found:
            return (calls, text[at:].strip()) if is_marked else ([], text)
        calls += found
        closed = _CLOSED.match(text, end)
        at = closed.end() if closed else end


def _calls_of(value: Any, names: frozenset[str], *, is_marked: bool) -> Iterator[tuple[str, str]]:
    """Yield name and arguments of each call in a value.

    Raises:
        _NoCall: It holds anything else.
    """
    for item in value if isinstance(value, list) else [value]:
        if not isinstance(item, dict):
            raise _NoCall
        function = item.get("function")
        call = function if isinstance(function, dict) else item
        name = call.get("name")
        if not isinstance(name, str) or name not in names:
            raise _NoCall
        key = next((one for one in ("arguments", "parameters") if one in call), "")
        if not key and not is_marked:
            raise _NoCall
        yield name, _written(call.get(key, {}))


def _written(arguments: Any) -> str:
    """Return arguments as JSON text; a model that wrote text wrote that text."""
    if isinstance(arguments, str):
        return arguments.encode("utf-8", "replace").decode()
    if arguments is None:
        return "{}"
    if not isinstance(arguments, dict):
        raise _NoCall
    text = json.dumps(arguments, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:  # half a surrogate pair, which only escapes can say
        return json.dumps(arguments)
    return text


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError
    return value


def _refused(_: str) -> float:
    raise ValueError


_DECODER: Final = json.JSONDecoder(parse_float=_finite, parse_constant=_refused)
