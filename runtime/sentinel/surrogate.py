"""Surrogates: invented stand-ins that look like what they stand for, one for each placeholder.

``<PERSON_1>`` is also ``Quellimar``, ``<PERSON_1b>`` is ``B. Quellimar``, ``<EMAIL_2>`` is
``contact2@example.com``. A closed list, the same everywhere, that the number of the placeholder
alone decides: never the value. Nobody has them: the names are made up, and numbers and addresses
come from what is set aside for documentation, fiction and tests (RFC 2606, 5737, 7042; the
555-01 lines). Kinds of which a model may draw a conclusion, such as dates and places, have none.

A surrogate is recognised as a whole word, in any case; a person's also before an ``s``.
"""

import re
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass
from itertools import chain
from typing import Final

__all__ = [
    "BEGINNING",
    "MAX_SURROGATE_CHARACTERS",
    "WHOLE",
    "as_tags",
    "canonical_surrogate",
    "surrogate_of",
]

_Atoms = tuple[str, ...]
"""A pattern, cut such that a text may end after any part: each matches one character, perhaps
none, or one of some words."""

_HEADS: Final = (
    *("Quell", "Vand", "Zorr", "Tharn", "Myrl", "Ostr", "Brev", "Cald", "Drev", "Elth"),
    *("Farn", "Grav", "Halv", "Istr", "Jorv", "Kest", "Lorv", "Muld", "Nemb", "Pelv"),
)
_TAILS: Final = (
    *("imar", "oveth", "enwick", "andry", "ubrin", "elmoor"),
    *("isgate", "orrane", "avell", "undry", "emarle", "ithorne"),
)
_NAMES: Final = tuple(
    head + _TAILS[(place + row) % len(_TAILS)]
    for row in range(len(_TAILS))
    for place, head in enumerate(_HEADS)
)
"""Single words, so that a model cannot take one apart; neighbours share neither half."""
_NUMBERS: Final = {name.casefold(): number for number, name in enumerate(_NAMES, start=1)}
_AREAS: Final = ("202", "312", "415", "503", "617", "702", "206", "303", "404", "512")
_LINES: Final = 99
_NETWORKS: Final = ("192.0.2.", "198.51.100.", "203.0.113.")
_HOSTS: Final = 250
_MAX_ORDINAL: Final = 99_999
_TAG: Final = re.compile(r"<([A-Z][A-Z0-9_]{0,39})_([1-9][0-9]{0,4})([b-z]?)>")
_NOT_ALNUM: Final = re.compile(r"[\W_]+")
_DIGITS: Final = re.compile(r"[0-9]+")


@dataclass(frozen=True, slots=True)
class _Form:
    """How the surrogates of one kind are written and read."""

    name: str
    """What placeholders call the kind."""
    shapes: tuple[_Atoms, ...]
    write: Callable[[int, str], str | None]
    """Takes ordinal and suffix of the placeholder; ``None`` beyond the list."""
    read: Callable[[str], str]
    """Returns ordinal and suffix of a text of one of the shapes, perhaps wrong ones."""
    not_before: str = r"(?<![.\-])"
    after: str = r"(?!\w)"
    ending: str = ""
    """What may follow of the same word."""


def surrogate_of(tag: str) -> str | None:
    """Return the surrogate of a canonical placeholder, ``None`` when it has none."""
    match = _TAG.fullmatch(tag)
    form = _BY_NAME.get(match[1]) if match else None
    return form.write(int(match[2]), match[3]) if match and form else None


def canonical_surrogate(text: str) -> str | None:
    """Return how a surrogate is written that ``WHOLE`` matched; ``None`` if it is none."""
    tag = _tag_of(text)
    return surrogate_of(tag) if tag else None


def as_tags(text: str, issued: Container[str] | None = None) -> str:
    """Write placeholders for surrogates, as detectors know them.

    Args:
        text: Any text.
        issued: Canonical surrogates that count; ``None`` for the whole list.
    """
    folded = text.lower()
    if not any(part in folded for part in _PARTS):
        return text  # nearly every text; the pattern is slower by far

    def tag(match: re.Match[str]) -> str:
        found = _tag_of(match[0])
        if found is None or (issued is not None and surrogate_of(found) not in issued):
            return match[0]
        return found

    return _WHOLE.sub(tag, text)


