"""Pairs of secrets for requests with sensitive places, and whether the detectors see both alike.

Promise 2 speaks of two secrets with the same categories, detected spans, coreference and order.
Whether a pair is one is judged here from the detectors' spans alone, never from released text,
so that a release that tells two such secrets apart cannot hide it.
"""

from __future__ import annotations

import random
import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from stdnum import iban, luhn

from runtime.sentinel.coreference import mentions
from runtime.sentinel.detectors.names import shipped_names
from runtime.sentinel.scan import Sentinel

__all__ = ["SESSIONS", "Secret", "SecretSource", "Session", "filled", "look_alike"]

Secret = Mapping[str, str]
"""What stands in each sensitive place, by the place's name."""
Session = tuple[str, ...]
"""The requests of a session, with ``{places}``."""

SESSIONS: Final[tuple[Session, ...]] = (
    ("Patient {name} takes 2 tablets of 7 mg. How many mg does {name} take?",),
    ("Mr. {name} (phone {phone}) orders 5 lamps at 2 euro each. What does Mr. {name} pay?",),
    ("Dr. {name} asks: write to {mail} or call {phone}. How many ways are there?",),
    ("Account {iban} of Ms. {name} holds 7 euro, 3 euro are paid in. What is the balance?",),
    ("A shelf holds 5 boxes of 7 bulbs. Please answer to {mail} only.",),
    ("Card {card}, date of birth {birth}: is the customer, Mr. {name}, over 30?",),
    ("Server {ip} pages {mail} twice an hour. How often in a day?",),
    ("Patient {name}, MRN {record}, born {birth}, comes with Mrs. {other}. Who waits longer?",),
    (
        "Mr. {name} (phone {phone}) orders 5 lamps. What does he pay at 2 euro each?",
        "{family} again: and 4 times as much?",
        "Thank you.",
    ),
    (
        "Dear {name}, Mr. {other} will call you at {phone}. In how many days is Friday?",
        "And when does {other} call if it is a day later? Write to {mail}.",
    ),
    ('{{"customer": "{name}", "phone": "{phone}", "iban": "{iban}", "amount": 12}} in words?',),
)
"""Requests in several registers, some with a second turn that only a session understands."""

_PHONES: Final = ("+48 60# ### ###", "+44 20 7946 0###", "+1 212 555 01##", "+49 30 23125 ###")
_DOMAINS: Final = ("example.org", "example.com", "mail.example.net")
_BBAN_DIGITS: Final = {"DE": 18, "AT": 16, "PL": 24}


class SecretSource:
    """Draws secrets from a seeded generator: names of every origin, numbers that check out."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        names = shipped_names()
        self._given = sorted(names.given - names.ambiguous)
        self._family = sorted(names.family - names.ambiguous)
        self._draw: dict[str, Callable[[], str]] = {
            "phone": lambda: self._digits(rng.choice(_PHONES)),
            "mail": self._mail,
            "iban": self._iban,
            "card": self._card,
            "birth": lambda: f"{rng.randint(1, 28):02}.{rng.randint(1, 12):02}.{self._year()}",
            # Not of a network that surrogates are of: one could not be told from the other.
            "ip": lambda: f"198.18.7.{rng.randint(1, 254)}",
            "record": lambda: self._digits("#" * rng.randint(6, 9)),
        }

    def draw(self) -> Secret:
        """Return one secret; its two people share no part of a name."""
        secret = {place: draw() for place, draw in self._draw.items()}
        given, other_given = self._rng.sample(self._given, 2)
        family, other_family = self._rng.sample(self._family, 2)
        secret["name"] = f"{given} {family}".title()
        secret["family"] = family.title()
        secret["other"] = f"{other_given} {other_family}".title()
        return secret

    def _digits(self, pattern: str) -> str:
        digits = (str(self._rng.randint(0, 9)) if sign == "#" else sign for sign in pattern)
        return "".join(digits)

    def _year(self) -> int:
        return self._rng.randint(1930, 2010)

    def _mail(self) -> str:
        user = "".join(self._rng.choices(string.ascii_lowercase, k=self._rng.randint(2, 20)))
        return f"{user}.{self._rng.randint(1, 999)}@{self._rng.choice(_DOMAINS)}"

    def _iban(self) -> str:
        country = self._rng.choice(sorted(_BBAN_DIGITS))
        account = self._digits("#" * _BBAN_DIGITS[country])
        return str(country + iban.calc_check_digits(f"{country}00{account}") + account)

    def _card(self) -> str:
        number = "4" + self._digits("#" * 14)
        number += luhn.calc_check_digit(number)
        return " ".join(number[at : at + 4] for at in range(0, 16, 4))


def filled(session: Session, secret: Secret) -> list[str]:
    """Return the session's requests with ``secret`` in its places."""
    return [turn.format(**secret) for turn in session]


def look_alike(session: Session, one: Secret, other: Secret, sentinel: Sentinel) -> bool:
    """Whether the detectors find every place of both fillings whole, and the same spans in both."""
    first = _Seen.of(session, one, sentinel)
    return first.is_whole and first == _Seen.of(session, other, sentinel)


_Corner = tuple[int, int]
"""A place of the template, or its gap, counted from the turn's start, and how far into it."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the detectors see in a session, in terms of its template instead of characters."""

    spans: tuple[tuple[int, str, _Corner, _Corner], ...]
    """Turn, kind, first and last corner of every span."""
    is_whole: bool
    """Whether every sensitive place lies within spans."""

    @staticmethod
    def of(session: Session, secret: Secret, sentinel: Sentinel) -> _Seen:
        known: set[str] = set()
        spans: list[tuple[int, str, _Corner, _Corner]] = []
        is_whole = True
        for number, turn in enumerate(session):
            text, places = _laid_out(turn, secret)
            found = [*sentinel.scan_now(text).spans, *mentions(text, sorted(known))]
            known |= {text[span.start : span.end] for span in found if span.kind == "person"}
            covered = [(span.start, span.end) for span in found]
            is_whole = is_whole and all(_is_covered(place, covered) for place in places)
            spans += sorted(
                {
                    (number, span.kind, _corner(span.start, places), _corner(span.end, places))
                    for span in found
                }
            )
        return _Seen(tuple(spans), is_whole)


def _laid_out(turn: str, secret: Secret) -> tuple[str, list[tuple[int, int]]]:
    """Return a request and where its sensitive places came to stand."""
    text = ""
    places = []
    for fixed, place, _, _ in string.Formatter().parse(turn):
        text += fixed
        if place is not None:
            places.append((len(text), len(text) + len(secret[place])))
            text += secret[place]
    return text, places


def _is_covered(place: tuple[int, int], spans: Sequence[tuple[int, int]]) -> bool:
    start, end = place
    for first, last in sorted(spans):
        if first <= start < last:
            start = last
    return start >= end


def _corner(at: int, places: Sequence[tuple[int, int]]) -> _Corner:
    """Return where a character stands, the same for two fillings unless it is inside a place."""
    gap_start = 0
    for number, (start, end) in enumerate(places):
        if at <= start:
            return 2 * number, at - gap_start
        if at < end:
            return 2 * number + 1, at - start
        gap_start = end
    return 2 * len(places), at - gap_start
