"""What an LLM gets to see: statistics and names, and no way for anything else to get in."""

import json
import types
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimizer.agents import model
from optimizer.agents.briefing import scored
from optimizer.agents.facts import init_facts, revision_facts
from optimizer.agents.failures import Rejection, RejectionCode
from optimizer.agents.labels import Labels, plain_words
from optimizer.agents.prompts import init_messages, retry_message, revision_messages
from optimizer.agents.schemas import init_schema, revision_schema
from optimizer.search.model import Constraint, DecisionKind, Measure, Outcomes
from runtime.policy.model import Zone
from tests.unit.optimizer.agents.house import (
    CHAIN,
    GROUND,
    INIT,
    REVISION,
    SPACE,
    TeamSpace,
)

CANARY = "Does Anna Kowalska, born 1961, still take warfarin?"


def leaf_types(kind: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Walk a type down to what it is made of."""
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        for item in fields(kind):
            yield from leaf_types(hints[item.name], f"{path}.{item.name}")
    elif get_origin(kind) in (tuple, frozenset, types.UnionType, Union):
        for part in get_args(kind):
            if part is not Ellipsis:
                yield from leaf_types(part, path)
    else:
        yield path, kind


@pytest.mark.parametrize("brief", [model.InitBrief, model.RevisionBrief])
def test_the_only_text_in_a_brief_is_names_of_the_space(brief: type) -> None:
    texts = {path for path, kind in leaf_types(brief) if kind is str}

    assert texts == {
        ".ground.decisions.name",
        ".ground.decisions.options",
        ".ground.pool.name",
        ".ground.task",
    }


@pytest.mark.parametrize("brief", [model.InitBrief, model.RevisionBrief])
def test_everything_else_in_a_brief_is_a_number_or_a_constant(brief: type) -> None:
    for path, kind in leaf_types(brief):
        plain = kind in (int, float, bool, str, type(None), Zone)
        assert plain or issubclass(kind, Enum), path


def strings(value: object) -> Iterator[str]:
    """Every string in JSON data, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)


@given(names=st.lists(st.text(max_size=60), min_size=15, max_size=15, unique=True))
def test_whatever_a_space_calls_its_decisions_only_words_get_into_a_prompt(
    names: list[str],
) -> None:
    renamed = tuple(
        replace(decision, name=name) for decision, name in zip(SPACE.decisions, names, strict=True)
    )
    brief = replace(REVISION, ground=replace(GROUND, decisions=renamed, task=names[0]))

    for text in strings(revision_facts(brief, Labels(brief.ground))):
        assert " " not in text
        assert text.isprintable()
        assert len(text) <= 80


def test_a_canary_in_every_text_that_a_brief_can_hold_reaches_no_prompt() -> None:
    decisions = tuple(
        replace(item, name=f"{CANARY} {number}")
        if item.kind is DecisionKind.EDGE
        else replace(item, name=f"{CANARY} {number}", options=(CANARY, *item.options[1:]))
        for number, item in enumerate(SPACE.decisions)
    )
    pool = tuple(replace(item, name=f"{CANARY} {item.name}") for item in GROUND.pool)
    ground = replace(GROUND, decisions=decisions, pool=pool, task=CANARY)
    labels = Labels(ground)

    sent = [
        *init_messages(replace(INIT, ground=ground), labels),
        *revision_messages(replace(REVISION, ground=ground), labels),
    ]
    schema = revision_schema(replace(REVISION, ground=ground), labels)

    assert "Anna" not in " ".join(turn.content for turn in sent)
    assert "Anna" not in json.dumps(schema)


def test_a_summary_of_outcomes_holds_numbers_only() -> None:
    count = 40
    outcomes = Outcomes(
        questions=np.arange(count),
        right=np.tile([1.0, 0.0, 1.0, 1.0], 10),
        exposed=np.tile([True, False, False, False], 10),
        cost_usd=np.full(count, 0.002),
        flops=np.linspace(1.0, 3.0, count),
        latency_s=np.linspace(0.1, 4.0, count),
    )

    found = scored(SPACE, SPACE.candidate(CHAIN), outcomes)

    assert found.accuracy.value == 0.75
    assert found.accuracy.low < 0.75 < found.accuracy.high
    latency = found.measure(Measure.LATENCY_P95_S)
    assert latency is not None
    assert latency.value == pytest.approx(3.805)
    assert latency.low <= latency.value <= latency.high
    assert found.shape == model.Shape(steps=3, width=1, depth=3, in_degree=1)
    assert found.broken_caps([Constraint(Measure.CLOUD_SHARE, 0.2)])
    assert not found.broken_caps([Constraint(Measure.FLOPS, 2.5)])


