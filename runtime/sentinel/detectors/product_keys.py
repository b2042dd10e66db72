"""Keys that products, accounts and disks are opened with: by their groups, or behind their name.

Licences, recovery keys and codes of accounts, BitLocker's digits, what authenticators start from.
"""

import re
from collections.abc import Iterator
from typing import Final

from runtime.sentinel.detectors.stems import matches_at

__all__ = ["product_keys"]

_GROUPED: Final = re.compile(
    r"(?<![\w-])(?:[A-Z\d]{5}(?:-[A-Z\d]{5}){3,7}|[A-Z\d]{4}(?:-[A-Z\d]{4}){3,7}"
    r"|[A-Z\d]{6}(?:-[A-Z\d]{6}){3,7})"
    r"(?![\w-])"
)
"""Product and recovery keys; eight groups of six digits are BitLocker's."""
_PRODUCT: Final = re.compile(
    r"(?<![a-z])(?:licen[cs]e(?: key| code)?|lizenz(?:schl[üu]ssel)?|product key|activation (?:key"
    r"|code)"
    r"|registration (?:key|code)|cd[- ]?key|serial(?: key| number| no\.?)?|s/?n|recovery key"
    r"|unlock key)"
    r"(?:[ \t]{0,2}(?:[:=#]|is|-)[ \t]{0,2}|[ \t])(?:is |for [\w .]{1,24}?(?:is |: ?))?[\"'`]?"
    r"(?P<value>(?-i:[A-Z\d]{4,25}(?:-[A-Z\d]{2,12}){0,8}))(?![\w-])",
    re.IGNORECASE,
)
_PRODUCT_STEMS: Final = (
    *(
        "licen",
        "lizenz",
        "product key",
        "activation ",
        "registration ",
        "cd key",
        "cd-key",
        "cdkey",
    ),
    *("serial", "sn", "s/n", "recovery key", "unlock key"),
)
_MIN_PRODUCT: Final = 10
_MIN_HYPHENS: Final = 3
_RECOVERY: Final = re.compile(
    r"(?:recovery|backup|back-up|scratch|emergency|reserve)(?: \w{1,12})? codes?"
    r"(?: (?:is|are|was)|[^\n\w]{0,3})(?:[^\n\w]{0,3}\n?)[ \t]*(?:[-*\d.)]{1,3}[ \t])?"
    r"(?P<value>(?=[a-z]{0,11}\d|[a-z]{5}-)[a-z\d]{4,12}(?:[ -][a-z\d]{4,6})?"
    r"(?:[ \t]*[\n,;][ \t]*(?:[-*\d.)]{1,3}[ \t])?[a-z\d]{4,12}(?:[ -][a-z\d]{4,6})?){0,23})"
    r"(?![\w-])",
    re.IGNORECASE,
)
_SEED_OF_CODES: Final = re.compile(
    r"(?<![a-z])(?:totp|2fa|mfa|otpauth|authenticator|one[- ]time)\b[^\n]{0,60}?"
    r"(?<![A-Za-z\d])(?P<value>(?-i:(?=[A-Z]{0,24}[2-7])(?:[A-Z2-7]{16,64}"
    r"|[A-Z2-7]{4}(?: [A-Z2-7]{4}){3,15})))(?![A-Za-z\d])",
    re.IGNORECASE,
)
"""What an authenticator computes its codes from, in base32."""
_SEED_MARKS: Final = ("totp", "2fa", "mfa", "otpauth", "authenticator", "one-time", "one time")


def product_keys(text: str, lowered: str) -> Iterator[tuple[int, int]]:
    """Yield where such keys, and lists of recovery codes, stand.

    Args:
        text: What is searched.
        lowered: The same in lower case.
    """
    if text.count("-") >= _MIN_HYPHENS:
        for match in _GROUPED.finditer(text):
            if _is_drawn_upper(match[0]):
                yield match.span()
    for match in matches_at(_PRODUCT, text, lowered, _PRODUCT_STEMS):
        value = match["value"]
        if len(value) >= _MIN_PRODUCT and _is_drawn_upper(value):
            yield match.span("value")
    if any(mark in lowered for mark in _SEED_MARKS):
        yield from (match.span("value") for match in _SEED_OF_CODES.finditer(text))
    if "code" in lowered:
        for match in _RECOVERY.finditer(text):
            yield match.span("value")


def _is_drawn_upper(value: str) -> bool:
    """Whether digits and letters mix, or it is BitLocker's digits alone."""
    letters = sum(character.isalpha() for character in value)
    digits = sum(character.isdigit() for character in value)
    return digits > 1 and (letters > 1 or value.count("-") == len("0123456"))