def _tag_of(text: str) -> str | None:
    for form in _FORMS:
        if _SHAPES[form.name].fullmatch(text):
            tag = f"<{form.name}_{form.read(text)}>"
            written = surrogate_of(tag)
            return tag if written and _plain(written).endswith(_plain(text)) else None
    return None


def _plain(text: str) -> str:
    return _NOT_ALNUM.sub("", text).casefold()


def _letters(text: str) -> _Atoms:
    return tuple(map(re.escape, text))


def _number(digits: int) -> _Atoms:
    return ("[1-9]", *["[0-9]?"] * (digits - 1))


def _write_person(ordinal: int, suffix: str) -> str | None:
    if ordinal > len(_NAMES):
        return None
    return f"{suffix.upper()}. {_NAMES[ordinal - 1]}" if suffix else _NAMES[ordinal - 1]


def _read_person(text: str) -> str:
    initial, _, name = text.rpartition(". ")
    return f"{_NUMBERS.get(name.casefold(), 0)}{initial.lower()}"


def _write_email(ordinal: int, suffix: str) -> str | None:
    return f"contact{ordinal}{suffix}@example.com" if ordinal <= _MAX_ORDINAL else None


def _read_email(text: str) -> str:
    return text.casefold().removeprefix("contact").partition("@")[0]


def _write_phone(ordinal: int, suffix: str) -> str | None:
    area, line = divmod(ordinal - 1, _LINES)
    if suffix or area >= len(_AREAS):
        return None
    return f"+1 {_AREAS[area]}-555-01{line + 1:02d}"


def _read_phone(text: str) -> str:
    digits = "".join(_DIGITS.findall(text))[-10:]
    if digits[:3] not in _AREAS:
        return "0"
    return str(_AREAS.index(digits[:3]) * _LINES + int(digits[-2:]))


def _write_iban(ordinal: int, suffix: str) -> str | None:
    if suffix or ordinal > _MAX_ORDINAL:
        return None
    account = f"TEST{ordinal:014d}"
    digits = "".join(str(int(character, 36)) for character in f"{account}GB00")
    iban = f"GB{98 - int(digits) % 97:02d}{account}"
    return " ".join(iban[at : at + 4] for at in range(0, len(iban), 4))


def _read_iban(text: str) -> str:
    return str(int("".join(_DIGITS.findall(text))[-5:]))


def _write_ip(ordinal: int, suffix: str) -> str | None:
    network, host = divmod(ordinal - 1, _HOSTS)
    if suffix or network >= len(_NETWORKS):
        return None
    return f"{_NETWORKS[network]}{host + 1}"


def _read_ip(text: str) -> str:
    network, _, host = text.rpartition(".")
    return str(_NETWORKS.index(f"{network}.") * _HOSTS + int(host))


def _write_mac(ordinal: int, suffix: str) -> str | None:
    return f"00:00:5E:00:53:{ordinal:02X}" if not suffix and ordinal < 1 << 8 else None


def _read_mac(text: str) -> str:
    return str(int(text[-2:], 16))


def _write_address(ordinal: int, suffix: str) -> str | None:
    return None if suffix or ordinal > _MAX_ORDINAL else f"{ordinal} Vellmarrow Street"


def _read_address(text: str) -> str:
    return text.partition(" ")[0]


def _choice(words: Iterable[str]) -> str:
    return "(?:" + "|".join(map(re.escape, words)) + ")"


def _partial(words: Iterable[str]) -> str:
    parts = {word[:size] for word in words for size in range(1, len(word))}
    return _choice(sorted(parts, key=lambda part: (-len(part), part)))


