"""A caller's overrides change what they name and nothing else; scans see every text of a call."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass

from runtime.ids import ModelName
from runtime.ports import (
    ChatMessage,
    GenerateRequest,
    Sampling,
    SamplingOverrides,
    ToolCall,
    ToolDefinition,
    texts_of,
)

DRAWN = Sampling(temperature=0.7, seed=3, stop=("END",), grammar="root ::= [0-9]")


def test_no_override_changes_nothing() -> None:
    assert SamplingOverrides().applied_to(DRAWN) == DRAWN


def test_overrides_change_what_they_name() -> None:
    changed = SamplingOverrides(temperature=0.0, stop=()).applied_to(DRAWN)

    assert (changed.temperature, changed.stop) == (0.0, ())
    assert (changed.seed, changed.grammar) == (DRAWN.seed, DRAWN.grammar)


def test_a_schema_displaces_a_grammar_and_a_grammar_a_schema() -> None:
    with_schema = SamplingOverrides(json_schema="{}").applied_to(DRAWN)
    with_grammar = SamplingOverrides(grammar="root ::= [a-z]").applied_to(with_schema)

    assert (with_schema.grammar, with_schema.json_schema) == ("", "{}")
    assert (with_grammar.grammar, with_grammar.json_schema) == ("root ::= [a-z]", "")


def test_everything_about_sampling_can_be_overridden() -> None:
    assert [item.name for item in fields(SamplingOverrides)] == [
        item.name for item in fields(Sampling)
    ]


FULL = GenerateRequest(
    model=ModelName("name-of-model"),
    messages=(
        ChatMessage("user", "text-1"),
        ChatMessage("assistant", "text-2", (ToolCall("text-3", "text-4", "text-5"),)),
        ChatMessage("tool", "text-6", tool_call_id="text-7"),
    ),
    sampling=Sampling(stop=("text-8", "text-9"), grammar="text-10", json_schema="text-11"),
    tools=(ToolDefinition("text-12", "text-13", "text-14"),),
    tool_choice="text-15",
    begun="text-16",
    draft="text-17",
)


def strings_in(value: object) -> Iterator[str]:
    """Every string in a value, whatever holds it."""
    if isinstance(value, str):
        yield value
    elif is_dataclass(value):
        for item in fields(value):
            yield from strings_in(getattr(value, item.name))
    elif isinstance(value, tuple):
        for item in value:
            yield from strings_in(item)


def test_every_text_of_a_call_is_among_those_that_scans_are_given() -> None:
    written = {text for text in strings_in(FULL) if text.startswith("text-")}

    assert {text for text in texts_of(FULL) if text} == written
    assert len(written) == 17


def test_a_field_of_a_call_that_holds_text_is_in_the_test_above() -> None:
    # A field that is added fails here until somebody decides whether scans must see it.
    assert [item.name for item in fields(GenerateRequest)] == [
        "model",
        "messages",
        "sampling",
        "label",
        "provenance",
        "idempotency_key",
        "timeout_s",
        "tools",
        "tool_choice",
        "priority",
        "key_terms",  # numbers and switches
        "begun",
        "draft",
    ]
    assert [item.name for item in fields(ChatMessage)] == [
        "role",
        "content",
        "tool_calls",
        "tool_call_id",
    ]
