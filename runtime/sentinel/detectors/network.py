"""Addresses of machines, and URLs that carry a password."""

import ipaddress
import re
from typing import Final

from runtime.sentinel.categories import NETWORK, SECRET
from runtime.sentinel.detectors.context import Context
from runtime.sentinel.span import Span

__all__ = [
    "IpDetector",
    "MacDetector",
    "UrlCredentialsDetector",
    "UserAgentDetector",
    "is_everybodys",
]

_IPV4: Final = re.compile(
    r"\d(?<![\w.]\d)\d{0,2}(?:(?:\.|\[\.\]|\(\.\))\d{1,3}){3}(?![\w]|\.\d)(?:/\d{1,2}\b)?"
)
"""Also ``10[.]0[.]0[.]7``, as reports write what nobody is to click on."""
_IPV6: Final = re.compile(
    r"(?<![\w:.])(?=[0-9A-Fa-f]{0,4}:)[0-9A-Fa-f:]{5,39}(?:\.\d{1,3}){0,3}"
    r"(?![\w:])(?:%\w{1,15})?(?:/\d{1,3}\b)?"
)
_VERSION: Final = Context(r"v|ver\.?|version|release|build|firmware", reach_characters=16)
_MIN_COLONS: Final = 2
_BRACKETS: Final = str.maketrans("", "", "[]()")
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class IpDetector:
    """Finds IPv4 and IPv6 addresses and networks.

    A version number with four parts is none, and what every machine has is left: ``127.0.0.1``,
    ``0.0.0.0``, masks.
    """

    name = "ip"
    kinds = frozenset({"ip"})

    def detect(self, text: str) -> list[Span]:
        """Return the addresses in ``text``."""
        spans: list[Span] = []
        if "." in text:
            spans += [
                self._span(match)
                for match in _IPV4.finditer(text)
                if _is_somebodys(match[0]) and not _VERSION.is_before(text, match.start())
            ]
        if text.count(":") >= _MIN_COLONS:
            spans += [
                self._span(match)
                for match in _IPV6.finditer(text)
                if match[0].count(":") >= _MIN_COLONS and _is_somebodys(match[0])
            ]
        return spans

    def _span(self, match: re.Match[str]) -> Span:
        return Span(*match.span(), "ip", NETWORK, 0.9, self.name)


def is_everybodys(written: str) -> bool:
    """Whether it is an address that every machine has: itself, any, or a mask."""
    address = _address(written)
    return address is not None and _is_shared(address)


def _is_somebodys(written: str) -> bool:
    address = _address(written)
    return address is not None and not _is_shared(address)


def _address(written: str) -> _Address | None:
    try:
        return ipaddress.ip_interface(written.translate(_BRACKETS)).ip
    except ValueError:
        return None


def _is_shared(address: _Address) -> bool:
    return address.is_loopback or address.is_unspecified or str(address).startswith("255.")


_MAC: Final = re.compile(
    r"(?<![\w:-])(?:[0-9A-Fa-f]{2}(?P<gap>[:-])(?:[0-9A-Fa-f]{2}(?P=gap)){4}[0-9A-Fa-f]{2}"
    r"|[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4})(?![\w:-])"
)
_MAC_GAPS: Final = ((":", 5), ("-", 5), (".", 2))


class MacDetector:
    """Finds hardware addresses."""

    name = "mac"
    kinds = frozenset({"mac"})

    def detect(self, text: str) -> list[Span]:
        """Return the addresses in ``text``."""
        if all(text.count(gap) < least for gap, least in _MAC_GAPS):
            return []
        return [
            Span(*match.span(), "mac", NETWORK, 1.0, self.name) for match in _MAC.finditer(text)
        ]


_AGENT: Final = re.compile(
    r"(?:Mozilla|Opera)/\d{1,2}\.\d{1,2} \([^()\n]{5,200}\)"
    r"(?: [\w./-]{2,60}(?: \([^()\n]{0,100}\))?){0,8}"
)


class UserAgentDetector:
    """Finds what a browser says of the machine that it runs on; with an address it tells whose."""

    name = "user_agent"
    kinds = frozenset({"host"})

    def detect(self, text: str) -> list[Span]:
        """Return the descriptions in ``text``."""
        if "Mozilla/" not in text and "Opera/" not in text:
            return []
        return [
            Span(*match.span(), "host", NETWORK, 0.9, self.name) for match in _AGENT.finditer(text)
        ]


_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,20}\Z")
_AUTHORITY: Final = re.compile(
    # A password may hold what a careful writer would have escaped, a port may not.
    r"[^\s/?#@:'\"<>]{0,256}:(?!\d{1,5}[/?#])[^\s/@'\"<>]{1,512}@[^\s'\"<>]{1,2048}"
)
_SCHEME_REACH: Final = 21


class UrlCredentialsDetector:
    """Finds URLs with user and password, such as ``postgres://user:password@host/db``."""

    name = "url_credentials"
    kinds = frozenset({"url_credentials"})

    def detect(self, text: str) -> list[Span]:
        """Return the whole URL, since host and user help to use the password."""
        spans: list[Span] = []
        place = text.find("://")
        while place >= 0:
            authority = _AUTHORITY.match(text, place + 3)
            scheme = _SCHEME.search(text[max(0, place - _SCHEME_REACH) : place])
            if authority is not None and scheme is not None:
                start = place - len(scheme[0])
                spans.append(
                    Span(start, authority.end(), "url_credentials", SECRET, 1.0, self.name)
                )
            place = text.find("://", place + 3)
        return spans
