"""GBNF for the formats of strings that JSON schemas name.

Each says less than its standard allows and nothing that it forbids.
"""

from collections.abc import Mapping
from typing import Final

__all__ = ["FORMATS", "FREE_FORMATS", "LEAST_CHARACTERS", "MOST_CHARACTERS"]

LEAST_CHARACTERS: Final = 1
MOST_CHARACTERS: Final = 512
"""What every format here keeps to."""

_DATE: Final = (
    '[12] [0-9]{3} "-" (("0" [13578] | "1" [02]) "-" ("0" [1-9] | [12] [0-9] | "3" [01])'
    ' | ("0" [469] | "11") "-" ("0" [1-9] | [12] [0-9] | "30")'
    ' | "02-" ("0" [1-9] | "1" [0-9] | "2" [0-8]))'
)
_ZONE: Final = '("Z" | [-+] ([01] [0-9] | "2" [0-3]) ":" [0-5] [0-9])'
_TIME: Final = '([01] [0-9] | "2" [0-3]) ":" [0-5] [0-9] ":" [0-5] [0-9] ("." [0-9]{1,6})? ' + _ZONE
_LABEL: Final = "([a-z] ([a-z0-9-]{0,20} [a-z0-9])?)"
_HOST: Final = f'{_LABEL} ("." {_LABEL}){{0,3}}'
_OCTET: Final = '("25" [0-5] | "2" [0-4] [0-9] | "1" [0-9] [0-9] | [1-9]? [0-9])'
_SECONDS: Final = '([0-9]{1,2} "S")'
_MINUTES: Final = f'[0-9]{{1,2}} "M" {_SECONDS}?'
_CLOCK: Final = f'([0-9]{{1,3}} "H" ({_MINUTES})? | {_MINUTES} | {_SECONDS})'

FORMATS: Final[Mapping[str, str]] = {
    "date": _DATE,
    "time": _TIME,
    "date-time": f'({_DATE}) "T" {_TIME}',
    "duration": f'"P" ([0-9]{{1,4}} "D" ("T" {_CLOCK})? | "T" {_CLOCK})',
    "uuid": '[0-9a-f]{8} ("-" [0-9a-f]{4}){3} "-" [0-9a-f]{12}',
    "uuid4": '[0-9a-f]{8} "-" [0-9a-f]{4} "-4" [0-9a-f]{3} "-" [89ab] [0-9a-f]{3} "-" [0-9a-f]{12}',
    "email": f'[a-z0-9] ([a-z0-9_-]{{0,20}} [a-z0-9])? "@" {_LABEL} ("." {_LABEL}){{0,2}} "." '
    "[a-z]{2,10}",
    "hostname": _HOST,
    "ipv4": f'{_OCTET} ("." {_OCTET}){{3}}',
    "ipv6": '[0-9a-f]{1,4} (":" [0-9a-f]{1,4}){7}',
    "uri": f'"http" "s"? "://" {_HOST} ("/" [A-Za-z0-9._~-]{{0,40}}){{0,8}}',
}
"""What stands between the quotes, by the format's name."""

FREE_FORMATS: Final = frozenset({"binary", "directory-path", "file-path", "password", "path"})
"""Formats that any text has."""
