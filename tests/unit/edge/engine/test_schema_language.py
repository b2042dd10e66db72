"""What grammars of schemas accept, read as regular expressions: only what the schema accepts.

Grammars of schemas that do not recur are regular, so their texts can be drawn at random.
"""

import json
import re
from datetime import date, datetime, time, timedelta
from enum import Enum
from ipaddress import IPv4Address, IPv6Address
from typing import Annotated, Any, Literal
from uuid import UUID

import pydantic
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

from edge.engine.numbers import Bounds, integer_body, number_body
from edge.engine.rules import RuleBook
from edge.engine.schema import grammar_from_schema

_TOKEN = re.compile(
    r'"((?:[^"\\]|\\.)*)"|(\[(?:[^\]\\]|\\.)*\])|(\{[0-9,]+\}|[()|?*+])|([a-z][a-z0-9]*)|\s+'
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


def regex_of(body: str, rules: dict[str, str] | None = None) -> str:
    """Translate a rule's body to a regular expression, with the rules it names put in."""
    parts = []
    at = 0
    while at < len(body):
        token = _TOKEN.match(body, at)
        assert token is not None, body[at:]
        text, characters, operator, name = token.groups()
        at = token.end()
        if text is not None:
            plain = re.sub(r"\\(.)", lambda e: _ESCAPES.get(e[1], e[1]), text)
            parts.append(f"(?:{re.escape(plain)})")
        elif characters:
            parts.append(characters)
        elif operator:
            parts.append("(?:" if operator == "(" else operator)
        elif name:
            parts.append(f"(?:{regex_of((rules or {})[name], rules)})")
    return "".join(parts)


def language_of(schema: dict[str, Any]) -> re.Pattern[str]:
    return language_of_grammar(grammar_from_schema(json.dumps(schema)))


def language_of_grammar(grammar: str) -> re.Pattern[str]:
    rules = dict(line.split(" ::= ", 1) for line in grammar.splitlines())
    return re.compile(regex_of(rules["root"], rules))


whole = st.integers(-1200, 1200)
maybe = st.none() | whole


@given(low=maybe, high=maybe, value=st.integers(-2000, 2000))
def test_exactly_the_integers_between_the_bounds_are_written(
    low: int | None, high: int | None, value: int
) -> None:
    is_within = (low is None or value >= low) and (high is None or value <= high)

    body = integer_body(low, high)

    assert bool(body and re.fullmatch(regex_of(body), str(value))) is is_within


@settings(max_examples=40)
@given(
    bounds=st.builds(Bounds, maybe, maybe, st.booleans(), st.booleans()),
    data=st.data(),
)
def test_every_number_that_is_written_lies_between_the_bounds(
    bounds: Bounds, data: st.DataObject
) -> None:
    assume(bounds.are_usable)
    body = number_body(bounds)

    value = json.loads(data.draw(st.from_regex(regex_of(body), fullmatch=True, alphabet=_ASCII)))

    if bounds.low is not None:
        assert value > bounds.low if bounds.is_low_open else value >= bounds.low
    if bounds.high is not None:
        assert value < bounds.high if bounds.is_high_open else value <= bounds.high


@given(
    names=st.sets(st.text("ab]^-\\é", max_size=3), min_size=1), key=st.text("ab]^-é", max_size=4)
)
def test_a_free_key_is_anything_but_the_listed_names(names: set[str], key: str) -> None:
    book = RuleBook()
    rule = book.key_except(frozenset(names))
    rules = dict(line.split(" ::= ", 1) for line in book.grammar("space").splitlines())

    is_free = re.fullmatch(regex_of(rules[rule], rules), f'"{key}"') is not None

    assert is_free is (key not in names)


_ASCII = st.characters(min_codepoint=32, max_codepoint=126)


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Dose(BaseModel):
    model_config = ConfigDict(extra="forbid")

    drug: Annotated[str, Field(min_length=2, max_length=5)]
    milligrams: Annotated[float, Field(gt=0, le=40)]
    times: Annotated[int, Field(ge=1, lt=7)] = 1


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: Annotated[int, Field(ge=0, le=9)]


class Dog(BaseModel):
    kind: Literal["dog"]
    barks: bool


class Everything(BaseModel):
    """What pydantic models commonly hold."""

    doses: Annotated[list[Dose], Field(min_length=1, max_length=2)]
    pet: Annotated[Cat | Dog, Field(discriminator="kind")]
    colour: Colour = Colour.RED
    note: str | None = None
    share: Annotated[float, Field(ge=0, le=1)]
    pair: tuple[bool, Literal[1, "x"]]
    counts: dict[str, Literal[1]]
    code: Annotated[str, Field(pattern=r"^[A-Z]{2}\d{3}$")]


class Formats(BaseModel):
    day: date
    moment: datetime
    clock: time
    span: timedelta
    number: UUID
    four: IPv4Address
    six: IPv6Address
    page: pydantic.AnyUrl


@pytest.mark.parametrize("model", [Everything, Formats])
@settings(max_examples=15)
@given(data=st.data())
def test_every_text_of_a_pydantic_models_grammar_is_one_of_the_model(
    model: type[BaseModel], data: st.DataObject
) -> None:
    language = language_of(model.model_json_schema())

    text = data.draw(st.from_regex(language, fullmatch=True, alphabet=_ASCII))

    model.model_validate_json(text)


def test_additional_properties_cannot_displace_a_listed_one() -> None:
    language = language_of(
        {
            "properties": {"dose": {"type": "boolean"}},
            "required": ["dose"],
            "additionalProperties": {"type": "null"},
        }
    )

    assert language.fullmatch('{"dose":true,"doses":null}')
    assert not language.fullmatch('{"dose":true,"dose":null}')
    assert not language.fullmatch('{"dose":true,"\\u0064ose":null}')
