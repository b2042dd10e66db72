"""The page is one file, the same for one journal, without any text of questions or answers."""

from pathlib import Path

import pytest

from optimizer.evaluation.graph_shapes import SpaceLimits
from optimizer.evaluation.graph_space import GraphSpace
from optimizer.evaluation.model import Answered, Evaluated, Source, full_spend
from optimizer.report.page import ReportSource, render_page
from optimizer.report.svg import Scale, number, ticks
from optimizer.search.model import Recommendation, Trial
from optimizer.study.archive import archive_of
from optimizer.study.events import Asked, Done, Ended, Event, Header, Learned, Outcome, Recommended
from optimizer.study.keeping import Keeping
from optimizer.study.model import Caps, ReplaySource, SearcherChoice, Study
from runtime.testing.plans import CATALOG

LIMITS = SpaceLimits(("slm", "llm"), ("slm", "llm"), ("assistant", "fuser"), 2, 6, 7, 50, 0.8)
SPACE = GraphSpace("page", LIMITS)
HEADER = Header("page", "hash", "outcomes", "agent_reinforce", 3, 6)
STUDY = Study(
    name='<b>page & "study"</b>',
    file=Path("study.yaml"),
    hash="0123456789abcdef",
    outcomes_hash="outcomes",
    source=ReplaySource(Path("m"), Path("s")),
    caps=Caps(usd=2.0),
    constraints=(),
    confidence=0.95,
    objectives=("accuracy", "cost_usd"),
    searcher=SearcherChoice("agent_reinforce", {}),
    trials=9,
    batch=1,
    seed=3,
    workers=1,
    warm_start=None,
)


def page_of(events: list[Event], names: list[str] | None = None) -> str:
    archive = archive_of(events, keeping=Keeping((), confidence=0.95, questions=6))
    source = ReportSource(STUDY, SPACE, CATALOG, events, archive, names or [])
    return render_page(source)


def trial_events(number: int, *edges: str, right: int) -> list[Event]:
    choices = [int(one.name in edges) for one in SPACE.decisions]
    candidate = SPACE.candidate(choices)
    events: list[Event] = [Asked(Trial(number, candidate, tuple(range(6))))]
    for question in range(6):
        answered = Answered(
            float(question < right), bool(number), 0.001 * (1 + number), 1e9, 0.5 + number, 20, 1
        )
        spent = full_spend(question, answered)
        events.append(Outcome(number, Evaluated(question, answered, Source.FRESH, spent)))
    state = {"probabilities": {"s1->final": {"absent": 0.25, "present": 0.75}}}
    return [
        *events,
        Done(number, 6, 0, right / 6),
        Recommended(number, Recommendation(candidate, right / 6, (0.1, 0.9), 6)),
        Learned(number, state),
    ]


WHOLE: list[Event] = [
    HEADER,
    *trial_events(0, right=3),
    *trial_events(1, "s1->final", "s2->final", right=5),
    Ended("finished"),
]


def test_the_page_holds_curve_front_map_graph_questions_and_costs() -> None:
    page = page_of(WHOLE, ["first", "second", "<i>third</i>"])

    for part in ('class="line"', 'class="heat"', 'class="step', "hardest first", "member"):
        assert part in page
    assert "0.75 after trial 1" in page
    assert "recommended g2" in page
    assert "$0.018" in page  # 6 x 0.001 and 6 x 0.002
    assert "&lt;i&gt;third" in page


def test_names_are_escaped_and_nothing_is_loaded_from_elsewhere() -> None:
    page = page_of(WHOLE)

    assert "<b>page" not in page
    assert "&lt;b&gt;page &amp;" in page
    for loads in ("<script", "http:", "https:", "@import", "url(/", "<link", "<img"):
        assert loads not in page


def test_the_same_journal_gives_the_same_bytes() -> None:
    assert page_of(WHOLE) == page_of(WHOLE)


@pytest.mark.parametrize("length", range(len(WHOLE)))
def test_a_page_can_be_written_at_any_time_of_a_study(length: int) -> None:
    page = page_of(WHOLE[: max(length, 1)])

    assert page.endswith("</html>\n")
    assert "ended: not ended" in page


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.0, 1.0, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (0.0, 0.0, [0.0]),
        (3.0, 17.0, [5.0, 10.0, 15.0]),
    ],
)
def test_ticks_are_round(low: float, high: float, expected: list[float]) -> None:
    assert ticks(low, high, 5) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.25, "0.25"), (1234.5, "1234"), (2e-5, "2e-5"), (3e12, "3e12"), (15_000, "15k")],
)
def test_numbers_are_short(value: float, text: str) -> None:
    assert number(value) == text


def test_scales_map_ends_to_ends() -> None:
    straight, log = Scale(0, 10, 100, 200), Scale(0.001, 10, 100, 200, is_log=True)

    assert (straight(0), straight(10), straight(5)) == (100, 200, 150)
    assert log(0.1) == pytest.approx(150)
    assert log(0.0) == 100
