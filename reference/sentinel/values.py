"""Invented values for the slots of templates: people, places, firms, numbers of every shape.

Names and streets come from Faker's locales; what Faker knows little of (firms, host names, staff
numbers) is composed here. Everything is drawn from a seeded generator.
"""

from __future__ import annotations

import random
import string
from collections.abc import Callable
from typing import Any, Final

from faker import Faker

from reference.sentinel import words

__all__ = ["ENGLISH", "LOCALES", "Values"]

ENGLISH: Final = ("en_US", "en_US", "en_US", "en_GB", "en_AU", "en_CA", "en_IN", "en_NZ", "en_IE")
LOCALES: Final = (
    *("de_DE", "de_AT", "de_CH", "fr_FR", "fr_CH", "es_ES", "es_MX", "it_IT", "pl_PL", "nl_NL"),
    *("nl_BE", "pt_BR", "pt_PT", "sv_SE", "da_DK", "no_NO", "fi_FI", "cs_CZ", "hu_HU", "ro_RO"),
    *("hr_HR", "sl_SI", "sk_SK", "tr_TR", "et_EE", "lt_LT", "lv_LV", "fr_CA", "es_AR", "es_CO"),
    *("az_AZ", "tw_GH", "zu_ZA", "yo_NG", "ha_NG", "fil_PH", "id_ID", "vi_VN", "en_PK", "en_BD"),
)