def test_words_stay_as_they_are_and_sentences_become_numbers() -> None:
    assert plain_words(["a->b", "Qwen/Qwen2-7B"], prefix="d") == ("a->b", "Qwen/Qwen2-7B")
    assert plain_words(["a->b", "do this now"], prefix="d") == ("d0", "d1")
    assert plain_words(["same", "same"], prefix="d") == ("d0", "d1")
    assert plain_words(["x" * 81], prefix="d") == ("d0",)


def test_each_cap_adds_its_own_advice_and_none_is_given_without() -> None:
    def prompt(*measures: Measure, **changes: Any) -> str:
        caps = tuple(Constraint(measure, 1.0) for measure in measures)
        ground = replace(GROUND, caps=caps, **changes)
        _system, user = revision_messages(replace(REVISION, ground=ground), Labels(ground))
        return user.content

    assert "counts here" not in prompt()
    assert "Latency counts here" in prompt(Measure.LATENCY_P95_S)
    assert "Cost counts here" in prompt(Measure.COST_USD)
    assert "Cost counts here" in prompt(Measure.FLOPS)
    assert "Privacy counts here" in prompt(Measure.CLOUD_SHARE)
    assert "Privacy counts here" in prompt(forbidden=frozenset({(14, 2)}))


def test_what_is_forbidden_is_not_offered() -> None:
    names = [item.name for item in SPACE.decisions]
    forbidden = frozenset({(names.index("model:a"), 2), (names.index("a->b"), 1)})
    ground = replace(GROUND, forbidden=forbidden)
    labels = Labels(ground)

    facts: Any = revision_facts(replace(REVISION, ground=ground), labels)
    schema: Any = revision_schema(replace(REVISION, ground=ground), labels)

    assert facts["choices"]["model:a"] == ["slm-1b", "slm-3b"]
    assert "a->b" not in facts["edges"]
    assert schema["properties"]["choices"]["properties"]["model:a"]["enum"] == ["slm-1b", "slm-3b"]
    assert "a->b" not in schema["properties"]["edges"]["items"]["enum"]


def test_an_edge_that_may_not_be_absent_is_said_to_be_required() -> None:
    names = [item.name for item in SPACE.decisions]
    ground = replace(GROUND, forbidden=frozenset({(names.index("a->sink"), 0)}))

    facts = revision_facts(replace(REVISION, ground=ground), Labels(ground))

    assert facts["required_edges"] == ["a->sink"]


def test_the_history_in_a_prompt_is_bounded() -> None:
    brief = replace(REVISION, history=REVISION.history * 500)

    _system, user = revision_messages(brief, Labels(brief.ground))

    assert len(user.content) < 12_000


def test_the_facts_say_what_was_measured() -> None:
    facts: Any = init_facts(INIT, Labels(GROUND))

    assert facts["pool"][0] == {
        "model": "slm-1b",
        "unit_cost": 1.0,
        "zone": "edge",
        "accuracy_alone": [0.31, 0.2, 0.4],
    }
    assert facts["candidates"]["v1"] == {"slm-1b": 6, "slm-3b": 1}
    assert facts["pick_exactly"] == 2


def test_where_no_graph_is_to_be_written_neither_prompt_nor_schema_asks_for_one() -> None:
    brief = replace(REVISION, writes_graph=False)

    _system, user = revision_messages(brief, Labels(GROUND))
    schema: Any = revision_schema(brief, Labels(GROUND))

    assert '"choices": {"<decision id>"' not in user.content
    assert "drawn from them" in user.content
    assert set(schema["properties"]) == {"probabilities", "reason"}


def test_a_retry_says_why_in_machine_readable_form() -> None:
    turn = retry_message(Rejection(RejectionCode.COUNTS, "/picks", "1 picks, 2 wanted"))

    assert '{"code":"counts","detail":"1 picks, 2 wanted","where":"/picks"}' in turn.content


def test_schemas_use_only_what_strict_structured_output_takes() -> None:
    known = {"type", "properties", "required", "additionalProperties", "items", "enum"}

    def keywords(schema: Any) -> Iterator[str]:
        yield from (key for key in schema)
        for inner in schema.get("properties", {}).values():
            yield from keywords(inner)
        if "items" in schema:
            yield from keywords(schema["items"])

    labels = Labels(GROUND)
    rewriting = replace(REVISION, writes_graph=False)
    revisions = (revision_schema(brief, labels) for brief in (REVISION, rewriting))
    for schema in (init_schema(INIT), *revisions):
        assert set(keywords(schema)) <= known


def test_decisions_that_are_called_by_a_sentence_go_by_their_number() -> None:
    space = TeamSpace(names={"a->b": "the edge from a to b"})
    labels = Labels(replace(GROUND, decisions=space.decisions))

    assert labels.decisions[0] == "d0"
    assert labels.decision("d0") == 0
