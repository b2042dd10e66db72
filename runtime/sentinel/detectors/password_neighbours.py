"""Words that look like passwords in the neighbourhood of the word for one, whatever joins them.

"Tried Harbour42! but it says wrong password": no grammar reaches that. Only what mixes letters with
digits, signs or capitals counts, and not what is usually made so: names of algorithms, tickets,
addresses, paths, calls. The same beside what is done with a password ("it keeps rejecting
Harbour42!", "use it when prompted"), but nearer, and not what may be the name of a machine, a user
or a product.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Final

from runtime.sentinel.detectors.stems import matches_at

__all__ = ["looks_drawn", "looks_named", "passwords_nearby"]

_WORD: Final = re.compile(
    r"(?<![a-z0-9_])(?:pass(?:word|wd|phrase|code)s?|passwor[td]|pwd|pw|kennwort|has[lł]o|senha"
    r"|contrase[ñn]a|wachtwoord|lösenord|adgangskode|salasana|şifre|heslo|пароль)(?![a-z0-9_])"
)
_MARKS: Final = ("pass", "pw", "kennwort", "has", "senha", "contrase", "wachtwoord", "lösenord",
                 "adgangskode", "salasana", "şifre", "heslo", "пароль")  # fmt: skip
_BEFORE: Final = 60
_AFTER: Final = 80
_ACCESS: Final = re.compile(
    r"(?<![a-z0-9])(?:(?:log|sign)(?:s|ged|ging|ed|ing)?[ -]?(?:in|on|into)|g[eo]t(?:s|ting)? in"
    r"|unlock\w{0,3}|decrypt\w{0,3}|prompts?|prompted|when(?:ever)? (?:it )?ask(?:s|ed)"
    r"|locked out|(?:safe|vault|digital|lock) combination|combination (?:is|lock)"
    r"|(?:code|safe|secret|magic) ?words?|(?:unlock|key|secret|recovery|alarm) phrases?"
    r"|(?:un)?protect(?:ed)?(?: it)?(?: with)?|(?:re)?set it|changed it|if asked"
    r"|keeps? rejecting|rejects|rejected|no longer works|stopped working|creds|credentials?"
    r"|(?:opens?|works) (?:with|if)"
    r"|(?:root|admin|administrator|service) (?:account|user|panel|login|console)"
    r"|panel takes|wi-?fi|wlan|vpn|ssid|breach(?:ed)?|pwned|brute[ -]force\w{0,2}|old one|clave"
    r"|pin|forgot(?:ten)? whether|the till|one-time)(?![a-z0-9])"
)
_ACCESS_STEMS: Final = (
    *("log", "sign", "get", "got", "unlock", "decrypt", "prompt", "when", "locked out", "safe"),
    *("vault", "digital", "lock ", "combination", "code", "secret", "magic", "key", "recovery"),
    *("alarm", "protect", "unprotect", "set it", "reset it", "changed it", "if asked", "keep"),
    *("reject", "no longer", "stopped", "cred", "open", "work", "root", "admin", "service"),
    *("panel", "wi-fi", "wifi", "wlan", "vpn", "ssid", "breach", "pwned", "brute", "old one"),
    *("clave", "pin", "forgot", "the till", "one-time"),
)
"""How what is done with a password begins."""
_ACCESS_REACH: Final = 40
_NAMED: Final = re.compile(
    r"(?:[a-z]+[a-z\d]*(?:-[a-z\d]+)+|(?:user|admin|host|server|client|node|room|build|release"
    r"|version"
    r"|model|windows|iphone|galaxy|office|python|ticket|order|case|level|chapter|gate|flight|group"
    r"|port|rack|site|unit|desk|team|test|step|line|page|db|srv|vm|web|app|svc)[-_]?\d+[a-z]?"
    r"|[A-Z]{2,6}-?\d+[A-Z]{0,2}|[A-Za-z]{1,4}\d{1,6}|v?\d+(?:[._]\w{1,4})*[A-Za-z]{0,3}"
    r"|[a-z]+_[a-z_]+\d*)\Z"
)
"""Machines, users, versions, products: ``db-prod-07``, ``user123``, ``RTX4090``, ``svc_backup``."""
_TOKEN: Final = re.compile(
    r"(?<!\S)[\"'`(]?(?P<value>[^\s\"'`<>(){}\[\]|]{6,40}?)[\"'`).,;:!?]{0,3}(?!\S)"
)
_NO_PASSWORD: Final = re.compile(
    r".*(?:://|[/\\=]|->|::|\.{2,}|\w@\w+\.\w|\w\.\w+\.\w|pass(?:w|_|\b))"
    r"|(?:[a-z]+[_.-])*[a-z]*(?:token|secret)s?[a-z]*(?:[_.-][a-z]+)*\d?\Z"
    r"|[A-Z]{1,6}[-_]?\d+\Z"
    r"|(?:sha|md|base|utf|iso|http|ipv|rfc|aes|rsa|pkcs|tls|ssl|oauth|argon|pbkdf|windows"
    r"|python)[-_]?v?\d"
    r"|[\d.,:+-]+(?:[a-z]{1,7}|st|nd|rd|th)?\Z"
    r"|[$%@&*#](?!\d{1,4}[A-Za-z][a-z]{3})"
    r"|(?:self|cls|this|[a-z]\w*)(?:\.[a-z_]\w*)+\Z"
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
    yield from _around(text, _found(_WORD, lowered, _MARKS), _BEFORE, _AFTER)
    places = _around(text, _found(_ACCESS, lowered, _ACCESS_STEMS), _ACCESS_REACH, _ACCESS_REACH)
    yield from (place for place in places if not looks_named(text[slice(*place)]))


def _found(word: re.Pattern[str], lowered: str, stems: Iterable[str]) -> list[re.Match[str]]:
    return sorted(matches_at(word, lowered, lowered, stems), key=lambda match: match.start())


def _around(
    text: str, words: Iterable[re.Match[str]], before: int, after: int
) -> Iterator[tuple[int, int]]:
    """Yield what looks drawn in so many characters before and after each of ``words``."""
    done = 0
    for word in words:
        first, last = max(done, word.start() - before), word.end() + after
        for match in _TOKEN.finditer(text, first, min(last, len(text))):
            start, end = match.span("value")
            if first <= start and end < last and looks_drawn(match["value"]):
                yield start, end
        done = max(done, last - before)


def looks_named(token: str) -> bool:
    """Whether a token may be the name of a machine, a user, a version or a product."""
    return _NAMED.match(token) is not None


def looks_drawn(token: str) -> bool:
    """Whether a token mixes what words do not mix."""
    if _NO_PASSWORD.match(token.lower()) or _NO_PASSWORD.match(token):
        return False
    letters = sum(character.isalpha() for character in token)
    digits = sum(character.isdigit() for character in token)
    signs = sum(character in _SIGNS for character in token[:-1])
    humps = sum(one.islower() != other.islower() for one, other in pairwise(token))
    return letters >= _LETTERS and (
        digits >= _DIGITS or (digits > 0 and (signs > 0 or humps >= _HUMPS)) or humps > _HUMPS
    )
