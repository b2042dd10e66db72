"""Grammars of calls: what an answer can be where a call is asked for, or a tool is strict."""

import json
from contextlib import nullcontext
from time import process_time
from typing import Any

import pytest

from edge.engine.limits import check_request
from edge.engine.tool_grammar import calls_grammar
from edge.engine.tool_use import constrained, reader_of
from runtime.errors import RequestInvalid
from runtime.ids import ModelName
from runtime.ports import ChatMessage, GenerateRequest, Sampling, ToolCall, ToolDefinition
from tests.unit.edge.engine.test_schema_language import language_of_grammar

DOSE = ToolDefinition(
    "dose",
    parameters=json.dumps(
        {"type": "object", "properties": {"mg": {"enum": [1, 2]}}, "required": ["mg"]}
    ),
)
NOW = ToolDefinition("now")
ODD = {"type": "object", "properties": {"ids": {"type": "array", "uniqueItems": True}}}


def test_a_free_choice_leaves_the_answer_free() -> None:
    assert not calls_grammar([DOSE, NOW], "auto", tool_format="tagged")


@pytest.mark.parametrize(
    ("tool_format", "text"),
    [
        ("tagged", '<tool_call>\n{"name": "dose", "arguments": {"mg":2}}\n</tool_call>'),
        ("listed", '[TOOL_CALLS][{"name": "dose", "arguments": {"mg":2}}]'),
        ("parameters", '{"name": "dose", "parameters": {"mg":2}}'),
        ("bare", '{"name": "dose", "arguments": {"mg":2}}'),
    ],
)
def test_a_required_call_is_all_there_is_in_the_models_format(tool_format: Any, text: str) -> None:
    language = language_of_grammar(calls_grammar([DOSE, NOW], "required", tool_format=tool_format))

    assert language.fullmatch(text)
    assert language.fullmatch(text.replace("dose", "now").replace('{"mg":2}', "{}"))
    assert not language.fullmatch(text.replace("2", "3"))
    assert not language.fullmatch("No.")
    (call,) = _read(text)
    assert (call.name, json.loads(call.arguments)) == ("dose", {"mg": 2})


@pytest.mark.parametrize("tool_format", ["tagged", "listed", "bare"])
def test_several_calls_may_be_asked_for_unless_one_is_wanted(tool_format: Any) -> None:
    call = '{"name": "dose", "arguments": {"mg":2}}'
    written = {
        "tagged": f"<tool_call>\n{call}\n</tool_call>\n<tool_call>\n{call}\n</tool_call>",
        "listed": f"[TOOL_CALLS][{call}, {call}]",
        "bare": f"{call}\n{call}",
    }[tool_format]
    more = {"tool_format": tool_format}

    several = language_of_grammar(calls_grammar([DOSE, NOW], "required", **more))
    one = language_of_grammar(calls_grammar([DOSE, NOW], "required", is_parallel=False, **more))
    named = language_of_grammar(calls_grammar([DOSE, NOW], "dose", **more))

    assert several.fullmatch(written)
    assert not one.fullmatch(written)
    assert not named.fullmatch(written)
    assert len(_read(written)) == 2


def test_models_that_ask_for_one_tool_at_a_time_are_not_made_to_ask_for_two() -> None:
    grammar = calls_grammar([DOSE], "required", tool_format="parameters")

    call = '{"name": "dose", "parameters": {"mg":2}}'
    assert language_of_grammar(grammar).fullmatch(call)
    assert not language_of_grammar(grammar).fullmatch(f"{call}\n{call}")


def test_a_named_tool_is_the_only_one() -> None:
    language = language_of_grammar(calls_grammar([DOSE, NOW], "now", tool_format="bare"))

    assert language.fullmatch('{"name": "now", "arguments": {}}')
    assert not language.fullmatch('{"name": "dose", "arguments": {"mg":1}}')


def test_with_a_strict_tool_an_answer_is_a_good_call_or_does_not_begin_like_one() -> None:
    strict = ToolDefinition("dose", parameters=DOSE.parameters, is_strict=True)

    language = language_of_grammar(calls_grammar([strict], "auto", tool_format="bare"))

    assert language.fullmatch('{"name": "dose", "arguments": {"mg":1}}')
    assert language.fullmatch("Two <b>tablets</b>.")
    assert not language.fullmatch('{"name": "dose", "arguments": {"mg":3}}')
    assert not language.fullmatch(' {"name": "dose", "arguments": {"mg":3}}')


