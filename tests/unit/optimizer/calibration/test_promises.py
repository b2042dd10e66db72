"""A promise comes true at least as often as it says, whatever the questions are like."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.calibration.limits import NEVER, most_hits
from optimizer.calibration.records import Records
from optimizer.calibration.thresholds import ALWAYS, NEVER_ASK, Promise, fit_threshold

RECORDS, COMING, TRIES = 120, 100, 300
FEW_TRIES = 20


def drawn(draw: np.random.Generator, count: int, *, levels: int | None = None) -> Records:
    confidence = draw.random(count)
    if levels is not None:
        confidence = np.floor(confidence * levels) / levels
    near = draw.random(count) < 0.5 + 0.4 * confidence
    return Records(
        confidence, near, draw.random(count) < 0.9, np.zeros(count), np.full(count, 0.001)
    )


@pytest.mark.parametrize("levels", [None, 4])
@pytest.mark.parametrize("kind", ["spoilt", "share"])
def test_of_the_next_questions_as_many_as_promised(kind: str, levels: int | None) -> None:
    draw = np.random.default_rng(5)
    promise = Promise("spoilt" if kind == "spoilt" else "share", 0.15, 0.8, coming=COMING)
    broken = 0
    for _ in range(TRIES):
        threshold = fit_threshold(drawn(draw, RECORDS, levels=levels), promise)
        assert threshold is not None
        new = drawn(draw, COMING, levels=levels)
        hits = new.spoilt(threshold) if kind == "spoilt" else new.asked(threshold)
        broken += hits.mean() > promise.bound
    # Three standard errors; and with fine confidences the promise is not much too careful.
    assert broken / TRIES <= 0.2 + 3 * (0.2 * 0.8 / TRIES) ** 0.5
    if levels is None:
        assert broken / TRIES > 0.1


def test_quality_and_cost_are_kept_on_average() -> None:
    draw = np.random.default_rng(6)
    truth = drawn(draw, 10_000)
    broken = {"quality": 0, "cost": 0}
    for _ in range(FEW_TRIES):
        records = drawn(draw, 300)
        for promise in (Promise("quality", 0.8, 0.9), Promise("cost", 0.0006, 0.9)):
            threshold = fit_threshold(records, promise)
            if threshold is None:
                continue
            if promise.kind == "quality":
                broken["quality"] += truth.right(threshold).mean() < promise.bound
            else:
                broken["cost"] += truth.cost_usd(threshold).mean() > promise.bound
    assert all(count / (FEW_TRIES) <= 0.25 for count in broken.values())


@given(
    st.integers(1, 60),
    st.integers(1, 60),
    st.floats(0.0, 0.99),
    st.floats(0.5, 0.99),
)
@settings(max_examples=60, deadline=None)
def test_a_stricter_promise_never_allows_more(
    records: int, coming: int, share: float, confidence: float
) -> None:
    allowed = most_hits(records, share=share, confidence=confidence, coming=coming)
    assert NEVER <= allowed < records
    surer = most_hits(records, share=share, confidence=(1 + confidence) / 2, coming=coming)
    assert surer <= allowed
    assert most_hits(records, share=share / 2, confidence=confidence, coming=coming) <= allowed


def test_the_limit_is_the_exact_law_of_drawing() -> None:
    """Against counting all orders of the hits of 6 records and 5 questions by drawing them."""
    draw = np.random.default_rng(7)
    is_question = np.array([False] * 6 + [True] * 5)
    before = []
    for _ in range(20_000):
        order = draw.permutation(is_question)
        third = np.flatnonzero(order)[2]  # two of five are 40 per cent: the third breaks it
        before.append(int((~order[:third]).sum()))
    chances = np.cumsum(np.bincount(before, minlength=7)) / 20_000
    for confidence in (0.5, 0.7, 0.9):
        allowed = most_hits(6, share=0.4, confidence=confidence, coming=5)
        expected = int((chances <= 1 - confidence + 0.005).sum()) - 1
        assert allowed == expected


def test_many_questions_to_come_are_like_all_of_them() -> None:
    near = most_hits(200, share=0.1, confidence=0.9, coming=100_000)
    assert abs(near - most_hits(200, share=0.1, confidence=0.9)) <= 1


def test_without_records_enough_the_far_model_is_always_or_never_asked() -> None:
    few = drawn(np.random.default_rng(8), 5)
    assert fit_threshold(few, Promise("spoilt", 0.01, 0.99)) == ALWAYS
    assert fit_threshold(few, Promise("share", 0.01, 0.99)) == NEVER_ASK
    assert fit_threshold(few, Promise("quality", 0.99, 0.99)) is None
    assert fit_threshold(few, Promise("cost", 0.0001, 0.99)) is None
