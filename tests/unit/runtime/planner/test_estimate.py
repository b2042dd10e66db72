"""What a plan is expected to cost and to take."""

from dataclasses import replace
from datetime import date

import pytest

from runtime.catalog.model import Catalog, Model, Node, Price
from runtime.graph.model import Graph, MapOver
from runtime.ids import ModelName, NodeName, StepId
from runtime.planner.estimate import critical_path_s, estimate_steps
from runtime.ports import Sampling
from runtime.testing.flows import drawn, edge

NODE = NodeName("cloud-1")
MODEL = Model(
    ModelName("llm"),
    NODE,
    prefill_tokens_per_s=1000.0,
    decode_tokens_per_s=50.0,
    prices=(Price(date(2026, 1, 1), 1.0, 10.0), Price(date(2026, 12, 1), 2.0, 20.0)),
)
CATALOG = Catalog((Node(NODE, "cloud", round_trip_s=0.5),), (MODEL,))
TODAY = date(2026, 11, 24)
ADA, BOB, CYD = StepId("ada"), StepId("bob"), StepId("cyd")


def of_100_tokens(graph: Graph, **samples: int) -> Graph:
    return replace(
        graph,
        steps=tuple(
            replace(
                step,
                samples=samples.get(step.id, 1),
                sampling=Sampling(max_tokens=100),
            )
            for step in graph.steps
        ),
    )


ALONE = of_100_tokens(drawn(steps="ada"))
CHAIN = of_100_tokens(drawn(edge("ada", "bob"), steps="ada bob"))


def test_one_call_costs_its_tokens_at_the_price_of_the_day() -> None:
    today = estimate_steps(ALONE, {ADA: MODEL}, CATALOG, today=TODAY, prompt_tokens=2000)
    later = estimate_steps(
        ALONE, {ADA: MODEL}, CATALOG, today=date(2026, 12, 2), prompt_tokens=2000
    )

    assert today[ADA].cost_usd == pytest.approx(0.003)
    assert later[ADA].cost_usd == pytest.approx(0.006)


def test_one_call_takes_its_round_trip_its_prefill_and_its_decode() -> None:
    estimates = estimate_steps(ALONE, {ADA: MODEL}, CATALOG, today=TODAY, prompt_tokens=2000)

    assert estimates[ADA].latency_s == pytest.approx(0.5 + 2.0 + 2.0)


def test_samples_multiply_the_cost_and_not_the_time() -> None:
    thrice = of_100_tokens(ALONE, ada=3)

    one = estimate_steps(ALONE, {ADA: MODEL}, CATALOG, today=TODAY, prompt_tokens=2000)
    three = estimate_steps(thrice, {ADA: MODEL}, CATALOG, today=TODAY, prompt_tokens=2000)

    assert three[ADA].cost_usd == pytest.approx(3 * one[ADA].cost_usd)
    assert three[ADA].latency_s == one[ADA].latency_s


def test_a_step_reads_the_answers_before_it() -> None:
    models = dict.fromkeys((ADA, BOB), MODEL)

    estimates = estimate_steps(CHAIN, models, CATALOG, today=TODAY, prompt_tokens=2000)

    assert estimates[BOB].cost_usd - estimates[ADA].cost_usd == pytest.approx(100 * 1e-6)


def test_a_full_list_is_assumed() -> None:
    ada, bob = CHAIN.steps
    mapped = replace(CHAIN, steps=(ada, replace(bob, map_over=MapOver(ADA, "parts", max_items=5))))
    models = dict.fromkeys((ADA, BOB), MODEL)

    plain = estimate_steps(CHAIN, models, CATALOG, today=TODAY, prompt_tokens=0)
    fanned = estimate_steps(mapped, models, CATALOG, today=TODAY, prompt_tokens=0)

    assert fanned[BOB].cost_usd == pytest.approx(5 * plain[BOB].cost_usd)


def test_an_instruction_is_part_of_the_prompt() -> None:
    told = replace(ALONE, steps=(replace(ALONE.steps[0], instruction="x" * 399),))

    estimates = estimate_steps(told, {ADA: MODEL}, CATALOG, today=TODAY, prompt_tokens=0)

    assert estimates[ADA].cost_usd == pytest.approx((100 * 1.0 + 100 * 10.0) / 1e6)


def test_what_was_not_measured_counts_nothing() -> None:
    unmeasured = replace(MODEL, prefill_tokens_per_s=0.0, decode_tokens_per_s=0.0, prices=())

    estimates = estimate_steps(ALONE, {ADA: unmeasured}, CATALOG, today=TODAY, prompt_tokens=2000)

    assert estimates[ADA].latency_s == 0.5
    assert estimates[ADA].cost_usd == 0.0


def test_the_critical_path_is_the_longest_way() -> None:
    graph = of_100_tokens(drawn(edge("ada", "cyd"), edge("bob", "cyd"), steps="ada bob cyd"))
    slow = replace(MODEL, decode_tokens_per_s=10.0)
    models = {ADA: MODEL, BOB: slow, CYD: MODEL}

    estimates = estimate_steps(graph, models, CATALOG, today=TODAY, prompt_tokens=0)
    total_s = critical_path_s(graph, {step: one.latency_s for step, one in estimates.items()})

    assert total_s == pytest.approx(estimates[BOB].latency_s + estimates[CYD].latency_s)
