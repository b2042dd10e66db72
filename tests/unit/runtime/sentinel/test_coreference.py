"""A name that comes again is found; a title that comes again is nobody."""

from runtime.sentinel.categories import PERSON
from runtime.sentinel.coreference import mentions, spread_people
from runtime.sentinel.span import Span


def found(text: str, *names: str) -> list[str]:
    return [text[span.start : span.end] for span in mentions(text, names)]


def test_a_part_of_a_name_is_found_again() -> None:
    assert found("Brant is late. Ask Xylo.", "Nurse Xylo Brant") == ["Brant", "Xylo"]


def test_a_title_is_not() -> None:
    assert found("Nurse! The Captain and Frau Holle.", "Nurse Brant", "Frau Meier") == []


def test_two_names_that_touch_are_one_person() -> None:
    apart = [Span(start, end, "person", PERSON, 0.9, "x") for start, end in ((0, 5), (6, 11))]

    (joined,) = spread_people("Clark Ville came.", apart)

    assert (joined.start, joined.end) == (0, 11)
