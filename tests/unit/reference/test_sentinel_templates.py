"""The templates of the sentinel's recipe fit its slots, and no text says where it came from."""

import re
from pathlib import Path

import pytest

from reference.sentinel import kinds

TEMPLATES = sorted(Path(kinds.__file__).with_name("templates").glob("*.txt"))


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
