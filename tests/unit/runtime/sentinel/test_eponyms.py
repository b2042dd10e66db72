"""What is called after somebody is nobody; what is somebody's own stays theirs."""

import pytest

from runtime.sentinel.eponyms import is_eponym, is_offered


def place(text: str, word: str) -> tuple[str, int, int]:
    return text, text.index(word), text.index(word) + len(word)


@pytest.mark.parametrize(
    "text",
    [
        "Piaget's cognitive development theory",
        "The Pauli exclusion principle is",
        "by the Rydberg constant.",
        "Klinefelter syndrome",
        "in Riemann spaces, as",
    ],
)
def test_a_law_bears_a_name_that_tells_of_nobody(text: str) -> None:
    (word,) = (w for w in ("Piaget", "Pauli", "Rydberg", "Klinefelter", "Riemann") if w in text)

    assert is_eponym(*place(text, word))


@pytest.mark.parametrize(
    "text",
    [
        "Kowalska's disease got worse",
        "Kowalska's test results",
        "the Kowalska law firm",
        "Kowalska's law degree",
        "Kowalska body shop",
        "Kowalska is in the theory group",
        "Kowalska's group leader",
        "Kowalska",
    ],
)
def test_what_may_be_somebodys_own_stays(text: str) -> None:
    assert not is_eponym(*place(text, "Kowalska"))


def test_a_lone_word_behind_a_letter_is_offered_and_words_in_a_sentence_are_not() -> None:
    assert is_offered(*place("Which?\nA. Stridor.\nB. Rash", "Stridor"))
    assert is_offered(*place("Which?\nA. Stridor.\n(B) Rash", "Rash"))
    assert not is_offered(*place("A. Stridor is one", "Stridor"))
    assert not is_offered(*place("Ask A. Stridor", "Stridor"))
