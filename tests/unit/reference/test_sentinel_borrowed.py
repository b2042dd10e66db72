"""Names borrowed from packages: what of them is kept, and that training goes without them."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from reference.sentinel import borrowed as lists
from reference.sentinel.clean import clean
from reference.sentinel.wordnet import WordNet

LICENCE = "  1 This software and database is being provided to you, the LICENSEE\n"
NOUNS = f"""{LICENCE}\
00000001 06 n 01 artifact 0 000 | a man-made object taken as a whole
00000002 06 n 02 heat_pump 0 warmer 1 001 @ 00000001 n 0000 | warms; "the heat pump hums all night"
00000003 06 n 01 drug 0 001 @ 00000001 n 0000 | a substance that is used as a medicine
00000004 06 n 01 painkiller 0 001 @ 00000003 n 0000 | stops pain; "Ann took a painkiller"
00000005 19 n 02 Doppler_effect 0 Doppler_shift 0 000 | change in the apparent frequency
00000006 15 n 01 city 0 000 | a large town
00000007 15 n 02 Lisbon 0 Lisboa 0 001 @i 00000006 n 0000 | the capital of Portugal
00000008 18 n 01 Angolan 0 000 | a native or inhabitant of Angola
00000009 18 n 02 Kepler 0 Johannes_Kepler 0 000 | German astronomer
"""
OTHERS = f"""{LICENCE}\
00000010 00 a 01 tall 0 000 | high; "a tall building by the river"
"""


@pytest.fixture(autouse=True)
def nothing_kept() -> Iterator[None]:
    yield
    lists.borrowed.cache_clear()


@pytest.fixture
def nouns(tmp_path: Path) -> WordNet:
    (tmp_path / "data.noun").write_text(NOUNS, encoding="utf-8")
    for name in ("data.verb", "data.adj", "data.adv"):
        (tmp_path / name).write_text(OTHERS, encoding="utf-8")
    return WordNet(tmp_path)


def test_things_are_neither_people_nor_places_nor_drugs(nouns: WordNet) -> None:
    assert nouns.things() == ["Doppler effect", "Doppler shift", "artifact", "heat pump", "warmer"]


def test_places_and_peoples_are_told_by_what_they_are(nouns: WordNet) -> None:
    assert nouns.places() == ["Lisboa", "Lisbon"]
    assert nouns.peoples() == ["Angolan"]


def test_a_sentence_that_may_name_somebody_is_left_out(nouns: WordNet) -> None:
    assert nouns.sentences() == ["a tall building by the river", "the heat pump hums all night"]


def test_a_register_is_not_half_of_one_town() -> None:
    names = [f"Shenzhen {letter}ology Co" for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"]

    kept = lists.firms([*names, "Rexpump GmbH", "Private", "1234", "Foo (wrong ID)"])

    assert sum(name.startswith("Shenzhen") for name in kept) == lists.SAME_FIRST
    assert "Rexpump GmbH" in kept
    assert not {"Private", "1234", "Foo (wrong ID)"} & set(kept)


def test_what_was_not_borrowed_is_empty_and_texts_are_drawn_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "FOLDER", tmp_path)
    lists.borrowed.cache_clear()

    assert lists.borrowed("things") == ()
    assert all(clean(random.Random(seed)) for seed in range(40))


def test_what_was_borrowed_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "FOLDER", tmp_path)
    lists.borrowed.cache_clear()
    (tmp_path / "sentences.txt").write_text("quorls hum at dusk\n", encoding="utf-8")

    texts = [clean(random.Random(seed)).lower() for seed in range(60)]

    assert any("quorls hum at dusk" in text for text in texts)
