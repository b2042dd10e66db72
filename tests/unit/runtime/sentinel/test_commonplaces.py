"""What reads like a name and tells of nobody is let go; everything beside it stays."""

import pytest

from runtime.ids import Category
from runtime.policy.document import parse_policy
from runtime.sentinel.categories import QUASI_IDENTIFIERS, category_of
from runtime.sentinel.commonplaces import may_pass, without_commonplaces
from runtime.sentinel.defaults import default_detectors
from runtime.sentinel.detectors.dictionary import Term
from runtime.sentinel.scan import Sentinel
from runtime.sentinel.span import Span
from runtime.sentinel.tagger.model import BUILT_IN


def marked(text: str, *marks: tuple[str, str], detector: str = "tagger") -> list[Span]:
    return [
        Span(text.index(word), text.index(word) + len(word), kind, category_of(kind), 0.9, detector)
        for word, kind in marks
    ]


def kept(text: str, *marks: tuple[str, str]) -> list[str]:
    return [
        text[span.start : span.end] for span in without_commonplaces(text, marked(text, *marks))
    ]


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("ATM", "organization"),
        ("Labor Day", "date"),
        ("European Union", "organization"),
        ("Yes", "person"),
        ("her", "person"),
        ("Marie Curie", "person"),
        ("Generalization", "person"),
    ],
)
def test_it_is_let_go(word: str, kind: str) -> None:
    assert kept(f"What about {word}, then?", (word, kind)) == []


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("Will", "person"),
        ("May", "person"),
        ("Anna Kowalska", "person"),
        ("Curie", "person"),  # without the whole name it may be anybody's
        ("Patient Marie Curie", "person"),
        ("Curtius", "person"),
        ("her", "password"),  # a word may well open something
    ],
)
def test_it_stays(word: str, kind: str) -> None:
    assert kept(f"What about {word}, then?", (word, kind)) == [word]


def test_who_has_the_name_of_a_figure_and_an_address_keeps_it() -> None:
    text = "Marie Curie, 12 Mill Lane"

    assert kept(text, ("Marie Curie", "person"), ("12 Mill Lane", "address")) == [
        "Marie Curie",
        "12 Mill Lane",
    ]


def test_a_figure_is_let_go_by_the_last_name_too_once_named_whole() -> None:
    text = "Marie Curie was born in 1867. When did Curie move?"
    spans = marked(text, ("Marie Curie", "person"))
    again = text.rindex("Curie")
    spans += [Span(again, again + 5, "person", spans[0].category, 0.9, "tagger")]

    assert without_commonplaces(text, spans) == []


def test_which_part_of_a_place_is_no_part_of_it() -> None:
    assert kept("in Southern Poland", ("Southern Poland", "place")) == ["Poland"]
    assert kept("in Southern", ("Southern", "place")) == ["Southern"]
    assert kept("in Southern Poland", ("Southern", "place"), ("Poland", "place")) == ["Poland"]


def test_an_operators_own_term_stays() -> None:
    terms = [Term("european union", "project", Category("project"))]
    found = Sentinel(default_detectors(dictionary=terms)).scan_now("Ship European Union today.")

    assert found.label.categories == {"project"}


@pytest.mark.parametrize(
    "text",
    [
        "Who was Marie Curie, and what did Curie discover?",
        "Which holds?\nA. Loss grows\nB. Well being rises\nC. Prices fall\nD. Low demand",
        "sizeEndCentDir64Locator = struct.calcsize(structEndArchive64Locator)",
        "How do I withdraw money from an ATM on Labor Day?",
    ],
)
def test_the_shipped_sentinel_leaves_it_alone(text: str) -> None:
    sentinel = Sentinel(default_detectors(model=BUILT_IN, asked=QUASI_IDENTIFIERS))

    assert [text[span.start : span.end] for span in sentinel.scan_now(text).spans] == []


def test_a_theorys_name_goes_and_the_same_name_elsewhere_stays() -> None:
    text = "Kohlberg's theory of stages came up."

    assert kept(text, ("Kohlberg", "person")) == []
    assert kept("Ask Kohlberg.", ("Kohlberg", "person")) == ["Kohlberg"]
    assert kept("Anna's theory is", ("Anna", "person")) == ["Anna"]
    assert kept(f"{text} a@b.org", ("Kohlberg", "person"), ("a@b.org", "email")) == [
        "Kohlberg",
        "a@b.org",
    ]


def test_an_unknown_word_to_choose_goes_and_a_known_name_stays() -> None:
    text = "Which?\nA. Bradycardia.\nB. Kowalska."

    assert kept(text, ("Bradycardia", "person"), ("Kowalska", "person")) == ["Kowalska"]


def test_a_substance_of_a_textbook_is_no_treatment() -> None:
    assert kept("leucine, ibuprofen", ("leucine", "treatment"), ("ibuprofen", "treatment")) == [
        "ibuprofen"
    ]


@pytest.mark.parametrize(("level", "passes"), [("confidential", True), ("restricted", False)])
def test_where_names_are_restricted_every_name_counts(level: str, *, passes: bool) -> None:
    policy = parse_policy(
        f"leeward: policy/v1\ncategories: {{person: {level}}}\n"
        "clearance: {edge: restricted, cloud: internal}\n"
    )
    sentinel = Sentinel(default_detectors(), passes_commonplaces=may_pass(policy))

    found = sentinel.without("tagger").scan_now("Who was Marie Curie?").spans

    assert may_pass(policy) is passes
    assert bool(found) is not passes
