"""Keys and tokens: by the shapes that issuers publish, by how random they look, and private keys.

What stands after a word such as "password" is found by ``passwords``.
"""

import re
from collections.abc import Iterator
from typing import Final

from runtime.sentinel.categories import SECRET
from runtime.sentinel.detectors.context import Context
from runtime.sentinel.detectors.randomness import is_mixed, is_random
from runtime.sentinel.detectors.secret_shapes import KEY_SHAPE, wide_shapes
from runtime.sentinel.span import Span

__all__ = ["ApiKeyDetector", "PrivateKeyDetector"]

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
    r"|\w{0,24}sess(?:ion)?(?:_?id)?|sid|private|jwt|sas",
    reach_characters=48,
)
_ISSUERS: Final = Context(
    r"datadog|twilio|heroku|snyk|cloudflare|algolia|okta|pagerduty|azure(?: \w+)?|cohere|mistral"
    r"|together"
    r"|openai|anthropic|wandb|weights & biases|vercel|netlify|spotify|linkedin|paypal|plaid|stripe"
    r"|elastic\w*"
    r"|binance|coinbase|kraken|infura|alchemy|etherscan|openweather\w*|freshdesk|zendesk|intercom"
    r"|trello|deepl"
    r"|sonar\w*|codecov|circleci|travis|sentry|rollbar|new ?relic|splunk|mapbox|firebase|supabase"
    r"|pusher"
    r"|mailgun|sendgrid|mailchimp|postmark|vonage|nexmo|plivo|rapidapi|newsapi|tmdb|shodan"
    r"|virustotal"
    r"|dropbox|asana|jira|bitbucket|gitlab|nexus|artifactory|quay|dockerhub|terraform|pulumi|vault"
    r"|consul"
    r"|auth0|onelogin|duo|segment|mixpanel|amplitude|launchdarkly|optimizely|contentful|airtable"
    r"|notion",
    reach_characters=48,
)
"""Beside who issues keys, a string that could be one is one."""
_SAID_AFTER: Final = re.compile(
    r"[^\n]{0,8}?[\"'`)\],; #/(-]{1,6}(?:as |is |for |= )?(?:[\w &]{0,20} )?"
    r"(?:api[ _-]?keys?|(?:auth|access|api|bearer|refresh|bot|secret|session)[ _-]?(?:token|key)"
    r"|secret"
    r"|client secret|admin key|credential|password)\b",
    re.IGNORECASE,
)
_AFTER_REACH: Final = 48
_OPENING: Final = Context(
    r"\w{0,30}(?:api|access|auth|secret|private|client|license|deploy|upload|service|bearer"
    r"|refresh|session)"
    r"[ _-]?(?:key|token|secret|id_token)|\w{0,30}token|bearer|password|secret|pat",
    reach_characters=28,
)
"""Words after which even an identifier in the usual form (a UUID) opens something."""
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
_MAX_RANDOM_CHARACTERS: Final = 400
"""A longer random string without a name or shape is a file in base64."""
_REACH: Final = 1024
"""How far into a token a shape is looked for; a bound on hostile input."""


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
    if token.startswith(_FILE_HEADS):
        return False
    if _UUID.fullmatch(token):
        is_called_key = _OPENING.is_before(text, start) or _is_said_after(text, end)
        return is_called_key and not _DIGEST.is_before(text, start)
    is_hex = _HEX.fullmatch(token) is not None
    if is_random(token) and not is_hex and len(token) <= _MAX_RANDOM_CHARACTERS:
        return True
    prefixed = _PREFIXED.fullmatch(token)
    if prefixed is not None and not _HEX.fullmatch(prefixed["body"]) and is_mixed(prefixed["body"]):
        return True
    looks_so = is_hex or is_mixed(token) or is_random(token, is_named=True)
    return looks_so and _is_named(text, start, end)


def _is_named(text: str, start: int, end: int) -> bool:
    """Whether a word before says that this is a key, and none that it is a digest."""
    is_called_key = _CONTEXT.is_before(text, start) or _ISSUERS.is_before(text, start)
    is_called_key = is_called_key or _is_said_after(text, end)
    return is_called_key and not _DIGEST.is_before(text, start)


def _is_said_after(text: str, end: int) -> bool:
    """Whether what follows on the line says that it is a key: ``..., as the API key``."""
    return _SAID_AFTER.match(text, end, end + _AFTER_REACH) is not None
