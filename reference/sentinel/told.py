"""Templates out of plain sentences: somebody, a firm or a place where there was a pronoun or noun.

"He works less these days" is told of a person with a name as well. So names stand in many more
contexts than templates have, at every place of a sentence. The sentences are borrowed.
"""

from __future__ import annotations

import random
import re
from functools import cache
from typing import Final

from reference.sentinel.borrowed import borrowed

__all__ = ["told"]

_SOMEBODY: Final = ("{first}", "{first}", "{name}", "{name}", "{title} {last}", "{last}", "{user}")
_WEIGHTS: Final = (30, 20, 25, 10, 10, 8, 2)
_PERSON: Final = re.compile(
    r"\b(?:he|she|him|the (?:man|woman|boy|girl|child|teacher|doctor|patient|student|candidate"
    r"|driver|thief|suspect|author|president|prisoner|speaker|actor|artist|poet|professor|lawyer"
    r"|old man|young man|boss|manager|mayor|king|queen|general|soldier|judge))\b",
    re.IGNORECASE,
)
_FIRM: Final = re.compile(
    r"\bthe (?:company|firm|bank|corporation|store|shop|factory|manufacturer|hotel|restaurant"
    r"|hospital|university|school|team|club|newspaper|agency|airline|union|party)\b",
    re.IGNORECASE,
)
_PLACE: Final = re.compile(
    r"\bthe (?:city|town|village|country|region|island|state|province|area|coast|valley|capital)\b",
    re.IGNORECASE,
)
_OWNER: Final = re.compile(r"\bhis (?=[a-z])", re.IGNORECASE)


def told(dice: random.Random) -> str:
    """Return a template; an empty one where no sentences were borrowed."""
    known = _sentences()
    if not known:
        return ""
    text = dice.choice(known)
    if dice.random() < 0.15:
        text += f", {dice.choice(known)}"
    text = _PERSON.sub(lambda _: dice.choices(_SOMEBODY, _WEIGHTS)[0], text)
    text = _FIRM.sub("{org}", text)
    text = _PLACE.sub(lambda _: dice.choice(("{city}", "{city}", "{country}", "{region}")), text)
    if dice.random() < 0.5:
        text = _OWNER.sub(lambda _: f"{dice.choice(('{first}', '{name}', '{last}'))}'s ", text)
    text = text[0].upper() + text[1:] if dice.random() < 0.85 else text
    return text + dice.choice((".", ".", ".", "", "!", "?"))


@cache
def _sentences() -> tuple[str, ...]:
    """Those of which something can be told, without braces of their own."""
    forms = (_PERSON, _FIRM, _PLACE)
    return tuple(
        text
        for text in borrowed("sentences")
        if "{" not in text and any(form.search(text) for form in forms)
    )
