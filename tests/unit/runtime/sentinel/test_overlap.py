from hypothesis import given
from hypothesis import strategies as st

from runtime.ids import Category
from runtime.sentinel.categories import CONTACT, FINANCE, IDENTITY, KINDS, PERSON, SECRET
from runtime.sentinel.overlap import drop_misreadings, merge_overlaps, merge_within_categories
from runtime.sentinel.span import Span


def spans() -> st.SearchStrategy[list[Span]]:
    def build(start: int, length: int, kind: str) -> Span:
        return Span(start, start + length, kind, KINDS.get(kind, Category("project_name")))

    kinds = st.sampled_from(sorted([*KINDS, "project_name"]))
    return st.lists(st.builds(build, st.integers(0, 40), st.integers(1, 15), kinds), max_size=12)


def covered(given_spans: list[Span] | tuple[Span, ...]) -> set[int]:
    return {place for span in given_spans for place in range(span.start, span.end)}


@given(spans())
def test_merging_keeps_every_character_and_leaves_no_overlap(found: list[Span]) -> None:
    merged = merge_overlaps(found)

    assert covered(merged) == covered(found)
    assert sum(span.length for span in merged) == len(covered(found))


@given(spans(), st.randoms())
def test_the_order_of_detectors_makes_no_difference(found: list[Span], rng: object) -> None:
    shuffled = list(found)
    rng.shuffle(shuffled)  # type: ignore[attr-defined]

    assert merge_overlaps(shuffled) == merge_overlaps(found)
    assert merge_within_categories(drop_misreadings(shuffled)) == merge_within_categories(
        drop_misreadings(found)
    )


@given(spans())
def test_dropping_misreadings_uncovers_no_character(found: list[Span]) -> None:
    assert covered(drop_misreadings(found)) == covered(found)


def test_the_longest_span_names_the_cluster() -> None:
    merged = merge_overlaps([Span(0, 5, "email", CONTACT), Span(3, 20, "person", PERSON)])

    assert [(span.start, span.end, span.kind) for span in merged] == [(0, 20, "person")]


def test_a_weaker_reading_inside_a_stronger_span_is_dropped() -> None:
    iban = Span(0, 20, "iban", FINANCE)

    assert drop_misreadings([iban, Span(4, 14, "phone", CONTACT)]) == [iban]


def test_a_weaker_reading_that_reaches_beyond_stays() -> None:
    both = [Span(0, 20, "iban", FINANCE), Span(4, 24, "phone", CONTACT)]

    assert drop_misreadings(both) == both


def test_a_person_inside_a_project_name_stays_a_person() -> None:
    project = Span(0, 20, "project_name", Category("project_name"), 1.0, "dictionary")
    person = Span(0, 4, "person", PERSON, 0.5)

    assert drop_misreadings([project, person]) == [project, person]


def test_spans_of_different_categories_may_overlap_in_a_scan() -> None:
    both = (Span(0, 4, "person", PERSON), Span(2, 9, "phone", CONTACT))

    assert merge_within_categories(both) == both


def test_digits_that_open_something_are_a_secret_whatever_else_they_number() -> None:
    pin = Span(0, 4, "password", SECRET, 0.8, "password")
    number = Span(0, 4, "record_number", IDENTITY, 0.9, "tagger")

    assert drop_misreadings([pin, number]) == [pin]
