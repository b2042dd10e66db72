"""Invented values for the slots of templates: people, places, firms, numbers of every shape.

Names and streets come from Faker's locales; what Faker knows little of (firms, host names, staff
numbers) is composed in the files beside this one. Everything is drawn from a seeded generator.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Final

from faker import Faker

from reference.sentinel import (
    machines,
    numbers,
    people,
    places,
    titles,
    trade,
    words,
)
from reference.sentinel.borrowed import borrowed
from reference.sentinel.draw import Draw
from reference.sentinel.lists import listed

__all__ = ["ENGLISH", "LOCALES", "Values"]

ENGLISH: Final = ("en_US", "en_US", "en_US", "en_GB", "en_AU", "en_CA", "en_IN", "en_NZ", "en_IE")
LOCALES: Final = (
    *("de_DE", "de_AT", "de_CH", "fr_FR", "fr_CH", "es_ES", "es_MX", "it_IT", "pl_PL", "nl_NL"),
    *("nl_BE", "pt_BR", "pt_PT", "sv_SE", "da_DK", "no_NO", "fi_FI", "cs_CZ", "hu_HU", "ro_RO"),
    *("hr_HR", "sl_SI", "sk_SK", "tr_TR", "et_EE", "lt_LT", "lv_LV", "fr_CA", "es_AR", "es_CO"),
    *("az_AZ", "tw_GH", "zu_ZA", "yo_NG", "ha_NG", "fil_PH", "id_ID", "vi_VN", "en_PK", "en_BD"),
    *("is_IS", "sq_AL", "mt_MT", "ga_IE", "el_GR", "ru_RU", "uk_UA", "bg_BG"),
)
_Source = Callable[[Draw, Faker], str]


def _pick(items: tuple[str, ...]) -> _Source:
    return lambda draw, _: draw.pick(items)


def _number(slot: str) -> _Source:
    return lambda draw, _: numbers.shaped_number(draw, slot)


def _group(draw: Draw, _: Faker) -> str:
    known = borrowed("peoples") if draw.chance(0.25) else ()
    return draw.cased(draw.pick(known or listed("demonyms")))


def _age(draw: Draw, _: Faker) -> str:
    return str(draw.number(1, 99))


def _amount(draw: Draw, _: Faker) -> str:
    unit, value = draw.pick(("$", "EUR ", "£", "")), draw.number(2, 90_000)
    return draw.pick(
        (f"{unit}{value:,}", f"{unit}{value}.{draw.number(10, 99)}", f"{value} {unit}")
    )


def _time(draw: Draw, _: Faker) -> str:
    hour, minute = draw.number(0, 23), draw.number(0, 59)
    return draw.pick(
        (f"{hour}:{minute:02d}", f"{hour:02d}:{minute:02d}:{minute:02d}", f"{hour % 12 + 1} pm")
    )


def _date(earliest: int, latest: int, draw: Draw, _: Faker) -> str:
    """Return a day between two years, in one of many forms, now and then with its time."""
    moment = datetime(
        draw.number(earliest, latest),
        draw.number(1, 12),
        draw.number(1, 28),
        draw.number(0, 23),
        draw.number(0, 59),
        draw.number(0, 59),
        tzinfo=UTC,
    )
    text = str(moment.strftime(draw.pick(words.DATE_FORMS)))
    if draw.chance(0.3):
        text = text.replace("/0", "/").lstrip("0").replace(" 0", " ")
    if draw.chance(0.1):
        text += moment.strftime(draw.pick((" %H:%M:%S", "T%H:%M:%SZ", " %H:%M", ", %I:%M %p")))
    return text


_SOURCES: Final[dict[str, _Source]] = {
    "name": people.full_name,
    "first": people.given,
    "last": people.family,
    "title": _pick(words.HONORIFICS),
    "org": trade.organization,
    "city": places.city,
    "country": places.country,
    "region": places.region,
    "address": places.address,
    "street": places.street,
    "zip": places.postcode,
    "date": partial(_date, 1990, 2027),
    "dob": partial(_date, 1930, 2015),
    "year": lambda draw, _: str(draw.number(1920, 2026)),
    "month": _pick(words.MONTHS),
    "weekday": _pick(words.WEEKDAYS),
    "time": _time,
    "age": _age,
    "nationality": _group,
    "religion": _pick(words.RELIGIONS),
    "job": trade.job,
    "condition": _pick(listed("conditions")),
    "drug": _pick(listed("drugs")),
    "project": _pick(words.PROJECTS),
    "phone": numbers.phone,
    "email": machines.email,
    "url": machines.url,
    "user": people.user_name,
    "ip": machines.internet_address,
    "mac": machines.mac,
    "host": machines.host,
    "card": numbers.card,
    "iban": numbers.iban,
    "account": numbers.account,
    "ssn": numbers.national_number,
    "password": machines.password,
    "apikey": machines.key,
    "amount": _amount,
    "n": lambda draw, _: str(draw.number(2, 12)),
    "version": machines.version,
    "product": trade.product,
    "digest": machines.digest,
    "thing": titles.thing,
    "work": titles.work,
    "film": titles.film,
    "band": titles.band,
    "creature": titles.creature,
    "tool": _pick(listed("tools")),
    "feast": _pick(listed("feasts")),
    "contest": _pick(listed("contests")),
    "language": _pick(listed("languages")),
    "affair": _pick(listed("affairs")),
    "dept": _pick(listed("departments")),
    "law": _pick(listed("laws")),
    "word": lambda draw, _: draw.faker("en_US").word(),
    **{
        slot: _number(slot)
        for slot in (
            "mrn",
            "emp",
            "case",
            "policy",
            "passport",
            "license",
            "plate",
            "invoice",
            "code",
            "part",
        )
    },
}


class Values:
    """Draws values, each in the locale that it is asked for."""

    def __init__(self, seed: int) -> None:
        self._draw = Draw(seed)

    @property
    def random(self) -> random.Random:
        """The generator that all draws come from."""
        return self._draw.random

    def draw(self, slot: str, locale: str) -> str:
        """Return a value for ``slot`` in ``locale``, as people there would write it.

        Raises:
            KeyError: No such slot.
        """
        return _SOURCES[slot](self._draw, self._draw.faker(locale))
