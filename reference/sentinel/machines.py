"""Host names, addresses of machines, passwords and keys."""

from __future__ import annotations

import string

from faker import Faker

from reference.sentinel import words
from reference.sentinel.draw import Draw
from reference.sentinel.lists import listed
from reference.sentinel.people import user_name
from reference.sentinel.trade import coined

__all__ = [
    "digest",
    "domain",
    "email",
    "host",
    "internet_address",
    "key",
    "mac",
    "password",
    "url",
    "version",
]

_ENDINGS = (
    "com",
    "org",
    "net",
    "io",
    "de",
    "fr",
    "co.uk",
    "eu",
    "ch",
    "es",
    "it",
    "pl",
    "se",
    "nl",
)


def domain(draw: Draw) -> str:
    """Return a registered name."""
    name = coined(draw).split()[0].lower().replace("&", "")
    return f"{name}.{draw.pick(_ENDINGS)}"


def email(draw: Draw, fake: Faker) -> str:
    """Return an e-mail address."""
    if draw.chance(0.25):
        return draw.call(fake, "email")
    if draw.chance(0.1):
        return f"{draw.pick(('info', 'billing', 'sales', 'office'))}@{domain(draw)}"
    return f"{user_name(draw, fake)}@{domain(draw)}"


def url(draw: Draw, fake: Faker) -> str:
    """Return a link, or a name of a site."""
    site = domain(draw)
    path = draw.pick(
        ("", "/", f"/{user_name(draw, fake)}", "/about", f"/orders/{draw.number(1, 9999)}")
    )
    if draw.chance(0.3):
        site = (
            "".join(word.capitalize() for word in site.split(".")[0:1])
            + "."
            + site.split(".", 1)[1]
        )
    return draw.pick((f"https://www.{site}{path}", f"www.{site}", site, f"http://{site}{path}"))


def host(draw: Draw, fake: Faker) -> str:
    """Return a machine's name, in one of the fashions of naming them."""
    role, name = draw.pick(words.SERVERS), draw.pick(words.PROJECTS).lower()
    number = draw.number(1, 120)
    place = draw.pick(listed("cities"))[:3]
    stage = draw.pick(("prod", "dev", "staging", "test", "qa", "p", "t"))
    inside = draw.pick(("internal", "local", "lan", "corp", "intra", "ad", "int"))
    text = draw.pick(
        (
            f"{role}-{name}-{number:02d}",
            f"{name}{number}.{inside}.{domain(draw)}",
            f"{role}{number:02d}.{inside}",
            f"{role}{number:02d}.{domain(draw)}",
            f"{stage}-{role}-{number:02d}",
            f"{stage}-{role}-{place.lower()}-{number}",
            f"{place.upper()}-{role.upper()}-{number:03d}",
            f"{place.lower()}{role}{number:02d}",
            f"{role}-{number}.{place.lower()}.{domain(draw)}",
            f"ip-10-{number}-{draw.number(0, 255)}-{draw.number(1, 254)}.ec2.internal",
            draw.shaped(draw.pick(("LAPTOP-AAA####", "DESKTOP-A#A#A#A", "WS-#####", "PC###-AA"))),
            f"{draw.call(fake, 'first_name').lower()}s-macbook.{inside}",
            f"{role}.{inside}.{domain(draw)}",
            f"{name}-{role}-{draw.shaped('a#a##')}",
            f"{name}.{domain(draw)}",
        )
    )
    return text.upper() if draw.chance(0.05) else text


def internet_address(draw: Draw, fake: Faker) -> str:
    """Return an IP address, of the fourth version mostly."""
    if draw.chance(0.15):
        return str(fake.ipv6())
    text = str(fake.ipv4() if draw.chance(0.6) else fake.ipv4_private())
    tail = draw.random.random()
    if tail < 0.05:
        return f"{text}/{draw.number(8, 30)}"
    return text


def mac(draw: Draw, fake: Faker) -> str:
    """Return a network card's address."""
    text = str(fake.mac_address())
    return draw.pick((text, text.upper(), text.replace(":", "-")))


def password(draw: Draw, _: Faker) -> str:
    """Return a password: random, or words with a number."""
    form = draw.random.random()
    if form < 0.4:
        marks = string.ascii_letters + string.digits + draw.pick(("", "!#$%&*+-_?", "!@^~=."))
        return "".join(draw.random.choices(marks, k=draw.number(7, 18)))
    fake = draw.faker("en_US")
    first, second = fake.word(), fake.word()
    mark = draw.pick(("!", "#", "", "?", "$", "@", "*"))
    return draw.pick(
        (
            f"{first.capitalize()}{draw.number(1, 9999)}{mark}",
            f"{first}{mark}{second}{draw.number(1, 99)}",
            f"{first}-{second}-{fake.word()}-{draw.number(1, 99)}",
            f"{first}{second.capitalize()}{mark}",
            f"{fake.first_name().lower()}{draw.number(1950, 2020)}{mark}",
            f"{first.replace('o', '0').replace('e', '3').replace('a', '@')}{draw.number(1, 999)}",
            draw.shaped(draw.pick(("####", "######"))),
        )
    )


def key(draw: Draw, _: Faker) -> str:
    """Return what a program shows to be let in."""
    letters = string.ascii_letters + string.digits
    alphabet = draw.pick((letters, "0123456789abcdef", letters + "-_", letters + "+/"))
    start = draw.pick(
        ("", "", "", "sk-", "pk_live_", "ghp_", "AKIA", "xoxb-", "key-", "tok_", "glpat-")
    )
    text = start + "".join(draw.random.choices(alphabet, k=draw.number(16, 44)))
    if draw.chance(0.1):
        at = len(text) // 3
        return f"{text[:at]}.{text[at : 2 * at]}.{text[2 * at :]}"
    return text


def digest(draw: Draw, _: Faker) -> str:
    """Return what names a request, a state of a program or a file: a UUID or a sum in hex."""
    text = f"{draw.random.getrandbits(256):064x}"
    whole = f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:32]}"
    form = draw.pick((whole, whole, text[:7], text[:12], text[:16], text[:32], text[:40], text))
    return form.upper() if draw.chance(0.1) else form


def version(draw: Draw, _: Faker) -> str:
    """Return a version, which looks like an address and is none."""
    return draw.shaped(
        draw.pick(("#.#", "#.#.#", "v#.##.#", "#.#.#.#", "##.##", "#.#.#-rc#", "r####"))
    )
