"""What a question offers to choose from: how long the answers are, how alike, of what kind."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from itertools import combinations
from statistics import fmean, pstdev
from typing import Final

from runtime.routing.form_size import WORD, share
from runtime.routing.form_wording import NEGATION
from runtime.routing.parts import Parts

__all__ = ["form_of_options"]

_TOKEN: Final = re.compile(r"\w+")
_JUDGEMENT: Final = re.compile(
    r"\W*(true|false|yes|no|wrong|not wrong|correct|incorrect|guilty|valid|invalid|both|neither)\b",
    re.IGNORECASE,
)
_JOINED: Final = re.compile(r";| because | if | and ")
_OF_OTHERS: Final = ("of the above", "both", "all of")
_MOST_OPTIONS: Final = 12
"""Pairs grow with the square."""
_NUMBER_LETTERS: Final = 0.34
"""An answer with a smaller share of letters is a number or a formula."""


def form_of_options(parts: Parts) -> dict[str, float]:
    """Return the features, by name; all 0 for an open question."""
    options = parts.options[:_MOST_OPTIONS]
    count = len(options)
    lengths = [len(option) for option in options] or [0]
    mean, spread = fmean(lengths), pstdev(lengths)
    tokens = [_TOKEN.findall(option.lower()) for option in options]
    every = [token for option in tokens for token in option]
    asked = {word.lower() for word in WORD.findall(parts.question)}
    alike = _likenesses(tokens)
    return {
        "options": float(len(parts.options)),
        "option_characters": math.log1p(mean),
        "option_longest": math.log1p(max(lengths)),
        "option_shortest": math.log1p(min(lengths)),
        "option_spread": math.log1p(spread),
        "option_uneven": spread / (1.0 + mean),
        "option_share": share(sum(lengths), len(parts.text)),
        "option_words": math.log1p(share(len(every), count)),
        "option_alike": fmean(alike),
        "option_most_alike": max(alike),
        "option_different_words": share(len(set(every)), len(every)),
        "option_words_of_question": share(sum(token in asked for token in every), len(every)),
        "option_with_number": _share_of(options, lambda one: any(map(str.isdigit, one))),
        "option_is_number": _share_of(options, _is_number),
        "option_negation": _share_of(options, lambda one: bool(NEGATION.search(one))),
        "option_judgement": _share_of(options, lambda one: bool(_JUDGEMENT.match(one))),
        "option_same_start": float(len({tuple(token[:1]) for token in tokens}) == 1),
        "option_commas": share(sum(option.count(",") for option in options), count),
        "option_joined": float(any(map(_JOINED.search, options))),
        "option_capital": _share_of(options, lambda one: one[:1].isupper()),
        "option_full_stop": _share_of(options, lambda one: one.rstrip().endswith(".")),
        "option_names": share(
            sum(word[0].isupper() for option in options for word in WORD.findall(option)[1:]),
            len(every),
        ),
        "option_of_others": float(_speaks_of_others(options)),
    }


def _likenesses(tokens: Sequence[Sequence[str]]) -> list[float]:
    """How much of their words each two answers share."""
    sets = [frozenset(option) for option in tokens]
    return [share(len(one & other), len(one | other)) for one, other in combinations(sets, 2)] or [
        0.0
    ]


def _share_of(options: Sequence[str], holds: Callable[[str], bool]) -> float:
    return share(sum(map(holds, options)), len(options))


def _is_number(option: str) -> bool:
    stripped = option.strip()
    return sum(map(str.isalpha, stripped)) <= _NUMBER_LETTERS * len(stripped)


def _speaks_of_others(options: Sequence[str]) -> bool:
    joined = " ".join(options).lower()
    return any(phrase in joined for phrase in _OF_OTHERS)
