"""Spans, redaction and restoration of generated questions."""

import phonenumbers
import pytest
from stdnum import iban

from reference.tasks import Question, placeholders, questions, restore
from reference.tasks.question import Marked, Span, redact, write

DRAWN = questions(count=600, seed=11)
PERSONAL = [question for question in DRAWN if question.is_personal]


def values(question: Question, kind: str) -> list[str]:
    return [question.text[s.start : s.end] for s in question.spans if s.kind == kind]


def test_spans_are_ordered_and_do_not_overlap() -> None:
    for question in DRAWN:
        ends = [0, *(span.end for span in question.spans)]
        assert all(s.start >= end for s, end in zip(question.spans, ends, strict=False))
        assert all(s.start < s.end <= len(question.text) for s in question.spans)


def test_every_mention_of_a_name_is_a_span() -> None:
    for question in PERSONAL:
        for name in set(values(question, "person")):
            assert question.text.count(name) == values(question, "person").count(name)


def test_every_account_number_has_a_right_checksum() -> None:
    accounts = {value for question in PERSONAL for value in values(question, "iban")}

    assert len(accounts) > 20
    assert all(iban.is_valid(account) for account in accounts)


def test_every_phone_number_is_one_that_phonenumbers_finds() -> None:
    phones = {value for question in PERSONAL for value in values(question, "phone")}

    assert len(phones) > 50
    assert all(phonenumbers.is_possible_number(phonenumbers.parse(phone)) for phone in phones)


def test_every_mail_address_is_ascii_in_a_reserved_domain() -> None:
    addresses = {value for question in PERSONAL for value in values(question, "email")}

    assert len(addresses) > 50
    assert all(a.isascii() and a.partition("@")[2].startswith("example.") for a in addresses)


def test_redacted_form_holds_no_identifying_value() -> None:
    for question in PERSONAL:
        hidden = placeholders(question.text, question.spans)
        redacted = question.redacted
        for value in hidden:
            assert value not in redacted.text
            assert value not in redacted.solution


def test_redacted_form_restores_to_the_original() -> None:
    for question in PERSONAL:
        mapping = placeholders(question.text, question.spans)
        redacted = question.redacted
        assert restore(redacted.text, mapping) == question.text
        assert restore(redacted.solution, mapping) == question.solution
        assert restore(redacted.answer, mapping) == question.answer


def test_health_words_stay_and_keep_their_spans() -> None:
    ill = [question for question in PERSONAL if values(question, "health")]

    assert ill
    for question in ill:
        assert values(question.redacted, "health") == values(question, "health")


def test_a_question_without_personal_data_is_its_own_redacted_form() -> None:
    neutral = [question for question in DRAWN if not question.is_personal]

    assert len(neutral) > len(DRAWN) / 5
    assert all(question.redacted.text == question.text for question in neutral)


def test_the_same_value_gets_the_same_placeholder() -> None:
    ann, bob = Marked("Ann Lee", "person"), Marked("Bob Ray", "person")

    text, spans = write("{a} met {b}; {a} left.", {"a": ann, "b": bob})

    assert text == "Ann Lee met Bob Ray; Ann Lee left."
    assert spans[0] == Span(0, 7, "person")
    assert redact(text, placeholders(text, spans)) == "<PERSON_1> met <PERSON_2>; <PERSON_1> left."


@pytest.mark.parametrize("kind", ["person", "phone", "iban", "email", "health"])
def test_every_kind_of_span_occurs(kind: str) -> None:
    assert any(values(question, kind) for question in PERSONAL)
