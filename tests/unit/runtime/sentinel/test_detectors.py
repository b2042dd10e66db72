"""Each shipped detector by examples: what it must find, and what it must leave."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.ids import Category
from runtime.sentinel.defaults import default_detectors
from runtime.sentinel.detectors.dictionary import Term
from runtime.sentinel.detectors.national_ids import _MAY_BEGIN, _NUMBERS, _SIX_DIGITS
from runtime.sentinel.detectors.phone import PhoneDetector
from runtime.sentinel.scan import Sentinel

SENTINEL = Sentinel(
    default_detectors(
        dictionary=[
            Term("Blue Falcon", "project_name", Category("project_name")),
            Term("C++ core", "project_name", Category("project_name")),
            Term("東京計画", "project_name", Category("project_name")),
        ]
    )
)
PEM = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE\n-----END EC PRIVATE KEY-----"
GITHUB = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N"


def found(text: str) -> list[tuple[str, str]]:
    """Return kind and text of every span."""
    return [(span.kind, text[span.start : span.end]) for span in SENTINEL.scan_now(text).spans]


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("write to anna.k+x@example.co.uk.", "email", "anna.k+x@example.co.uk"),
        ("mail: 'łukasz@exämple.org'", "email", "łukasz@exämple.org"),
        ("anna [at] example [dot] org", "email", "anna [at] example [dot] org"),
        ("call +48 601 234 567 now", "phone", "+48 601 234 567"),
        ("call +33 6 39 98 12 34 15 times", "phone", "+33 6 39 98 12 34"),
        ("0475/12.34.56", "phone", "0475/12.34.56"),
        ("(212) 555-0123", "phone", "(212) 555-0123"),
        ("or 0049 30 23125 123", "phone", "0049 30 23125 123"),
        ("+44 (0)20 7946 0958", "phone", "+44 (0)20 7946 0958"),
        ("tel. 5552345678", "phone", "5552345678"),
        ("Phone:\n467 3395\n\nE-mail:", "phone", "467 3395"),
        ("Acme Ltd.\n416 60 039 office\nParis", "phone", "416 60 039"),
        ("212-555-0123 ext. 44", "phone", "212-555-0123 ext. 44"),
        ("to DE89 3704 0044 0532 0130 00 today", "iban", "DE89 3704 0044 0532 0130 00"),
        ("NL91ABNA0417164300,", "iban", "NL91ABNA0417164300"),
        ("IBAN DE00 3704 0044 0532 0130 00", "iban", "DE00 3704 0044 0532 0130 00"),
        ("5 4111 1111 1111 1111", "card", "4111 1111 1111 1111"),
        ("378282246310005", "card", "378282246310005"),
        ("my card 1234 5678 9012 3456", "card", "1234 5678 9012 3456"),
        ("1BoatSLRHtKNngkdXEeobR76b53LETtpyT", "crypto_wallet",
         "1BoatSLRHtKNngkdXEeobR76b53LETtpyT"),
        ("536-90-4399", "national_id", "536-90-4399"),
        ("PESEL 44051401359", "national_id", "44051401359"),
        ("RSSMRA85T10A562S", "national_id", "RSSMRA85T10A562S"),
        ("dni 12345678Z", "national_id", "12345678Z"),
        ("AB 12 34 56 C", "national_id", "AB 12 34 56 C"),
        ("BSN 111222333", "national_id", "111222333"),
        ("943 476 5919", "national_id", "943 476 5919"),
        ("MRN: 12345678", "record_number", "12345678"),
        ("passport no. X1234567", "record_number", "X1234567"),
        ("born on 12 March 1980", "date_of_birth", "12 March 1980"),
        ("DOB: 1980-03-12", "date_of_birth", "1980-03-12"),
        ("host 10.0.0.1:80", "ip", "10.0.0.1"),
        ("seen at 10[.]0[.]0[.]7", "ip", "10[.]0[.]0[.]7"),
        ("fe80::1ff:fe23:4567:890a", "ip", "fe80::1ff:fe23:4567:890a"),
        ("00:1B:44:11:3A:B7", "mac", "00:1B:44:11:3A:B7"),
        ("postgres://bob:s3cret@db/x y", "url_credentials", "postgres://bob:s3cret@db/x"),
        ("key AKIAIOSFODNN7EXAMPLE.", "api_key", "AKIAIOSFODNN7EXAMPLE"),
        (f"export T={GITHUB}", "api_key", GITHUB),
        (f"Bearer {JWT}", "api_key", JWT),
        ("x = 'q7Rt9ZpL2vXw8KbN4mYc6HdF'", "api_key", "q7Rt9ZpL2vXw8KbN4mYc6HdF"),
        (f"see\n{PEM}\n.", "private_key", PEM),
        ("password = 'correct horse'", "password", "correct horse"),
        ("my password is hunter22!", "password", "hunter22"),
        ('{"token": "abcdef"}', "password", "abcdef"),
        ("at 52.229676, 21.012229", "coordinates", "52.229676, 21.012229"),
        ("Sachsenring 12", "address", "Sachsenring 12"),
        ("am Europaring 3,", "address", "Europaring 3"),
        ("at 12 High Street, Apt. 4", "address", "12 High Street, Apt. 4"),
        ("in Hauptstraße 12", "address", "Hauptstraße 12"),
        ("diagnosed with Type 2  diabetes", "condition", "Type 2  diabetes"),
        ("on chemotherapy", "treatment", "chemotherapy"),
        ("the blue\nfalcon plan", "project_name", "blue\nfalcon"),
        ("our C++ core is", "project_name", "C++ core"),
        ("これは東京計画です", "project_name", "東京計画"),
    ],
)  # fmt: skip
def test_it_is_found(text: str, kind: str, value: str) -> None:
    assert (kind, value) in found(text)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Patient Anna Kowalska takes 3 tablets.", "Anna Kowalska"),
        ("Mr. May called.", "May"),
        ("the patient Xylo Brant slept", "Xylo Brant"),
        ("Order for Xylo Brant: 3 lamps", "Xylo Brant"),
        ("Xylo Brant orders 3 lamps", "Xylo Brant"),
        ("What does Thandi Dlamini pay?", "Thandi Dlamini"),
        ("Fleur Park: room 3.", "Fleur Park"),
        ("the file of Kowalska, Anna", "Kowalska, Anna"),
        ("Anna van den Berg wrote", "Anna van den Berg"),
        ("J. Smith and others", "J. Smith"),
        ("JONAS BERG", "JONAS BERG"),
        ("ask anna kowalska", "anna kowalska"),
        ("Jean-Luc O'Brien's plan", "Jean-Luc O'Brien"),
        ("Dear Zorblat,", "Zorblat"),
        ("Best regards,\nXylo Brant", "Xylo Brant"),
        ("Then Katarzyna left.", "Katarzyna"),
        ("Frau Müller", "Müller"),
    ],
)
def test_a_name_is_found(text: str, name: str) -> None:
    assert found(text) == [("person", name)]


@pytest.mark.parametrize(
    "text",
    [
        "Explain Quantum Mechanics and New York.",
        "How many tablets is that? There are 30 tablets.",
        "3 * 5 = 15. 15 * 2 = 30. 30 * 7 = 210.",
        "A delivery on 2024-11-05 at 12:30:45 brings 1 234 567 boxes of 1,234.56 euro.",
        "CPU 853 ms GPU 12 ms; see 1300-4000 and 2604.12064.",
        "std::vector<int> a; v1.2.3.4",
        "def password_reset(token: str) -> None: pass",
        "commit 3f786850e387550fdab836ed7e6dc881de23001b",
        "the hearing aids als is AI",
        "version 10.0.0.1",
        "import getHttpResponseFromServerWithRetry2",
        "The password is required, and the token was invalid.",
        "Machine Learning for Healthcare Systems",
        "Monday in Paris, April in Austin",
        "ABG 7.35/45/88/24",
        "listen on 0.0.0.0:3000 and 127.0.0.1:8080, [::1]:53; mask 255.255.255.0",
        "During 2019 the Spring 2024 release and bearing 6205 were late; bring 2, string 12.",
    ],
)
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert found(text) == []


def test_a_phone_number_inside_an_account_number_is_no_contact() -> None:
    scan = SENTINEL.scan_now("DE89 3704 0044 0532 0130 00")

    assert scan.label.names() == ("finance",)


@given(data=st.data())
def test_no_written_form_of_a_national_id_is_passed_over(data: st.DataObject) -> None:
    number = data.draw(st.sampled_from([one for one in _NUMBERS if one.written]))

    written = data.draw(st.from_regex(number.written, fullmatch=True))

    assert _SIX_DIGITS.search(written)
    assert _MAY_BEGIN.match(written)


def test_an_unknown_phone_region_is_refused() -> None:
    with pytest.raises(ValueError, match="XX"):
        PhoneDetector(["XX"])


def test_the_operator_adds_health_terms() -> None:
    sentinel = Sentinel(default_detectors(conditions=["zeta fever"], treatments=["zetamycin"]))

    kinds = [span.kind for span in sentinel.scan_now("Zeta fever: Zetamycin").spans]

    assert kinds == ["condition", "treatment"]
