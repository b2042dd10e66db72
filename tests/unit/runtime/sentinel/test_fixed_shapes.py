"""Numbers with a shape or a checksum, of some sixty states and eighty kinds, do not leak."""

import random

import pytest

from runtime.sentinel.defaults import default_detectors
from runtime.sentinel.scan import Sentinel
from tests.unit.runtime.sentinel.fixed_shapes import SHAPES, Shape, texts

SENTINEL = Sentinel(default_detectors())


def surviving(text: str, start: int, end: int) -> str:
    covered = {at for span in SENTINEL.scan_now(text).spans for at in range(span.start, span.end)}
    return "".join(text[at] for at in range(start, end) if at not in covered).strip()


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_nothing_of_it_survives(shape: Shape) -> None:
    drawn = list(texts(shape, random.Random(21), 3))

    leaked = [text for text, start, end in drawn if len(surviving(text, start, end)) > 3]

    assert leaked == []


@pytest.mark.parametrize(
    "text",
    [
        "I claim 12345 dollars; the device weighs 1200 grams and has a unique 64000 colours.",
        "run 12345678 took ein 123456789 ms, kt 1234567890, nit 12345678",
        "the license of 2024, certificate 2048, serial 4 of 10",
        "registration A4 paper, plate 12, plates 300 and 400",
        "the swift answer; a BIC pen, SWIFT programming",
        "timestamps 1701234567890 and 1712345678901",
        "a constant 0123456789ABCDEFG and ABCDEFGHJKLMN1234X",
        "the buffer ABCDEFGHJKLMN1234 is full",
        "born of the third attempt in May",
        "Mozilla/5.0 is a prefix",
        "see 12-34567 and 1.234.567 in section 4",
    ],
)
def test_other_numbers_are_left_alone(text: str) -> None:
    assert SENTINEL.scan_now(text).spans == ()
