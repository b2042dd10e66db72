"""Divide and fuse: a part in which something sensitive stands is solved on the edge, always.

The planner decides the forms, the executor runs the shipped graph, a scripted divider writes lists
as models do. Broken on purpose and caught: every part called open; the comparison turned round.
"""

import random
from datetime import date

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runtime.executor.events import AnswerFinished, Receipt, RunFinished
from runtime.executor.executor import Executor
from runtime.graph.hash import graph_hash
from runtime.ids import PlanId, RequestId, SessionId
from runtime.labels import Label
from runtime.patterns.book import bind, pattern_of
from runtime.planner.model import PlanRequest
from runtime.planner.plan import plan
from runtime.ports import ChatMessage
from runtime.testing.fakes import FakeReleases, ManualClock, ScriptedModel
from runtime.testing.plans import CATALOG, CLOUD, EDGE, LLM, POLICY, SLM

GRAPH = bind(pattern_of("divide-and-fuse"), {"near": SLM, "far": LLM})
NAMES = ("Anna Kowalska", "Piotr Nowak", "030 1234567")
KNOWN = {NAMES[0]: "person", NAMES[1]: "person", NAMES[2]: "contact"}
WORDS = st.lists(st.sampled_from(("how", "many", "tablets", "2", "a", "day")), min_size=1)
PARTS = st.tuples(WORDS, st.none() | st.sampled_from(NAMES)).map(
    lambda pair: " ".join([*pair[0], *([pair[1]] if pair[1] else [])])
)
BULLETS = st.sampled_from(("- {}", "* {}", "{n}. {}", "({n}) {}"))


async def ran(
    question: str, label: Label, divided: str
) -> tuple[list[str], list[str], str, Receipt]:
    """Return what far and near were asked of parts, the answer and the receipt."""
    near, far = ScriptedModel(EDGE, default="Near."), ScriptedModel(CLOUD, default="Far.")
    near.answer(divided, step="divide")
    clock = ManualClock()
    executor = Executor(
        {EDGE: near, CLOUD: far},
        FakeReleases(KNOWN),
        policy=POLICY,
        catalog=CATALOG,
        clock=clock,
        rng=random.Random(1),
        sleep=clock.sleep,
    )
    request = PlanRequest(
        graph=GRAPH,
        label=label,
        policy=POLICY,
        catalog=CATALOG,
        today=date(2026, 1, 1),
        healthy=frozenset({EDGE, CLOUD}),
    )
    made = plan(request, plan_id=PlanId("p"), graph_hash=graph_hash(GRAPH))
    answer, receipt = "", None
    async for event in executor.run(
        made,
        [ChatMessage("user", question)],
        request_id=RequestId("r"),
        session_id=SessionId("s"),
        deadline_s=60.0,
    ):
        if isinstance(event, AnswerFinished):
            answer = event.text
        elif isinstance(event, RunFinished):
            receipt = event.receipt
    assert receipt is not None
    kept = [
        request.messages[-1].content
        for request in near.requests
        if request.provenance and request.provenance.step_id == "near"
    ]
    return [one.messages[-1].content for one in far.requests], kept, answer, receipt


def redacted(text: str) -> str:
    for name, placeholder in zip(NAMES, ("<PERSON_1>", "<PERSON_2>", "<CONTACT_1>"), strict=True):
        text = text.replace(name, placeholder)
    return text


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(parts=st.lists(PARTS, min_size=2, max_size=8), bullet=BULLETS)
async def test_only_parts_without_anything_sensitive_leave(parts: list[str], bullet: str) -> None:
    question = ". ".join(parts)
    label = Label.of(*(category for name, category in KNOWN.items() if name in question))
    # The divider reads the released form, so what it writes has placeholders.
    divided = "\n".join(bullet.format(redacted(p), n=n) for n, p in enumerate(parts, start=1))

    sent, kept, answer, receipt = await ran(question, label, divided)

    private = [part for part in parts if any(name in part for name in NAMES)]
    assert sorted(sent) == sorted(part for part in parts if part not in private)
    assert sorted(kept) == sorted(private)
    assert not any(name in text or "<" in text for text in sent for name in NAMES)
    assert answer == "Near."
    assert receipt.left_the_edge is (len(private) < len(parts))


async def test_what_may_not_be_redacted_keeps_all_parts_on_the_edge() -> None:
    question = "how many tablets. Anna Kowalska has diabetes"

    sent, kept, _, receipt = await ran(
        question, Label.of("person", "health"), "- how many tablets\n- Anna Kowalska has diabetes"
    )

    assert sent == []
    assert "Anna Kowalska has diabetes" in kept
    assert not receipt.left_the_edge


async def test_a_divider_that_writes_no_list_makes_one_part_of_it_all() -> None:
    sent, kept, _, _ = await ran(
        "how old is Anna Kowalska", Label.of("person"), "how old is <PERSON_1>"
    )

    assert (sent, kept) == ([], ["how old is Anna Kowalska"])
