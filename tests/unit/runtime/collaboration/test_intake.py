"""What a plan may know of a request's text: its label, and a size that tells no secret."""

import json

import pytest

from runtime.collaboration.intake import Intake, take_in
from runtime.errors import DetectionFailed, RequestInvalid
from runtime.labels import PUBLIC, UNSURE, Label
from runtime.policy.document import parse_policy
from runtime.ports import ChatMessage, ToolCall, ToolDefinition
from runtime.sentinel.defaults import default_detectors
from runtime.sentinel.scan import Sentinel
from runtime.sentinel.span import Span

POLICY = """
leeward: policy/v1
categories: {person: confidential, contact: confidential}
clearance: {edge: restricted, cloud: internal}
when_unsure: restricted
"""
SENTINEL = Sentinel(default_detectors())


class Broken:
    """A detector that always fails."""

    name = "broken"
    kinds = frozenset[str]()

    def detect(self, text: str) -> list[Span]:
        raise ValueError(f"cannot read {len(text)} characters")


async def taken_in(*texts: str, declared: Label = PUBLIC) -> Intake:
    messages = [ChatMessage("user", text) for text in texts]
    return await take_in(messages, declared, sentinel=SENTINEL, policy=parse_policy(POLICY))


async def test_the_label_is_what_was_found_in_any_turn_and_what_was_declared() -> None:
    intake = await taken_in(
        "Dr. Anna Kowalska asks.", "Call +48 601 234 567.", declared=Label.of("health")
    )

    assert intake.label == Label.of("person", "contact", "health")


MAIL = "anna.kowalska@example.org"
CALL = ToolCall("call_1", "note", json.dumps({"to": MAIL}))


@pytest.mark.parametrize(
    ("call", "tool"),
    [
        (CALL, ToolDefinition("note")),
        (ToolCall("call_1", "note", "{}"), ToolDefinition("note", f"Writes to {MAIL}.")),
        (
            ToolCall("call_1", "note", "{}"),
            ToolDefinition("note", parameters=json.dumps({"properties": {"to": {"const": MAIL}}})),
        ),
    ],
    ids=["arguments", "description", "schema"],
)
async def test_what_is_in_tools_alone_is_found_too(call: ToolCall, tool: ToolDefinition) -> None:
    intake = await take_in(
        [ChatMessage("user", "Write."), ChatMessage("assistant", "", (call,))],
        PUBLIC,
        sentinel=SENTINEL,
        policy=parse_policy(POLICY),
        tools=[tool],
    )

    assert intake.label == Label.of("contact")


async def test_the_size_does_not_depend_on_how_long_a_secret_is() -> None:
    short = await taken_in("Mr. Li Ng (mail a@example.org) takes 7 mg. What does Mr. Li Ng take?")
    long = await taken_in(
        "Mr. Bartholomew Featherstone (mail b.featherstone.of.somewhere@example.com) takes 7 mg."
        " What does Mr. Bartholomew Featherstone take?"
    )

    assert short == long
    assert short.label == Label.of("person", "contact")


async def test_the_size_grows_with_what_is_not_secret() -> None:
    once = await taken_in("How many lamps are there? " * 4)
    twice = await taken_in("How many lamps are there? " * 4, "How many lamps are there? " * 4)

    assert once.prompt_tokens == 26
    assert twice.prompt_tokens == 52


async def test_a_chat_without_a_user_turn_is_refused() -> None:
    with pytest.raises(RequestInvalid, match="user turn"):
        await taken_in()


@pytest.mark.parametrize(("rule", "refused"), [("restricted", False), ("refuse", True)])
async def test_a_failed_detector_makes_the_request_unsure_or_has_it_refused(
    rule: str, refused: bool
) -> None:
    policy = parse_policy(POLICY.replace("when_unsure: restricted", f"when_unsure: {rule}"))
    asked = take_in(
        [ChatMessage("user", "6 times 7?")], PUBLIC, sentinel=Sentinel([Broken()]), policy=policy
    )

    if refused:
        with pytest.raises(DetectionFailed, match="broken"):
            await asked
    else:
        assert (await asked).label == Label(frozenset({UNSURE}))


async def test_a_person_the_session_knows_is_found_by_family_name_alone() -> None:
    chat = [ChatMessage("user", "Featherstone again: and 4 times as much?")]
    policy = parse_policy(POLICY)

    stranger = await take_in(chat, PUBLIC, sentinel=SENTINEL, policy=policy)
    known = await take_in(
        chat, PUBLIC, sentinel=SENTINEL, policy=policy, people=["Anna Featherstone"]
    )

    assert stranger.label == PUBLIC
    assert known.label == Label.of("person")


async def test_a_session_that_cannot_be_read_makes_the_request_unsure() -> None:
    chat = [ChatMessage("user", "And 4 times as much?")]

    intake = await take_in(
        chat, PUBLIC, sentinel=SENTINEL, policy=parse_policy(POLICY), people=None
    )

    assert intake.label == Label(frozenset({UNSURE}))
