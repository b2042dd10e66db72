"""From a model's text to a JSON object, whatever the model put around it.

Takes bare JSON, JSON in a code fence, and JSON after reasoning; refuses everything that two
parsers could read in two ways.
"""

import json
import re
from collections.abc import Iterator
from typing import Final, NoReturn

from optimizer.agents.failures import Rejected, Rejection, RejectionCode

__all__ = ["read_object"]

_THINKING: Final = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL)
_STARTS_TRIED: Final = 64
"""Opening braces at which we try to read; bounds the work on hostile text."""


def read_object(text: str) -> dict[str, object]:
    """Return the first JSON object in ``text``.

    Raises:
        Rejected: There is none, or it has a key twice or a number that is none.
    """
    body = _THINKING.sub("", text)
    decoder = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse_constant)
    for start in _starts(body):
        try:
            found, _end = decoder.raw_decode(body, start)
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict):
            return found
    raise Rejected(Rejection(RejectionCode.NOT_JSON, detail="no JSON object was found"))


def _starts(body: str) -> Iterator[int]:
    """Yield where objects may start, outermost first."""
    start = -1
    for _ in range(_STARTS_TRIED):
        start = body.find("{", start + 1)
        if start < 0:
            return
        yield start


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Rejected(Rejection(RejectionCode.NOT_JSON, detail="an object has a key twice"))
    return found


def _refuse_constant(_name: str) -> NoReturn:
    raise Rejected(Rejection(RejectionCode.NOT_JSON, detail="NaN and Infinity are no numbers"))
