"""Keys and tokens: by the shapes that issuers publish, by how random they look, and private keys.

What stands after a word such as "password" is found by ``passwords``.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from runtime.sentinel.categories import SECRET
from runtime.sentinel.detectors.context import Context
from runtime.sentinel.detectors.secret_shapes import KEY_SHAPE, wide_shapes
from runtime.sentinel.span import Span

__all__ = ["ApiKeyDetector", "PrivateKeyDetector", "is_mixed", "is_random"]

_BEGIN: Final = re.compile(r"-{4,5} ?BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)? ?-{4,5}")
_END: Final = re.compile(r"-{4,5} ?END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)? ?-{4,5}")
_PUTTY: Final = re.compile(r"Private-Lines: *\d+(?P<body>(?:\r?\n[A-Za-z0-9+/=]{4,80}){1,200})")
_JWK_PART: Final = re.compile(
    r"\"(?:d|p|q|dp|dq|qi|k)\"\s{0,4}:\s{0,4}\"(?P<body>[\w-]{16,2048})\""
)


class PrivateKeyDetector:
    """Finds private keys: PEM, OpenSSH, PGP, PuTTY, and the private parts of JSON Web Keys.

    One whose armour is cut off reaches to the end of the text.
    """

    name = "private_key"
    kinds = frozenset({"private_key"})

    def detect(self, text: str) -> list[Span]:
        """Return the keys in ``text``, armour included."""
        return [
            Span(start, end, "private_key", SECRET, 1.0, self.name)
            for start, end in self._places(text)
        ]

    @staticmethod
    def _places(text: str) -> Iterator[tuple[int, int]]:
        position = 0
        while "PRIVATE KEY" in text and (begin := _BEGIN.search(text, position)):
            end = _END.search(text, begin.end())
            position = end.end() if end else len(text)
            yield begin.start(), position
        if "Private-Lines" in text:
            yield from (match.span("body") for match in _PUTTY.finditer(text))
        if '"kty"' in text:
            yield from (match.span("body") for match in _JWK_PART.finditer(text))


_TOKEN: Final = re.compile(r"[A-Za-z0-9_+/=.~-]{16,}")
_CONTEXT: Final = Context(
    r"\w{0,40}(?:key|token|secret|auth|credential|password|passwd)s?|bearer|signature|hmac|cookie"
    r"|session|private|jwt|sas",
    reach_characters=48,
)
_DIGEST: Final = Context(
    r"commit|revision|rev|sha-?\d*|md5|digest|checksum|integrity|hash|etag|blob|tree|parent|merge"
    r"|image|build|version|tag|uuid|guid|fingerprint|trace|span",
    reach_characters=24,
)
_HEX: Final = re.compile(r"(?:0x)?[0-9a-fA-F]{32,}")
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_PREFIXED: Final = re.compile(r"(?:[A-Za-z]{2,12}[_-]){1,3}(?P<body>[a-z0-9]{24,})")
_NOT_SECRET: Final = re.compile(
    r"-----BEGIN (?:CERTIFICATE|PUBLIC KEY|RSA PUBLIC KEY|PGP PUBLIC KEY BLOCK|PGP SIGNATURE)-----"
    r"[^-]{0,100000}-----END"
    r"|\bdata:[\w/+.-]{1,60}(?:;[\w=-]{1,40}){0,3};base64,[A-Za-z0-9+/=]+"
    r"|\bssh-(?:rsa|ed25519|dss) AAAA[A-Za-z0-9+/=]+"
    r"|\bsha(?:1|256|384|512)[-:][A-Za-z0-9+/=]+"
)
"""What is random and public: certificates, images, public keys, digests that say so."""
_MARKS: Final = ("BEGIN ", ";base64,", "ssh-", "sha1", "sha256", "sha384", "sha512")
_FILE_HEADS: Final = (
    "iVBORw0KGgo",
    "/9j/",
    "R0lGOD",
    "UklGR",
    "JVBERi0",
    "PHN2Zy",
    "d09GM",
    "AAEAAAA",
)
"""How base64 of the common kinds of images, papers and fonts begins."""
_MIN_MIXED_CHARACTERS: Final = 16
_MIN_RANDOM_CHARACTERS: Final = 22
_MAX_RANDOM_CHARACTERS: Final = 400
"""A longer random string without a name or shape is a file in base64."""
_SAMPLE_CHARACTERS: Final = 256
_REACH: Final = 1024
"""How far into a token a shape is looked for; a bound on hostile input."""
_MIN_MIXED_BITS: Final = 3.0
_MIN_ENTROPY_BITS: Final = 3.9
_LONG_WORD: Final = re.compile(r"[a-z]{7}")
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


class ApiKeyDetector:
    """Finds keys by their issuers' shapes, and strings too random to be words.

    A hexadecimal string, which may as well be a digest, needs a word such as "key" before it.
    """

    name = "api_key"
    kinds = frozenset({"api_key"})

    def detect(self, text: str) -> list[Span]:
        """Return the keys in ``text``."""
        public = _public_parts(text)
        spans = [self._span(start, end, 1.0) for start, end in wide_shapes(text)]
        for match in _TOKEN.finditer(text):
            start, end = match.start(), match.start() + len(match[0].rstrip("./~"))
            shape = KEY_SHAPE.search(text, start, min(end, start + _REACH))
            if shape is not None:
                spans.append(self._span(shape.start(), end, 1.0))
                continue
            while public and public[-1][1] <= start:
                public.pop()
            if public and public[-1][0] < end:
                continue
            if "=" in match[0][:-2]:
                start += match[0].rindex("=", 0, -2) + 1  # name=value
            if _is_key(text, start, end):
                spans.append(self._span(start, end, 0.7))
        return spans

    def _span(self, start: int, end: int, score: float) -> Span:
        return Span(start, end, "api_key", SECRET, score, self.name)


def _public_parts(text: str) -> list[tuple[int, int]]:
    """Return the stretches that look random and are no secret, the first one last."""
    if not any(mark in text for mark in _MARKS):
        return []
    return [match.span() for match in _NOT_SECRET.finditer(text)][::-1]


def _is_key(text: str, start: int, end: int) -> bool:
    token = text[start:end]
    if _UUID.fullmatch(token) or token.startswith(_FILE_HEADS):
        return False
    is_hex = _HEX.fullmatch(token) is not None
    if is_random(token) and not is_hex and len(token) <= _MAX_RANDOM_CHARACTERS:
        return True
    prefixed = _PREFIXED.fullmatch(token)
    if prefixed is not None and not _HEX.fullmatch(prefixed["body"]) and is_mixed(prefixed["body"]):
        return True
    return (is_hex or is_mixed(token) or is_random(token)) and _is_named(text, start)


def _is_named(text: str, start: int) -> bool:
    """Whether a word before says that this is a key, and none that it is a digest."""
    return _CONTEXT.is_before(text, start) and not _DIGEST.is_before(text, start)


def is_random(token: str) -> bool:
    """Whether a token mixes characters as a random generator does and a name does not."""
    if len(token) < _MIN_RANDOM_CHARACTERS or token.count("/") > _MAX_SLASHES:
        return False
    sample = token[:_SAMPLE_CHARACTERS]
    has_all = (
        any(character.islower() for character in sample)
        and any(character.isupper() for character in sample)
        and sum(character.isdigit() for character in sample) >= _MIN_DIGITS
    )
    return (
        has_all
        and not _LONG_WORD.search(sample)
        and not _is_identifier(token)
        and _is_jumbled(sample, least=_MIN_CHANGES)
        and _entropy_bits(sample) >= _MIN_ENTROPY_BITS
    )


def is_mixed(token: str) -> bool:
    """Whether letters and digits alternate as in a key of one case; weaker than random."""
    if len(token) < _MIN_MIXED_CHARACTERS or "/" in token:
        return False
    sample = token[:_SAMPLE_CHARACTERS]
    digits = sum(character.isdigit() for character in sample)
    return (
        digits >= _MIN_MIXED_DIGITS
        and sum(character.isalpha() for character in sample) >= _MIN_MIXED_DIGITS
        and not _LONG_WORD.search(sample)
        and _is_jumbled(sample, least=_MIN_CHANGES / 2)
        and _entropy_bits(sample) >= _MIN_MIXED_BITS
    )


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


def _entropy_bits(sample: str) -> float:
    """Shannon entropy per character of the sample's own distribution, bits."""
    counts = Counter(sample).values()
    return -sum(count / len(sample) * math.log2(count / len(sample)) for count in counts)
