"""Promises 2 and 5 where redaction writes surrogates: exact, by ordinal, in any stream."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edge.privacy.book import Book
from edge.privacy.disguise import disguised
from edge.privacy.placeholders import Grammar
from edge.privacy.redact import Redacted, Redactor
from edge.privacy.restore import StreamRestorer, restore, restore_json
from runtime.ids import Category
from runtime.sentinel.categories import KINDS
from runtime.sentinel.span import Span
from runtime.sentinel.surrogate import as_tags
from tests.privacy.round_trips import restored_in_pieces, spans_anywhere

GRAMMAR = Grammar(KINDS, has_surrogates=True)
PERSON, CONTACT = Category("person"), Category("contact")
REMOVED = frozenset({PERSON, CONTACT})
PIECES = st.sampled_from(
    [
        "Quellimar", "quellimar", "VANDOVETH", "Quell", "imar", "B. Quellimar", "B. ", "C.", "B",
        "Quellimars", "'s", "s", "sx", "@", "+", "-", ".", "/", "_", "\\n", "\n", " ", "  ", ",",
        "contact1@example.com", "contact1b@example.com", "contact", "@example.com", "1",
        "+1 202-555-0101", "(202) 555-0101", "202.555.0101", "1 202 555 0102", "+1", "555-01", "0",
        "192.0.2.1", "192.0.2.", "198.51.100.7", "GB75 TEST 0000 0000 0000 01", "GB75TEST", "0000",
        "00:00:5E:00:53:01", "00-00-5e-00-53-0", "1 Vellmarrow Street", " Vellmarrow", " Street",
        "<PERSON_1>", "PERSON_1", "<LITERAL_1>", "<", ">", "Que\u017f", "\u212a",
    ]
)  # fmt: skip
TEXTS = st.lists(st.one_of(PIECES, st.text(max_size=4)), max_size=12).map("".join)
KIND = st.sampled_from(["person", "phone", "email", "iban", "ip", "mac", "address", "condition"])


@st.composite
def marked_texts(draw: st.DrawFn) -> tuple[str, list[Span]]:
    """Texts of surrogates and parts of them; spans anywhere, and around whole words."""
    text = draw(TEXTS)
    if draw(st.booleans()):
        spans: list[Span] = []
        for value in draw(st.lists(st.sampled_from(["Anna", "Zoe", "Quellimar"]), max_size=5)):
            text += draw(st.sampled_from([" ", ", ", "", "B. ", "x"]))
            spans.append(Span(len(text), len(text) + len(value), draw(KIND), PERSON))
            text += value + draw(TEXTS)
        return text, spans
    return text, spans_anywhere(draw, text, KIND)


def redacted(text: str, spans: list[Span]) -> Redacted:
    """Redact in a fresh session."""
    naming = Book(GRAMMAR).placeholder_for
    return disguised(Redactor(GRAMMAR).redact(text, spans, REMOVED, naming), GRAMMAR)


def people(text: str, *names: str) -> list[Span]:
    """Mark the first place of each name."""
    return [
        Span(at, at + len(name), "person", PERSON) for name in names for at in [text.find(name)]
    ]


@settings(max_examples=300)
@given(marked_texts())
@example(("B. Anna", [Span(3, 7, "person", PERSON)]))
@example(("Quellimar met Anna", [Span(14, 18, "person", PERSON)]))
@example(("AnnaZoe", [Span(0, 4, "person", PERSON), Span(4, 7, "person", CONTACT)]))
def test_restoring_gives_every_text_back_exactly(marked: tuple[str, list[Span]]) -> None:
    text, spans = marked

    released = redacted(text, spans)
    restored = restore(released.text, released.released, GRAMMAR)

    assert restored.text == text
    assert restored.unknown == 0


@settings(max_examples=200)
@given(marked_texts())
def test_read_as_tags_it_is_what_redaction_with_tags_writes(
    marked: tuple[str, list[Span]],
) -> None:
    text, spans = marked
    tagged = Redactor(GRAMMAR).redact(text, spans, REMOVED, Book(GRAMMAR).placeholder_for)

    released = disguised(tagged, GRAMMAR)

    assert as_tags(released.text, released.released) == tagged.text
    kept = [piece for piece in released.pieces if not piece.is_replaced]
    assert [released.text[piece.start : piece.end] for piece in kept] == [
        text[piece.source_start : piece.source_end] for piece in kept
    ]


@settings(max_examples=200)
@given(marked_texts(), st.data())
def test_chunk_borders_make_no_difference(
    marked: tuple[str, list[Span]], data: st.DataObject
) -> None:
    text, spans = marked

    assert restored_in_pieces(redacted(text, spans), GRAMMAR, data) == text


@settings(max_examples=300)
@given(TEXTS)
@example("Quellimarsx")
@example("B. Quellimars")
def test_streaming_any_answer_by_character_equals_restoring_it_whole(answer: str) -> None:
    mapping = {
        "Quellimar": "Anna Vandoveth", "B. Quellimar": "Anna", "+1 202-555-0101": "Quellimar",
        "contact1@example.com": "a@b.org", "192.0.2.1": "10.1.1.1", "<PERSON_1>": "Anna",
        "GB75 TEST 0000 0000 0000 01": "DE1", "1 Vellmarrow Street": "5 Elm Rd",
        "00:00:5E:00:53:01": "m",
    }  # fmt: skip
    stream = StreamRestorer(mapping, GRAMMAR)

    held: list[int] = []
    shown = ""
    for fed, character in enumerate(answer, start=1):
        shown += stream.feed(character)
        held.append(fed - len(shown) if not stream.restored else 0)
    shown += stream.finish()

    whole = restore(answer, mapping, GRAMMAR)
    assert (shown, stream.unknown) == (whole.text, whole.unknown)
    assert max(held, default=0) <= GRAMMAR.max_characters


@settings(max_examples=200)
@given(st.lists(st.tuples(TEXTS, KIND), max_size=6), st.data())
def test_texts_that_differ_in_their_secrets_only_are_released_as_the_same_text(
    parts: list[tuple[str, str]], data: st.DataObject
) -> None:
    def release(value: str) -> str:
        text, spans = "", []
        for number, (gap, kind) in enumerate(parts):
            secret = f"{value}{number}"
            start = len(text) + len(gap)
            spans.append(Span(start, start + len(secret), kind, CONTACT))
            text += gap + secret
        return redacted(text, spans).text

    secrets = st.one_of(st.sampled_from(["Quellimar", "Vandoveth", "B. Quellimar", "7"]), st.text())

    first, second = data.draw(secrets), data.draw(secrets)

    # Values that are forms of each other are another matter: coreference is told, as with tags.
    naming = Book(GRAMMAR).placeholder_for, Book(GRAMMAR).placeholder_for
    for number, (_, kind) in enumerate(parts):
        if naming[0](kind, f"{first}{number}") != naming[1](kind, f"{second}{number}"):
            return
    assert release(first) == release(second)


def test_ordinary_prose_reads_naturally_and_comes_back() -> None:
    text = "Anna Kowalska's file: call Anna, or Zoe. Anna-led; (Zoe)"
    spans = people(text, "Anna Kowalska", "Zoe")
    spans += [Span(at, at + 4, "person", PERSON) for at in (text.index("Anna,"), 41)]

    released = redacted(text, spans)

    assert released.text.startswith("Quellimar's file: call B. Quellimar, or Vandoveth. B. Quell")
    assert restore(released.text, released.released, GRAMMAR).text == text


def test_only_what_cannot_be_told_from_its_neighbours_keeps_its_tag() -> None:
    text = "Anna met xZoe, and B. Omar; then Ruth"

    released = redacted(text, people(text, "Anna", "Zoe", "Omar", "Ruth"))

    assert released.text == "Quellimar met x<PERSON_2>, and B. <PERSON_3>; then Tharnandry"
    assert restore(released.text, released.released, GRAMMAR).text == text


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        ("QUELLIMAR and quellimar's", "Anna and Anna's"),
        ("the Quellimars", "the Annas"),
        ("Ms. Quellimar; **Quellimar**", "Ms. Anna; **Anna**"),
        ("Quellimarian, xQuellimar, Quellimar@here.org", None),
        ("Vandoveth, C. Quellimar, contact9@example.com", None),
    ],
)
def test_whole_surrogates_of_this_request_are_restored_and_nothing_else(
    answer: str, shown: str | None
) -> None:
    assert restore(answer, {"Quellimar": "Anna"}, GRAMMAR).text == (shown or answer)


def test_in_json_a_surrogate_is_restored_inside_its_string() -> None:
    answer = '{"who":"Quellimar","note":"\\nQuellimar\\n"}'

    restored = restore_json(answer, {"Quellimar": 'Anna "A"'}, GRAMMAR)

    assert restored.text == '{"who":"Anna \\"A\\"","note":"\\nAnna \\"A\\"\\n"}'


def test_without_the_option_a_surrogate_is_a_word_like_any_other() -> None:
    text = "Quellimar"

    released = Redactor(Grammar(KINDS)).redact(text, [], REMOVED, Book(GRAMMAR).placeholder_for)

    assert released.text == text
