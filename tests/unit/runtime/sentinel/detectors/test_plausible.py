"""What has a form is held to the least of it, and a part that was broken off still passes."""

import pytest

from runtime.sentinel.detectors.plausible import is_plausible, without_choice_mark


@pytest.mark.parametrize(
    ("reading", "kind"),
    [
        ("192.168.4.7", "ip"),
        ("10.0", "ip"),
        ("fe80::1", "ip"),
        ("2001:db8:0:0:0:ff00:42:8329", "ip"),
        ("a1:b2:c3", "ip"),
        ("PESEL 44051401458", "national_id"),
        ("12.03.1980", "date_of_birth"),
        ("the third of May", "date_of_birth"),
        ("4821 Main St, Victoria BC", "address"),
        ("C. Longacre", "address"),
        ("anything", "person"),
    ],
)
def test_what_has_its_form_passes(reading: str, kind: str) -> None:
    assert is_plausible(reading, 0, len(reading), kind)


@pytest.mark.parametrize(
    ("reading", "kind"),
    [
        ("1:9:36:84:126:9:1", "ip"),
        ("3C", "ip"),
        ("127.0.0.1", "ip"),
        ("sha256:9f86d081884c7d659a2f", "ip"),
        ("5b", "ip"),
        ("neo", "national_id"),
        ("16 August 1769", "date_of_birth"),
        ("325 CE", "address"),
    ],
)
def test_what_lacks_it_does_not(reading: str, kind: str) -> None:
    assert not is_plausible(reading, 0, len(reading), kind)


def test_a_number_before_its_era_is_a_year() -> None:
    assert not is_plausible("built in 596 CE", 9, 12, "phone")
    assert is_plausible("call 596 4471", 5, 8, "phone")


def test_a_choices_letter_is_no_houses_number() -> None:
    text = "Where?\nA. Oslo\nB. United Kingdom\nC. 4 Elm Road"
    united, elm = text.index("B."), text.index("C.")

    assert without_choice_mark(text, united, united + 9, "address") is None
    assert without_choice_mark(text, united, united + 9, "person") == united + 3
    assert without_choice_mark(text, elm, len(text), "address") == elm + 3
    assert without_choice_mark("to B. United", 3, 12, "address") == 3


def test_an_address_that_every_machine_has_is_told_by_a_part_of_it() -> None:
    text = "ping 127.0.0.53, mask 255.255.255.0, host 10.127.0.1"

    assert not is_plausible(text, 5, 10, "ip")
    assert not is_plausible(text, 22, 33, "ip")
    assert is_plausible(text, text.index("127.0.1"), len(text), "ip")
