"""Bounds on requests, grammars and schemas, checked before libllama sees them."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.engine.limits import check_grammar, check_request, check_schema
from runtime.errors import RequestInvalid
from runtime.ids import ModelName
from runtime.ports import ChatMessage, GenerateRequest, Sampling

SECRET = "Anna Example"
REQUEST = GenerateRequest(ModelName("m"), (ChatMessage("user", SECRET),))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"temperature": -1.0}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"top_p": 0.0}, "top_p"),
        ({"top_k": -1}, "top_k"),
        ({"min_p": 1.0}, "min_p"),
        ({"repeat_penalty": 0.0}, "repeat_penalty"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"logprobs": 21}, "logprobs"),
        ({"stop": ("x",) * 17}, "stop"),
        ({"stop": ("",)}, "stop"),
        ({"stop": ("x" * 257,)}, "stop"),
        ({"stop": ("\ud800",)}, "stop"),
        ({"grammar": "root ::= [0-9]", "json_schema": "{}"}, "grammar and json_schema"),
    ],
)
def test_sampling_out_of_bounds_is_refused(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(RequestInvalid, match=field):
        check_request(replace(REQUEST, sampling=Sampling(**changes)))


@pytest.mark.parametrize(
    "changes",
    [
        {"messages": ()},
        {"messages": (ChatMessage("user|>", SECRET),)},
        {"messages": (ChatMessage("user", "x" * (4 << 20) + SECRET),)},
        {"messages": (ChatMessage("user", "\ud800" + SECRET),)},
        {"timeout_s": 0.0},
        {"timeout_s": float("inf")},
        {"timeout_s": float("nan")},
    ],
)
def test_a_request_out_of_bounds_is_refused_without_quoting_it(changes: dict[str, Any]) -> None:
    with pytest.raises(RequestInvalid) as caught:
        check_request(replace(REQUEST, **changes))

    assert SECRET not in str(caught.value)


def test_an_ordinary_request_passes() -> None:
    check_request(REQUEST)
    check_request(replace(REQUEST, sampling=Sampling(temperature=0.7, top_p=0.9, stop=("\n",))))


@pytest.mark.parametrize(
    ("grammar", "reason"),
    [
        ("root ::= " + "(" * 20_000 + '"a"' + ")" * 20_000, "deep"),
        ("root ::= " + "(" * 300 + '"a"' + ")" * 300, "deep"),
        ("root ::= " + '"a" ' * 20_000, "bytes"),
        ('root ::= "a"{0,1001}', "repeats"),
        ('root ::= "a"{999999999999}', "not a number"),
        ('root ::= "a"{x}', "not a number"),
        ('root ::= "a"{3,2}', "ends before it begins"),
        ('root ::= (("a"{0,100}){0,100})', "repeats"),
        ('root ::= (("a"{0,100})*){0,100}', "repeats"),
        ('root ::= "a"{1', "unfinished"),
        ('root ::= "a")', "never opened"),
        ('root ::= "a\0"', "NUL"),
    ],
)
def test_a_grammar_out_of_bounds_is_refused(grammar: str, reason: str) -> None:
    with pytest.raises(RequestInvalid, match=reason):
        check_grammar(grammar)


def test_brackets_in_strings_classes_and_comments_do_not_count() -> None:
    check_grammar('root ::= "' + "(" * 400 + '\\"" [^(){}\\]"]+ # ' + "(" * 400 + '\n x ::= "{"')


@given(st.text(alphabet='()[]{}",\\#\n0129ax ', max_size=60))
def test_any_text_is_scanned_to_the_end(text: str) -> None:
    try:
        check_grammar(text)
    except RequestInvalid as error:
        assert str(error).startswith("grammar")  # noqa: PT017 - either outcome is right


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ("{", "not valid JSON"),
        ("[" * 30_000, "not valid JSON"),
        ("[]", "not an object"),
        (json.dumps({"enum": ["x" * 70_000]}), "bytes"),
        (json.dumps({"enum": list(range(2500))}), "more than 2000"),
        ('{"items":' * 40 + "{}" + "}" * 40, "deep"),
        ('{"type": "string", "maxLength": 100000}', "maxLength"),
        ('{"items": {}, "minItems": 1e9}', "minItems"),
        ('{"items": {}, "maxItems": -1}', "maxItems"),
        (json.dumps({"pattern": "^" + "a" * 300 + "$"}), "pattern"),
        ('{"pattern": "^((a{100}){100}){100}$"}', "repeats"),
        ('{"pattern": "^a{3,2}$"}', "ends before it begins"),
    ],
)
def test_a_schema_out_of_bounds_is_refused(schema: str, reason: str) -> None:
    with pytest.raises(RequestInvalid, match=reason):
        check_schema(schema)


def test_an_ordinary_schema_passes() -> None:
    check_schema(
        json.dumps(
            {
                "type": "object",
                "properties": {
                    "name": {"type": "string", "maxLength": 80},
                    "code": {"type": "string", "pattern": "^[A-Z]{2}\\(\\d{4}\\)$"},
                    "doses": {"type": "array", "items": {"type": "integer"}, "maxItems": 12},
                },
                "required": ["name"],
            }
        )
    )
