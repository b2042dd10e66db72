"""The templates of the sentinel's recipe fit its slots, and no text says where it came from."""

import random
import re
from pathlib import Path

import pytest

from bench.privacy_data import FIXED_SHAPE
from reference.sentinel import kinds
from reference.sentinel.exams import exam
from runtime.sentinel.defaults import default_detectors
from runtime.sentinel.scan import Sentinel

TEMPLATES = sorted(Path(kinds.__file__).with_name("templates").glob("*.txt"))
LISTS = sorted(Path(kinds.__file__).with_name("lists").glob("*.txt"))
PATTERNS = Sentinel(default_detectors())


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_every_slot_is_known(path: Path) -> None:
    slots = set(re.findall(r"\{([a-z]+)\}", path.read_text(encoding="utf-8")))
    assert slots <= set(kinds.KIND_OF_SLOT)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_no_template_stands_twice(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert all(lines)
    assert len(lines) == len(set(lines))


def test_texts_without_anything_sensitive_have_no_slots() -> None:
    (clean,) = [path for path in TEMPLATES if path.stem == "clean_en"]
    slots = set(re.findall(r"\{([a-z]+)\}", clean.read_text(encoding="utf-8")))
    assert not slots & set(kinds.KIND_OF_SLOT)


def test_every_kind_has_a_label_that_begins_and_one_that_goes_on() -> None:
    marked = {kind for kind in kinds.KIND_OF_SLOT.values() if kind}
    assert set(kinds.LABELS) == {"O"} | {f"{at}-{kind}" for at in "BI" for kind in marked}
    assert kinds.LABELS[0] == "O"


@pytest.mark.parametrize("path", LISTS, ids=lambda path: path.stem)
def test_no_entry_of_a_list_stands_twice(path: Path) -> None:
    entries = path.read_text(encoding="utf-8").splitlines()
    assert all(entry == entry.strip() and entry for entry in entries)
    assert len(entries) == len(set(entries))


def test_questions_of_tests_are_filled_and_hold_no_number_with_a_checksum() -> None:
    dice = random.Random(5)
    texts = [exam(dice) for _ in range(300)]
    assert not [text for text in texts if "{" in text or "}" in text]
    assert len(set(texts)) > 250
    found = [span.kind for text in texts for span in PATTERNS.scan_now(text).spans]
    assert not FIXED_SHAPE & set(found)
