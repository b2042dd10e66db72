"""The model among the detectors: what it looks for is for the policy to say."""

from collections.abc import Collection
from pathlib import Path

import pytest

from runtime.errors import ModelInvalid
from runtime.ids import Category
from runtime.labels import UNSURE
from runtime.sentinel.categories import DATE, PERSON, PLACE, QUASI_IDENTIFIERS
from runtime.sentinel.defaults import default_detectors
from runtime.sentinel.detectors.tagger import TaggerDetector
from runtime.sentinel.scan import Scan, Sentinel
from runtime.sentinel.span import Span
from runtime.sentinel.tagger.model import BUILT_IN, SentinelModel
from runtime.sentinel.tagger.readings import Reading

TEXT = "On 3 May 2024 Oluwaseun Adebayo flew from Ouagadougou to see the doctor."


@pytest.fixture(scope="module")
def model() -> SentinelModel:
    return SentinelModel(BUILT_IN)


def scan(model: SentinelModel, *asked: Category, text: str = TEXT) -> Scan:
    tagger = TaggerDetector(model, asked=frozenset(asked))
    return Sentinel([*default_detectors(), tagger]).scan_now(text)


def test_names_are_always_looked_for(model: SentinelModel) -> None:
    found = scan(model)

    assert found.label.categories == {PERSON}
    assert not found.failed


def test_places_and_dates_are_looked_for_where_a_policy_names_them(model: SentinelModel) -> None:
    assert scan(model, PLACE).label.categories == {PERSON, PLACE}
    assert scan(model, PLACE, DATE).label.categories == {PERSON, PLACE, DATE}


def test_a_checksummed_number_keeps_its_own_kind(model: SentinelModel) -> None:
    text = "Please pay to GB82 WEST 1234 5698 7654 32 by Friday."
    (span,) = (span for span in scan(model, text=text).spans if span.length > 10)

    assert (text[span.start : span.end], span.kind) == ("GB82 WEST 1234 5698 7654 32", "iban")


def test_a_kind_that_nobody_declared_is_unsure() -> None:
    class Other:
        kinds = frozenset({"boat"})

        def focus(self, kinds: Collection[str], *, lighter: Collection[str]) -> None:
            assert (set(kinds), set(lighter)) == ({"boat"}, set())

        def read(self, *_: object) -> list[Reading]:
            return [Reading(0, 3, "boat", 0.9)]

    tagger = TaggerDetector(Other(), asked=frozenset())  # type: ignore[arg-type] # no ONNX file

    assert Sentinel([tagger]).scan_now("Ann sailed.").label.categories == {UNSURE}


def test_a_text_that_comes_again_is_read_once_where_that_is_wanted() -> None:
    class Counts:
        kinds = frozenset({"person"})
        count = 0

        def focus(self, kinds: Collection[str], *, lighter: Collection[str]) -> None: ...

        def read(self, *_: object) -> list[Reading]:
            self.count += 1
            return [Reading(0, 3, "person", 0.9)]

    model = Counts()
    for remembered, reads in ((0, 2), (8, 3)):
        tagger = TaggerDetector(
            model,  # type: ignore[arg-type] # no ONNX file
            asked=frozenset(),
            remembered=remembered,
        )
        first, second = tagger.detect("Ann sailed."), tagger.detect("Ann sailed.")
        assert first == second
        assert model.count == reads


@pytest.mark.parametrize(
    ("text", "kind", "score", "is_found"),
    [
        ("Ask at the mint.", "organization", 0.8, False),
        ("Ask at the mint.", "organization", 0.95, True),
        ("Ask at the mint.", "person", 0.8, True),
        ("ask at the mint.", "organization", 0.8, True),
        ("Ask at the Mint.", "organization", 0.8, True),
    ],
)
def test_small_letters_among_capitals_need_more_to_be_a_firm(
    text: str, kind: str, score: float, *, is_found: bool
) -> None:
    class Guesses:
        kinds = frozenset({"organization", "person"})

        def focus(self, kinds: Collection[str], *, lighter: Collection[str]) -> None: ...

        def read(self, *_: object) -> list[Reading]:
            return [Reading(11, 15, kind, score)]

    tagger = TaggerDetector(
        Guesses(),  # type: ignore[arg-type] # no ONNX file
        asked=QUASI_IDENTIFIERS,
    )
    assert bool(tagger.detect(text)) is is_found


def test_a_detector_without_its_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelInvalid):
        default_detectors(model=tmp_path / "none")


def test_a_model_that_fails_makes_the_text_unsure(model: SentinelModel) -> None:
    class Broken(TaggerDetector):
        def detect(self, text: str) -> list[Span]:
            raise RuntimeError(text)

    found = Sentinel([Broken(model, asked=frozenset())]).scan_now(TEXT)

    assert found.failed == ("tagger",)
    assert UNSURE in found.label.categories
