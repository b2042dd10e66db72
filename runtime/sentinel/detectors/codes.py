"""Codes that people type: PINs, codes for one login, combinations, product and recovery keys.

A number of four to eight digits says nothing by itself. What counts is which word stands beside
it, in the same sentence and with no other number between; a product key has a shape of its own.
"""

import re
from collections.abc import Iterator
from typing import Final

from runtime.sentinel.categories import SECRET
from runtime.sentinel.detectors.lowered import lowered_in_place
from runtime.sentinel.detectors.product_keys import product_keys
from runtime.sentinel.detectors.stems import matches_at
from runtime.sentinel.span import Span

__all__ = ["CodeDetector"]

_PURPOSE: Final = (
    r"verification|verify|security|one[- ]time|login|log-?in|sign-?in|access|entry|entrance|door"
    r"|gate"
    r"|alarm|unlock|safe|pairing|confirmation|authentication|authenticator|authorization|auth|2fa"
    r"|mfa"
    r"|sms|activation|recovery|backup|reset|banking|parental|garage|keypad|key ?box|lock ?box"
    r"|locker"
    r"|pad ?lock|lock|atm|debit|voice ?mail|sim|phone|screen|cash ?card|pairing|control|disarm"
    r"|google"
    r"|card|building|house|lobby|lift|gym|vault|intercom"
)
_NAMED: Final = re.compile(rf"(?<![a-z])(?:{_PURPOSE})(?: \w{{1,12}})?[ -]\Z")
"""What makes a code one that opens something; ``error code`` and ``zip code`` do not."""
_ALONE: Final = (
    r"pin(?:[ -]?(?:code|number|nummer|kod))?|puk\d?|otp|totp|[mi]?tan|cv[vc]2?|csc|cid|pass ?code"
    r"|(?:kod|code|codice|c[óo]digo|codigo) (?:pin|puk|sms|de (?:v[ée]rification|verificaci[óo]n"
    r"|acceso"
    r"|seguridad|s[ée]curit[ée]|confirmation|confirmaci[óo]n|verifica[çc][ãa]o)|di (?:verifica"
    r"|sicurezza|accesso)"
    r"|weryfikacyjny|bezpiecze[ńn]stwa)|(?:best[äa]tigungs|sicherheits|freischalt|zugangs"
    r"|t[üu]r)code"
    r"|verificatiecode|verifieringskod|one[- ]time (?:password|pin|key)"
    r"|(?:key|pin) ?pad|key ?box|lock ?box|pad ?lock"
)
_WORD: Final = re.compile(
    rf"(?:(?P<alone>{_ALONE})|(?P<named>codes?|combo|combination))(?![a-z0-9])"
)
_MARKS: Final = (
    *("pin", "puk", "otp", "tan", "mtan", "itan", "cvv", "cvc", "csc", "cid", "passcode"),
    *("pass code", "kod", "cod", "cód", "combo", "combination", "keypad", "key pad", "keybox"),
    *("key box", "lockbox", "lock box", "padlock", "one-time", "one time", "bestätigungs"),
    *("sicherheits", "freischalt", "zugangs", "türcode", "verificatie", "verifierings"),
)
"""How the words begin: found one by one, which is quicker than the expression."""
_NUMBER: Final = r"\d{2,4}[ -]\d{2,4}(?![ -]?\d)|\d{4,10}|\d{1,2}(?:-\d{1,2}){2,3}|\d{3}(?![\d-])"
_AFTER: Final = re.compile(
    r"(?P<between>[^\d\n.;?!|{}\[\]]{0,36}?)"
    rf"(?<![\w$\u20ac\u00a3#.,/+-])(?P<value>{_NUMBER})(?![\w%]|[.,:/-]\d|[ -]\d)"
)
_BEFORE: Final = re.compile(
    rf"(?<![\w$\u20ac\u00a3#.,/+-])(?P<value>{_NUMBER})[\"'`)]? (?:is|was|as|ist|est|es|to)"
    r" (?:(?:your|the|my|our|a|an|his|her|their)\b)?(?: ?[\w-]{1,14}){0,3} ?\Z"
)
_REACH: Final = 48
_MIN_SHORT: Final = ("cv", "csc", "cid", "security")
"""Beside these three digits are enough."""
_YEAR: Final = re.compile(r"(?:1\d|20)\d\d")
_SINCE: Final = re.compile(
    r"\b(?:in|since|of|until|by|from|before|after|during|year|nov\w*|dec\w*|seit|en|w|im)[ (]*\Z"
)
_COUNTED: Final = re.compile(
    r" ?(?:times|points?|characters|digits|bytes|days|users|people|euro?s?|dollars|lines|px|ms|am"
    r"|pm"
    r"|error|errors|connector|header|socket|package)\b"
)
_TO_SIGN_IN: Final = re.compile(
    rf"\b(?:use|enter|type|code|give|punch in|with)(?: code)?:? (?P<value>{_NUMBER}),?"
    r" (?:to|and|then|at) (?:sign|log|confirm|verify|unlock|complete|auth\w*|approve|disarm|open"
    r"|activate|press|enter|pair|the (?:door|gate|keypad))\b"
)
_OPENS: Final = re.compile(
    r"\b(?:unlocks?|unlocked|opens?|opened|disarms?|disarmed|dis-?arm)\b[^\d\n.;?!]{0,40}?"
    rf" (?:with|by|using|if you (?:enter|type|press)) (?:the )?(?:code "
    rf"|number )?(?P<value>{_NUMBER})(?![\w%]|[.,:/-]\d)"
)
_AT_THE_DOOR: Final = re.compile(
    rf"\b(?:door|gate|garage|alarm|entrance|lobby|safe|locker)[:=] ?(?P<value>{_NUMBER})(?=#"
    rf"|[.,;]?(?:\s|\Z))"
)
_SHOWS: Final = re.compile(
    r"\b(?:authenticator|token app|sms|text message)\b[^\d\n.;?!]{0,16}? (?:shows?|says?|said"
    r"|reads?|was|is)"
    rf" (?P<value>{_NUMBER})(?![\w%]|[.,:/-]\d)"
)
_PHRASED: Final = (
    (("use ", "enter ", "type ", "code", "give ", "punch ", "with "), _TO_SIGN_IN),
    (("unlock", "open", "disarm", "dis-arm"), _OPENS),
    (("door", "gate", "garage", "alarm", "entrance", "lobby", "safe", "locker"), _AT_THE_DOOR),
    (("authenticator", "token app", "sms", "text message"), _SHOWS),
)