class Values:
    """Draws values, each in the locale that it is asked for."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - invented data
        self._fakers: dict[str, Faker] = {}
        self._draw: dict[str, Callable[[Faker], str]] = {
            "name": self.name,
            "first": lambda fake: self._call(fake, "first_name"),
            "last": lambda fake: self._call(fake, "last_name"),
            "title": lambda _: self._pick(words.HONORIFICS),
            "org": self.organization,
            "city": lambda fake: self._case(self._call(fake, "city")),
            "country": lambda fake: self._case(self._country(fake)),
            "address": self.address,
            "street": lambda fake: self._call(fake, "street_address"),
            "zip": lambda fake: self._call(fake, "postcode"),
            "date": lambda _: self.date(1990, 2027),
            "dob": lambda _: self.date(1930, 2015),
            "year": lambda _: str(self._random.randint(1950, 2026)),
            "month": lambda _: self._pick(words.MONTHS),
            "weekday": lambda _: self._pick(words.WEEKDAYS),
            "time": lambda _: self._time(),
            "age": lambda _: str(self._random.randint(1, 99)),
            "nationality": lambda _: self._case(self._pick(words.GROUPS)),
            "religion": lambda _: self._pick(words.RELIGIONS),
            "job": lambda _: self._pick(words.JOBS),
            "condition": lambda _: self._pick(words.CONDITIONS),
            "drug": lambda _: self._pick(words.DRUGS),
            "project": lambda _: self._pick(words.PROJECTS),
            "phone": lambda fake: self._call(fake, "phone_number"),
            "email": self._email,
            "url": self._url,
            "user": self._user,
            "ip": lambda fake: str(fake.ipv4() if self._random.random() < 0.8 else fake.ipv6()),
            "host": lambda _: self._host(),
            "card": lambda fake: str(fake.credit_card_number()),
            "iban": self._iban,
            "ssn": lambda _: self._shaped(
                ("###-##-####", "### ### ####", "##.##.##-###.##", "###########")
            ),
            "mrn": lambda _: self._shaped(
                ("########", "#######", "MRN-######", "##-##-##", "H######")
            ),
            "emp": lambda _: self._shaped(
                ("E#####", "EMP-####", "######", "P-####-##", "AA####", "#####")
            ),
            "case": lambda _: self._shaped(
                ("INC#######", "CASE-#####", "#########", "SR-####-###", "T######")
            ),
            "policy": lambda _: self._shaped(
                ("POL-########", "AA-######-#", "#### #### ##", "K#########")
            ),
            "passport": lambda _: self._shaped(
                ("A########", "AA#######", "#########", "C#A##A###")
            ),
            "license": lambda _: self._shaped(
                ("A#######", "#######", "A############", "AA-##-####", "S#######")
            ),
            "plate": lambda _: self._shaped(
                ("AA-AA ####", "AAA ####", "AA## AAA", "#AAA###", "A-AA ###")
            ),
            "password": lambda _: self._password(),
            "apikey": lambda _: self._key(),
            "invoice": lambda _: self._shaped(("#####", "INV-####", "2024-####", "#######")),
            "amount": lambda _: (
                f"{self._pick(('$', 'EUR ', '£', ''))}{self._random.randint(2, 90_000):,}"
            ),
            "n": lambda _: str(self._random.randint(2, 12)),
        }

    @property
    def random(self) -> random.Random:
        """The generator that all draws come from."""
        return self._random

    def draw(self, slot: str, locale: str) -> str:
        """Return a value for ``slot`` in ``locale``, as people there would write it.

        Raises:
            KeyError: No such slot.
        """
        return self._draw[slot](self._faker(locale))

    def name(self, fake: Faker) -> str:
        """Return a full name in one of the forms in which people write names."""
        first, last = self._call(fake, "first_name"), self._call(fake, "last_name")
        form = self._random.random()
        if form < 0.62:
            return f"{first} {last}"
        if form < 0.70:
            return f"{first} {self._initial()} {last}"
        if form < 0.76:
            return f"{first[0]}. {last}"
        if form < 0.82:
            return f"{first} {self._call(fake, 'first_name')} {last}"
        if form < 0.86:
            return f"{first} {last}-{self._call(fake, 'last_name')}"
        if form < 0.92:
            return f"{self._pick(words.HONORIFICS)} {first} {last}"
        if form < 0.95:
            return f"{first} {last}".lower()
        if form < 0.97:
            return f"{first} {last}".upper()
        return f"{last}, {first}"

    def organization(self, fake: Faker) -> str:
        """Return a firm or an institution."""
        form = self._random.random()
        if form < 0.22:
            return str(fake.company())
        if form < 0.32:
            return self._pick(words.KNOWN_FIRMS)
        if form < 0.62:
            return self._coined()
        if form < 0.72:
            pair = " ".join(word.capitalize() for word in self._faker("en_US").words(2))
            return f"{pair} {self._pick(words.FIRM_TAILS)}" if self._random.random() < 0.5 else pair
        if form < 0.80:
            return f"{self._call(fake, 'last_name')} {self._pick(words.FIRM_TAILS)}"
        return self._pick(words.INSTITUTIONS).format(
            place=self._call(fake, "city"),
            first=self._call(fake, "first_name"),
            last=self._call(fake, "last_name"),
            word=self._faker("en_US").word().capitalize(),
        )

    def address(self, fake: Faker) -> str:
        """Return a postal address, from a street alone to five lines."""
        street, city = self._call(fake, "street_address"), self._call(fake, "city")
        code, country = self._call(fake, "postcode"), self._country(fake)
        unit = self._pick(("Apt. {}", "Suite {}", "Unit {}", "Flat {}", "#{}", "Apt {}"))
        unit = unit.format(self._random.randint(1, 999))
        return self._pick(
            (
                street,
                f"{street}, {city}",
                f"{street}, {code} {city}",
                f"{street}, {city} {code}",
                f"{street}, {city}, {country}",
                f"{street}\n{code} {city}",
                f"{street}\n{city}\n{code}",
                f"{street} {unit}\n{city}\n{country} {code}",
                f"{street}, {unit}, {city}, {code}",
                f"{unit}, {street}, {city}",
                f"{street}\n {unit}\n {city}\n {country} {code}",
                f"P.O. Box {self._random.randint(1, 9999)}, {city}",
                f"{code} {city}, {street}",
            )
        )

    def date(self, earliest: int, latest: int) -> str:
        """Return a day between two years, in one of many forms."""
        fake = self._faker("en_US")
        moment = fake.date_time().replace(
            year=self._random.randint(earliest, latest), day=self._random.randint(1, 28)
        )
        text = moment.strftime(self._pick(words.DATE_FORMS))
        if self._random.random() < 0.3:
            text = text.replace("/0", "/").lstrip("0").replace(" 0", " ")
        return str(text)

    def _faker(self, locale: str) -> Faker:
        fake = self._fakers.get(locale)
        if fake is None:
            fake = Faker(locale, use_weighting=False)
            fake.seed_instance(self._random.getrandbits(32))
            self._fakers[locale] = fake
        return fake

    def _call(self, fake: Faker, method: str) -> str:
        try:
            value: Any = getattr(fake, method)()
        except AttributeError:
            value = getattr(self._faker("en_US"), method)()
        return str(value).strip()

    def _country(self, fake: Faker) -> str:
        return self._call(self._faker("en_US") if self._random.random() < 0.7 else fake, "country")

    def _case(self, text: str) -> str:
        form = self._random.random()
        if form < 0.06:
            return text.lower()
        return text.upper() if form < 0.1 else text

    def _coined(self) -> str:
        word = "".join(
            self._random.choices(words.SYLLABLES, k=self._random.randint(2, 3))
        ).capitalize()
        return f"{word} {self._pick(words.FIRM_TAILS)}" if self._random.random() < 0.4 else word

    def _email(self, fake: Faker) -> str:
        user = self._user(fake)
        ending = self._pick(("com", "org", "de", "co.uk", "io", "net"))
        return f"{user}@{self._coined().split()[0].lower()}.{ending}"

    def _url(self, _: Faker) -> str:
        ending = self._pick(("com", "org", "fr", "eu", "io", "net", "ch"))
        host = f"{self._coined().split()[0].lower()}.{ending}"
        return self._pick((f"https://www.{host}/", f"www.{host}", host, f"http://{host}"))

    def _user(self, fake: Faker) -> str:
        first = _ascii(self._call(fake, "first_name")) or "kim"
        last = _ascii(self._call(fake, "last_name")) or "lee"
        number = str(self._random.randint(1, 99)) if self._random.random() < 0.4 else ""
        return self._pick(
            (
                f"{first}.{last}{number}",
                f"{first[0]}{last}{number}",
                f"{first}{number}",
                f"{last}{first[0]}",
            )
        )

    def _host(self) -> str:
        role, name = self._pick(words.SERVERS), self._pick(words.PROJECTS).lower()
        number = self._random.randint(1, 40)
        return self._pick(
            (
                f"{role}-{name}-{number:02d}",
                f"{name}{number}.internal.{self._coined().split()[0].lower()}.net",
                f"LAPTOP-{self._shaped(('AAA####', 'A#A#A#'))}",
            )
        )

    def _iban(self, fake: Faker) -> str:
        iban = self._call(fake, "iban")
        if self._random.random() < 0.5:
            return " ".join(iban[at : at + 4] for at in range(0, len(iban), 4))
        return iban

    def _shaped(self, shapes: tuple[str, ...]) -> str:
        shape = self._pick(shapes)
        return "".join(
            self._random.choice(string.digits)
            if mark == "#"
            else self._random.choice(string.ascii_uppercase)
            if mark == "A" and shape.count("A") and not shape.startswith(("CASE", "INV"))
            else mark
            for mark in shape
        )

    def _password(self) -> str:
        marks = string.ascii_letters + string.digits + "!#$%&*+-_?"
        if self._random.random() < 0.5:
            return "".join(self._random.choices(marks, k=self._random.randint(7, 14)))
        word = self._faker("en_US").word().capitalize()
        return f"{word}{self._random.randint(1, 9999)}{self._pick(('!', '#', '', '?'))}"

    def _key(self) -> str:
        letters = string.ascii_letters + string.digits
        return self._pick(("sk-", "ghp_", "AKIA", "")) + "".join(
            self._random.choices(letters, k=28)
        )

    def _time(self) -> str:
        hour, minute = self._random.randint(0, 23), self._random.randint(0, 59)
        return self._pick(
            (f"{hour}:{minute:02d}", f"{hour:02d}:{minute:02d}:{minute:02d}", f"{hour % 12 + 1} pm")
        )

    def _initial(self) -> str:
        return self._random.choice(string.ascii_uppercase) + self._pick((".", ""))

    def _pick(self, items: tuple[str, ...]) -> str:
        return self._random.choice(items)


def _ascii(text: str) -> str:
    return "".join(mark for mark in text.lower() if mark in string.ascii_lowercase)
