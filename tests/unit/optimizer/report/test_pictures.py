"""Drawings as files of their own: well-formed, complete, small, and nothing to load or to run."""

from xml.etree import ElementTree

from optimizer.report.page import ReportSource
from optimizer.report.pictures import pictures_of
from optimizer.study.archive import archive_of
from optimizer.study.events import Ended, Event, Recommended
from optimizer.study.keeping import Keeping
from runtime.testing.plans import CATALOG
from tests.unit.optimizer.report.test_page import HEADER, SPACE, STUDY, trial_events

SVG = "{http://www.w3.org/2000/svg}"


def drawn(*, recommends: bool) -> dict[str, str]:
    events: list[Event] = [
        HEADER,
        *trial_events(0, right=3),
        *trial_events(1, "s1->final", right=5),
    ]
    if not recommends:
        events = [event for event in events if not isinstance(event, Recommended)]
    events.append(Ended("finished"))
    archive = archive_of(events, keeping=Keeping((), confidence=0.95, questions=6))
    return pictures_of(ReportSource(STUDY, SPACE, CATALOG, events, archive, []))


def test_each_picture_is_a_drawing_with_its_own_style_and_ground() -> None:
    pictures = drawn(recommends=True)

    assert sorted(pictures) == ["front.svg", "graph.svg"]
    for picture in pictures.values():
        root = ElementTree.fromstring(picture)
        assert root.tag == f"{SVG}svg"
        assert [child.tag for child in root][:2] == [f"{SVG}style", f"{SVG}rect"]
        assert "prefers-color-scheme:dark" in picture


def test_the_front_shows_every_measured_graph_and_the_drawing_every_step() -> None:
    pictures = drawn(recommends=True)

    circles = ElementTree.fromstring(pictures["front.svg"]).findall(f".//{SVG}circle")
    boxes = ElementTree.fromstring(pictures["graph.svg"]).findall(f".//{SVG}g")
    assert len(circles) == 2
    assert len(boxes) == 2


def test_pictures_load_nothing_and_have_no_tooltips() -> None:
    together = "".join(drawn(recommends=True).values()).replace("http://www.w3.org/2000/svg", "")

    for word in ("http", "<script", "<title", "href", "url(h"):
        assert word not in together


def test_without_a_recommended_graph_there_is_no_drawing_of_one() -> None:
    assert sorted(drawn(recommends=False)) == ["front.svg"]
