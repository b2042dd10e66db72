"""The small texts inside a graph document: ``a -> b``, ``near.agreement < 0.7``, ``split.parts``.

Knows how they are written; not whether the steps that they name exist.
"""

from __future__ import annotations

import math
import re
from itertools import pairwise, product
from typing import Final

from runtime.graph.model import Comparison, Condition
from runtime.ids import StepId

__all__ = ["NotationError", "parse_condition", "parse_edges", "parse_reference"]

_ID: Final = r"[a-z][a-z0-9_-]*"
_GROUP: Final = re.compile(rf"\[\s*({_ID}(?:\s*,\s*{_ID})*)\s*\]|({_ID}(?:\s*,\s*{_ID})*)")
_REFERENCE: Final = re.compile(rf"({_ID})\.([a-z][a-z0-9_]*)")
_CONDITION: Final = re.compile(
    rf"""\s*({_ID})\.([a-z][a-z0-9_]*)\s*(<=|>=|==|!=|<|>)\s*("[\w-]+"|'[\w-]+'|[\w.+-]+)\s*"""
)
_MOST_IN_GROUP: Final = 64


class NotationError(ValueError):
    """The text is not written as it must be; says how it would be right."""


def parse_edges(text: str) -> list[tuple[StepId, StepId]]:
    """Read ``a -> b``, a chain ``a -> b -> c`` or a fan ``[a, b] -> c`` as source, target pairs.

    Raises:
        NotationError: It is none of these.
    """
    groups: list[list[StepId]] = []
    for part in text.split("->"):
        match = _GROUP.fullmatch(part.strip())
        if match is None:
            raise NotationError('must be written `a -> b`, `a -> b -> c` or `"[a, b] -> c"`')
        names = (match.group(1) or match.group(2)).split(",")
        if len(names) > _MOST_IN_GROUP:
            raise NotationError(f"may list at most {_MOST_IN_GROUP} steps side by side")
        groups.append([StepId(name.strip()) for name in names])
    if len(groups) < 2:
        raise NotationError("must name two steps, as in `a -> b`")
    return [pair for left, right in pairwise(groups) for pair in product(left, right)]


def parse_reference(text: str) -> tuple[StepId, str]:
    """Read ``step.output``.

    Raises:
        NotationError: It is not written so.
    """
    match = _REFERENCE.fullmatch(text.strip())
    if match is None:
        raise NotationError("must name a step's output, as in `split.parts`")
    return StepId(match.group(1)), match.group(2)


def parse_condition(text: str) -> Condition:
    """Read ``step.output < 0.7`` or ``step.output == word``.

    A value that reads as a finite number is one, unless it is in quotes; whether the output is a
    number or a word is known to ``validate``.

    Raises:
        NotationError: It is not written so.
    """
    match = _CONDITION.fullmatch(text)
    if match is None:
        raise NotationError(
            "must be written `step.output < 0.7` or `step.output == word`, "
            "with one of < <= == != >= >"
        )
    step, output, sign, value = match.groups()
    return Condition(StepId(step), output, Comparison(sign), _value(value))


def _value(text: str) -> float | str:
    if text[0] in "\"'":
        return text[1:-1]
    try:
        number = float(text)
    except ValueError:
        return text
    return number if math.isfinite(number) else text
