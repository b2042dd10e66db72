"""Phone numbers, bank accounts and mail addresses that are well formed and nobody's.

Phone numbers come from the ranges that regulators set aside for fiction; accounts have a bank
code of zeros and a right checksum; mail addresses end in a reserved domain (RFC 2606).
"""

import random

from reference.tasks.people import Person
from reference.tasks.question import Marked

__all__ = ["draw_email", "draw_iban", "draw_phone"]

_PHONE_FORMS = (
    "+33 6 39 98 ## ##",  # Arcep, audiovisual works
    "+44 7700 900###",  # Ofcom, drama
    "+49 30 23125 ###",  # Bundesnetzagentur, media
    "+46 70 174 06 ##",  # PTS, fiction
    "+1 212 555 01##",  # NANPA, fiction
    "+1 415 555 01##",
)

_IBAN_FORMS = (
    ("DE", "00000000##########"),
    ("AT", "00000###########"),
    ("NL", "TEST##########"),
)

_MAIL_DOMAINS = ("example.org", "example.com", "example.net")


def draw_phone(rng: random.Random) -> Marked:
    """Invent a phone number in international form."""
    return Marked(_fill(rng, rng.choice(_PHONE_FORMS)), "phone")


def draw_iban(rng: random.Random) -> Marked:
    """Invent an account number with a right ISO 7064 checksum, without spaces."""
    country, form = rng.choice(_IBAN_FORMS)
    account = _fill(rng, form)
    return Marked(f"{country}{iban_check_digits(country, account)}{account}", "iban")


def draw_email(rng: random.Random, person: Person) -> Marked:
    """Invent the mail address of a person."""
    return Marked(f"{person.ascii_handle}@{rng.choice(_MAIL_DOMAINS)}", "email")


def iban_check_digits(country: str, account: str) -> str:
    """Compute the two check digits (ISO 13616; tests compare with python-stdnum)."""
    as_number = int("".join(str(int(character, 36)) for character in f"{account}{country}00"))
    return f"{98 - as_number % 97:02d}"


def _fill(rng: random.Random, form: str) -> str:
    return "".join(str(rng.randrange(10)) if mark == "#" else mark for mark in form)
