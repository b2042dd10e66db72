"""A caller's overrides change what they name in a step's sampling, and nothing else."""

from dataclasses import fields

from runtime.ports import Sampling, SamplingOverrides

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
