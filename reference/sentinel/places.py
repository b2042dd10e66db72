"""Places and postal addresses, from a street alone to five lines, tidy and untidy."""

from __future__ import annotations

from typing import Final

from faker import Faker

from reference.sentinel.borrowed import borrowed
from reference.sentinel.draw import Draw
from reference.sentinel.lists import listed

__all__ = ["address", "city", "country", "postcode", "region", "street"]

_REAL: Final = 0.4
"""Share of places that are drawn from those that were borrowed, where they were."""


def city(draw: Draw, fake: Faker) -> str:
    """Return a town."""
    if borrowed("towns") and draw.chance(_REAL):
        return draw.cased(draw.pick(borrowed("places" if draw.chance(0.1) else "towns")))
    form = draw.random.random()
    if form < 0.2:
        return draw.cased(draw.pick(listed("cities")))
    if form < 0.4:
        place = draw.faker("en_US").location_on_land()
        return draw.cased(str(place[2]))
    return draw.cased(draw.call(fake, "city"))


def country(draw: Draw, fake: Faker) -> str:
    """Return a country."""
    source = draw.faker("en_US") if draw.chance(0.75) else fake
    return draw.cased(draw.call(source, "country"))


def region(draw: Draw, _: Faker) -> str:
    """Return a state, a province or a wider part of the world."""
    if borrowed("regions") and draw.chance(_REAL):
        return draw.cased(draw.pick(borrowed("places" if draw.chance(0.4) else "regions")))
    return draw.pick(listed("regions"))


def postcode(draw: Draw, fake: Faker) -> str:
    """Return a postcode."""
    if draw.chance(0.7):
        return draw.call(fake, "postcode")
    return draw.shaped(
        draw.pick(
            ("####", "#####", "#### AA", "### ##", "#####-####", "A#A #A#", "AA## #AA", "######")
        )
    )


def street(draw: Draw, fake: Faker) -> str:
    """Return a street with its number, or without."""
    form = draw.random.random()
    if form < 0.5:
        return draw.call(fake, "street_address")
    name = draw.call(fake, "street_name")
    number = str(draw.number(1, 999))
    if form < 0.62:
        return name
    if form < 0.8:
        named = f"{draw.call(fake, 'last_name')} {draw.pick(listed('street_kinds'))}"
        return draw.pick((f"{number} {named}", named, f"{number}{draw.pick('abc')} {named}"))
    return draw.pick(
        (
            f"{number} {name}",
            f"{name} {number}",
            f"{draw.number(1, 99999)} {name} {number}",
            f"{name} {number}/{draw.number(1, 40)}",
            f"{name} {number}{draw.pick('abc')}",
            f"{number}, {name}",
            f"{name} no. {number}",
        )
    )


def address(draw: Draw, fake: Faker) -> str:
    """Return a postal address."""
    form = draw.random.random()
    if form < 0.2:
        return draw.call(fake, "address")
    if form < 0.26:
        return _military(draw)
    if form < 0.3:
        return f"the corner of {street(draw, fake)} and {street(draw, fake)}"
    if form < 0.4:
        return street(draw, fake)
    return _composed(draw, fake)


def _composed(draw: Draw, fake: Faker) -> str:
    first = street(draw, fake)
    parts = [f"{draw.number(1, 99999)} {first}" if draw.chance(0.2) else first]
    for share in (0.45, 0.1):
        if draw.chance(share):
            unit = draw.pick(
                (
                    "Apt. {}",
                    "Suite {}",
                    "Unit {}",
                    "Flat {}",
                    "#{}",
                    "Apt {}",
                    "Floor {}",
                    "Room {}",
                )
            )
            parts.append(unit.format(f"{draw.number(1, 999):0{draw.number(1, 3)}d}"))
    code, town = postcode(draw, fake), city(draw, fake)
    tail = [f"{code} {town}", f"{town} {code}", town, f"{town}, {code}"]
    land = draw.pick((country(draw, fake), region(draw, fake)))
    tail += [f"{town}, {land} {code}", f"{town}, {land}", f"{town}\n{land} {code}"]
    parts += [draw.pick(tail)]
    if draw.chance(0.3):
        parts.append(draw.pick((country(draw, fake), f"{country(draw, fake)} {code}")))
    if draw.chance(0.08):
        parts.reverse()
    between = draw.pick((", ", ", ", "\n", "\n ", " ", ",\n"))
    text = between.join(parts)
    if draw.chance(0.06):
        text = f"P.O. Box {draw.number(1, 9999)}{between}{town}{between}{land}"
    return draw.cased(text)


def _military(draw: Draw) -> str:
    box, code = draw.number(100, 9999), draw.shaped("#####")
    fleet, area = draw.pick(("APO", "FPO", "DPO")), draw.pick(("AA", "AE", "AP"))
    return draw.pick(
        (
            f"PSC {draw.number(100, 9999)}, Box {box}\n{fleet} {area} {code}",
            f"Unit {draw.number(1000, 9999)} Box {box}\n{fleet} {area} {code}",
            f"USS {draw.faker('en_US').last_name()}\n{fleet} {area} {code}",
            f"PO Box {box}, {draw.pick(listed('cities'))}",
        )
    )
