"""Sentences that are sensitive as a whole: judged where a policy asks, and kept from the cloud."""

from pathlib import Path

import pytest

from runtime.ids import Category, NodeName
from runtime.labels import UNSURE
from runtime.policy.document import parse_policy
from runtime.policy.explain import passage_to
from runtime.sentinel.categories import IMPLICIT_IDENTITY, PERSON, TOPICS
from runtime.sentinel.defaults import default_detectors
from runtime.sentinel.detectors.tagger import TaggerDetector
from runtime.sentinel.scan import Scan, Sentinel
from runtime.sentinel.tagger.model import BUILT_IN, SentinelModel

UNSEEN = Path(__file__).parents[5] / "reference" / "sentinel" / "segments" / "unseen.txt"
"""Sentences that nothing was trained on: topic, a tab, the sentence."""
WHO = "The only cardiologist in the valley has been drinking."
HOW = "How do I sort a list in Python?"
POLICY = """
leeward: policy/v1
categories: {person: confidential, implicit_identity: restricted}
clearance: {edge: restricted, cloud: internal}
releases:
  - {categories: [person], to: cloud, by: redact}
"""


@pytest.fixture(scope="module")
def model() -> SentinelModel:
    return SentinelModel(BUILT_IN)


def scan(model: SentinelModel, text: str, *asked: Category) -> Scan:
    return Sentinel([TaggerDetector(model, asked=frozenset(asked))]).scan_now(text)


def test_a_sentence_that_identifies_without_a_name_is_marked_whole(model: SentinelModel) -> None:
    text = f"{HOW} {WHO} {HOW}"
    (span,) = scan(model, text, IMPLICIT_IDENTITY).spans

    assert (text[span.start : span.end], span.kind) == (WHO, "implicit_identity")


def test_sentences_are_judged_only_where_a_policy_names_a_topic(model: SentinelModel) -> None:
    assert scan(model, WHO).label.categories == frozenset()


def test_a_sentence_far_into_a_long_text_is_found(model: SentinelModel) -> None:
    text = f"{HOW} " * 60 + WHO + f" {HOW}" * 60

    assert {text[span.start : span.end] for span in scan(model, text, IMPLICIT_IDENTITY).spans} == {
        WHO
    }


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        ("My biopsy came back positive and I am scared.", "health_topic"),
        ("We owe the bank 40,000 and cannot pay since the shop closed.", "finance_topic"),
        ("My client will plead guilty if they drop the second count.", "legal_topic"),
        ("The kids are at home alone until six tonight.", "location_topic"),
        ("def rate(order):\n    return order.total * 3", "source_code"),
    ],
)
def test_each_topic_is_told(model: SentinelModel, text: str, topic: str) -> None:
    assert topic in scan(model, text, *TOPICS).label.categories


def test_a_policy_keeps_such_a_text_on_the_edge_although_it_lets_names_be_removed(
    model: SentinelModel,
) -> None:
    policy = parse_policy(POLICY)
    label = scan(model, f"Anna Kowalska asks: {WHO}", *policy.categories).label
    passage = passage_to(policy, label, node=NodeName("cloud"), zone="cloud")

    assert label.categories == {PERSON, IMPLICIT_IDENTITY}
    assert passage.blocked_by == {IMPLICIT_IDENTITY}


def test_a_name_inside_such_a_sentence_keeps_a_span_of_its_own(model: SentinelModel) -> None:
    text = "Anna Kowalska is the only cardiologist in the valley."
    spans = scan(model, text, IMPLICIT_IDENTITY).spans

    assert sorted(span.kind for span in spans) == ["implicit_identity", "person"]


def test_patterns_alone_judge_no_sentences_and_that_is_no_failure() -> None:
    asked = frozenset(TOPICS)
    found = Sentinel(default_detectors(asked=asked)).scan_now(WHO)

    assert UNSURE not in found.label.categories


def test_sentences_written_apart_are_mostly_judged_right(model: SentinelModel) -> None:
    """Measured when it was trained: recall 0.88, 3 % false alarms, on hard sentences."""
    lines = [line for line in UNSEEN.read_text("utf-8").splitlines() if line[:1] != "#"]
    parted = [line.split("\t") for line in lines]
    told = [(topic, scan(model, text, IMPLICIT_IDENTITY)) for topic, text in parted]
    meant = [bool(found.spans) for topic, found in told if topic == "implicit_identity"]
    ordinary = [bool(found.spans) for topic, found in told if not topic]

    assert sum(meant) / len(meant) >= 0.75
    assert sum(ordinary) / len(ordinary) <= 0.08
