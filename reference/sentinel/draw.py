"""Where every invented value comes from: one seeded generator, and Faker's locales fed by it."""

from __future__ import annotations

import random
import string
from collections.abc import Sequence
from typing import Any

from faker import Faker

__all__ = ["Draw", "plain_letters"]


class Draw:
    """A seeded generator with what drawing values needs around it."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - invented data
        self._fakers: dict[str, Faker] = {}

    def faker(self, locale: str) -> Faker:
        """Return the source of a locale's values."""
        fake = self._fakers.get(locale)
        if fake is None:
            fake = Faker(locale, use_weighting=False)
            fake.seed_instance(self.random.getrandbits(32))
            self._fakers[locale] = fake
        return fake

    def call(self, fake: Faker, method: str) -> str:
        """Return what ``method`` gives in a locale; in American English where it has none."""
        try:
            value: Any = getattr(fake, method)()
        except AttributeError:
            value = getattr(self.faker("en_US"), method)()
        return str(value).strip()

    def pick(self, items: Sequence[str]) -> str:
        """Return one of them."""
        return self.random.choice(items)

    def chance(self, share: float) -> bool:
        """Return true so often."""
        return self.random.random() < share

    def number(self, least: int, most: int) -> int:
        """Return a whole number between both, both included."""
        return self.random.randint(least, most)

    def shaped(self, shape: str) -> str:
        """Return ``shape`` with digits for ``#``, capitals for ``A``, small letters for ``a``."""
        alphabets = {"#": string.digits, "A": string.ascii_uppercase, "a": string.ascii_lowercase}
        return "".join(
            self.random.choice(alphabets[mark]) if mark in alphabets else mark for mark in shape
        )

    def cased(self, text: str) -> str:
        """Return it as somebody in a hurry, or shouting, now and then writes it."""
        form = self.random.random()
        if form < 0.08:
            return text.lower()
        return text.upper() if form < 0.14 else text


def plain_letters(text: str) -> str:
    """Return its small Latin letters."""
    return "".join(mark for mark in text.lower() if mark in string.ascii_lowercase)
