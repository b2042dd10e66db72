"""No answer has a name that another tenant, label or question could ask for."""

import os
from dataclasses import fields, replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cloud.cache.digest import Digester
from cloud.calls import Caller, GenerateCall
from runtime.ids import ModelName, PlanId, RequestId, SessionId, StepId
from runtime.labels import Label
from runtime.ports import ChatMessage, GenerateRequest, Provenance, Sampling

DIGESTER = Digester(bytes(32), sharing="tenant")
OWN = Digester(bytes(32), sharing="caller")
SHORT = st.text(max_size=6)
CALLERS = st.builds(Caller, SHORT, st.sampled_from(["device", "key"]), SHORT)
NAMES = st.sets(st.sampled_from(["person", "health", "internal"]))
LABELS = NAMES.map(lambda names: Label.of(*names))
TURNS = st.builds(ChatMessage, st.sampled_from(["system", "user"]), SHORT)
SAMPLINGS = st.builds(
    Sampling,
    temperature=st.sampled_from([0.0, 0.5]),
    seed=st.sampled_from([None, 0, 1]),
    max_tokens=st.sampled_from([1, 512]),
    stop=st.lists(SHORT, max_size=2).map(tuple),
    json_schema=SHORT,
    logprobs=st.integers(0, 2),
)
REQUESTS = st.builds(
    GenerateRequest,
    model=SHORT.map(ModelName),
    messages=st.lists(TURNS, min_size=1, max_size=3).map(tuple),
    sampling=SAMPLINGS,
    label=LABELS,
)
CALLS = st.builds(GenerateCall, CALLERS, REQUESTS)


def what_counts(call: GenerateCall) -> tuple[Any, ...]:
    request = call.request
    return (call.caller.tenant, request.label, request.model, request.messages, request.sampling)


@given(CALLS, CALLS)
def test_two_calls_share_a_name_only_if_everything_that_counts_is_the_same(
    one: GenerateCall, other: GenerateCall
) -> None:
    same = what_counts(one) == what_counts(other)

    assert (DIGESTER.of_call(one) == DIGESTER.of_call(other)) == same
    assert (OWN.of_call(one) == OWN.of_call(other)) == (
        same and (one.caller.kind, one.caller.id) == (other.caller.kind, other.caller.id)
    )


@given(CALLS, CALLERS, LABELS)
def test_no_answer_crosses_tenants_or_labels(
    call: GenerateCall, caller: Caller, label: Label
) -> None:
    elsewhere = replace(call, caller=caller, request=replace(call.request, label=label))
    is_same_place = (caller.tenant, label) == (call.caller.tenant, call.request.label)

    assert (DIGESTER.of_call(call) == DIGESTER.of_call(elsewhere)) == is_same_place
    words = ("what", "is", "it")
    assert (
        DIGESTER.of_wording(call, words) == DIGESTER.of_wording(elsewhere, words)
    ) == is_same_place


@given(CALLS, CALLS)
def test_the_same_words_after_other_turns_are_another_question(
    one: GenerateCall, other: GenerateCall
) -> None:
    words = ("what", "is", "it")

    assert (DIGESTER.of_wording(one, words) == DIGESTER.of_wording(other, words)) == (
        without_last_text(one) == without_last_text(other)
    )


def without_last_text(call: GenerateCall) -> tuple[Any, ...]:
    request = call.request
    *earlier, last = request.messages
    return (
        *(call.caller.tenant, request.label, request.model, request.sampling),
        *(tuple(earlier), last.role),
    )


def changed(value: object) -> Any:
    """Return another value of the same kind."""
    match value:
        case bool():
            return not value
        case str():
            return value + "x"
        case int() | float():
            return value + 1
        case tuple():
            return (*value, *(value or ("x",)))
        case None:
            return 7
        case Sampling():
            return replace(value, seed=11)
        case Label():
            return Label.of("person")
        case _:
            raise AssertionError(f"teach this test about {type(value).__name__}")


def test_every_field_counts_but_those_that_change_no_answer() -> None:
    base = GenerateRequest(ModelName("big"), (ChatMessage("user", "hi"),))
    call = GenerateCall(Caller("t", "key", "k"), base)
    where = Provenance(RequestId("r"), SessionId("s"), PlanId("p"), StepId("x"))

    without_effect: dict[str, Any] = {
        "provenance": where,
        "idempotency_key": "i",
        "timeout_s": 1.0,
    }

    for field in fields(GenerateRequest):
        is_without = field.name in without_effect
        value = without_effect[field.name] if is_without else changed(getattr(base, field.name))
        changes: dict[str, Any] = {field.name: value}
        other = replace(call, request=replace(base, **changes))
        assert (DIGESTER.of_call(other) == DIGESTER.of_call(call)) == is_without, field.name
    for sampled in fields(Sampling):
        drawn: dict[str, Any] = {sampled.name: changed(getattr(base.sampling, sampled.name))}
        other = replace(call, request=replace(base, sampling=replace(base.sampling, **drawn)))
        assert DIGESTER.of_call(other) != DIGESTER.of_call(call), sampled.name


def test_a_name_means_nothing_without_the_key() -> None:
    call = GenerateCall(Caller("t", "key", "k"), GenerateRequest(ModelName("m"), ()))

    assert Digester(os.urandom(32), sharing="tenant").of_call(call) != DIGESTER.of_call(call)
