"""The release by known spans: what leaves, and what comes back."""

import pytest

from reference.tabulated.releases import REDACTABLE, KnownSpans
from reference.tasks import questions
from runtime.errors import PolicyViolation
from runtime.ids import Category, PlanId, RequestId, SessionId, StepId
from runtime.ports import ChatMessage, Provenance

ASKED = [question for question in questions(split="search", count=60) if question.is_personal]
FROM = Provenance(RequestId("r"), SessionId("s"), PlanId("p"), StepId("s1"))


async def test_no_known_span_is_left_and_everything_comes_back() -> None:
    for question in ASKED:
        port = KnownSpans(question)
        (message,), record = await port.release(
            (ChatMessage("user", question.text),), REDACTABLE, FROM
        )

        values = [question.text[s.start : s.end] for s in question.spans if s.kind != "health"]
        assert not any(value in message.content for value in values)
        assert record.spans == len(values)
        assert await port.restore(message.content, FROM) == question.text


async def test_the_released_text_is_what_the_models_were_trained_on() -> None:
    for question in ASKED:
        assert KnownSpans(question).redact(question.text) == question.redacted.text


async def test_a_stream_cut_anywhere_is_restored() -> None:
    restorer = KnownSpans(ASKED[0]).restorer(FROM)
    value = ASKED[0].text[ASKED[0].spans[0].start : ASKED[0].spans[0].end]
    placeholder = KnownSpans(ASKED[0]).redact(value)

    shown = "".join(restorer.feed(character) for character in placeholder) + restorer.finish()

    assert shown == value


@pytest.mark.parametrize(
    ("categories", "by"),
    [
        (frozenset[Category](), "redact"),
        (frozenset({Category("health")}) | REDACTABLE, "redact"),
        (REDACTABLE, "sketch"),
    ],
)
async def test_anything_but_a_full_redaction_is_refused(
    categories: frozenset[Category], by: str
) -> None:
    with pytest.raises(PolicyViolation):
        await KnownSpans(ASKED[0]).release((), categories, FROM, by=by)
