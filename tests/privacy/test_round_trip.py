"""DESIGN promise 5: ``restore(redact(x)) == x`` for every text, cut into chunks anywhere."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from edge.privacy.book import Book
from edge.privacy.placeholders import Grammar
from edge.privacy.redact import Redacted, Redactor
from edge.privacy.restore import StreamRestorer, restore
from runtime.ids import Category
from runtime.sentinel.categories import KINDS
from runtime.sentinel.span import Span
from tests.privacy.round_trips import restored_in_pieces, spans_anywhere

GRAMMAR = Grammar(KINDS)
REMOVED = frozenset({Category("person"), Category("contact")})

LOOK_ALIKES = st.sampled_from(
    [
        "<PERSON_1>", "<PERSON_1b>", "<person_1>", "< PERSON_1 >", "<PERSON 2>", "<PERSON-3>",
        "<PERSON\\_1>", "PERSON_1", "PHONE\\_12", "PERSON_1b", "&lt;EMAIL_1&gt;",
        "\\u003cPERSON_1\\u003e", "<LITERAL_1>", "LITERAL_2", "<SENSITIVE_1>", "<PERSON_", "PERSON",
        "_1>", "1>", "<", ">", "&lt;", "&gt;", "\\u003c", "\\", "_", "1", "b", "<<",
        "<PER\u017fON_1>",
        "<\u212aPERSON_1>",
        "<PERSON_00001>", "<PERSON_123456>", "<PERSON_1c >", "&l", "t;", "x",
        "<API_KEY_1>", "<IP_1>", "IP_1", "<URL_CREDENTIALS_9>", " ", "-", "\n",
    ]
)  # fmt: skip
TEXTS = st.lists(st.one_of(LOOK_ALIKES, st.text(max_size=6)), max_size=14).map("".join)
KIND = st.sampled_from(["person", "phone", "email", "iban", "condition", "unheard_of"])


@st.composite
def marked_texts(draw: st.DrawFn) -> tuple[str, list[Span]]:
    """Any text with any spans: overlapping, touching, of categories that stay or go."""
    text = draw(TEXTS)
    return text, spans_anywhere(draw, text, KIND)


def redacted(text: str, spans: list[Span]) -> Redacted:
    """Redact in a fresh session."""
    return Redactor(GRAMMAR).redact(text, spans, REMOVED, Book(GRAMMAR).placeholder_for)


@settings(max_examples=150)
@given(marked_texts())
@example(("<<PERSON_1>PERSON_1", [Span(1, 10, "person", Category("person"))]))
@example(("AnnaPERSON_1Anna", [Span(0, 4, "person", Category("person"))]))
@example(("PERSON_Anna", [Span(7, 11, "person", Category("person"))]))
@example(("\\u003cPERSON_1\\u003eLITERAL_2", []))
@example(("<PERSON_1>\\u003cPERSON_1\\u003eLITERAL_2PERSON_3", []))
def test_restoring_a_redacted_text_gives_it_back_exactly(marked: tuple[str, list[Span]]) -> None:
    text, spans = marked

    released = redacted(text, spans)
    restored = restore(released.text, released.released, GRAMMAR)

    assert restored.text == text
    assert restored.unknown == 0


@settings(max_examples=150)
@given(marked_texts())
def test_no_marked_character_survives_in_its_place(marked: tuple[str, list[Span]]) -> None:
    text, spans = marked
    gone = {
        position
        for span in spans
        if span.category in REMOVED
        for position in range(span.start, span.end)
    }

    released = redacted(text, spans)

    kept = [piece for piece in released.pieces if not piece.is_replaced]
    assert not any(gone & set(range(piece.source_start, piece.source_end)) for piece in kept)


@settings(max_examples=150)
@given(marked_texts(), st.data())
def test_chunk_borders_make_no_difference(
    marked: tuple[str, list[Span]], data: st.DataObject
) -> None:
    text, spans = marked

    assert restored_in_pieces(redacted(text, spans), GRAMMAR, data) == text


@settings(max_examples=150)
@given(TEXTS)
def test_streaming_any_answer_by_character_equals_restoring_it_whole(answer: str) -> None:
    mapping = {"<PERSON_1>": "Anna <PERSON_2>", "<PERSON_1b>": "Anna", "<PHONE_12>": "PERSON_1"}
    stream = StreamRestorer(mapping, GRAMMAR)

    shown = "".join(stream.feed(character) for character in answer) + stream.finish()

    whole = restore(answer, mapping, GRAMMAR)
    assert shown == whole.text
    assert stream.unknown == whole.unknown


@settings(max_examples=100)
@given(TEXTS)
def test_a_stream_holds_back_at_most_what_a_placeholder_can_be_long(answer: str) -> None:
    stream = StreamRestorer({}, GRAMMAR)
    shown = 0

    for fed, character in enumerate(answer, start=1):
        shown += len(stream.feed(character))
        assert fed - shown <= GRAMMAR.max_characters


@settings(max_examples=150)
@given(st.lists(marked_texts(), min_size=1, max_size=4))
def test_the_turns_of_a_session_share_placeholders_and_restore_each(
    turns: list[tuple[str, list[Span]]],
) -> None:
    redactor, book = Redactor(GRAMMAR), Book(GRAMMAR)

    released = [redactor.redact(*turn, REMOVED, book.placeholder_for) for turn in turns]

    for (text, _), item in zip(turns, released, strict=True):
        assert restore(item.text, book.values, GRAMMAR).text == text


SECRETS = st.text(
    alphabet=st.characters(categories=["Lu", "Ll", "Nd"], max_codepoint=0x24F),
    min_size=1,
    max_size=12,
)


@settings(max_examples=150)
@given(st.lists(st.tuples(TEXTS, st.sampled_from(["phone", "email"])), max_size=6), st.data())
def test_texts_that_differ_in_their_secrets_only_are_released_as_the_same_text(
    parts: list[tuple[str, str]], data: st.DataObject
) -> None:
    """Promise 2, local part: same gaps, spans, kinds and coreference, other values."""

    def release(prefix: str) -> str:
        text, spans = "", []
        for number, (gap, kind) in enumerate(parts):
            value = f"{prefix}{number % 3}"
            start = len(text) + len(gap)
            spans.append(Span(start, start + len(value), kind, Category("contact")))
            text += gap + value
        return redacted(text, spans).text

    first = data.draw(SECRETS)
    second = data.draw(SECRETS)

    assert release(first) == release(second)
