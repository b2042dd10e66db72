"""What is assigned to a word such as "password" or "token": in prose, in code, in configuration.

A word is looked for first, which is quick; then what joins it to a value, then whether the value
is meant literally and not a name, a type, a call or a placeholder.
"""

import re
from collections.abc import Iterator
from typing import Final

from runtime.sentinel.categories import SECRET
from runtime.sentinel.detectors.lowered import lowered_in_place
from runtime.sentinel.detectors.password_commands import command_passwords
from runtime.sentinel.detectors.password_neighbours import passwords_nearby
from runtime.sentinel.detectors.password_tables import table_passwords
from runtime.sentinel.detectors.password_value import MIN_PASSWORD, PasswordValue
from runtime.sentinel.detectors.stems import matches_at
from runtime.sentinel.span import Span

__all__ = ["PasswordDetector"]

_STEMS: Final = (
    *("passw", "passp", "passc", "pass", "pwd", "passe", "kennwort", "haslo", "hasło", "hasłem"),
    *("contrase", "clave", "senha", "palavra-passe", "wachtwoord", "lösenord", "adgangskode"),
    *("salasana", "parola", "parole", "şifre", "heslo", "jelszó", "пароль", "密码", "密碼"),
    *("パスワード", "비밀번호", "secret", "token", "key", "credential", "creds", "bearer", "pin"),
    *("otp", "cvv", "cvc", "code", "auth", "cookie", "session", "sig", "pw", "seed", "mnemonic"),
    "phrase",
)
"""Beginnings of the words below, in lower case."""
_STRONG: Final = (
    r"pass(?:words?|wort|wd|phrase|code|ord(?:et)?|e)?|pwd?|mot de passe|kennwort|has[lł](?:o|em|a)"
    r"|contrase[ñn]a|clave|senha|palavra-passe|wachtwoord|lösenord(?:et)?|adgangskode[nr]?"
    r"|salasana(?:ni)?|parol[aeə]m?"
    r"|şifre(?:m|niz|n)?|heslo|jelszó|пароль|密[码碼]|パスワード|비밀번호"
    r"|secret(?:[ _-]?(?:access[ _-]?)?key(?:[ _-]?base)?)?|token|credentials?|creds|bearer"
    r"|pin(?: (?:code|number))?|otp|cv[vc]2?|seed phrase|mnemonic(?: phrase)?"
)
_WEAK: Final = r"phrase|keys?|auth|cookie|session(?:[ _-]?id)?|sig(?:nature)?|code"
_WORD: Final = re.compile(rf"(?:(?P<strong>{_STRONG})|(?P<weak>{_WEAK}))", re.IGNORECASE)
_LOOSE: Final = frozenset({"token", "secret", "clave", "parola", "parole", "passe", "bearer"})
"""Words that mean other things, too: after these a bare word is none. ``secret: restricted``"""
_NAMED_KEY: Final = re.compile(
    r"(?:api|access|private|encryption|signing|account|secret|client|master|license|shared|service"
    r"|auth|consumer|webhook|recovery|activation|verification|security|one-time|door|gate|alarm"
    r"|backup|entry|login|unlock|disk|encryption|vault|seed|decryption|wallet)[ _-]{0,1}\Z",
    re.IGNORECASE,
)
"""Before "key" and "code", these make a weak word a strong one."""
_GLUED: Final = re.compile(r"(?:passw|passphrase|apikey|kennwort|token|secret)", re.IGNORECASE)
"""Words that mean the same glued to another: ``PGPASSWORD``."""
_COPULA: Final = r"is|was|are|ist|war|lautet|est|c'est|es|è|é|jest|to|je|este|on|är|er|от\s\w{1,12}"
_GAP: Final = rf"[ \t]{{1,3}}(?:[^\W\d_]{{2,10}}[ \t](?=(?!to\b)(?:{_COPULA})\b))?"
"""A blank, and a word such as "now" before "is"."""
_OF: Final = r"for|of|to|on|in|für|pour|para|do|dla"
_SUFFIX: Final = r"(?:[_-]?(?:base|value|prod|dev|test|staging|live|old|new|id|v?\d{1,2}))?"
_JOINS: Final = (
    r"[ \t]{0,8}(?::=|=>|==?|:(?!:)|\uff1a|→|->|[-\u2013](?=[ \t]))[ \t]{0,8}",  # an assignment
    r"[ \t]{0,2}[,(][ \t]{0,2}(?=[\"'`])",  # a call: set("password", "x"), password("x")
    r"[ \t]{1,4}value[ \t]{0,2}=[ \t]{0,2}(?=[\"'])|>",  # XML
    r"</[\w-]{1,20}>\s{0,40}<[\w-]{1,20}>",  # <Key>password</Key><Value>
    r"\s{0,4}\{\s{0,40}(?:[^{}]{0,120}?\s)?default\s{0,20}=\s{0,4}(?=\")",  # Terraform's variables
    # What fills in a form: get("password").type("x")
    r"[\"'`)\]]{0,3}\.(?:type|fill|send_?[kK]eys|setValue|set|val|typeText|input)\((?=[\"'`])",
    r"\r?\n[ \t]{0,40}[\"']?value[\"']?:[ \t]{0,4}",  # a container's environment
    # "the password for the staging database is"
    rf"[ \t]{{1,3}}(?:{_OF})[ \t](?:[^\s:=]{{1,40}}[ \t]){{1,6}}?(?:{_COPULA})[ \t]{{1,3}}",
    rf"[ \t]{{1,3}}(?:{_OF})[ \t][^\n:=]{{1,40}}:[ \t]{{1,3}}",
    # "the password is", "the password"
    rf"(?:{_GAP}|'s |は|是|为|為|는 ?|은 ?)(?:{_COPULA}|as|now|)(?:[ \t]{{1,3}}now)?:?[ \t]{{0,3}}",
)
_JOIN: Final = re.compile(
    rf"{_SUFFIX}(?P<join>\\?[\"'`]?[\])]?(?:{'|'.join(_JOINS)}))", re.IGNORECASE
)
_TYPE_HINT: Final = re.compile(
    r":[ \t]{0,2}(?:Final|str|String|string|Optional\[str\]|&(?:'static )?str|char\*?)"
    r"[ \t]{0,2}=[ \t]{0,2}"
)
_VALUE: Final = re.compile(
    r"(?:[bruf]{0,2}\\?(?P<quote>\"\"\"|'''|[\"'`])(?P<quoted>[^\n]{1,512}?)\\?(?P=quote)"
    r"|(?P<plain>[^\s\"'`<>]{3,512}))",
    re.IGNORECASE,
)
_DEFAULTED: Final = re.compile(
    r"[\w.:]{0,40}(?:env|ENV)[\w.]{0,20}[(\[][\"']\w{1,64}[\"'](?:\)? ?(?:,|\|\||\?\?|or) ?)"
    r"(?P<quote>[\"'])(?P<quoted>[^\"'\n]{1,256})(?P=quote)"
)
"""What stands for a variable of the environment that is not set: ``os.getenv("X", "value")``."""
_JOINING: Final = re.compile(
    r" ?\b(?:the|a|an|of|in|on|to|and|or|is|are|was|must|be|for|with|not|your|my|our|it|that|by|at"
    r"|as)\b"
)
_GAPS: Final = re.compile(r"[ .-](?=[a-z])")
_LEAST_GAPS: Final = 2
_PHRASE: Final = re.compile(
    r"[a-z]{2,12}(?: [a-z]{2,12}){2,24}|[a-z]{3,12}(?:[.-][a-z]{3,12}){2,24}"
)
_QUERY: Final = re.compile(r"&[\w.-]{1,40}=|;(?=\s|\Z|[\w .]{1,40}=)|\\n|</|\|\||です")
_LOOK_BACK: Final = 14
_LONGEST_OPTION: Final = 24


