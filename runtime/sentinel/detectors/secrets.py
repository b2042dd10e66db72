"""What opens something: keys of the common providers, tokens, private keys, passwords.

Three ways, strongest first: the shapes that providers publish, what stands after a word such
as "password", and strings whose characters look drawn at random.
"""

import math
import re
from collections import Counter
from typing import Final

from runtime.sentinel.categories import SECRET
from runtime.sentinel.detectors.context import Context
from runtime.sentinel.span import Span

__all__ = ["ApiKeyDetector", "PasswordDetector", "PrivateKeyDetector"]

_BEGIN: Final = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_END: Final = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")


class PrivateKeyDetector:
    """Finds private keys in PEM; one that is cut off reaches to the end of the text."""

    name = "private_key"
    kinds = frozenset({"private_key"})

    def detect(self, text: str) -> list[Span]:
        """Return the keys in ``text``, armour included."""
        spans: list[Span] = []
        position = 0
        while begin := _BEGIN.search(text, position):
            end = _END.search(text, begin.end())
            position = end.end() if end else len(text)
            spans.append(Span(begin.start(), position, "private_key", SECRET, 1.0, self.name))
        return spans


_TOKEN: Final = re.compile(r"[A-Za-z0-9_+/=.~-]{16,}")
_SHAPES: Final = re.compile(
    r"(?<![A-Za-z0-9])(?:(?:AKIA|ASIA|AGPA|AIDA|AROA)[0-9A-Z]{16}\b"  # AWS
    r"|AIza[\w-]{35}"  # Google
    r"|ya29\.[\w.-]{20,}"
    r"|GOCSPX-[\w-]{20,}"
    r"|gh[pousr]_[A-Za-z0-9]{30,255}|github_pat_\w{22,255}"
    r"|glpat-[\w-]{20,}"
    r"|sk-(?:ant-|proj-|svcacct-|admin-|or-v1-)?[\w-]{20,}"  # OpenAI, Anthropic, OpenRouter
    r"|hf_[A-Za-z0-9]{30,}|r8_[A-Za-z0-9]{30,}|gsk_[A-Za-z0-9]{30,}|pplx-[A-Za-z0-9]{30,}"
    r"|xox[abeoprs]-[\w-]{10,}|xapp-[\w-]{10,}"  # Slack
    r"|(?:sk|pk|rk)_(?:live|test)_[A-Za-z0-9]{10,}|whsec_[A-Za-z0-9+/=]{20,}"  # Stripe
    r"|SG\.[\w-]{16,}\.[\w-]{16,}"  # SendGrid
    r"|(?:AC|SK)[0-9a-f]{32}\b"  # Twilio
    r"|key-[0-9a-f]{32}\b"
    r"|npm_[A-Za-z0-9]{30,}|pypi-[\w-]{16,}|dop_v1_[0-9a-f]{40,}|shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}"
    r"|eyJ[\w-]{8,1000}\.eyJ[\w-]{8,1000}"  # JSON Web Token
    r"|\d{8,10}:AA[\w-]{33}"  # Telegram
    r"|(?:AGE-SECRET-KEY-1)[0-9A-Z]{50,})"
)
_CONTEXT: Final = Context(
    r"key|keys|token|secret|secrets|apikey|api[_-]key|auth|bearer|credential|credentials"
    r"|signature|hmac|cookie|session|private",
    reach_characters=48,
)
_HEX: Final = re.compile(r"(?:0x)?[0-9a-fA-F]{32,}")
_MIN_RANDOM_CHARACTERS: Final = 22
_SAMPLE_CHARACTERS: Final = 256
_REACH: Final = 1024
"""How far into a token a shape is looked for; a bound on hostile input."""
_MIN_ENTROPY_BITS: Final = 3.9
_LONG_WORD: Final = re.compile(r"[a-z]{7}")
_MIN_DIGITS: Final = 2
_MAX_SLASHES: Final = 3
_MIN_PASSWORD: Final = 4
_MIN_PROSE_PASSWORD: Final = 6


