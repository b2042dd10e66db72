"""A name that comes again is found; a title that comes again is nobody."""

from runtime.sentinel.coreference import mentions


def found(text: str, *names: str) -> list[str]:
    return [text[span.start : span.end] for span in mentions(text, names)]


def test_a_part_of_a_name_is_found_again() -> None:
    assert found("Brant is late. Ask Xylo.", "Nurse Xylo Brant") == ["Brant", "Xylo"]


def test_a_title_is_not() -> None:
    assert found("Nurse! The Captain and Frau Holle.", "Nurse Brant", "Frau Meier") == []