class PasswordDetector:
    """Finds passwords, and other secrets by the word before them, in prose and code."""

    name = "password"
    kinds = frozenset({"password"})

    def detect(self, text: str) -> list[Span]:
        """Return the values in ``text``, without the word before them."""
        lowered = lowered_in_place(text)
        places = {place for found in _words(text, lowered) if (place := _assigned(text, *found))}
        places.update(command_passwords(text, lowered))
        places.update(passwords_nearby(text, lowered))
        places.update(table_passwords(text, lowered))
        return [
            Span(start, end, "password", SECRET, 0.8, self.name) for start, end in sorted(places)
        ]


def _words(text: str, lowered: str) -> Iterator[tuple[re.Match[str], bool]]:
    """Yield every word that may name a secret, and whether it does so by itself."""
    for match in matches_at(_WORD, text, lowered, _STEMS):
        if _is_whole(text, match):
            before = text[max(0, match.start() - _LOOK_BACK) : match.start()]
            yield match, match["strong"] is not None or bool(_NAMED_KEY.search(before))


def _is_whole(text: str, match: re.Match[str]) -> bool:
    """Whether a word stands alone, or as the last part of a name such as ``dbPassword``."""
    start, end = match.span()
    after = text[end : end + 1]
    if after.isalpha() and not (match[0].islower() and after.isupper() and after.isascii()):
        return not after.isascii() and not match[0].isascii()
    before = text[start - 1 : start]
    if not before.isalnum():
        return True
    if not match[0].isascii():
        return True
    is_hump = (before.islower() or before.isdigit()) and text[start].isupper()
    return is_hump or _GLUED.match(match[0]) is not None


