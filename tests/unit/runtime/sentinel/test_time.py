"""Detection takes time linear in the text, however hostile; a generous bound per character.

Measured in CPU time of this process, so that a busy machine does not matter.
"""

import time

import pytest

from runtime.ids import Category
from runtime.sentinel.defaults import default_detectors
from runtime.sentinel.detectors.dictionary import Term
from runtime.sentinel.scan import Sentinel

SENTINEL = Sentinel(
    default_detectors(dictionary=[Term("a a a a a b", "word", Category("word"))]),
    timeout_s=600,
)
HOSTILE = [
    "a", "1", "12 ", "a@", "@", "a.", "+1234567 ", "(212) 555-0123 ", "4111 ", "DE89 ",
    "password ", "password = '", "-----BEGIN PRIVATE KEY-----", "Ab ", "A. ", "Mr ", "Anna de la ",
    "a:", "://", "a://b:", "Ab1/", "85050512345 ", '"', "born on ", "12 High ", "1.1234 ", "eyJ",
    "eyJaaaaaaaaa-", "eyJaaaaaaaaa.", "patient id ", "Anna Kowalska ", "a ", "漢", "\n", "<PERSON_",
    "e\u0301", "street 1", "calle a a a a ", "a'", "1-",
    "one two ", "a-", "a dot ", "a at b dot ", "one two three\n", "double ", "one, ",
]  # fmt: skip
CHARACTERS = 15_000
MAX_S_PER_CHARACTER = 40e-6
"""Ten times the aim for ordinary text; quadratic work on this size is far beyond it."""


@pytest.mark.parametrize("piece", HOSTILE)
def test_repetition_is_no_weapon(piece: str) -> None:
    text = (piece * (CHARACTERS // len(piece) + 1))[:CHARACTERS]

    started_s = time.process_time()
    scan = SENTINEL.scan_now(text)

    assert time.process_time() - started_s < CHARACTERS * MAX_S_PER_CHARACTER
    assert scan.failed == ()


@pytest.mark.slow
def test_a_megabyte_of_everything_is_scanned_in_linear_time() -> None:
    block = "".join(piece * 60 + "\n" for piece in HOSTILE)
    text = (block * (1_000_000 // len(block) + 1))[:1_000_000]

    started_s = time.process_time()
    scan = SENTINEL.scan_now(text)

    assert time.process_time() - started_s < len(text) * MAX_S_PER_CHARACTER
    assert scan.failed == ()
