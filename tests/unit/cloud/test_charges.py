"""What attempts cost together: whole micro-dollars, never above what was reserved."""

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from cloud.charges import Tally, WorstCase, priced
from runtime.catalog.model import Price
from runtime.ports import Usage

COUNTS = st.integers(0, 10**6)
MICROS = st.integers(0, 10**9)
USAGES = st.builds(
    Usage, COUNTS, COUNTS, st.just(0), MICROS.map(lambda micros: micros / 1e6), st.booleans()
)
WORST = st.builds(WorstCase, COUNTS, COUNTS, st.none() | MICROS)


def tally_of(usages: list[Usage]) -> Tally:
    tally = Tally()
    for usage in usages:
        tally.add(usage)
    return tally


@given(st.lists(USAGES, max_size=6))
def test_a_sum_loses_and_adds_not_a_micro_dollar(usages: list[Usage]) -> None:
    total = tally_of(usages).total

    assert round(total.cost_usd * 1e6) == sum(round(usage.cost_usd * 1e6) for usage in usages)
    assert total.prompt_tokens == sum(usage.prompt_tokens for usage in usages)
    assert total.estimated == any(usage.estimated for usage in usages)


@given(st.lists(USAGES, max_size=6), WORST)
def test_no_charge_exceeds_what_was_reserved(usages: list[Usage], worst: WorstCase) -> None:
    tally = tally_of(usages)

    cut = tally.within(worst)

    assert cut.prompt_tokens <= worst.prompt_tokens
    assert cut.completion_tokens <= worst.completion_tokens
    assert worst.cost_micros is None or round(cut.cost_usd * 1e6) <= worst.cost_micros
    assert cut == tally.total or cut.estimated


def test_a_part_of_a_micro_dollar_is_charged_as_one() -> None:
    prices = (Price(date(2026, 1, 1), 0.1, 0.0),)

    assert priced(Usage(1, 0), prices, date(2026, 6, 1)).cost_usd == 1e-6
    assert priced(Usage(1, 0), prices, date(2025, 6, 1)).cost_usd == 0