def _assigned(text: str, word: re.Match[str], is_strong: bool) -> tuple[int, int] | None:
    """Return where the value stands that a word is joined to, if it is meant literally."""
    join = _TYPE_HINT.match(text, word.end())
    how = "="
    if join is None:
        join = _JOIN.match(text, word.end())
        if join is None:
            return None
        how = join["join"].strip().lower().strip("\"'`\\]) ")
    if word[0].lower().endswith(("phrase", "mnemonic")) and how and is_strong:
        phrase = _phrase(text, join.end())
        if phrase is not None:
            return phrase
    value = _DEFAULTED.match(text, join.end()) or _VALUE.match(text, join.end())
    if value is None:
        return None
    is_quoted = value["quoted"] is not None
    start, end = value.span("quoted" if is_quoted else "plain")
    if not is_quoted:
        end = _end_of_plain(text, start, end)
    before = text[max(0, word.start() - _LONGEST_OPTION) : word.start()]
    is_option = before.rpartition(" ")[2].startswith("--")
    found = PasswordValue(text[start:end], how, is_quoted=is_quoted, is_option=is_option)
    is_bare = all(character.isalpha() or character in "_." for character in text[start:end])
    if word[0] in _LOOSE and is_bare and not is_quoted:
        return None
    return (start, end) if found.is_secret(is_strong=is_strong) else None


def _phrase(text: str, start: int) -> tuple[int, int] | None:
    """Return where plain words stand, in quotes or not, up to one that only joins others."""
    start += text[start : start + 1] in {'"', "'", "`"}
    phrase = _PHRASE.match(text, start)
    if phrase is None:
        return None
    joining = _JOINING.search(text, start, phrase.end())
    end = joining.start() if joining is not None else phrase.end()
    return (start, end) if len(_GAPS.findall(text, start, end)) >= _LEAST_GAPS else None


def _end_of_plain(text: str, start: int, end: int) -> int:
    """Cut off what ends a sentence, a list or a query, not a password."""
    value = text[start:end]
    cut = _QUERY.search(value, MIN_PASSWORD)
    value = value[: cut.start()] if cut else value
    return start + len(value.rstrip(".,;:!?)]}>\\。"))
