"""The built-in rule agent: the insights, step by step, and nothing by chance."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.agents.briefing import shape_of, share_estimate
from optimizer.agents.failures import AgentFailed
from optimizer.agents.labels import Labels
from optimizer.agents.model import (
    Estimate,
    Ground,
    InitBrief,
    MixResult,
    PoolModel,
    RevisionBrief,
    Scored,
)
from optimizer.agents.replies import Checks, count_models, why_not
from optimizer.agents.rule_agent import RuleAgent
from optimizer.agents.rule_verdict import changed_table, distances_from_sink
from optimizer.search.model import Constraint, Measure
from tests.unit.optimizer.agents.house import (
    CAP,
    CHAIN,
    GROUND,
    INIT,
    PARALLEL,
    REVISION,
    SPACE,
    TABLE,
    UnitCosts,
    choices,
    flops,
    scored,
)

CHECKS = Checks(SPACE, UnitCosts(SPACE))
AGENT = RuleAgent(CHECKS)
NAMES = [item.name for item in SPACE.decisions]


def test_it_is_called_rule_in_every_reply() -> None:
    assert AGENT.name == "rule"
    assert AGENT.initialise(INIT).author == "rule"
    assert AGENT.revise(REVISION).author == "rule"


# Insight 1.


def test_it_picks_the_best_measured_mix_and_then_one_with_another_leading_model() -> None:
    reply = AGENT.initialise(INIT)

    assert [INIT.vectors[pick] for pick in reply.picks] == [(0, 3, 0), (0, 0, 1)]
    assert reply.reason == (
        "most promising at this budget: 3 slm-3b (54.0 % measured),"
        " then 1 llm-8b (49.0 % expected from its models alone)"
    )


def test_the_papers_pilot_numbers_give_the_papers_preferences() -> None:
    def best(alone: tuple[float, ...], mixes: dict[tuple[int, ...], float]) -> tuple[int, ...]:
        pool = tuple(
            PoolModel(f"m{number}", cost, alone=Estimate(value, value, value))
            for number, (cost, value) in enumerate(zip((1.0, 3.0, 9.0), alone, strict=True))
        )
        brief = InitBrief(
            ground=Ground(decisions=(), pool=pool),
            vectors=INIT.vectors,
            mixes=tuple(MixResult(counts, Estimate(v, v, v)) for counts, v in mixes.items()),
        )
        return brief.vectors[AGENT.initialise(brief).picks[0]]

    math = {(9, 0, 0): 0.39, (6, 1, 0): 0.44, (3, 2, 0): 0.45, (0, 3, 0): 0.54, (0, 0, 1): 0.49}
    mmlu = {(9, 0, 0): 0.30, (6, 1, 0): 0.39, (3, 2, 0): 0.45, (0, 3, 0): 0.41, (0, 0, 1): 0.64}

    assert best((0.31, 0.40, 0.49), math) == (0, 3, 0)
    assert best((0.31, 0.43, 0.64), mmlu) == (0, 0, 1)


def test_without_any_measurement_it_still_picks() -> None:
    pool = tuple(replace(model, alone=None) for model in GROUND.pool)
    brief = replace(INIT, ground=replace(GROUND, pool=pool), mixes=(), picks=99)

    assert sorted(AGENT.initialise(brief).picks) == list(range(len(INIT.vectors)))


# Rule R4.


def test_edges_of_a_graph_that_helped_are_raised_from_the_sink_outward() -> None:
    brief = replace(REVISION, last=scored(CHAIN, 0.8), best=None, history=(scored(PARALLEL, 0.5),))

    changes = AGENT.revise(brief).changes
    edges = [(NAMES[item.decision], item.probability) for item in changes if item.decision < 9]

    assert [name for name, _ in edges] == ["b->sink", "a->b"]
    assert edges[0][1] > edges[1][1] > 0.12
    assert all(item.reason for item in changes)
    assert changes[0].reason.startswith("b->sink, at the sink, is raised, as the last graph did")


def test_edges_of_a_bad_graph_are_lowered_and_no_others_change() -> None:
    brief = replace(REVISION, last=scored(CHAIN, 0.3), history=(scored(PARALLEL, 0.6),))

    changes = AGENT.revise(brief).changes

    edges = {NAMES[item.decision]: item for item in changes if item.decision < 9}
    assert set(edges) == {"a->b", "b->sink"}
    assert all(item.probability < 0.12 for item in edges.values())
    assert "lowered" in edges["a->b"].reason


def test_a_graph_that_breaks_a_cap_counts_as_bad_however_right_it_is() -> None:
    brief = replace(
        REVISION,
        ground=replace(GROUND, caps=(CAP,)),
        last=scored(CHAIN, 0.9, measures=flops(20)),
    )

    reply = AGENT.revise(brief)

    assert reply.reason.startswith("the last graph breaks the cap on flops")
    assert all(item.probability < TABLE[item.decision][item.option] for item in reply.changes)


def test_the_less_is_known_the_less_is_changed() -> None:
    def largest_change(questions: int) -> float:
        brief = replace(REVISION, last=scored(PARALLEL, 0.8, questions=questions))
        changes = AGENT.revise(brief).changes
        return max(abs(item.probability - TABLE[item.decision][item.option]) for item in changes)

    assert largest_change(3) < largest_change(30) < largest_change(3000)


def test_the_first_graph_changes_no_probability() -> None:
    assert AGENT.revise(replace(REVISION, history=())).changes == ()


def test_distances_are_counted_along_the_edges_that_are_present() -> None:
    graph = choices("a->b", "b->c", "c->sink")

    found = dict(zip(NAMES, distances_from_sink(GROUND, graph), strict=True))

    assert (found["c->sink"], found["b->c"], found["a->b"]) == (0, 1, 2)
    assert found["a->sink"] is None
    assert found["role:a"] == 0


def test_rows_of_a_changed_table_sum_to_one() -> None:
    reply = AGENT.revise(REVISION)

    table = changed_table(TABLE, reply.changes)

    assert all(sum(row) == pytest.approx(1.0) for row in table)
    for change in reply.changes:
        assert table[change.decision][change.option] == pytest.approx(change.probability)


# Insights 2 and 3, and exploring.


def shapes_at(*measured: tuple[tuple[int, ...], float]) -> RevisionBrief:
    items = [scored(chosen, accuracy, questions=2000) for chosen, accuracy in measured]
    best = max(items, key=lambda item: item.accuracy.value)
    return replace(REVISION, history=tuple(items[:-1]), last=items[-1], best=best)


def test_while_the_widest_graph_is_the_best_it_grows_wider() -> None:
    brief = shapes_at((choices("a->sink"), 0.4), (CHAIN, 0.42), (PARALLEL, 0.6))

    reply = AGENT.revise(brief)

    before = shape_of(SPACE.graph(SPACE.candidate(PARALLEL)))
    after = shape_of(SPACE.graph(SPACE.candidate(reply.choices)))
    assert after.width == before.width + 1
    assert after.depth == before.depth


def test_once_wider_was_worse_it_no_longer_grows() -> None:
    wide = choices("a->sink", "b->sink", "c->sink")
    brief = shapes_at((choices("a->sink"), 0.4), (wide, 0.5), (PARALLEL, 0.6))

    reply = AGENT.revise(brief)

    assert shape_of(SPACE.graph(SPACE.candidate(reply.choices))).width <= 2


def test_while_the_deepest_graph_is_the_best_it_puts_a_step_between() -> None:
    wide = choices("a->sink", "b->sink", "c->sink")
    chain = choices("a->b", "b->sink")
    brief = shapes_at((wide, 0.3), (PARALLEL, 0.35), (choices("a->sink"), 0.4), (chain, 0.6))

    reply = AGENT.revise(brief)

    after = shape_of(SPACE.graph(SPACE.candidate(reply.choices)))
    assert (after.depth, after.width) == (4, 1)
    assert "nearer the best width (1) and depth (4) for this task" in reply.reason


def test_a_broken_cap_is_answered_by_a_cheaper_graph() -> None:
    dear = choices("a->sink", "b->sink", models=("llm-8b", "slm-3b", "slm-1b"))
    brief = replace(
        REVISION,
        ground=replace(GROUND, caps=(CAP,)),
        last=scored(dear, 0.9, measures=flops(15)),
        best=None,
        history=(),
    )

    reply = AGENT.revise(brief)

    assert UnitCosts(SPACE).predict(SPACE.candidate(reply.choices))[Measure.FLOPS] <= 12
    assert "less of flops, whose cap was broken" in reply.reason


@pytest.mark.parametrize(
    "measure", [Measure.LATENCY_P95_S, Measure.CLOUD_SHARE, Measure.COST_USD, Measure.FLOPS]
)
def test_a_broken_cap_is_answered_without_a_predictor_too(measure: Measure) -> None:
    dear = choices("a->b", "b->sink", "a->sink", models=("llm-8b", "llm-8b", "llm-8b"))
    over = ((measure, Estimate(2.0, 2.0, 2.0)),)
    brief = replace(
        REVISION,
        ground=replace(GROUND, caps=(Constraint(measure, 1.0),)),
        last=scored(dear, 0.9, measures=over),
        best=None,
        history=(),
    )

    reply = RuleAgent(Checks(SPACE)).revise(brief)

    assert f"less of {measure.value}, whose cap was broken" in reply.reason
    assert reply.choices != dear


def test_when_scores_hardly_differ_it_explores_what_was_seldom_tried() -> None:
    brief = shapes_at((CHAIN, 0.5), (choices("a->sink"), 0.505), (PARALLEL, 0.5))

    assert "seldom tried, and the recent scores hardly differ" in AGENT.revise(brief).reason


def test_when_nothing_is_left_near_the_best_it_goes_on_from_the_next() -> None:
    single, both = choices("a->sink"), choices("a->sink", "b->sink")
    other = choices("a->sink", "c->sink")
    fixed = frozenset(
        (index, option)
        for index, item in enumerate(SPACE.decisions)
        for option in range(len(item.options))
        if not item.name.endswith("->sink") and option != single[index]
    )
    brief = replace(
        shapes_at((other, 0.4), (both, 0.5), (single, 0.6)),
        ground=replace(GROUND, forbidden=fixed),
    )

    reply = AGENT.revise(brief)

    assert reply.choices not in (single, both, other)
    assert "run again" not in reply.reason


def test_an_idle_step_has_no_share_in_the_verdict() -> None:
    changed = {NAMES[item.decision] for item in AGENT.revise(REVISION).changes}

    assert {"role:a", "model:a", "model:b"} <= changed
    assert not changed & {"role:c", "model:c"}


# Limits.


def test_models_are_dealt_anew_when_the_counts_it_is_held_to_change() -> None:
    reply = AGENT.revise(replace(REVISION, counts=(0, 1, 1)))

    assert count_models(reply.choices, GROUND, SPACE) == (0, 1, 1)


def test_when_all_near_graphs_were_tried_the_best_is_run_again() -> None:
    single = choices("a->sink")
    open_decisions = {0}
    forbidden = frozenset(
        (index, option)
        for index, item in enumerate(SPACE.decisions)
        for option in range(len(item.options))
        if index not in open_decisions and option != single[index]
    )
    other = (1, *single[1:])
    brief = replace(
        REVISION,
        ground=replace(GROUND, forbidden=forbidden),
        last=scored(single, 0.6),
        best=scored(single, 0.6),
        history=(scored(other, 0.5),),
    )

    reply = AGENT.revise(brief)

    assert reply.choices == single
    assert "run again" in reply.reason


def test_when_nothing_allowed_is_near_it_says_so() -> None:
    brief = replace(REVISION, counts=(7, 7, 7))

    with pytest.raises(AgentFailed) as failed:
        AGENT.revise(brief)

    assert [item.code.value for item in failed.value.rejections] == ["counts"]


acyclic = st.lists(st.sampled_from(NAMES[:9]), max_size=6).map(lambda names: choices(*names))
measured: st.SearchStrategy[Scored] = st.builds(
    lambda chosen, right: scored(chosen, right / 20, questions=20),
    acyclic.filter(lambda chosen: SPACE.refusal(chosen) is None),
    st.integers(0, 20),
)


@settings(max_examples=40)
@given(
    history=st.lists(measured, max_size=5),
    last=measured,
    counted=st.booleans(),
    forbidden=st.frozensets(st.tuples(st.integers(0, 8), st.just(1)), max_size=4),
)
def test_whatever_it_proposes_is_allowed_and_the_same_brief_gets_the_same_reply(
    history: list[Scored],
    last: Scored,
    forbidden: frozenset[tuple[int, int]],
    *,
    counted: bool,
) -> None:
    brief = replace(
        REVISION,
        ground=replace(GROUND, forbidden=forbidden, caps=(CAP,)),
        history=tuple(history),
        last=last,
        best=None,
        counts=(1, 1, 0) if counted else None,
    )

    try:
        reply = AGENT.revise(brief)
    except AgentFailed:
        return

    labels = Labels(brief.ground)
    assert why_not(reply.choices, brief, checks=CHECKS, labels=labels) is None
    assert all(0 <= change.probability <= 1 for change in reply.changes)
    assert RuleAgent(CHECKS).revise(brief) == reply


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))))
def test_a_share_lies_inside_its_interval(drawn: tuple[int, int]) -> None:
    count, right = drawn

    found = share_estimate(right / count, count)

    assert 0 <= found.low <= found.value <= found.high <= 1
