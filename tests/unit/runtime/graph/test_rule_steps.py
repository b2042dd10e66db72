"""Graph documents with rules: what is refused, and that older graphs keep their hashes."""

import pytest

from runtime.errors import GraphInvalid
from runtime.graph.document import dump_graph, graph_from_data
from runtime.graph.hash import graph_hash
from runtime.testing.plans import graph_of

NEAR = "near: {role: assistant}"


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        ("{role: guide, rule: last}", "plays fuser and no guide"),
        ("{role: fuser, rule: last, model: m}", "is for models"),
        ("{role: fuser, rule: last, samples: 3}", "is for models"),
        ("{role: fuser, rule: last, outputs: {verdict: [right]}}", "it has nothing"),
        ("{role: verifier, rule: numbers, outputs: {verdict: number}}", "must be declared as"),
        ("{role: verifier, rule: numbers, outputs: {verdict: [good]}}", "can only be right"),
        ("{role: verifier, rule: schema}", "checks against a schema; give it"),
        ("{role: verifier, rule: schema, sampling: {json_schema: x}}", "is not JSON"),
        (
            '{role: verifier, rule: schema, sampling: {json_schema: \'{"pattern": "a"}\'}}',
            "cannot check",
        ),
    ],
)
def test_a_rule_is_held_to_what_it_can_do(step: str, reason: str) -> None:
    with pytest.raises(GraphInvalid, match=reason):
        graph_of(f"{NEAR}\nfinal: {step}", "near -> final")


def test_a_rule_needs_something_to_read() -> None:
    with pytest.raises(GraphInvalid, match="no answer that the rule numbers could read"):
        graph_of("final: {role: verifier, rule: numbers}")


def test_a_rule_has_no_confidence_to_decide_by() -> None:
    with pytest.raises(GraphInvalid, match="has no confidence"):
        graph_of(
            f"{NEAR}\ncheck: {{role: verifier, rule: numbers}}\nfinal: {{role: fuser}}",
            "near -> check",
            "near -> final",
            '{from: check, to: final, when: "check.confidence < 0.5"}',
        )


@pytest.mark.parametrize("rule", ["agreement", "vote"])
def test_a_rule_that_counts_voices_can_be_decided_by(rule: str) -> None:
    graph = graph_of(
        f"""{NEAR}
        check: {{role: verifier, rule: {rule}}}
        far: {{role: assistant}}
        end: {{role: fuser}}""",
        "near -> check",
        '{from: check, to: far, when: "check.agreement < 0.5"}',
        "{from: check, to: end, otherwise: true}",
        "far -> end",
    )

    assert graph.by_id["check"].rule is not None


def test_no_model_may_stand_behind_a_person() -> None:
    steps = f"{NEAR}\nask: {{role: guard, rule: person}}\npass: {{role: fuser, rule: last}}"
    edges = ["near -> ask -> pass"]

    graph_of(steps, *edges)
    with pytest.raises(GraphInvalid, match="where a person answers: only rules"):
        graph_of(f"{steps}\nfar: {{role: assistant}}", *edges, "pass -> far")


def test_a_rule_is_written_out_and_read_back() -> None:
    graph = graph_of(f"{NEAR}\nfinal: {{role: fuser, rule: last}}", "near -> final")

    assert graph_from_data(dump_graph(graph)) == graph


def test_a_graph_without_rules_has_the_hash_that_it_always_had() -> None:
    assert graph_hash(graph_of(NEAR)) == (
        "fb2b2bdf65354da57d2f606362b8de0ab258223e1b8616b53d9c2e070772f418"
    )
