"""Numbers and addresses that were dictated, and names that were spelled."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.sentinel.defaults import default_detectors
from runtime.sentinel.detectors.spelled import SpelledDetector
from runtime.sentinel.detectors.spoken import SpokenDetector
from runtime.sentinel.scan import Sentinel

SENTINEL = Sentinel(default_detectors())
ONES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def found(text: str) -> list[tuple[str, str]]:
    """Return kind and text of every span."""
    return [(span.kind, text[span.start : span.end]) for span in SENTINEL.scan_now(text).spans]


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("my number is oh seven seven double oh nine hundred one two three", "phone",
         "oh seven seven double oh nine hundred one two three"),
        ("Five five five, one two three four, after six.", "phone",
         "Five five five, one two three four"),
        ("call me: five five five 12 34 seven", "phone", "five five five 12 34 seven"),
        ("meine Nummer ist null eins sieben sechs vier drei zwo eins", "phone",
         "null eins sieben sechs vier drei zwo eins"),
        ("null einundsiebzig vierunddreißig zwölf neun", "phone",
         "null einundsiebzig vierunddreißig zwölf neun"),
        ("c'est le zéro six douze trente-quatre cinquante-six", "phone",
         "zéro six douze trente-quatre cinquante-six"),
        ("numer to sześćset jeden, dwieście trzydzieści cztery", "phone",
         "sześćset jeden, dwieście trzydzieści cztery"),
        ("my social is five three six nine oh four three nine nine", "national_id",
         "five three six nine oh four three nine nine"),
        ("the card ends in four two four two", "card", "four two four two"),
        ("the PIN is four eight two one", "password", "four eight two one"),
        ("account one two three four five six seven eight", "record_number",
         "one two three four five six seven eight"),
        ("it reads victor alfa one two three kilo lima", "record_number",
         "victor alfa one two three kilo lima"),
        ("write to Anna dot Kowalska at gmail dot com please", "email",
         "Anna dot Kowalska at gmail dot com"),
        ("reach me at anna underscore k at st-mary dot co dot uk", "email",
         "anna underscore k at st-mary dot co dot uk"),
        ("a n n a at clinic dot org", "email", "a n n a at clinic dot org"),
        ("anna kropka kowalska małpa wp kropka pl", "email",
         "anna kropka kowalska małpa wp kropka pl"),
        ("K-o-w-a-l-s-k-a", "person", "K-o-w-a-l-s-k-a"),
        ("A N N A  came", "person", "A N N A"),
        ("it is spelled X o w q l s k", "person", "X o w q l s k"),
        ("to D E 8 9 3 7 0 4 0 0 4 4 0 5 3 2 0 1 3 0 0 0 today", "iban",
         "D E 8 9 3 7 0 4 0 0 4 4 0 5 3 2 0 1 3 0 0 0"),
        ("4-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1", "card", "4-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1"),
    ],
)  # fmt: skip
def test_what_was_dictated_is_found_whole(text: str, kind: str, value: str) -> None:
    assert (kind, value) in found(text)


@pytest.mark.parametrize(
    "text",
    [
        "one two three four five six seven eight nine ten",
        "ten nine eight seven six five four three two one",
        "two million three hundred forty five thousand six hundred",
        "forty five thousand two hundred eighty seven",
        "nineteen eighty four was a good year",
        "five hundred twenty three people came at nine thirty",
        "alpha bravo charlie",
        "T O T A L  D U E",
        "a b c d e f, x y z w",
        "Options: A, B, C, D",
        "1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3",
        "but at this point it is late",
        "look at the dot above the i",
    ],
)
def test_counting_amounts_and_headings_are_left(text: str) -> None:
    detectors = (SpokenDetector(), SpelledDetector())

    assert [span for one in detectors for span in one.detect(text)] == []


@given(
    digits=st.lists(st.integers(0, 9), min_size=7, max_size=15),
    gap=st.sampled_from([" ", ", ", "-", ". "]),
    around=st.sampled_from(["", "İstanbul: ", "ﬁrst, ", "漢字 "]),
)
def test_any_digits_said_one_by_one_are_covered(digits: list[int], gap: str, around: str) -> None:
    said = gap.join(ONES[digit] for digit in digits)
    text = f"{around}dial {said} now"

    covered = {
        place for span in SpokenDetector().detect(text) for place in range(span.start, span.end)
    }

    start = text.index(said)
    assert covered == set(range(start, start + len(said)))
