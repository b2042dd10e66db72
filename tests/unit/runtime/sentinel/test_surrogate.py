import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import iban

from runtime.sentinel.surrogate import as_tags, canonical_surrogate, surrogate_of

KINDS = ["PERSON", "EMAIL", "PHONE", "IBAN", "IP", "MAC", "ADDRESS"]


@given(st.sampled_from(KINDS), st.integers(1, 99_999), st.sampled_from(["", *"bcdz"]))
def test_a_surrogate_says_which_placeholder_it_is(kind: str, ordinal: int, suffix: str) -> None:
    tag = f"<{kind}_{ordinal}{suffix}>"

    surrogate = surrogate_of(tag)

    if surrogate is not None:
        assert canonical_surrogate(surrogate.upper()) == surrogate
        assert as_tags(f"({surrogate})") == f"({tag})"


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_surrogates_for_more_values_than_a_request_holds(kind: str) -> None:
    surrogates = [surrogate_of(f"<{kind}_{ordinal}>") for ordinal in range(1, 241)]

    assert None not in surrogates
    assert len(set(surrogates)) == len(surrogates)


@pytest.mark.parametrize(
    "tag", ["<DATE_1>", "<PLACE_1>", "<LITERAL_1>", "<CARD_1>", "<PERSON_241>", "<PHONE_1b>", "x"]
)
def test_what_has_none_keeps_its_placeholder(tag: str) -> None:
    assert surrogate_of(tag) is None


def test_numbers_are_well_formed_and_set_aside_for_nobody() -> None:
    assert iban.is_valid(surrogate_of("<IBAN_7>") or "")
    assert surrogate_of("<PHONE_100>") == "+1 312-555-0101"
    assert surrogate_of("<IP_251>") == "198.51.100.1"
    assert surrogate_of("<EMAIL_2b>") == "contact2b@example.com"


@pytest.mark.parametrize(
    "text",
    [
        "+1 202 555-0101", "1 (202) 555 0101", "(202) 555-0101", "202.555.0101", "+12025550101",
    ],
)  # fmt: skip
def test_a_number_is_known_however_it_is_spaced(text: str) -> None:
    assert as_tags(text) == "<PHONE_1>"


@pytest.mark.parametrize(
    "text",
    [
        "+1 202-555-0201", "+1 908-555-0101", "+1 202-555-01011", "GB76 TEST 0000 0000 0000 01",
        "192.0.2.255", "10.192.0.2.1", "contact1@example.co", "Quellimaro",
        "a.contact1@example.com", "00:00:5E:00:53:00", "11:00:00:5E:00:53:01",
    ],
)  # fmt: skip
def test_look_alikes_are_none(text: str) -> None:
    assert as_tags(text) == text


def test_only_what_was_issued_counts() -> None:
    assert as_tags("Quellimar and Vandoveth", {"Vandoveth"}) == "Quellimar and <PERSON_2>"
