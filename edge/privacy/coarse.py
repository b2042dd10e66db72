"""What stands for a value once it is generalised: the kind of thing, and a little of where or when.

Bands of ten years for ages and birth dates, months for dates, two digits of a postcode, a tenth of
a degree, the country of a number. What has no harmless coarse form is named by its kind alone.
Pure: a value, its kind and today's date decide.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Final

import phonenumbers

__all__ = ["bare", "coarse"]

_NAMES: Final[Mapping[str, str]] = {
    "person": "a person",
    "email": "an e-mail address",
    "phone": "a phone number",
    "username": "an account",
    "iban": "a bank account",
    "card": "a card",
    "crypto_wallet": "a wallet",
    "national_id": "an identity number",
    "record_number": "a record number",
    "date_of_birth": "a date of birth",
    "coordinates": "a place",
    "address": "an address",
    "ip": "an IP address",
    "mac": "a device",
    "host": "a machine",
    "url": "a link",
    "organization": "an organisation",
    "place": "a place",
    "condition": "a condition",
    "treatment": "a treatment",
    "date": "a date",
    "year": "a year",
    "age": "an age",
    "group": "a group of people",
    "job": "an occupation",
}
_UNNAMED: Final = "withheld"
_BAND: Final = 10
_OLDEST: Final = 90
"""From here on there are few enough to tell apart, so that all share one band."""
_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June", "July", "August", "September"),
    *("October", "November", "December"),
)
_MONTH_WORDS: Final[tuple[tuple[str, ...], ...]] = (
    ("jan", "sty", "ene", "gen"),
    ("feb", "lut", "fév", "fev"),
    ("mar", "mär"),
    ("apr", "avr", "kwi", "abr"),
    ("may", "mai", "maj", "mag"),
    ("jun", "juin", "cze", "giu"),
    ("jul", "juil", "lip", "lug"),
    ("aug", "aoû", "aou", "sie", "ago"),
    ("sep", "wrz", "set"),
    ("oct", "okt", "paź", "paz", "ott"),
    ("nov", "lis"),
    ("dec", "déc", "dez", "gru", "dic"),
)
_YEAR: Final = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")
_NUMBERS: Final = re.compile(r"\d+")
_WORD: Final = re.compile(r"[^\W\d_]{3,}")
_POSTCODE: Final = re.compile(r"(?:[A-Z]{2},? (?P<us>\d\d)\d{3}|, ?(?P<eu>\d\d)\d{3} \w)")
_DECIMALS: Final = re.compile(r"[-+]?\d{1,3}\.\d+")
_IPV4: Final = re.compile(r"(\d{1,3}\.\d{1,3})\.\d{1,3}\.\d{1,3}")


def bare(kind: str) -> str:
    """Return what a value of ``kind`` is called when nothing of it is told."""
    return f"[{_NAMES.get(kind, _UNNAMED)}]"


def coarse(kind: str, value: str, *, today: date) -> str:
    """Return what stands for ``value``; never a part of it that tells more than is said above.

    Args:
        kind: What the value is.
        value: As it stood in the text.
        today: From which ages are counted.
    """
    how = _COARSE.get(kind)
    detail = how(value, today) if how else None
    name = _NAMES.get(kind, _UNNAMED)
    return f"[{name}, {detail}]" if detail else f"[{name}]"


def _birth(value: str, today: date) -> str | None:
    year = _year_of(value)
    return None if year is None else _band(today.year - year)


def _age(value: str, _: date) -> str | None:
    number = _NUMBERS.search(value)
    return None if number is None or len(number[0]) > 3 else _band(int(number[0]))


def _band(age: int) -> str | None:
    if age < 0:
        return None
    if age >= _OLDEST:
        return f"{_OLDEST} or older"
    low = age // _BAND * _BAND
    return f"{low} to {low + _BAND - 1} years"


def _month(value: str, _: date) -> str | None:
    year, month = _year_of(value), _month_of(value)
    if year is None:
        return None
    return f"{_MONTHS[month - 1]} {year}" if month else str(year)


def _decade(value: str, _: date) -> str | None:
    year = _year_of(value)
    return None if year is None else f"{year // _BAND * _BAND}s"


def _year_of(value: str) -> int | None:
    year = _YEAR.search(value)
    return int(year[0]) if year else None


def _month_of(value: str) -> int:
    """Return the month that a date names in letters, or in numbers without doubt; 0 otherwise."""
    for word in _WORD.findall(value.casefold()):
        for number, beginnings in enumerate(_MONTH_WORDS, start=1):
            if word.startswith(beginnings):
                return number
    numbers = _NUMBERS.findall(value)
    if len(numbers) != 3:
        return 0
    if len(numbers[0]) == 4:
        month, day = int(numbers[1]), int(numbers[2])
        return month if 1 <= month <= len(_MONTHS) and day >= 1 else 0
    first, second = int(numbers[0]), int(numbers[1])
    is_day_first = first > len(_MONTHS) or "." in value
    return second if is_day_first and 1 <= second <= len(_MONTHS) else 0


def _postcode(value: str, _: date) -> str | None:
    found = _POSTCODE.search(value)
    return f"postcode {found['us'] or found['eu']}xxx" if found else None


def _degrees(value: str, _: date) -> str | None:
    numbers = _DECIMALS.findall(value)
    if len(numbers) != 2:
        return None
    north, east = (round(float(number), 1) for number in numbers)
    return f"near {north} and {east} degrees"


def _network(value: str, _: date) -> str | None:
    found = _IPV4.fullmatch(value)
    return f"{found[1]}.x.x" if found else None


def _calling_code(value: str, _: date) -> str | None:
    if not value.startswith("+"):
        return None
    try:
        return f"country code {phonenumbers.parse(value).country_code}"
    except phonenumbers.NumberParseException:
        return None


def _country(value: str, _: date) -> str | None:
    return value[:2].upper() if value[:2].isalpha() else None


_COARSE: Final[Mapping[str, Callable[[str, date], str | None]]] = {
    "date_of_birth": _birth,
    "age": _age,
    "date": _month,
    "year": _decade,
    "address": _postcode,
    "coordinates": _degrees,
    "ip": _network,
    "phone": _calling_code,
    "iban": _country,
}
