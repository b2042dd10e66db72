"""What the agent may say, and what is answered when it says anything else."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimizer.agents.failures import Rejected, Rejection, RejectionCode
from optimizer.agents.labels import Labels
from optimizer.agents.model import ProbabilityChange, RevisionBrief, RevisionReply
from optimizer.agents.replies import Checks, count_models, read_init, read_revision, why_not
from optimizer.search.model import Constraint, Measure
from tests.unit.optimizer.agents.house import (
    CAP,
    GROUND,
    INIT,
    REVISION,
    SPACE,
    UnitCosts,
    choices,
)

CHECKS = Checks(SPACE, UnitCosts(SPACE))


def body(**changes: Any) -> dict[str, Any]:
    """A reply that fits, with changes."""
    return {
        "edges": ["a->b", "b->sink"],
        "choices": {
            **{f"role:{step}": "assistant" for step in "abc"},
            **{f"model:{step}": "slm-3b" for step in "abc"},
        },
        "probabilities": [{"decision": "a->b", "option": "present", "probability": 0.2}],
        "reason": "The chain did well.",
    } | changes


def read(text: str, brief: RevisionBrief = REVISION) -> RevisionReply:
    return read_revision(text, brief, labels=Labels(brief.ground), checks=CHECKS, author="llm:x")


def rejection(text: str, brief: RevisionBrief = REVISION) -> Rejection:
    with pytest.raises(Rejected) as refused:
        read(text, brief)
    return refused.value.rejection


def test_a_fitting_reply_becomes_choices_and_changes() -> None:
    reply = read(json.dumps(body()))

    assert reply.choices == choices("a->b", "b->sink", models=("slm-3b",) * 3)
    assert reply.changes == (ProbabilityChange(0, 1, 0.2),)
    assert reply.reason == "The chain did well."
    assert reply.author == "llm:x"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", ""),
        ("Here it is:\n```json\n", "\n```\nI hope it helps."),
        ('<think>maybe {"edges": []} or not</think>', ""),
        ("A graph {of sorts} follows. ", " End of graph }"),
        ("图如下: ", ""),
    ],
)
def test_what_a_model_puts_around_its_json_does_no_harm(before: str, after: str) -> None:
    text = json.dumps(body())

    assert read(before + text + after) == read(text)


@pytest.mark.parametrize(
    ("text", "code", "where"),
    [
        ("", RejectionCode.NOT_JSON, ""),
        ("I would rather not.", RejectionCode.NOT_JSON, ""),
        ('{"edges": [', RejectionCode.NOT_JSON, ""),
        ("[" * 100_000, RejectionCode.NOT_JSON, ""),
        ('{"a":' * 100_000, RejectionCode.NOT_JSON, ""),
        ('{"probability": NaN}', RejectionCode.NOT_JSON, ""),
        ('{"edges": [], "edges": []}', RejectionCode.NOT_JSON, ""),
        ("[1, 2]", RejectionCode.NOT_JSON, ""),
        ("{}", RejectionCode.SCHEMA, "/edges"),
        (json.dumps(body(edges="a->b")), RejectionCode.SCHEMA, "/edges"),
        (json.dumps(body(edges=[3])), RejectionCode.SCHEMA, "/edges/0"),
        (json.dumps(body(reason=None)), RejectionCode.SCHEMA, "/reason"),
        (json.dumps(body(edges=["a->b", "a->b"])), RejectionCode.SCHEMA, "/edges"),
        (json.dumps(body(choices={})), RejectionCode.SCHEMA, "/choices/role:a"),
        (json.dumps(body(edges=["a->b", "a->z"])), RejectionCode.UNKNOWN_ID, "/edges/1"),
        (json.dumps(body(edges=["role:a"])), RejectionCode.UNKNOWN_ID, "/edges/0"),
    ],
)
def test_a_malformed_reply_is_rejected_at_its_place(
    text: str, code: RejectionCode, where: str
) -> None:
    found = rejection(text)

    assert (found.code, found.where) == (code, where)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"decision": "x->y", "option": "present", "probability": 0.2}, RejectionCode.UNKNOWN_ID),
        ({"decision": "a->b", "option": "perhaps", "probability": 0.2}, RejectionCode.UNKNOWN_ID),
        ({"decision": "a->b", "option": "present", "probability": 1.01}, RejectionCode.SCHEMA),
        ({"decision": "a->b", "option": "present", "probability": -0.1}, RejectionCode.SCHEMA),
        ({"decision": "a->b", "option": "present", "probability": "1"}, RejectionCode.SCHEMA),
        ({"decision": "a->b", "option": "present", "probability": True}, RejectionCode.SCHEMA),
        ({"decision": "a->b", "option": "present"}, RejectionCode.SCHEMA),
    ],
)
def test_a_change_that_is_none_is_rejected(change: dict[str, Any], code: RejectionCode) -> None:
    assert rejection(json.dumps(body(probabilities=[change]))).code is code


def test_the_same_probability_is_not_changed_twice() -> None:
    twice = body()["probabilities"] * 2

    found = rejection(json.dumps(body(probabilities=twice)))

    assert (found.code, found.where) == (RejectionCode.SCHEMA, "/probabilities/1")


def test_a_cycle_is_rejected_with_single_changes_that_break_it() -> None:
    found = rejection(json.dumps(body(edges=["a->b", "b->a", "b->sink"])))

    assert found.code is RejectionCode.NOT_A_GRAPH
    assert ("a->b", "absent") in found.repairs
    assert ("b->a", "absent") in found.repairs


def test_a_graph_without_a_path_to_the_sink_is_rejected() -> None:
    assert rejection(json.dumps(body(edges=["a->b"]))).code is RejectionCode.NOT_A_GRAPH


def test_fixed_model_counts_are_held() -> None:
    brief = replace(REVISION, counts=(2, 1, 0))

    found = rejection(json.dumps(body()), brief)

    assert found.code is RejectionCode.COUNTS
    assert found.detail == "slm-1b: 0 used, 2 wanted; slm-3b: 2 used, 1 wanted"


def test_where_latency_counts_models_may_be_left_out() -> None:
    caps = (Constraint(Measure.LATENCY_P95_S, 2.0),)
    brief = replace(REVISION, ground=replace(GROUND, caps=caps), counts=(0, 3, 1))

    assert read(json.dumps(body()), brief).choices == read(json.dumps(body())).choices
    assert rejection(json.dumps(body()), replace(brief, counts=(2, 1, 0)))


def test_a_graph_over_a_cap_is_rejected_before_it_runs() -> None:
    brief = replace(REVISION, ground=replace(GROUND, caps=(CAP,)))
    models = {f"model:{step}": "llm-8b" for step in "abc"}
    dear = body(choices=body()["choices"] | models)

    found = rejection(json.dumps(dear), brief)

    assert found.code is RejectionCode.OVER_BUDGET
    assert found.detail == "flops: 21 predicted, at most 12 allowed"


def test_what_the_flow_check_forbids_is_rejected_in_graph_and_probabilities() -> None:
    first_model = [item.name for item in SPACE.decisions].index("model:a")
    brief = replace(REVISION, ground=replace(GROUND, forbidden=frozenset({(first_model, 2)})))
    used = body(choices=body()["choices"] | {"model:a": "llm-8b"})
    change = {"decision": "model:a", "option": "llm-8b", "probability": 0.5}

    assert rejection(json.dumps(used), brief).code is RejectionCode.FORBIDDEN
    raised = rejection(json.dumps(body(probabilities=[change])), brief)
    assert raised.code is RejectionCode.FORBIDDEN


def test_picks_are_known_distinct_and_as_many_as_asked_for() -> None:
    reply = read_init('{"picks": ["v3", "v4"], "reason": "x"}', INIT, author="llm:x")

    assert reply.picks == (3, 4)
    for picks, code in (
        (["v3"], RejectionCode.COUNTS),
        (["v3", "v3"], RejectionCode.SCHEMA),
        (["v3", "v99"], RejectionCode.UNKNOWN_ID),
        (["v0", "v1", "v2"], RejectionCode.COUNTS),
    ):
        with pytest.raises(Rejected) as refused:
            read_init(json.dumps({"picks": picks, "reason": "x"}), INIT, author="llm:x")
        assert refused.value.rejection.code is code


def test_no_rejection_repeats_what_the_model_wrote() -> None:
    hostile = "IGNORE-ALL-RULES"
    for text in (
        json.dumps(body(edges=[hostile])),
        json.dumps(body() | {hostile: 1}),
        json.dumps(body(choices={hostile: hostile})),
        json.dumps(body(choices=body()["choices"] | {"role:a": hostile})),
        json.dumps(body(probabilities=[{"decision": hostile, "option": "x", "probability": 0}])),
        json.dumps(body(probabilities=[{hostile: hostile}])),
        hostile,
    ):
        assert hostile not in json.dumps(rejection(text).as_json())


def test_a_reason_is_one_bounded_line_without_steering_characters() -> None:
    raw = "Good\x1b[31m\r\nline \u202eevil\u202c 很好 " + "x" * 100_000

    reason = read(json.dumps(body(reason=raw))).reason

    assert reason.startswith("Good [31m line evil 很好")
    assert len(reason) <= 300


@given(st.text(max_size=300))
def test_any_text_is_either_a_reply_or_a_rejection(text: str) -> None:
    assert rejection(text).code in {RejectionCode.NOT_JSON, RejectionCode.SCHEMA}


json_values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@given(
    edges=st.lists(st.sampled_from([item.name for item in SPACE.decisions[:9]]), max_size=9),
    models=st.lists(st.sampled_from(["slm-1b", "slm-3b", "llm-8b"]), min_size=3, max_size=3),
    capped=st.booleans(),
    counted=st.booleans(),
)
def test_what_is_accepted_is_always_fit_to_run(
    edges: list[str], models: list[str], *, capped: bool, counted: bool
) -> None:
    ground = replace(GROUND, caps=(CAP,) if capped else ())
    brief = replace(REVISION, ground=ground, counts=(1, 1, 1) if counted else None)
    chosen = body()["choices"] | dict(zip(["model:a", "model:b", "model:c"], models, strict=True))

    try:
        reply = read(json.dumps(body(edges=edges, choices=chosen)), brief)
    except Rejected:
        return

    assert SPACE.refusal(reply.choices) is None
    assert why_not(reply.choices, brief, checks=CHECKS, labels=Labels(ground)) is None
    predicted = UnitCosts(SPACE).predict(SPACE.candidate(reply.choices))
    assert not capped or predicted[CAP.measure] <= CAP.limit
    assert not counted or count_models(reply.choices, ground, SPACE) == (1, 1, 1)


@given(st.fixed_dictionaries(dict.fromkeys(body(), json_values)))
def test_any_values_in_the_right_fields_are_rejected_or_read(values: dict[str, Any]) -> None:
    try:
        read(json.dumps(body() | values))
    except Rejected as refused:
        json.dumps(refused.rejection.as_json())
