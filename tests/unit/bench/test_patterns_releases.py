"""What the benchmark of patterns sends in place of a question holds nothing of it that must go."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from bench.patterns_releases import AskedOtherwise, RuleWriter
from bench.patterns_world import arms_of
from edge.privacy.sketch import Sketcher
from reference.tasks import Question, Span
from runtime.errors import GateRefused
from runtime.ids import Category, PlanId, RequestId, SessionId, StepId
from runtime.policy.model import ReleaseKind
from runtime.ports import ChatMessage, Provenance

TEXT = "Ana Wolf saves 8 euro. Call +44 7700 900191. Then 5 euro are paid in. What has Ana Wolf?"
QUESTION = Question(
    id="q",
    task="ledger",
    level=1,
    text=TEXT,
    answer="13",
    solution="8 + 5 = 13.\nAnswer: 13",
    spans=tuple(
        Span(start, start + len(value), kind)
        for value, start, kind in (
            ("Ana Wolf", 0, "person"),
            ("+44 7700 900191", TEXT.index("+44"), "phone"),
            ("Ana Wolf", TEXT.rindex("Ana Wolf"), "person"),
        )
    ),
)
REMOVED = frozenset({Category("person"), Category("contact")})
FROM = Provenance(RequestId("r"), SessionId("s"), PlanId("p"), StepId("answer"))


@dataclass
class Says:
    """A writer that says one thing after the other."""

    texts: list[str]

    async def write(
        self,
        messages: Sequence[ChatMessage],
        categories: frozenset[Category],
        provenance: Provenance,
        *,
        attempt: int,
    ) -> str:
        return self.texts[attempt]


def released(by: str, writer: Sketcher | None = None) -> str:
    port = AskedOtherwise(QUESTION, writer or RuleWriter())
    messages, record = asyncio.run(port.release((ChatMessage("user", TEXT),), REMOVED, FROM, by=by))

    assert record.by == by
    return messages[-1].content


def test_generalised_values_are_told_by_their_kind() -> None:
    assert released("generalise") == (
        "[a person] saves 8 euro. Call [a phone number, country code 44]. Then 5 euro are paid in."
        " What has [a person]?"
    )


def test_an_abstract_that_shows_or_copies_something_is_written_again() -> None:
    shows = "ANA WOLF has 8 and 5."
    copies = "She has: Then 5 euro are paid in. What has she?"

    assert released("sketch", Says([shows, copies, "8 and 5?"])) == "8 and 5?"


@pytest.mark.parametrize("bad", ["", "ANA WOLF has 8 and 5.", TEXT])
def test_three_bad_abstracts_are_refused(bad: str) -> None:
    with pytest.raises(GateRefused, match="3 abstracts"):
        released("sketch", Says([bad] * 3))


def test_the_rules_abstract_is_about_nobody() -> None:
    assert released("sketch") == (
        "A shelf holds 8 bulbs. Then 5 bulbs arrive. How many bulbs are there now?"
    )


def test_each_arm_that_asks_otherwise_has_a_policy_of_its_own() -> None:
    by_name = {arm.name: arm for arm in arms_of("tern-m", "gannet-m", "gannet-s")}
    arms = {
        name: {rule.by for rule in arm.rules.releases}
        for name, arm in by_name.items()
        if arm.pattern == "redact-and-restore"
    }

    assert arms == {
        "redact-and-restore": {ReleaseKind.REDACT},
        "redact-and-restore (generalise)": {ReleaseKind.GENERALISE},
        "redact-and-restore (sketch by tern-m)": {ReleaseKind.SKETCH},
        "redact-and-restore (sketch by rule)": {ReleaseKind.SKETCH},
    }
