import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from runtime.ids import Category
from runtime.labels import Label
from runtime.ports import ChatMessage
from runtime.sentinel.categories import CONTACT, HEALTH, PERSON
from runtime.sentinel.defaults import default_detectors
from runtime.sentinel.detectors.dictionary import Term
from runtime.sentinel.request import scan_request
from runtime.sentinel.scan import Sentinel
from runtime.sentinel.span import Span

SECRET = "Anna-Kowalska-canary"


class Says:
    """Finds fixed spans in every text."""

    def __init__(self, *spans: Span, name: str = "says") -> None:
        self.name = name
        self.kinds = frozenset(span.kind for span in spans)
        self._spans = list(spans)

    def detect(self, text: str) -> list[Span]:
        return [span for span in self._spans if span.end <= len(text)]


class Fails:
    """Raises, quoting the text."""

    name = "fails"
    kinds = frozenset({"person"})

    def detect(self, text: str) -> list[Span]:
        raise RuntimeError(text)


class Hangs:
    """Answers only when released."""

    name = "hangs"
    kinds = frozenset({"person"})

    def __init__(self) -> None:
        self.release = threading.Event()

    def detect(self, text: str) -> list[Span]:
        self.release.wait(30)
        return []


@pytest.fixture
def hangs() -> Iterator[Hangs]:
    detector = Hangs()
    yield detector
    detector.release.set()


PHONE = Span(0, 4, "phone", CONTACT, 0.9, "says")


async def test_the_label_is_the_union_of_the_spans_categories() -> None:
    sentinel = Sentinel([Says(PHONE, Span(5, 9, "condition", HEALTH))])

    scan = await sentinel.scan("0123 5678")

    assert scan.label == Label.of("contact", "health")
    assert scan.failed == ()


async def test_a_detector_that_raises_makes_the_text_unsure_and_keeps_what_others_found(
    caplog: pytest.LogCaptureFixture,
) -> None:
    scan = await Sentinel([Fails(), Says(PHONE)]).scan(SECRET)

    assert scan.failed == ("fails",)
    assert scan.spans == (PHONE,)
    assert scan.label == Label.of("contact", "unsure")
    assert SECRET not in str([vars(record) for record in caplog.records])


async def test_a_detector_that_hangs_makes_the_text_unsure_in_time(hangs: Hangs) -> None:
    sentinel = Sentinel([Says(PHONE), hangs, Says(name="after")], timeout_s=0.05)

    async with asyncio.timeout(5):
        scan = await sentinel.scan("0123")
    hangs.release.set()

    assert scan.failed == ("hangs", "after")
    assert scan.spans == (PHONE,)
    assert scan.label == Label.of("contact", "unsure")


async def test_a_text_that_never_got_a_thread_is_unsure(hangs: Hangs) -> None:
    with ThreadPoolExecutor(1) as pool:
        blocker = pool.submit(hangs.detect, "")
        sentinel = Sentinel([Says(PHONE)], timeout_s=0.05, executor=pool)

        scan = await sentinel.scan("0123")
        hangs.release.set()
        blocker.result(5)

    assert scan.failed == ("says",)
    assert scan.label == Label.of("unsure")


async def test_a_cancelled_scan_is_cancelled(hangs: Hangs) -> None:
    task = asyncio.create_task(Sentinel([hangs]).scan("0123"))
    await asyncio.sleep(0)

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    hangs.release.set()


def test_a_late_detector_fails_a_scan_on_the_calling_thread() -> None:
    ticks = iter([0.0, 0.0, 11.0, 11.0])
    sentinel = Sentinel(
        [Says(PHONE), Says(name="late")], timeout_s=10, monotonic_s=lambda: next(ticks)
    )

    scan = sentinel.scan_now("0123")

    assert scan.failed == ("late",)
    assert scan.spans == (PHONE,)


async def test_a_text_over_the_limit_is_unsure() -> None:
    sentinel = Sentinel([Says(PHONE)], max_characters=3)

    assert await sentinel.scan("0123") == sentinel.scan_now("0123")
    assert sentinel.scan_now("0123").label == Label.of("unsure")
    assert sentinel.scan_now("0123").failed == ("size",)


@pytest.mark.parametrize(("start", "end"), [(-1, 2), (2, 2), (3, 2), (0, 99)])
def test_a_span_outside_of_the_text_is_a_failure(start: int, end: int) -> None:
    class Wrong(Says):
        def detect(self, text: str) -> list[Span]:
            return [Span(start, end, "phone", CONTACT)]

    scan = Sentinel([Wrong(name="wrong")]).scan_now("0123")

    assert scan.failed == ("wrong",)
    assert scan.spans == ()


def test_a_second_mention_of_a_person_needs_no_context() -> None:
    text = "Dr. Xylo Brant is in. Ask Brant, or Xylo; XYLO BRANT or xylo brant, not brant."

    spans = Sentinel(default_detectors()).scan_now(text).spans

    assert [text[span.start : span.end] for span in spans] == [
        "Xylo Brant",
        "Brant",
        "Xylo",
        "XYLO BRANT",
        "xylo brant",
    ]


def test_a_placeholder_is_not_content() -> None:
    inside, across = Span(1, 9, "phone", CONTACT), Span(8, 13, "condition", HEALTH)

    assert Sentinel([Says(inside)]).scan_now("<PERSON_1> abc").spans == ()
    assert Sentinel([Says(inside)]).scan_now("<PERSON_1b> abc").spans == ()
    assert Sentinel([Says(across)]).scan_now("<PERSON_1> abc").spans == (across,)


def test_a_word_dressed_up_as_a_placeholder_is_content() -> None:
    inside = Span(1, 9, "phone", CONTACT)

    assert Sentinel([Says(inside)]).scan_now("<FALCON_1>").spans == (inside,)
    assert Sentinel([Says(inside)]).scan_now("<PERSON_123456>").spans == (inside,)


def test_the_operators_word_stands_against_a_guess() -> None:
    terms = [Term("Anna", "project_name", Category("project_name"))]
    sentinel = Sentinel(default_detectors(dictionary=terms))

    assert sentinel.scan_now("Anna is late").label == Label.of("project_name")
    assert sentinel.scan_now("Anna Kowalska").label == Label.of("project_name", "person")


async def test_a_request_is_labelled_over_all_its_turns_and_declared_labels_add() -> None:
    sentinel = Sentinel(default_detectors())
    chat = [
        ChatMessage("system", "You help Dr. House."),
        ChatMessage("user", "Mail anna@example.org"),
    ]

    scan = await scan_request(sentinel, chat, declared=Label.of("project_name"))

    assert scan.label == Label.of("person", "contact", "project_name")
    assert [len(one.spans) for one in scan.scans] == [1, 1]
    assert scan.failed == ()


async def test_a_failure_on_any_turn_makes_the_request_unsure() -> None:
    class FailsOnLong(Fails):
        def detect(self, text: str) -> list[Span]:
            return super().detect(text) if len(text) > 5 else []

    scan = await scan_request(
        Sentinel([FailsOnLong()]), [ChatMessage("user", "a"), ChatMessage("user", "b" * 9)]
    )

    assert scan.failed == ("fails",)
    assert scan.label == Label.of("unsure")


def test_kinds_name_everything_that_a_span_may_be() -> None:
    sentinel = Sentinel(default_detectors(dictionary=[Term("x", "host_name", PERSON)]))

    assert {"person", "iban", "host_name"} <= sentinel.kinds
