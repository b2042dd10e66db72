"""Presidio as a further detector: whatever has the shape of its analyzer."""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from runtime.errors import ModelInvalid
from runtime.labels import UNSURE
from runtime.sentinel.categories import KINDS, PERSON, PLACE
from runtime.sentinel.detectors.presidio import PRESIDIO_KINDS, PresidioDetector, load_analyzer
from runtime.sentinel.scan import Sentinel

TEXT = "Ask Ann in Rome about boat 7."


@dataclass
class Result:
    start: int
    end: int
    entity_type: str
    score: float = 0.85


class Words:
    """Finds given words, as an analyzer with those entity types would."""

    def __init__(self, **words: str) -> None:
        self.words = words
        self.languages: list[str] = []

    def analyze(self, text: str, language: str) -> Sequence[Result]:
        self.languages.append(language)
        return [
            Result(at, at + len(word), kind)
            for kind, word in self.words.items()
            if (at := text.find(word)) >= 0
        ]


def test_what_it_finds_has_our_kinds_and_categories() -> None:
    words = Words(PERSON="Ann", LOCATION="Rome")
    scan = Sentinel([PresidioDetector(words, language="it")]).scan_now(TEXT)

    found = {TEXT[span.start : span.end]: (span.kind, span.category) for span in scan.spans}
    assert found == {"Ann": ("person", PERSON), "Rome": ("place", PLACE)}
    assert words.languages == ["it"]


def test_a_type_that_nobody_declared_is_unsure() -> None:
    scan = Sentinel([PresidioDetector(Words(BOAT="boat 7"))]).scan_now(TEXT)

    assert scan.label.categories == {UNSURE}


def test_types_are_given_other_kinds_or_left_out() -> None:
    words = Words(PERSON="Ann", LOCATION="Rome", BOAT="boat 7")
    kinds = {"BOAT": "record_number", "LOCATION": ""}
    scan = Sentinel([PresidioDetector(words, kinds=kinds)]).scan_now(TEXT)

    assert sorted(span.kind for span in scan.spans) == ["person", "record_number"]


def test_what_the_policy_does_not_ask_for_is_left_out_and_what_nobody_declared_is_not() -> None:
    words = Words(PERSON="Ann", LOCATION="Rome", BOAT="boat 7")
    scan = Sentinel([PresidioDetector(words, asked=frozenset({"person"}))]).scan_now(TEXT)

    assert scan.label.categories == {PERSON, UNSURE}


def test_a_weak_result_is_left_out() -> None:
    assert PresidioDetector(Words(PERSON="Ann"), min_score=0.9).detect(TEXT) == []


def test_an_analyzer_that_fails_makes_the_text_unsure() -> None:
    class Broken:
        def analyze(self, text: str, language: str) -> Sequence[Result]:
            raise RuntimeError(text)

    scan = Sentinel([PresidioDetector(Broken())]).scan_now(TEXT)

    assert scan.label.categories == {UNSURE}
    assert scan.failed == ("presidio",)


def test_every_entity_type_has_a_kind_that_is_declared_here() -> None:
    assert set(PRESIDIO_KINDS.values()) <= set(KINDS)


def test_a_missing_package_is_named() -> None:
    with pytest.raises(ModelInvalid, match="pip install presidio-analyzer"):
        load_analyzer(language="en", nlp_model="")
