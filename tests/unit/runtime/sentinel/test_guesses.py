"""What patterns only guess to be a name, beside a model that has read the text."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from runtime.labels import UNSURE
from runtime.sentinel.categories import ORGANIZATION, PERSON
from runtime.sentinel.detectors.person import PersonDetector
from runtime.sentinel.guesses import GUESSER, READER, SURE, without_doubted
from runtime.sentinel.scan import Sentinel
from runtime.sentinel.span import Span

TEXT = "Anna Kowalska had the Victoria Sponge; Dr. Birch had none."


@dataclass(frozen=True)
class Reader:
    """A model that marks what it is told to."""

    marks: tuple[str, ...] = ()
    kinds: frozenset[str] = frozenset({"person", "organization"})
    is_broken: bool = False
    name: str = READER

    def detect(self, text: str) -> list[Span]:
        if self.is_broken:
            raise RuntimeError
        places = [(text.index(mark), mark) for mark in self.marks]
        return [
            Span(at, at + len(mark), "organization", ORGANIZATION, 0.4, self.name)
            for at, mark in places
        ]


def people(*detectors: Reader, text: str = TEXT, passes: bool = True) -> set[str]:
    sentinel = Sentinel([PersonDetector(), *detectors], passes_commonplaces=passes)
    found = sentinel.scan_now(text).spans
    return {text[span.start : span.end] for span in found if span.kind == "person"}


def test_without_a_model_every_guess_counts() -> None:
    assert people() == {"Anna Kowalska", "Victoria Sponge", "Birch"}


def test_a_guess_of_which_the_model_marks_nothing_is_let_go() -> None:
    assert people(Reader(("Kowalska",))) == {"Anna Kowalska", "Birch"}


def test_a_name_behind_a_title_needs_no_model() -> None:
    assert "Birch" in people(Reader())


def test_a_model_that_failed_has_doubted_nothing() -> None:
    sentinel = Sentinel([PersonDetector(), Reader(is_broken=True)])
    scan = sentinel.scan_now(TEXT)
    assert UNSURE in scan.label.categories
    assert {TEXT[span.start : span.end] for span in scan.spans} == people()


def test_a_model_that_does_not_look_for_people_has_no_say() -> None:
    assert people(Reader(kinds=frozenset({"organization"}))) == people()


def test_where_nothing_is_let_go_guesses_stay() -> None:
    assert people(Reader(), passes=False) == people()


spans = st.builds(
    lambda start, length, detector, score: Span(
        start, start + length, "person", PERSON, score, detector
    ),
    st.integers(0, 60),
    st.integers(1, 9),
    st.sampled_from([GUESSER, READER, "coreference"]),
    st.sampled_from([0.5, 0.8, SURE]),
)


@given(st.lists(spans, max_size=12))
def test_only_guesses_that_touch_nothing_else_go(found: list[Span]) -> None:
    others = [span for span in found if span.detector != GUESSER]

    def is_backed(span: Span) -> bool:
        return any(one.start < span.end and span.start < one.end for one in others)

    assert without_doubted(found) == [
        span for span in found if span.detector != GUESSER or span.score >= SURE or is_backed(span)
    ]
