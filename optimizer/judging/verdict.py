"""Read a judge's reply: exactly one verdict, on exactly this case, or none."""

from __future__ import annotations

import json
import re
from typing import Final, NoReturn

from optimizer.judging.model import Reason, Verdict

__all__ = ["VerdictRejected", "read_verdict"]

_THINKING: Final = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL)
_FENCED: Final = re.compile(r"\A```(?:json)?\s*\n(.*)\n```\Z", re.DOTALL)
_KEYS: Final = {"case", "score", "reason"}
_REASONS: Final = {reason.value: reason for reason in Reason}


class VerdictRejected(Exception):
    """A reply is no verdict; ``code`` is a word that a next prompt can carry."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def read_verdict(text: str, *, case: str, scale: int) -> Verdict:
    """Return the verdict that is the whole reply.

    Text before or after it, a second object, or the number of another case make it none: a reply
    that repeats what an answer says must not count.

    Raises:
        VerdictRejected: It is none.
    """
    body = _THINKING.sub("", text).strip()
    fenced = _FENCED.match(body)
    try:
        found = json.loads(
            fenced.group(1) if fenced else body,
            object_pairs_hook=_unique,
            parse_constant=_refuse,
        )
    except (ValueError, RecursionError):
        raise VerdictRejected("not_one_json_object") from None
    if not isinstance(found, dict) or found.keys() != _KEYS:
        raise VerdictRejected("wrong_keys")
    if found["case"] != case:
        raise VerdictRejected("another_case")
    score, reason = found["score"], found["reason"]
    if type(score) is not int or not 0 <= score <= scale:
        raise VerdictRejected("score_out_of_range")
    if not isinstance(reason, str) or reason not in _REASONS:
        raise VerdictRejected("unknown_reason")
    return Verdict(score, _REASONS[reason])


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key twice")
    return found


def _refuse(_name: str) -> NoReturn:
    raise ValueError("no number")
