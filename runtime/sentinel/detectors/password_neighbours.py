"""Words that look like passwords in the neighbourhood of the word for one, whatever joins them.

"Tried Harbour42! but it says wrong password": no grammar reaches that. Only what mixes letters with
digits, signs or capitals counts, and not what is usually made so: names of algorithms, tickets,
addresses, paths, calls.
"""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

__all__ = ["passwords_nearby"]

_WORD: Final = re.compile(
    r"(?<![a-z0-9_])(?:pass(?:word|wd|phrase|code)s?|passwor[td]|pwd|pw|kennwort|has[lł]o|senha"
    r"|contrase[ñn]a|wachtwoord|lösenord|adgangskode|salasana|şifre|heslo|пароль)(?![a-z0-9_])"
)
_MARKS: Final = ("pass", "pw", "kennwort", "has", "senha", "contrase", "wachtwoord", "lösenord",
                 "adgangskode", "salasana", "şifre", "heslo", "пароль")  # fmt: skip
_BEFORE: Final = 60
_AFTER: Final = 80
_TOKEN: Final = re.compile(
    r"(?<!\S)[\"'`(]?(?P<value>[^\s\"'`<>(){}\[\]|]{6,40}?)[\"'`).,;:!?]{0,3}(?!\S)"
)
_NO_PASSWORD: Final = re.compile(
    r".*(?:://|[/\\=]|->|::|\.{2,}|\w@\w+\.\w|\w\.\w+\.\w|pass(?:w|_|\b)|token|secret)"
    r"|[A-Z]{1,6}[-_]?\d+\Z"
    r"|(?:sha|md|base|utf|iso|http|ipv|rfc|aes|rsa|pkcs|tls|ssl|oauth|argon|pbkdf|windows|python)[-_]?v?\d"
    r"|[\d.,:+-]+(?:[a-z]{1,7}|st|nd|rd|th)?\Z"
    r"|[$%@&*#]"
)
_DIGITS: Final = 2
_LETTERS: Final = 3
_HUMPS: Final = 3
_SIGNS: Final = frozenset("!@#$%^&*?")


def passwords_nearby(text: str, lowered: str) -> Iterator[tuple[int, int]]:
    """Yield where such words stand.

    Args:
        text: What is searched.
        lowered: The same in lower case.
    """
    if not any(mark in lowered for mark in _MARKS):
        return
    done = 0
    for word in _WORD.finditer(lowered):
        first, last = max(done, word.start() - _BEFORE), word.end() + _AFTER
        for match in _TOKEN.finditer(text, first, min(last, len(text))):
            start, end = match.span("value")
            if first <= start and end < last and _looks_drawn(match["value"]):
                yield start, end
        done = max(done, last - _BEFORE)


def _looks_drawn(token: str) -> bool:
    """Whether a token mixes what words do not mix."""
    if _NO_PASSWORD.match(token.lower()) or _NO_PASSWORD.match(token):
        return False
    letters = sum(character.isalpha() for character in token)
    digits = sum(character.isdigit() for character in token)
    signs = sum(character in _SIGNS for character in token[:-1])
    humps = sum(one.islower() != other.islower() for one, other in pairwise(token))
    return letters >= _LETTERS and (
        digits >= _DIGITS or (signs > 0 and digits > 0) or humps > _HUMPS
    )
