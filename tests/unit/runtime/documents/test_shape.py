"""Shapes: plain sentences for what pydantic finds, on the right line."""

from enum import Enum
from typing import Annotated, Literal

import pytest
from pydantic import Field

from runtime.documents.names import Name
from runtime.documents.reader import parse_document
from runtime.documents.shape import Shape, read_shape, schema_of
from runtime.errors import ConfigInvalid


class Colour(Enum):
    RED = "red"
    GREEN = "green"


class Part(Shape):
    colour: Colour = Colour.RED
    weight: float = Field(default=1.0, gt=0, le=10)
    """How heavy, kilograms."""


class Whole(Shape):
    leeward: Literal["whole/v1"]
    count: int
    parts: dict[Name, Part] = Field(default_factory=dict)
    tags: list[Annotated[str, Field(min_length=1)]] = Field(default_factory=list, max_length=2)
    is_on: bool = False


HEAD = "leeward: whole/v1\ncount: 1\n"


def refusal(text: str) -> ConfigInvalid:
    document = parse_document(text, error=ConfigInvalid, file="w.yaml")
    with pytest.raises(ConfigInvalid) as refused:
        read_shape(document, Whole, version="whole/v1")
    return refused.value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("count: 1", "w.yaml:1: must say what it is: add the line `leeward: whole/v1`"),
        ("leeward: graph/v1", 'w.yaml:1: leeward: must be "whole/v1" here, not "graph/v1"'),
        ("leeward: whole/v1\n", "w.yaml:1: count: is required"),
        (HEAD + "cuont: 2", 'w.yaml:3: cuont: is not a known key; did you mean "count"?'),
        (
            HEAD + "zzz: 2",
            "w.yaml:3: zzz: is not a known key; known here: count, is_on, leeward, parts, tags",
        ),
        (HEAD + "is_on: yes", "w.yaml:3: is_on: must be true or false"),
        (HEAD + "tags: [a, 5]", "w.yaml:3: tags.1: must be text; put it in quotes"),
        (HEAD + "tags: [a, b, c]", "w.yaml:3: tags: may have at most 2 entries, has 3"),
        (
            HEAD + "parts:\n  a:\n    colour: gren",
            'w.yaml:5: parts.a.colour: "gren" is not one of red, green; did you mean "green"?',
        ),
        (
            HEAD + "parts:\n  a:\n    colour: 5",
            "w.yaml:5: parts.a.colour: must be one of red, green",
        ),
        (HEAD + "parts: {a: {weight: 0}}", "w.yaml:3: parts.a.weight: must be more than 0.0"),
        (HEAD + "parts: {a: {weight: '1'}}", "w.yaml:3: parts.a.weight: must be a number"),
        (
            HEAD + "parts: {a: {wieght: 1}}",
            'w.yaml:3: parts.a.wieght: is not a known key; did you mean "weight"?',
        ),
        (HEAD + "parts:\n  a:", "w.yaml:4: parts.a: must be a mapping of keys to values"),
        (
            HEAD + "parts: {A: {}}",
            "w.yaml:3: parts.A: must start with a-z and hold only a-z, 0-9, - and _",
        ),
    ],
)
def test_each_problem_is_one_sentence_with_its_place(text: str, message: str) -> None:
    assert str(refusal(text)) == message


def test_the_first_of_several_problems_by_line_comes_with_a_count_of_the_rest() -> None:
    error = refusal("leeward: whole/v1\nparts: {a: {weight: -1}}\ncount: x\nis_on: 3\n")

    assert error.line == 2
    assert error.reason.endswith("(and 2 more problems)")


def test_the_schema_explains_fields_to_an_editor() -> None:
    schema = schema_of(Whole)

    assert schema["$schema"].endswith("2020-12/schema")
    assert schema["$defs"]["Part"]["properties"]["weight"]["description"].startswith("How heavy")
    assert schema["additionalProperties"] is False
