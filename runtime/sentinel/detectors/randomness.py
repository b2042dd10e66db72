"""How random a token looks: drawn by a generator, or a word, a name in a program, a path.

Judges the token alone; what stands around it is for ``secrets`` and ``passwords`` to weigh.
"""

import base64
import math
import re
from collections import Counter
from itertools import pairwise
from typing import Final

__all__ = ["is_basic", "is_mixed", "is_random"]

_MIN_MIXED_CHARACTERS: Final = 16
_MIN_BASIC_CHARACTERS: Final = 12
_MIN_RANDOM_CHARACTERS: Final = 22
_SAMPLE_CHARACTERS: Final = 256
_MIN_MIXED_BITS: Final = 3.0
_MIN_ENTROPY_BITS: Final = 3.9
_SLACK_BITS: Final = 0.5
"""Below what as many different characters have; for short ones."""
_LONG_WORD: Final = re.compile(r"[a-z]{7}")
_LONGEST_WORD: Final = re.compile(r"[a-z]{11}")
_DIGITS: Final = re.compile(r"\d+")
_MIN_DIGIT_RUNS: Final = 3
_MANY_DIGIT_RUNS: Final = 5
"""Letters in a row may be a word; with digits at so many places beside it seldom."""
_CAMEL_CASE: Final = re.compile(r"_{0,2}[A-Za-z]?[a-z]*(?:\d{0,3}[A-Z]+[a-z]{1,15}){2,}\d{0,3}")
_CAMEL_WORDS: Final = re.compile(r"[A-Z][a-z]{2,}|[a-z]{3,}")
_MIN_CAMEL_SHARE: Final = 0.9
"""Of an identifier's letters, how many are in words of three letters and more."""
_MIN_DIGITS: Final = 2
_MIN_MIXED_DIGITS: Final = 3
_MAX_SLASHES: Final = 3
_MAX_SIGN_SHARE: Final = 0.2
_MIN_CHANGES: Final = 0.35
"""Of neighbours, how many differ in kind (lower, upper, digit, sign): drawn at random, 0.6."""


def is_random(token: str, *, is_named: bool = False) -> bool:
    """Whether a token mixes characters as a random generator does and a name does not.

    Args:
        token: What is judged.
        is_named: Whether something else says that it is a key: then fewer characters are enough.
    """
    least = _MIN_MIXED_CHARACTERS if is_named and token.isalnum() else _MIN_RANDOM_CHARACTERS
    if len(token) < least or token.count("/") > _MAX_SLASHES:
        return False
    sample = token[:_SAMPLE_CHARACTERS]
    has_all = (
        any(character.islower() for character in sample)
        and any(character.isupper() for character in sample)
        and sum(character.isdigit() for character in sample) >= _MIN_DIGITS
    )
    return (
        has_all
        and not _holds_word(sample)
        and not _is_identifier(token)
        and _is_jumbled(sample, least=_MIN_CHANGES)
        and _entropy_bits(sample) >= _least_bits(sample)
    )


def is_basic(token: str) -> bool:
    """Whether a token is user and password in base64, as basic authentication writes them."""
    if len(token) % 4 or len(token) < _MIN_BASIC_CHARACTERS:
        return False
    try:
        content = base64.b64decode(token[:_SAMPLE_CHARACTERS], validate=True)
    except ValueError:
        return False
    return b":" in content[1:] and content.isascii() and content.decode("ascii").isprintable()


def is_mixed(token: str) -> bool:
    """Whether letters and digits alternate as in a key of one case; weaker than random."""
    if len(token) < _MIN_MIXED_CHARACTERS or "/" in token:
        return False
    sample = token[:_SAMPLE_CHARACTERS]
    digits = sum(character.isdigit() for character in sample)
    return (
        digits >= _MIN_MIXED_DIGITS
        and sum(character.isalpha() for character in sample) >= _MIN_MIXED_DIGITS
        and not _holds_word(sample)
        and _is_jumbled(sample, least=_MIN_CHANGES / 2)
        and _entropy_bits(sample) >= _MIN_MIXED_BITS
    )


def _holds_word(sample: str) -> bool:
    if _LONG_WORD.search(sample) is None:
        return False
    digit_runs = len(_DIGITS.findall(sample))
    is_long = _LONGEST_WORD.search(sample) is not None
    return digit_runs < (_MANY_DIGIT_RUNS if is_long else _MIN_DIGIT_RUNS)


def _is_identifier(token: str) -> bool:
    """Whether a token is a name in a program, of several words written together."""
    if _CAMEL_CASE.fullmatch(token) is None:
        return False
    letters = sum(character.isalpha() for character in token)
    in_words = sum(len(word) for word in _CAMEL_WORDS.findall(token))
    return in_words >= _MIN_CAMEL_SHARE * letters


def _is_jumbled(sample: str, *, least: float) -> bool:
    """Whether few signs of code, and many changes of kind from one character to the next."""
    signs = sum(character in "=.+/~-_" for character in sample)
    if signs > _MAX_SIGN_SHARE * len(sample):
        return False
    kinds = [_kind(character) for character in sample]
    changes = sum(one != other for one, other in pairwise(kinds))
    return changes >= least * (len(sample) - 1)


def _kind(character: str) -> int:
    if character.isdigit():
        return 0
    if character.isalpha():
        return 1 if character.islower() else 2
    return 3


def _least_bits(sample: str) -> float:
    return min(_MIN_ENTROPY_BITS, math.log2(len(sample)) - _SLACK_BITS)


def _entropy_bits(sample: str) -> float:
    """Shannon entropy per character of the sample's own distribution, bits."""
    counts = Counter(sample).values()
    return -sum(count / len(sample) * math.log2(count / len(sample)) for count in counts)
