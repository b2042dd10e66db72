"""Where a search with an agent begins, and what its probabilities survive."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.agents.desk import Desk
from optimizer.agents.model import InitReply, ProbabilityChange
from optimizer.agents.odds import Odds
from optimizer.agents.starters import Mixes, thinned
from optimizer.search.model import Candidate, DecisionKind
from tests.unit.optimizer.agents.house import CHAIN, INIT, MODELS, PARALLEL, SPACE, choices

WIDE = choices("a->sink", "b->sink", "c->sink", models=("slm-1b", "slm-3b", "slm-3b"))
ALONE = choices("a->sink", models=("slm-3b",) * 3)


def candidates(*chosen: tuple[int, ...]) -> list[Candidate]:
    return [SPACE.candidate(one) for one in chosen]


def test_mixes_count_the_steps_before_the_sink_and_the_fullest_come_first() -> None:
    pool = candidates(CHAIN, PARALLEL, WIDE, ALONE)

    mixes = Mixes.of(SPACE, pool, MODELS, np.random.default_rng(0))

    assert mixes.by_counts[1, 1, 0] == pool[:2]
    assert mixes.fullest() == ((1, 2, 0), (1, 1, 0), (0, 1, 0))
    assert mixes.alone == {"slm-3b": pool[3]}
    assert mixes.draw((9, 9, 9), np.random.default_rng(0)) is None


def test_a_mix_is_thinned_from_its_weakest_models_at_most_five_in_all() -> None:
    assert thinned((2, 1, 1), (1.0, 3.0, 9.0)) == [(2, 1, 1), (1, 1, 1), (0, 1, 1), (0, 0, 1)]
    assert len(thinned((9, 0, 0), (1.0, 3.0, 9.0))) == 5


def test_edges_begin_improbable_and_everything_else_even() -> None:
    odds = Odds(SPACE.decisions, forbidden=frozenset())

    for decision, row in zip(SPACE.decisions, odds.table, strict=True):
        even = 1 / len(row)
        assert row[1] == pytest.approx(0.119 if decision.kind is DecisionKind.EDGE else even)


@settings(max_examples=40, deadline=None)
@given(
    changes=st.lists(
        st.builds(
            ProbabilityChange,
            st.integers(0, len(SPACE.decisions) - 1),
            st.integers(0, 1),
            st.sampled_from([0.0, 1.0, 0.5]),
        ),
        max_size=40,
    )
)
def test_no_rewriting_ends_the_search_or_brings_back_what_is_forbidden(
    changes: list[ProbabilityChange],
) -> None:
    odds = Odds(SPACE.decisions, forbidden=frozenset({(0, 1)}))

    odds.change(changes)

    for position, row in enumerate(odds.table):
        assert sum(row) == pytest.approx(1.0)
        allowed = [p for option, p in enumerate(row) if (position, option) != (0, 1)]
        assert min(allowed) > 0.0
    assert odds.table[0][1] == 0.0
    drawn = odds.fresh(SPACE, np.random.default_rng(1), lambda _: True)
    assert drawn is not None
    assert drawn.choices[0] == 0


def test_a_search_in_which_nothing_is_news_ends() -> None:
    odds = Odds(SPACE.decisions, forbidden=frozenset())

    assert odds.fresh(SPACE, np.random.default_rng(1), lambda _: False) is None


def test_a_strategy_waits_on_its_desk_until_a_reply_lies_there() -> None:
    desk, reply = Desk(), InitReply((0,), "", "rule")
    waiting = desk.initialise(INIT)

    assert next(waiting) is None
    assert desk.brief is INIT
    assert next(waiting) is None
    desk.take(reply)
    with pytest.raises(StopIteration) as done:
        next(waiting)

    assert done.value.value is reply
    assert desk.brief is None
