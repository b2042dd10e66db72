"""Names of graphs and steps are no texts: the sentinel's model, which reads sentences, reads none.

Alone, ``ask-cloud`` reads like a host to it, and ``claude`` like a person.
"""

from collections.abc import Iterator

import pytest

from cloud.calls import GenerateCall
from cloud.inspection.inspector import ContentInspector
from cloud.inspection.texts import names_of_call, texts_of_call
from runtime.errors import ContentRefused
from runtime.ids import PlanId, RequestId, SessionId, StepId
from runtime.ports import Provenance
from tests.unit.cloud.inspection.test_inspector import (
    Alarms,
    asking,
    embedding,
    inspecting,
    with_request,
)

QUESTION = "How many legs do two cats have?"


@pytest.fixture(scope="module")
def inspector() -> Iterator[ContentInspector]:
    with inspecting(Alarms(), model="builtin", categories={"network": "restricted"}) as opened:
        assert isinstance(opened, ContentInspector)
        yield opened


def named(name: str) -> GenerateCall:
    where = Provenance(RequestId("0" * 32), SessionId(""), PlanId("1" * 32), StepId(name), name)
    return with_request(messages=asking(QUESTION).request.messages, provenance=where)


@pytest.mark.parametrize("name", ["ask-cloud", "claude", "claude-sonnet", "bob", "gannet-m"])
async def test_a_name_is_not_read_as_a_sentence(inspector: ContentInspector, name: str) -> None:
    call = named(name)

    assert await inspector.inspect(call) is call


@pytest.mark.parametrize("name", ["claude", "claude-sonnet"])
async def test_the_same_words_in_a_text_are_judged_as_text(
    inspector: ContentInspector, name: str
) -> None:
    await inspector.inspect(named(name))

    with pytest.raises(ContentRefused):
        await inspector.inspect(asking(name))
    await inspector.inspect(named(name))


async def test_what_patterns_find_in_a_name_is_refused(inspector: ContentInspector) -> None:
    with pytest.raises(ContentRefused, match="contact"):
        await inspector.inspect(named("for-anna.k@example.com"))


def test_each_string_of_a_call_is_a_text_or_a_name() -> None:
    call = with_request(idempotency_key="key-7", provenance=None)

    assert texts_of_call(call) == ("hi",)
    assert names_of_call(call) == ("key-7",)
    assert names_of_call(embedding("hi")) == ()
    assert texts_of_call(embedding("hi", "hi")) == ("hi",)
