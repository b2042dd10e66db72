"""Numbers that stand for somebody: people, cards, accounts, cars, cases; telephone numbers."""

from __future__ import annotations

from faker import Faker

from reference.sentinel.draw import Draw

__all__ = ["SHAPES", "account", "card", "iban", "national_number", "phone", "shaped_number"]

SHAPES: dict[str, tuple[str, ...]] = {
    "mrn": (
        *("########", "#######", "MRN-######", "##-##-##", "H######", "A#######", "MR#####"),
        *("######-#", "### ### ###", "P########", "AA-######", "##########", "PT-####"),
    ),
    "emp": (
        *("E#####", "EMP-####", "######", "P-####-##", "AA####", "#####", "EMP#####", "A-#####"),
        *("#####-A", "AAA-####", "e######", "STF/####", "####", "AA-###-##", "ID-######"),
    ),
    "case": (
        *(
            "INC#######",
            "CASE-#####",
            "#########",
            "SR-####-###",
            "T######",
            "#######",
            "AA-####/##",
        ),
        *("CLM-########", "####-AA-####", "##/####", "CS#######", "REQ######", "#A-##-####"),
    ),
    "policy": (
        *("POL-########", "AA-######-#", "#### #### ##", "K#########", "##########", "AAA#######"),
        *("A##-###-###", "########-##", "P/##/#####", "HP########"),
    ),
    "passport": (
        "A########",
        "AA#######",
        "#########",
        "C#A##A###",
        "AA######",
        "A#######",
        "########",
    ),
    "license": (
        *("A#######", "#######", "A############", "AA-##-####", "S#######", "A##############"),
        *(
            "####-##-####",
            "########",
            "AAAAA######AA#AA",
            "A###-####-####",
            "A##-##-####",
            "#########",
        ),
    ),
    "plate": (
        *("AA-AA ####", "AAA ####", "AA## AAA", "#AAA###", "A-AA ###", "AAA-####", "AA-###-AA"),
        *("#### AAA", "AA ### AA", "A## AAA", "AAA###"),
    ),
    "ssn": (
        *(
            "###-##-####",
            "### ### ####",
            "##.##.##-###.##",
            "###########",
            "### ## ####",
            "#########",
        ),
        *(
            "AA######A",
            "######-####",
            "######/####",
            "## ## ## ### ### ##",
            "###.###.###-##",
            "########A",
        ),
        *(
            "AA ## ## ## A",
            "###-###-###",
            "AAAAAA##A##A###A",
            "##########",
            "#### #### ####",
            "AAAAA####A",
        ),
    ),
    "invoice": (
        "#####",
        "INV-####",
        "2024-####",
        "#######",
        "#####-##",
        "PO ######",
        "W-####",
        "#######-A",
    ),
    "account": (
        "########",
        "##########",
        "############",
        "##-##-## ########",
        "### ######",
        "#########",
    ),
    "part": (
        *("AA-####", "AAA-####-A", "# ### ### ###", "##-####-##", "A##A-####", "######-###"),
        *("AA####AA", "####-###", "A-####/##", "AAA###", "##.###.##", "###-####-A#", "AA #### A"),
    ),
    "code": ("A##", "AA-###", "#.##", "###", "##%", "A#-#"),
}
"""Of each number: its shapes, as ``Draw.shaped`` reads them."""
_PHONES = (
    *("###-####", "### ####", "(###) ###-####", "###-###-####", "### ### ####", "###.###.####"),
    *("+# ### ### ####", "+## ## ### ## ##", "+## ### #######", "0## ### ####", "0### ######"),
    *(
        "0#### ######",
        "+##########",
        "##########",
        "0# ## ## ## ##",
        "+### ## ### ###",
        "### ## ## ##",
    ),
    *(
        "(0##) ####-####",
        "+##-###-#######",
        "1-###-###-####",
        "### #### x###",
        "## ### ###",
        "##### #####",
    ),
    *(
        "0### ### ## ##",
        "(0##) ### ####",
        "+## (0)## ### ## ##",
        "##-##-##-##",
        "### ### ###",
        "00## ## #######",
    ),
)


def phone(draw: Draw, fake: Faker) -> str:
    """Return a telephone number."""
    if draw.chance(0.6):
        return draw.call(fake, "phone_number")
    text = draw.shaped(draw.pick(_PHONES))
    return f"{text} ext. {draw.number(10, 9999)}" if draw.chance(0.04) else text


def national_number(draw: Draw, fake: Faker) -> str:
    """Return what a state or its insurance knows somebody by."""
    if draw.chance(0.5):
        return draw.call(fake, "ssn")
    return shaped_number(draw, "ssn")


def iban(draw: Draw, fake: Faker) -> str:
    """Return an account number with a checksum, in groups or without."""
    text = draw.call(fake, "iban")
    if draw.chance(0.4):
        return " ".join(text[at : at + 4] for at in range(0, len(text), 4))
    return text.lower() if draw.chance(0.05) else text


def account(draw: Draw, fake: Faker) -> str:
    """Return an account number of a bank's own."""
    return draw.call(fake, "bban") if draw.chance(0.3) else shaped_number(draw, "account")


def card(draw: Draw, fake: Faker) -> str:
    """Return a card's number."""
    text = str(fake.credit_card_number())
    if draw.chance(0.3):
        between = draw.pick((" ", "-"))
        return between.join(text[at : at + 4] for at in range(0, len(text), 4))
    return text


def shaped_number(draw: Draw, slot: str) -> str:
    """Return a number in one of the shapes of ``slot``."""
    return draw.shaped(draw.pick(SHAPES[slot]))
