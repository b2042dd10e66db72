"""Whether what a word such as "password" is joined to is meant literally: no name, type or call."""

import re
from itertools import pairwise
from typing import Final

from runtime.sentinel.detectors.randomness import is_basic, is_mixed, is_random

__all__ = ["MIN_PASSWORD", "PasswordValue"]

MIN_PASSWORD: Final = 4
_STOP_VALUES: Final = frozenset(
    {
        *("true", "false", "null", "none", "undefined", "required", "optional", "string"),
        *("str", "text", "value", "yes", "no", "empty", "hidden", "redacted", "changeme"),
        *("your-password", "your_password", "password", "token", "secret", "self.", "passwd"),
        *("os.environ", "getenv", "request", "input", "the", "this", "that", "these", "await"),
        *("not", "for", "was", "and", "with", "reset", "expired", "invalid", "bearer", "basic"),
        *("int", "bool", "bytes", "object", "array", "number", "any", "nil", "void", "unknown"),
        *("example", "placeholder", "todo", "n/a", "tbd", "username", "user", "default", "prompt"),
        *("varchar", "char", "encrypted", "unset", "missing", "wrong", "correct", "incorrect"),
        *("authentication", "authorization", "strong", "weak", "long", "short", "valid", "enabled"),
        *("function", "return", "optional[str]", "secretstr", "kennwort", "passwort"),
    }
)
_PLACEHOLDER: Final = re.compile(
    r"\$[{(]|\{\{|\$[A-Z_]+\Z|<|%\(|%[A-Z_]+%|\*{3}|\.{3}|(?:x{3,}|X{3,})\Z"
    r"|(?:your|my)[_ -]?(?:new[_ -])?(?:password|secret|token|pass|key|api)"
    r"|/[\w.-]{1,40}/|file:|\[(?:REDACTED|FILTERED|MASKED|[A-Z_]+_\d+)\]",
    re.IGNORECASE,
)
_CODE: Final = re.compile(
    r"[$%@&*?\[({|]|\\|process\.|os\.|self\.|this\.|config\.|secrets\.|z\."
    r"|[A-Za-z_]\w*(?:[(\[]|\.[A-Za-z_]+[.(\[]|->|::)"
)
_SENTENCE: Final = re.compile(
    r"(?i)\b(?:password|required|must|invalid|enter|your|please|field|cannot|least|forgot"
    r"|confirm)\b"
)
_IDENTIFIER: Final = re.compile(r"[A-Za-z_]+(?:\.[A-Za-z_]+)*")
_SIGNS: Final = frozenset("!@#$%^&*+~?")
_MIN_PROSE_PASSWORD: Final = 6
_MAX_PIN: Final = 10
_MIN_HUMPS: Final = 2


class PasswordValue:
    """A value, and how it is joined to the word before it."""

    def __init__(self, value: str, how: str, *, is_quoted: bool, is_option: bool) -> None:
        self._value = value
        self._is_quoted = is_quoted
        self._is_argument = how[:1] in ("(", ",")
        self._is_assigned = (
            is_option
            or how.startswith("value")
            or (how != "" and not how[0].isalpha() and how[0] not in "'は")
        )

    def is_secret(self, *, is_strong: bool) -> bool:
        """Whether the value is a secret and no name, type, call or placeholder."""
        value = self._value
        if len(value) < MIN_PASSWORD or value.lower().rstrip(",;") in _STOP_VALUES:
            return False
        if _PLACEHOLDER.match(value):
            return False
        if self._is_quoted and " " in value and _SENTENCE.search(value):
            return False
        if not self._is_quoted and _CODE.match(value) and not self._is_odd():
            return False
        if not is_strong:
            return self._is_assigned and (is_random(value) or is_mixed(value) or is_basic(value))
        if self._is_argument and _IDENTIFIER.fullmatch(value):
            return self._has_mark()  # one name after another, more likely
        if self._is_assigned:
            return self._is_quoted or not self._is_name()
        if value.isdecimal():
            return len(value) <= _MAX_PIN
        is_option = value[0] in "([-" and not value[1:2].isdigit()
        return self._has_mark() and len(value) >= _MIN_PROSE_PASSWORD and not is_option

    def _is_odd(self) -> bool:
        """Whether a value that begins like code is a password all the same: ``$ummer!24``."""
        value = self._value
        opens_call = any(sign in value for sign in "(){}[]<>")
        has_both = any(c.isdigit() for c in value) and any(c.isalpha() for c in value)
        return value[0] in "$%@&*?" and not opens_call and has_both

    def _is_name(self) -> bool:
        """Whether an unquoted value is more likely a variable than a password."""
        value = self._value
        if not _IDENTIFIER.fullmatch(value):
            return len(value) <= MIN_PASSWORD and not self._has_mark()
        lowered = value.lower()
        speaks = any(word in lowered for word in ("pass", "token", "secret", "key", "pwd", "cred"))
        return speaks or "." in value or len(value) <= MIN_PASSWORD

    def _has_mark(self) -> bool:
        """Whether digits, signs or capitals within tell the value from a word."""
        value = self._value
        humps = sum(a.islower() and b.isupper() for a, b in pairwise(value))
        return humps >= _MIN_HUMPS or any(c.isdigit() or c in _SIGNS for c in value)
