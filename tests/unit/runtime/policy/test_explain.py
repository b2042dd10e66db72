"""Passages: what a policy decides for one label at one place."""

from hypothesis import given

from runtime.ids import Category, NodeName
from runtime.labels import UNSURE, Label, Level
from runtime.policy.document import parse_policy
from runtime.policy.explain import is_refused, passage_to
from runtime.policy.model import Policy, ReleaseKind
from runtime.testing.strategies import NODES, labels, policies

CLOUD = NodeName("cloud")
POLICY = parse_policy("""
leeward: policy/v1
categories: {person: confidential, health: restricted, project_name: internal}
clearance: {edge: restricted, cloud: internal, partner: confidential}
releases:
  - {categories: [person, project_name], to: cloud, by: redact}
  - {categories: [health, person], to: cloud, by: approval}
""")


def test_only_what_is_above_the_clearance_is_released() -> None:
    passage = passage_to(POLICY, Label.of("person", "project_name"), node=CLOUD, zone="cloud")

    assert passage.releases == ((ReleaseKind.REDACT, frozenset({Category("person")})),)
    assert passage.is_open


def test_what_needs_nobody_s_consent_comes_first() -> None:
    passage = passage_to(POLICY, Label.of("person", "health"), node=CLOUD, zone="cloud")

    assert passage.releases == (
        (ReleaseKind.REDACT, frozenset({Category("person")})),
        (ReleaseKind.APPROVAL, frozenset({Category("health")})),
    )


def test_a_node_s_own_clearance_counts() -> None:
    passage = passage_to(POLICY, Label.of("person"), node=NodeName("partner"), zone="cloud")

    assert passage.clearance is Level.CONFIDENTIAL
    assert passage.releases == ()


def test_what_no_release_removes_blocks() -> None:
    passage = passage_to(POLICY, Label.of("person", "unheard_of"), node=CLOUD, zone="cloud")

    assert passage.blocked_by == {"unheard_of"}
    assert not passage.is_open


@given(policies(), labels())
def test_an_open_passage_ends_within_the_clearance(policy: Policy, label: Label) -> None:
    for node, zone in NODES:
        passage = passage_to(policy, label, node=node, zone=zone)
        removed = frozenset[Category]().union(*(removed for _, removed in passage.releases))

        assert passage.is_open == policy.may_receive(node, zone, label.without(removed))
        assert (passage.is_open and not removed) == policy.may_receive(node, zone, label)


def test_refusing_policies_refuse_what_cannot_be_judged() -> None:
    text = "leeward: policy/v1\ncategories: {person: internal}\nwhen_unsure: refuse\n"
    policy = parse_policy(text + "clearance: {edge: restricted, cloud: public}")

    assert is_refused(policy, Label.of(UNSURE))
    assert is_refused(policy, Label.of("person", "unheard_of"))
    assert not is_refused(policy, Label.of("person"))
    assert not is_refused(POLICY, Label.of(UNSURE))
