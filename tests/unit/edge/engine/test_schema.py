"""From JSON schemas to grammars; what the grammars accept is tested on the real engine."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.engine.patterns import literal, pattern_body
from edge.engine.schema import grammar_from_schema
from runtime.errors import RequestInvalid


def rules_of(schema: Any) -> dict[str, str]:
    lines = grammar_from_schema(json.dumps(schema)).splitlines()
    return dict(line.split(" ::= ", 1) for line in lines)


def rule(schema: Any) -> str:
    rules = rules_of(schema)
    return rules.get(rules["root"], rules["root"])


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({}, "object | array | string | number | boolean | null"),
        ({"type": "boolean", "title": "x"}, '("true" | "false") space'),
        ({"const": 'a"\\'}, r'("\"a\\\"\\\\\"") space'),
        ({"enum": [1, None]}, '("1" | "null") space'),
        ({"type": ["string", "null"]}, "string | null"),
        ({"type": "string", "minLength": 2}, r'"\"" char{2,} "\"" space'),
        ({"maxItems": 0}, '"[" space "]" space'),
        ({"type": "integer", "minimum": 0}, "([0-9] | [1-9] [0-9]{1,14}) space"),
        ({"type": "integer", "minimum": 2, "maximum": 3}, "([2-3]) space"),
        ({"type": "integer", "exclusiveMinimum": 8}, "([9-9] | [1-9] [0-9]{1,14}) space"),
        ({"type": "string", "nullable": True, "title": "x"}, "string | null"),
        ({"type": "string", "format": "password", "x-order": 1}, r'"\"" char{0,} "\"" space'),
        ({"type": "string", "pattern": "^a|b$"}, r'"\"" ("a" | "b") "\"" space'),
    ],
)
def test_a_schema_becomes_a_rule(schema: Any, expected: str) -> None:
    assert rule(schema) == expected


def test_optional_properties_keep_their_order_in_linear_size() -> None:
    schema = {"properties": {f"p{number}": {"type": "null"} for number in range(300)}}

    assert len(rules_of(schema)) < 1000


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "text"},
        {"type": []},
        {"type": "integer", "minimum": 5, "maximum": 4},
        {"type": "integer", "minimum": 5, "exclusiveMinimum": 4},
        {"type": "integer", "exclusiveMinimum": 4, "exclusiveMaximum": 5},
        {"type": "integer", "minimum": 10**16},
        {"type": "integer", "format": "int128"},
        {"type": "number", "minimum": 0.5},
        {"type": "number", "minimum": True},
        {"type": "string", "format": "iban"},
        {"type": "string", "format": {"a": 1}},
        {"type": "number", "format": ["double"]},
        {"type": "string", "format": "date", "maxLength": 3},
        {"prefixItems": [{}], "minItems": 2},
        {"type": "integer", "multipleOf": 2},
        {"type": "array", "uniqueItems": True},
        {"type": "string", "enum": [1]},
        {"not": {}},
        {"if": {}, "then": {}},
        {"enum": []},
        {"anyOf": {}},
        {"allOf": [{}, {}]},
        {"items": False},
        {"minItems": 3, "maxItems": 2},
        {"minItems": "x"},
        {"properties": [], "type": "object"},
        {"properties": {"a": {}}, "required": ["b"]},
        {"$ref": "https://example.com/schema"},
        {"$ref": "#/missing"},
        {"$ref": 1},
        {"$ref": "#"},
        {"enum": ["\ud800"]},
        {"enum": [float("nan")]},
        {"type": "string", "pattern": "^a$", "maxLength": 3},
    ],
)
def test_what_cannot_be_enforced_is_refused(schema: Any) -> None:
    with pytest.raises(RequestInvalid, match="json_schema"):
        grammar_from_schema(json.dumps(schema))


def test_a_long_chain_of_references_is_refused() -> None:
    definitions = {f"d{number}": {"$ref": f"#/$defs/d{number + 1}"} for number in range(900)}

    with pytest.raises(RequestInvalid):
        grammar_from_schema(json.dumps({"$ref": "#/$defs/d0", "$defs": definitions}))


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("^abc$", '"a" "b" "c"'),
        (r"^\d+[a-f_]?$", "[0-9]+ [a-f_]?"),
        (r"^(?:x|)\.{2,3}$", r'(("x" | "")) "."{2,3}'),
        ('^"$', r'"\\\""'),
        (r"^\\$", r'"\\\\"'),
        (r"^[\^-]$", r"[\x5E\x2D]"),
        (r"^[^\]x]$", r'[^"\\\x7F\x00-\x1F\]x]'),
        ("^$", '""'),
        ("abc", 'char* ("a" "b" "c") char*'),
        ("^a", ' ("a") char*'),
        (r"a\\$", r'char* ("a" "\\\\") '),
    ],
)
def test_a_pattern_becomes_a_string_body(pattern: str, expected: str) -> None:
    assert pattern_body(pattern) == expected


@pytest.mark.parametrize(
    "pattern",
    [r"^a\$$$", "a$b", "^(a$", "^a)$", "^[a$", "^a**$", "^a+?$", "^(?=a)b$", r"^\bx$", r"^\1$",
     "^*a$", "^a{x}$", "^a{,3}$", '^["]$', "^[z-a]$", "^[+-a]$", "^[]$", "^a{2$", "^a$b$"],
)  # fmt: skip
def test_a_pattern_that_no_grammar_can_say_is_refused(pattern: str) -> None:
    with pytest.raises(RequestInvalid, match="pattern"):
        pattern_body(pattern)


@given(st.text(alphabet='^$.|?*+()[]{}\\-",:0a=!d', max_size=20))
def test_any_pattern_is_converted_or_refused(text: str) -> None:
    try:
        pattern_body(f"^{text}$")
    except RequestInvalid as error:
        assert "pattern" in str(error)  # noqa: PT017 - either outcome is right


@given(st.text(max_size=20))
def test_a_literal_never_ends_early(text: str) -> None:
    body = literal(text)[1:-1].replace("\\\\", "").replace('\\"', "")

    assert '"' not in body
    assert "\n" not in body
