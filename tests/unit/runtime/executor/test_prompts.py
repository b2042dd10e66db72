"""What each role is given to read; the words of assistants and fusers are the models' contract."""

import pytest

from runtime.executor.prompts import Notes, compose, compose_part
from runtime.graph.model import Output
from runtime.graph.roles import Role
from runtime.ports import ChatMessage

ASKED = (ChatMessage("user", "How many?"),)


def read(role: Role, *answers: str, notes: Notes | None = None) -> str:
    return compose(role, ASKED, answers, notes or Notes())[-1].content


@pytest.mark.parametrize(
    ("role", "answers", "text"),
    [
        (Role.ASSISTANT, [], "How many?"),
        (Role.ASSISTANT, ["3 "], "How many?\n\nEarlier answer:\n3\n\nImprove it."),
        (
            Role.ASSISTANT,
            ["3", "4"],
            "How many?\n\nCandidate answers:\n[1] 3\n[2] 4\n\nImprove them.",
        ),
        (Role.FUSER, ["3"], "How many?\n\nCandidate answers:\n[1] 3\n\nMerge them."),
        (Role.FUSER, ["3", "4"], "How many?\n\nCandidate answers:\n[1] 3\n[2] 4\n\nMerge them."),
    ],
)
def test_models_meet_the_words_that_they_were_trained_on(role, answers, text) -> None:
    assert read(role, *answers) == text


def test_guidance_is_no_answer_to_improve() -> None:
    notes = Notes(guidance=(("First count.", None),))

    assert read(Role.ASSISTANT, notes=notes) == (
        "How many?\n\nGuidance:\nFirst count.\n\nAnswer with this."
    )


def test_a_hint_comes_with_how_sure_its_model_was() -> None:
    notes = Notes(guidance=(("Three.", 0.874),))

    assert "Guidance, 87% sure:\nThree." in read(Role.ASSISTANT, notes=notes)


def test_a_verifier_is_asked_for_what_it_has_to_output() -> None:
    outputs = (Output("score", "number"), Output("verdict", "enum", ("right", "wrong")))

    assert read(Role.VERIFIER, "3", notes=Notes(outputs=outputs)) == (
        "How many?\n\nProposed answer:\n3\n\nDo not answer. Check the answer above. End with:\n"
        "score: <a number>\nverdict: right or wrong"
    )


@pytest.mark.parametrize("role", [Role.GUIDE, Role.DIVIDER, Role.ROUTER, Role.GUARD])
def test_who_does_not_answer_is_asked_not_to_unless_the_graph_says_what_to_do(role) -> None:
    assert "Do not answer" in read(role)
    assert read(role, notes=Notes(has_instruction=True)) == "How many?"


def test_remarks_of_a_verifier_follow_the_answer() -> None:
    text = read(Role.ASSISTANT, "3", notes=Notes(remarks=("The sum is wrong.",)))

    assert text.index("Earlier answer:\n3") < text.index("Remarks:\nThe sum is wrong.")


def test_a_part_that_is_alone_hides_the_request() -> None:
    chat = compose_part(
        Role.ASSISTANT, ASKED, [], part="What is 2 + 2?", number=1, total=2, is_alone=True
    )

    assert chat == (ChatMessage("user", "What is 2 + 2?"),)