_LINE: Final[_Atoms] = (r"[ .\-]?", *"555", r"[ .\-]?", *"01", "[0-9]", "[0-9]")
_AREA: Final[_Atoms] = ("[2-9]", "[0-9]", "[0-9]")
_SPACE: Final = "[ ]?"
_IBAN: Final[_Atoms] = (
    *("G", "B", "[0-9]", "[0-9]", _SPACE, *"TEST", _SPACE, *"0000", _SPACE, *"0000", _SPACE),
    *("0", "[0-9]", "[0-9]", "[0-9]", _SPACE, "[0-9]", "[0-9]"),
)
_PERSON: Final[_Atoms] = (_choice(_HEADS), _choice(_TAILS))
_MAC: Final[_Atoms] = tuple(
    chain.from_iterable((*pair, r"[:\-]") for pair in ("00", "00", "5E", "00", "53"))
)
_FORMS: Final = (
    _Form(
        "PERSON",
        (("[B-Z]", r"\.", "[ ]", *_PERSON), _PERSON),
        _write_person,
        _read_person,
        not_before="",
        after=r"(?=s?(?![\w@]))",
        ending="s?",
    ),
    _Form(
        "EMAIL",
        ((*_letters("contact"), *_number(5), "[b-z]?", "@", *_letters("example.com")),),
        _write_email,
        _read_email,
        after=r"(?![\w@\-])",
    ),
    _Form(
        "PHONE",
        (
            (r"\+", "1", r"[ .\-]?", r"\(?", *_AREA, r"\)?", *_LINE),
            ("1", r"[ .\-]?", r"\(?", *_AREA, r"\)?", *_LINE),
            (r"\(", *_AREA, r"\)", *_LINE),
            (*_AREA, *_LINE),
        ),
        _write_phone,
        _read_phone,
    ),
    _Form("IBAN", (_IBAN,), _write_iban, _read_iban),
    _Form(
        "IP",
        tuple((*_letters(network), *_number(3)) for network in _NETWORKS),
        _write_ip,
        _read_ip,
    ),
    _Form(
        "MAC",
        ((*_MAC, "[0-9A-F]", "[0-9A-F]"),),
        _write_mac,
        _read_mac,
        not_before=r"(?<![.:\-])",
        after=r"(?![\w:])",
    ),
    _Form(
        "ADDRESS",
        ((*_number(5), *(re.escape(letter) for letter in " Vellmarrow Street")),),
        _write_address,
        _read_address,
    ),
)
_BY_NAME: Final = {form.name: form for form in _FORMS}
_PARTIALS: Final = {_choice(words): _partial(words) for words in (_HEADS, _TAILS)}
_BORDER: Final = r"(?<![\w@+])"


def _one_of(shapes: Iterable[_Atoms]) -> str:
    return "(?:" + "|".join("".join(atoms) for atoms in shapes) + ")"


def _beginning(atoms: _Atoms) -> str:
    """Match what ``atoms`` match, or any beginning of it."""
    pattern = ""
    for atom in reversed(atoms):
        pattern = f"{atom}(?:{pattern})?" if pattern else atom
        pattern = f"(?:{pattern}|{_PARTIALS[atom]})" if atom in _PARTIALS else pattern
    return pattern


_SHAPES: Final = {form.name: re.compile(_one_of(form.shapes), re.IGNORECASE) for form in _FORMS}
WHOLE: Final = (
    f"(?i:{_BORDER}(?:"
    + "|".join(f"{form.not_before}{_one_of(form.shapes)}{form.after}" for form in _FORMS)
    + "))"
)
"""Pattern of a surrogate; one character before it decides, too, and up to two behind it."""
BEGINNING: Final = (
    f"(?i:{_BORDER}(?:"
    + "|".join(
        form.not_before + _beginning((*atoms, form.ending) if form.ending else atoms)
        for form in _FORMS
        for atoms in form.shapes
    )
    + "))"
)
"""Pattern of what may become a surrogate, or cease to be one, when more text follows."""
MAX_SURROGATE_CHARACTERS: Final = (
    len("B. ")
    + sum(len(max(words, key=len)) for words in (_HEADS, _TAILS))
    + max(len(atoms) for form in _FORMS for atoms in form.shapes)
)
"""No surrogate is longer, with what follows and decides."""
_WHOLE: Final = re.compile(WHOLE)
_PARTS: Final = (
    *(head.lower() for head in _HEADS),
    *_NETWORKS,
    *("contact", "555", "0000", "00:53", "00-53", "vellmarrow"),
)
"""Every surrogate holds one of these, small letters for capitals."""
