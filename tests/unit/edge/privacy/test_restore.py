import json

import pytest

from edge.privacy.placeholders import Grammar
from edge.privacy.restore import Into, StreamRestorer, restore, restore_json
from runtime.sentinel.categories import KINDS

GRAMMAR = Grammar(KINDS)
ANNA = {"<PERSON_1>": 'Anna "Ania" Kowalska', "<PERSON_1b>": "Ania"}


@pytest.mark.parametrize(
    "written",
    [
        "<PERSON_1>",
        "<person_1>",
        "<Person 1>",
        "< PERSON_1 >",
        "<PERSON-1>",
        "<PERSON\\_1>",
        "<PERSON _ 1>",
        "&lt;PERSON_1&gt;",
        "\\u003cPERSON_1\\u003e",
        "PERSON_1",
        "PERSON\\_1",
        "<PERSON_01>",
    ],
)
def test_what_a_model_makes_of_a_placeholder_is_restored(written: str) -> None:
    restored = restore(f"for {written}.", {"<PERSON_1>": "Anna"}, GRAMMAR)

    assert restored.text == "for Anna."


@pytest.mark.parametrize("written", ["person_1", "Person 1", "PERSON 1", "xPERSON_1", "PERSON_1x"])
def test_ordinary_words_are_left_alone(written: str) -> None:
    assert restore(written, {"<PERSON_1>": "Anna"}, GRAMMAR).text == written


def test_plurals_and_genitives_keep_their_ending() -> None:
    assert restore("<PERSON_1>'s, <PERSON_1b>s", ANNA, GRAMMAR).text == (
        'Anna "Ania" Kowalska\'s, Anias'
    )


def test_a_placeholder_of_another_request_stays_and_is_counted() -> None:
    restored = restore("<PERSON_2> met <PERSON_1b>", ANNA, GRAMMAR)

    assert restored.text == "<PERSON_2> met Ania"
    assert restored.unknown == 1


def test_what_was_put_back_is_not_searched_again() -> None:
    mapping = {"<PERSON_1>": "<PERSON_2>", "<PERSON_2>": "Anna"}

    assert restore("<PERSON_1>", mapping, GRAMMAR).text == "<PERSON_2>"


@pytest.mark.parametrize(
    ("into", "expected"),
    [
        ("text", 'Anna "Ania" Kowalska'),
        ("json", 'Anna \\"Ania\\" Kowalska'),
        ("url", "Anna%20%22Ania%22%20Kowalska"),
        ("html", "Anna &quot;Ania&quot; Kowalska"),
    ],
)
def test_values_are_escaped_for_where_they_land(into: Into, expected: str) -> None:
    assert restore("<PERSON_1>", ANNA, GRAMMAR, into=into).text == expected


def test_json_stays_valid_and_keeps_its_layout() -> None:
    answer = '{ "name":"<PERSON_1>",  "\\u003cPERSON_1b\\u003e": 1.50, "n": 1e400, "a": "\\n" }'

    restored = restore_json(answer, ANNA, GRAMMAR)

    assert restored.text == (
        '{ "name":"Anna \\"Ania\\" Kowalska",  "Ania": 1.50, "n": 1e400, "a": "\\n" }'
    )
    assert json.loads(restored.text)["name"] == ANNA["<PERSON_1>"]


def test_json_in_a_stream_is_escaped_too() -> None:
    stream = StreamRestorer(ANNA, GRAMMAR, into="json")

    shown = "".join(map(stream.feed, '{"name": "<PERSON_1>"}')) + stream.finish()

    assert json.loads(shown) == {"name": ANNA["<PERSON_1>"]}


def test_text_that_is_not_json_is_restored_as_string_content() -> None:
    assert restore_json('{"name": "<PERSON_1>', ANNA, GRAMMAR).text == (
        '{"name": "Anna \\"Ania\\" Kowalska'
    )


def test_a_stream_shows_what_cannot_become_a_placeholder_at_once() -> None:
    stream = StreamRestorer(ANNA, GRAMMAR)

    assert stream.feed("a < b and <PER") == "a < b and "
    assert stream.feed("FECT> so <PERSON_1") == "<PERFECT> so "
    assert stream.feed("b> x") == "Ania x"


def test_a_bare_placeholder_waits_for_the_character_after_it() -> None:
    stream = StreamRestorer({"<PERSON_1>": "Anna", "<PERSON_12>": "Jonas"}, GRAMMAR)

    assert stream.feed("PERSON_1") == ""
    assert stream.feed("2") == ""
    assert stream.feed(".") == "Jonas."


def test_a_stream_remembers_the_character_before_a_chunk() -> None:
    stream = StreamRestorer({"<PERSON_1>": "Anna"}, GRAMMAR)

    shown = stream.feed("x") + stream.feed("PERSON_1 ") + stream.feed("PERSON_1") + stream.finish()

    assert shown == "xPERSON_1 Anna"
