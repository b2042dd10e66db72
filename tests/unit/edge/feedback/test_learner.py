"""Verdicts are kept over restarts, count once, and a broken store costs no answer."""

from pathlib import Path

import pytest

from edge.capture.capture import Capture
from edge.capture.settings import CaptureSettings
from edge.capture.store import CaptureStore, Example
from edge.config_routing import LearnOptions
from edge.feedback.learner import RouteLearner, opened_learner
from edge.feedback.store import FeedbackStore, feedback_folder
from edge.feedback.verdicts import Verdicts
from runtime.errors import NotFound, RoutingStoreUnusable
from runtime.ids import RequestId
from runtime.ports import ChatMessage
from runtime.testing.fakes import ManualClock

CHANCES = {"near": 0.5, "far": 0.8}
OPTIONS = LearnOptions(explore=0.0, most_shift=0.3, window=100)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def opened(state: Path, clock: ManualClock) -> RouteLearner:
    return opened_learner(state, OPTIONS, clock=clock)


def judged(learner: RouteLearner, *requests: str) -> None:
    for request in requests:
        learner.note(RequestId(request), "near", CHANCES)
        learner.judge(RequestId(request), "right")


def test_what_was_learned_is_there_after_a_restart(tmp_path: Path, clock: ManualClock) -> None:
    first = opened(tmp_path, clock)
    judged(first, *map(str, range(20)))

    second = opened(tmp_path, clock)

    assert second.adjusted(CHANCES) == first.adjusted(CHANCES)
    assert second.adjusted(CHANCES)["near"] > CHANCES["near"]


def test_a_choice_waits_for_its_verdict_through_a_restart(
    tmp_path: Path, clock: ManualClock
) -> None:
    opened(tmp_path, clock).note(RequestId("r"), "near", CHANCES)

    opened(tmp_path, clock).judge(RequestId("r"), "wrong")

    (only,) = FeedbackStore(feedback_folder(tmp_path), clock=clock).verdicts()
    assert (only.graph, only.is_right, only.chances) == ("near", False, CHANCES)


def test_a_request_is_judged_once(tmp_path: Path, clock: ManualClock) -> None:
    learner = opened(tmp_path, clock)
    judged(learner, "r")

    with pytest.raises(NotFound):
        learner.judge(RequestId("r"), "wrong")
    with pytest.raises(NotFound):
        learner.judge(RequestId("never-asked"), "wrong")


def test_a_choice_is_forgotten_after_a_week(tmp_path: Path, clock: ManualClock) -> None:
    learner = opened(tmp_path, clock)
    learner.note(RequestId("old"), "near", CHANCES)
    clock.advance(8 * 86_400)
    learner.note(RequestId("new"), "near", CHANCES)

    with pytest.raises(NotFound):
        learner.judge(RequestId("old"), "right")


@pytest.mark.parametrize("content", [b"no database at all", b"SQLite format 3\0" + b"\xff" * 2000])
def test_with_a_broken_store_the_fitted_router_decides_alone(
    tmp_path: Path, clock: ManualClock, content: bytes
) -> None:
    judged(opened(tmp_path, clock), *map(str, range(20)))
    folder = feedback_folder(tmp_path)
    for file in folder.iterdir():
        file.unlink()
    (folder / "feedback.sqlite").write_bytes(content)

    learner = opened(tmp_path, clock)
    learner.note(RequestId("r"), "near", CHANCES)

    assert learner.adjusted(CHANCES) == CHANCES
    with pytest.raises(RoutingStoreUnusable, match="move it away"):
        learner.judge(RequestId("r"), "right")


def test_a_store_that_was_moved_away_is_made_anew(tmp_path: Path, clock: ManualClock) -> None:
    store = FeedbackStore(feedback_folder(tmp_path), clock=clock)
    store.note(RequestId("1"), "near", CHANCES)
    for file in sorted(feedback_folder(tmp_path).iterdir()):
        file.rename(tmp_path / file.name)

    store.note(RequestId("2"), "near", CHANCES)

    assert store.judge(RequestId("2"), "right").is_right
    with pytest.raises(NotFound):
        store.judge(RequestId("1"), "right")


def test_chances_that_were_altered_are_not_believed(tmp_path: Path, clock: ManualClock) -> None:
    import sqlite3

    judged(opened(tmp_path, clock), *map(str, range(20)))
    with sqlite3.connect(feedback_folder(tmp_path) / "feedback.sqlite") as database:
        database.execute("UPDATE verdicts SET chances = ? WHERE place = 3", ('{"near": 7}',))
    database.close()

    assert opened(tmp_path, clock).adjusted(CHANCES) == CHANCES


def test_the_store_is_the_owners_alone(tmp_path: Path, clock: ManualClock) -> None:
    opened(tmp_path, clock).note(RequestId("r"), "near", CHANCES)

    folder = feedback_folder(tmp_path)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "feedback.sqlite").stat().st_mode & 0o777 == 0o600


async def test_a_verdict_goes_to_the_router_and_to_the_kept_example(
    tmp_path: Path, clock: ManualClock
) -> None:
    learner = opened(tmp_path, clock)
    learner.note(RequestId("both"), "near", CHANCES)
    store = CaptureStore(tmp_path / "capture", CaptureSettings(), clock=clock)
    for request in ("both", "kept"):
        turns = (ChatMessage("user", "Why?"),)
        store.add(Example(RequestId(request), turns, "So.", (), "near"))
    verdicts = Verdicts(learner, Capture(store, frozenset()))

    both = await verdicts.give(RequestId("both"), "right")
    kept = await verdicts.give(RequestId("kept"), "wrong")

    assert (both.by_router, both.by_capture) == (True, True)
    assert (kept.by_router, kept.by_capture) == (False, True)
    assert {one.request: one.verdict for one in store.listed()} == {
        "both": "right",
        "kept": "wrong",
    }
    with pytest.raises(NotFound, match="nothing waits for a verdict"):
        await verdicts.give(RequestId("nobody"), "right")
    store.close()
