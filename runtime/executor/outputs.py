"""Read the named outputs that an answer carries, and decide which edges they fire.

Knows the three kinds of outputs and how models write them; an output that cannot be read is
simply missing, and a condition on it is false. Never raises, whatever the text.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from runtime.graph.model import Comparison, Condition, Edge, Output

__all__ = ["Value", "fired_edges", "holds", "parts_of", "read_outputs"]

Value = float | str | tuple[str, ...]
"""A number, one of an enum's values, or a list of texts."""

_READ_CHARS: Final = 65_536
"""Only this much of an answer's end is read: what comes last counts, and time stays bounded."""
_JSON_STARTS: Final = 64
_MAX_ITEMS: Final = 256
_DECODER: Final = json.JSONDecoder()
_BULLET: Final = re.compile(r"^[ \t]*(?:[-*•]|\(?\d{1,3}[.):])[ \t]+(\S.*)$", re.MULTILINE)
_NUMBER: Final = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")


def read_outputs(outputs: Sequence[Output], text: str) -> dict[str, Value]:
    """Read the declared outputs of a step from its answer.

    The last JSON object of the text is asked first, then the last line ``name: value``. A list
    may also be the last JSON array, or the numbered or bulleted lines.

    Args:
        outputs: What the step declares.
        text: The answer as its model wrote it.

    Returns:
        The outputs that could be read, by name.
    """
    if not outputs:
        return {}
    text = text[-_READ_CHARS:]
    fields = _last_json(text, "{")
    read: dict[str, Value] = {}
    for output in outputs:
        value = _value_of(output, text, fields if isinstance(fields, dict) else {})
        if value is not None:
            read[output.name] = value
    return read


def holds(condition: Condition, values: Mapping[str, Value]) -> bool:
    """Whether a condition is true; false when its output is missing or of another kind."""
    value = values.get(condition.output)
    wanted = condition.value
    if isinstance(value, str) and isinstance(wanted, str):
        return _compare_texts(condition.comparison, value, wanted)
    if isinstance(value, float | int) and isinstance(wanted, float | int):
        return _compare_numbers(condition.comparison, float(value), float(wanted))
    return False


def fired_edges(edges: Sequence[Edge], values: Mapping[str, Value]) -> tuple[Edge, ...]:
    """Return the edges out of one finished step that carry its message on.

    Args:
        edges: All edges out of the step.
        values: Its outputs, built-in ones included.
    """
    met = [edge.when is not None and holds(edge.when, values) for edge in edges]
    otherwise = not any(met)
    return tuple(
        edge
        for edge, is_met in zip(edges, met, strict=True)
        if is_met or not edge.is_guarded or (edge.otherwise and otherwise)
    )


def parts_of(text: str) -> tuple[str, ...]:
    """Return the items of a list that a model wrote; all of it as one where there is no list."""
    read = text[-_READ_CHARS:]
    return _list_in(read) or ((text.strip(),) if text.strip() else ())


def _compare_texts(comparison: Comparison, value: str, wanted: str) -> bool:
    if comparison is Comparison.EQ:
        return value == wanted
    return comparison is Comparison.NE and value != wanted


def _compare_numbers(comparison: Comparison, value: float, wanted: float) -> bool:
    if math.isnan(value):
        return False
    return {
        Comparison.LT: value < wanted,
        Comparison.LE: value <= wanted,
        Comparison.EQ: value == wanted,
        Comparison.NE: value != wanted,
        Comparison.GE: value >= wanted,
        Comparison.GT: value > wanted,
    }[comparison]


def _value_of(output: Output, text: str, fields: Mapping[str, Any]) -> Value | None:
    field = fields.get(output.name)
    if output.kind == "list":
        return _as_list(field) or _list_in(text)
    read = _as_number if output.kind == "number" else _as_enum
    value = read(field, output) if field is not None else None
    if value is not None:
        return value
    line = _last_line_of(output.name, text)
    return None if line is None else read(line, output)


def _as_number(field: object, _output: Output) -> float | None:
    if isinstance(field, bool):
        return None
    if isinstance(field, str):
        number = _NUMBER.match(field.strip())
        field = float(number.group()) if number else None
    if not isinstance(field, int | float):
        return None
    try:
        number_value = float(field)
    except OverflowError:  # an integer of hundreds of digits
        return None
    return number_value if math.isfinite(number_value) else None


def _as_enum(field: object, output: Output) -> str | None:
    if not isinstance(field, str):
        return None
    said = field.strip().strip("\"'`*.").strip().casefold()
    return next((value for value in output.values if value.casefold() == said), None)


def _as_list(field: object) -> tuple[str, ...] | None:
    if not isinstance(field, list):
        return None
    items = (item if isinstance(item, str) else json.dumps(item) for item in field[:_MAX_ITEMS])
    return tuple(item.strip() for item in items if item.strip())


def _list_in(text: str) -> tuple[str, ...] | None:
    array = _as_list(_last_json(text, "["))
    if array is not None:
        return array
    lines = tuple(found.group(1).strip() for found in _BULLET.finditer(text))
    return lines[:_MAX_ITEMS] or None


def _last_line_of(name: str, text: str) -> str | None:
    wanted = name.casefold()
    for line in reversed(text.splitlines()):
        head, mark, tail = line.partition(":" if ":" in line else "=")
        if mark and head.strip(" \t-*\"'`").casefold() == wanted and tail.strip():
            return tail.strip().strip("*").strip()
    return None


def _last_json(text: str, opening: str) -> object:
    """Return the last value that starts with ``opening`` and is no part of another one."""
    found: object = None
    starts = [index for index, char in enumerate(text) if char == opening][-_JSON_STARTS:]
    end = 0
    for start in starts:
        if start < end:
            continue
        try:
            found, end = _DECODER.raw_decode(text, start)
        except (ValueError, RecursionError):  # not JSON, or nested beyond reason
            continue
    return found