class CodeDetector:
    """Finds codes by the words around them, and product keys by their shape."""

    name = "code"
    kinds = frozenset({"password"})

    def detect(self, text: str) -> list[Span]:
        """Return the codes in ``text``."""
        lowered = lowered_in_place(text)
        places = {*_named(lowered), *_phrased(lowered), *product_keys(text, lowered)}
        return [
            Span(start, end, "password", SECRET, 0.8, self.name) for start, end in sorted(places)
        ]


def _named(lowered: str) -> Iterator[tuple[int, int]]:
    """Yield the numbers beside words such as ``pin``."""
    for word in matches_at(_WORD, lowered, lowered, _MARKS):
        if not lowered[word.start() - 1 : word.start()].isalnum():
            yield from _beside(lowered, word)


def _beside(lowered: str, word: re.Match[str]) -> Iterator[tuple[int, int]]:
    place = word.start()
    first = max(0, place - _REACH)
    line = lowered.rfind("\n", first, place) + 1 or first
    is_short = word[0].startswith(_MIN_SHORT)
    if word["named"]:
        before = _NAMED.search(lowered, line, place)
        if before is None:
            return
        is_short = before[0].startswith(_MIN_SHORT)
    after = _AFTER.match(lowered, word.end(), word.end() + _REACH)
    if after and _is_code(lowered, after, is_short=is_short):
        yield after.span("value")
    ahead = _BEFORE.search(lowered, line, place)
    if ahead and _is_code(lowered, ahead, is_short=is_short):
        yield ahead.span("value")


def _is_code(lowered: str, match: re.Match[str], *, is_short: bool) -> bool:
    value = match["value"]
    start, end = match.span("value")
    if len(value) == len("000") and not is_short:
        return False
    if _COUNTED.match(lowered, end):
        return False
    return not (_YEAR.fullmatch(value) and _SINCE.search(lowered, max(0, start - 12), start))


def _phrased(lowered: str) -> Iterator[tuple[int, int]]:
    """Yield the numbers that something is opened or confirmed with."""
    for marks, pattern in _PHRASED:
        for match in matches_at(pattern, lowered, lowered, marks):
            if _is_code(lowered, match, is_short=False):
                yield match.span("value")