def test_an_answer_with_a_schema_is_a_call_or_follows_it() -> None:
    language = language_of_grammar(
        calls_grammar([DOSE], "auto", tool_format="bare", answer_schema='{"type": "boolean"}')
    )

    assert language.fullmatch("true")
    assert language.fullmatch('{"name": "dose", "arguments": {"mg":1}}')
    assert not language.fullmatch("Yes")


def test_a_schema_beyond_grammars_is_refused_where_the_tool_is_strict_and_else_left_open() -> None:
    strict = ToolDefinition("odd", parameters=json.dumps(ODD), is_strict=True)
    loose = ToolDefinition("odd", parameters=json.dumps(ODD))

    with pytest.raises(RequestInvalid, match=r"strict tool odd.*uniqueItems"):
        calls_grammar([strict], "auto", tool_format="bare")

    assert '"arguments\\": " object' in calls_grammar([loose], "odd", tool_format="bare")


@pytest.mark.parametrize("schema", ['{"type": "string"}', '{"anyOf": []}'])
def test_parameters_that_describe_no_object_are_refused(schema: str) -> None:
    with pytest.raises(RequestInvalid, match="describe no object"):
        calls_grammar([ToolDefinition("a", parameters=schema)], "a", tool_format="bare")


def test_a_caller_who_wants_no_call_gets_neither_tools_nor_their_grammar() -> None:
    request = _request(tools=(DOSE,), tool_choice="none")

    ready = constrained(request, tool_format="tagged")

    assert ready.tools == ()
    assert not ready.sampling.grammar
    assert reader_of(ready) is None


def test_a_grammar_of_the_callers_excludes_tools() -> None:
    request = _request(tools=(DOSE,), sampling=Sampling(grammar='root ::= "a"'))

    with pytest.raises(RequestInvalid, match="excludes tools"):
        constrained(request, tool_format="tagged")


@pytest.mark.parametrize(
    "more",
    [
        {"tools": (DOSE, DOSE)},
        {"tools": (ToolDefinition("a b"),)},
        {"tools": (ToolDefinition("a", parameters="{"),)},
        {"tools": (ToolDefinition("a", parameters='{"items":' * 40 + "{}" + "}" * 40),)},
        {"tools": (ToolDefinition("a", "x" * 600_000),)},
        {"tools": tuple(ToolDefinition(f"t{number}") for number in range(129))},
        {"tools": (DOSE,), "tool_choice": "other"},
        {"tool_choice": "required"},
        {"messages": (ChatMessage("assistant", "", (ToolCall("c", "a", "[" * 40),)),)},
    ],
)
def test_tools_outside_the_bounds_are_refused(more: dict[str, Any]) -> None:
    with pytest.raises(RequestInvalid):
        check_request(_request(**more))


def test_brackets_inside_texts_of_arguments_do_not_count_as_depth() -> None:
    call = _call(json.dumps({"note": "[" * 100}))

    check_request(_request(tools=(DOSE,), messages=(ChatMessage("assistant", "", (call,)),)))


@pytest.mark.parametrize(("brackets", "is_refused"), [(32, False), (33, True)])
def test_arguments_whose_text_never_ends_are_judged_at_once(
    brackets: int, is_refused: bool
) -> None:
    arguments = '"' + '\\"' * 20_000 + "[" * brackets
    request = _request(tools=(DOSE,), messages=(ChatMessage("assistant", "", (_call(arguments),)),))
    since_s = process_time()

    with pytest.raises(RequestInvalid) if is_refused else nullcontext():
        check_request(request)

    assert process_time() - since_s < 2.0


def _call(arguments: str) -> ToolCall:
    return ToolCall("c", "dose", arguments)


def _request(**more: Any) -> GenerateRequest:
    messages = more.pop("messages", (ChatMessage("user", "Hello"),))
    return GenerateRequest(ModelName("m"), messages, **more)


def _read(text: str) -> tuple[ToolCall, ...]:
    reader = reader_of(_request(tools=(DOSE, NOW), sampling=Sampling(grammar="x")))
    assert reader is not None
    reader.feed(text)
    return reader.finish(is_cut=False)[1]
