"""Promise 2: two secrets of the same kinds, and everything that passes the gate is identical.

Whether 3,000 drawn pairs pass alike is asked in ``test_at_length``.
"""

from collections import Counter

import pytest
from hypothesis import HealthCheck, event, given, settings

from runtime.graph.model import Graph
from runtime.testing.strategies import strategy
from tests.privacy.two_secrets import (
    GRAPHS,
    IBANS,
    PHONES,
    REMEMBERED,
    SURROGATES,
    TEMPLATES,
    Secret,
    check,
    draw_either_graph,
    draw_named_graph,
    draw_random_graph,
    draw_secret,
    draw_session,
    run_both,
)


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("template", TEMPLATES, ids=range(len(TEMPLATES)))
def test_two_secrets_pass_the_gate_alike(name: str, template: str) -> None:
    one = Secret("Anna", "Kowalska", PHONES[0], "anna.k@example.org", IBANS[0])
    other = Secret("Bartholomew", "Ng", PHONES[1], "b.featherstone-x@example.com", IBANS[1])

    check(GRAPHS[name], [template], one, other)


@pytest.mark.parametrize("name", ["ask-cloud", "two cloud steps in sequence, a raw fuser last"])
@pytest.mark.parametrize("template", TEMPLATES, ids=range(len(TEMPLATES)))
def test_two_secrets_pass_the_gate_alike_behind_surrogates(name: str, template: str) -> None:
    one = Secret("Anna", "Vandoveth", PHONES[0], "contact1.a@example.org", IBANS[0])
    other = Secret("Bartholomew", "Ng", "+1 312-555-0101", "b.c-x@example.com", IBANS[1])

    first, _ = check(GRAPHS[name], [template], one, other, world=SURROGATES)

    written = (b"Quellimar", b"contact1@example.com", b"+1 202-555-0101", b"TEST 0000")
    assert any(surrogate in first.passages[0] for surrogate in written)
    assert not any(tag in b"".join(first.passages) for tag in (b"<PERSON", b"<EMAIL", b"<IBAN"))


def test_a_person_whom_the_session_knows_does_not_leave_by_family_name_alone() -> None:
    one = Secret("Anna", "Featherstone", PHONES[0], "a.a@example.org", IBANS[0])
    other = Secret("Omar", "Kowalska", PHONES[1], "b.b@example.org", IBANS[1])

    first, _ = check(GRAPHS["ask-cloud"], [TEMPLATES[1], REMEMBERED], one, other)

    assert len(first.passages) == 2
    assert b"<PERSON_1b> again" in first.passages[1]


named = {"graph": strategy(draw_named_graph)()}
drawn = {"graph": strategy(draw_random_graph)()}
either = {"graph": strategy(draw_either_graph)()}
secrets = strategy(draw_secret)()
pairs = {"session": strategy(draw_session)(), "one": secrets, "other": secrets}
some = settings(deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.slow
@given(**named, **pairs)
@settings(some, max_examples=150)
def test_any_two_secrets_pass_the_gate_alike(
    graph: Graph, session: list[str], one: Secret, other: Secret
) -> None:
    check(graph, session, one, other)


@pytest.mark.slow
@given(**drawn, **pairs)
@settings(some, max_examples=80)
def test_any_two_secrets_pass_the_gate_alike_through_any_graph(
    graph: Graph, session: list[str], one: Secret, other: Secret
) -> None:
    first, second = check(graph, session, one, other)

    event(f"passages: {min(len(first.passages), 3)}")
    event(f"the edge was swayed: {first.answer != second.answer}")


@pytest.mark.slow
@given(**either, one=secrets, other=secrets)
@settings(some, max_examples=60)
def test_a_failure_on_the_edge_can_only_withhold_what_would_have_passed(
    graph: Graph, one: Secret, other: Secret
) -> None:
    # The one thing that a secret can change: an edge step that fails on it ends the run.
    whole, _ = run_both(graph, TEMPLATES[:1], one, one)

    failed = run_both(graph, TEMPLATES[:1], one, other, fails=True)

    for run in failed:
        event(f"failed: {run.failure or None}, withheld: {run.passages != whole.passages}")
        if run.failure:
            assert not Counter(run.passages) - Counter(whole.passages)
        else:
            assert run.passages == whole.passages


def test_the_gate_is_really_passed_and_the_edge_really_swayed() -> None:
    one = Secret("Anna", "Kowalska", PHONES[0], "a.k@example.org", IBANS[0])
    other = Secret("Omar", "Nagy", PHONES[1], "o.n@example.org", IBANS[1])

    first, second = run_both(GRAPHS["parallel-fuse"], TEMPLATES[:1], one, other)

    assert len(first.passages) == 1
    assert first.answer != second.answer
    assert first.receipt is not None
    assert first.receipt.left_the_edge