class ApiKeyDetector:
    """Finds keys by their providers' shapes, and strings too random to be words.

    A hexadecimal string, which may as well be a digest, needs a word such as "key" before it.
    """

    name = "api_key"
    kinds = frozenset({"api_key"})

    def detect(self, text: str) -> list[Span]:
        """Return the keys in ``text``."""
        spans: list[Span] = []
        for match in _TOKEN.finditer(text):
            end = match.start() + len(match[0].rstrip("./~"))
            shape = _SHAPES.search(text, match.start(), min(end, match.start() + _REACH))
            start = match.start() if shape is None else shape.start()
            if shape is None and "=" in match[0][:-2]:
                start += match[0].rindex("=", 0, -2) + 1  # name=value
            if shape is not None or self._is_key(text, start, end):
                score = 0.7 if shape is None else 1.0
                spans.append(Span(start, end, "api_key", SECRET, score, self.name))
        return spans

    @staticmethod
    def _is_key(text: str, start: int, end: int) -> bool:
        token = text[start:end]
        if _HEX.fullmatch(token):
            return _CONTEXT.is_before(text, start)
        return _is_random(token)


def _is_random(token: str) -> bool:
    """Whether a token mixes characters as a random generator does and a name does not."""
    if len(token) < _MIN_RANDOM_CHARACTERS or token.count("/") > _MAX_SLASHES:
        return False
    sample = token[:_SAMPLE_CHARACTERS]
    has_all = (
        any(character.islower() for character in sample)
        and any(character.isupper() for character in sample)
        and sum(character.isdigit() for character in sample) >= _MIN_DIGITS
    )
    return has_all and not _LONG_WORD.search(sample) and _entropy_bits(sample) >= _MIN_ENTROPY_BITS


def _entropy_bits(sample: str) -> float:
    """Shannon entropy per character of the sample's own distribution, bits."""
    counts = Counter(sample).values()
    return -sum(count / len(sample) * math.log2(count / len(sample)) for count in counts)


_ASSIGNMENT: Final = re.compile(
    r"(?<![^\W_])(?:password|passwort|passwd|passphrase|passcode|has[lł]o|mot de passe"
    r"|contrase[ñn]a|wachtwoord|pwd|pass|pin(?: code)?|secret|token|api[ _-]?key"
    r"|access[ _-]?key(?:[ _-]?id)?"
    r"|secret[ _-]?(?:access[ _-]?)?key|client[ _-]?secret|auth[ _-]?token|access[ _-]?token"
    r"|private[ _-]?key|encryption[ _-]?key|credentials?|bearer)"
    r"(?P<join>[\"']?\]?[ \t]{0,3}(?::=|=>|==?|:)[ \t]{0,3}"
    r"|[ \t]{1,3}(?:is|was|ist|to|as)[ \t]{1,3}:?[ \t]{0,2}|[ \t])"
    r"(?:(?P<quote>[\"'`])(?P<quoted>[^\"'`\n]{1,512})(?P=quote)"
    r"|[\"'`]?(?P<plain>[^\s\"'`]{4,512}))",
    re.IGNORECASE,
)
_STOP_VALUES: Final = frozenset(
    {
        *("true", "false", "null", "none", "undefined", "required", "optional", "string"),
        *("str", "text", "value", "yes", "no", "empty", "hidden", "redacted", "changeme"),
        *("your-password", "your_password", "password", "token", "secret", "self."),
        *("os.environ", "getenv", "request", "input", "the", "this", "that", "these"),
        *("not", "for", "was", "and", "with", "reset", "expired", "invalid"),
    }
)


class PasswordDetector:
    """Finds what is assigned to a word such as ``password`` or ``token``, in prose or code."""

    name = "password"
    kinds = frozenset({"password"})

    def detect(self, text: str) -> list[Span]:
        """Return the values in ``text``, without the word before them."""
        spans: list[Span] = []
        for match in _ASSIGNMENT.finditer(text):
            group = "plain" if match["quoted"] is None else "quoted"
            value = match[group]
            if group == "plain":
                value = value.rstrip(".,;:!?)]}>")
            if _is_password(value, join=match["join"].strip(), is_quoted=group == "quoted"):
                start = match.start(group)
                end = start + len(value)
                spans.append(Span(start, end, "password", SECRET, 0.8, self.name))
        return spans


def _is_password(value: str, *, join: str, is_quoted: bool) -> bool:
    """Whether a value is meant literally; after "is" or nothing, a plain word is just prose."""
    if len(value) < _MIN_PASSWORD or value.lower() in _STOP_VALUES:
        return False
    if value.endswith("(") or value.startswith(("$", "<", "{", "os.", "self.")):
        return value.startswith("$") and not value[1:].replace("_", "").isalpha()
    has_mark = not value.isalpha() and any(c.isdigit() or c in "!@#$%^&*_+~" for c in value)
    if join.lower() in ("", "to", "as"):
        return has_mark and len(value) >= _MIN_PROSE_PASSWORD and value[0] not in "([-"
    return (
        has_mark or is_quoted or (join != "" and not join.isalpha() and len(value) > _MIN_PASSWORD)
    )
