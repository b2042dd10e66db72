"""No cap on the agent's calls, tokens or money is ever overshot."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimizer.agents.spend import (
    AgentCaps,
    AgentPrice,
    CapReached,
    Reservation,
    SpendMeter,
    Tokens,
    prompt_token_bound,
)
from runtime.ports import ChatMessage

tokens = st.builds(Tokens, st.integers(0, 5_000), st.integers(0, 5_000))


@given(
    price=st.builds(AgentPrice, st.floats(0, 100), st.floats(0, 100)),
    caps=st.builds(
        AgentCaps,
        st.none() | st.integers(0, 10),
        st.none() | st.integers(0, 40_000),
        st.none() | st.floats(0, 1),
    ),
    calls=st.lists(
        st.tuples(tokens, st.floats(0, 1), st.sampled_from(["now", "later", "never"])),
        max_size=30,
    ),
)
async def test_no_cap_is_overshot_whatever_order_calls_end_in(
    price: AgentPrice, caps: AgentCaps, calls: list[tuple[Tokens, float, str]]
) -> None:
    meter = SpendMeter(price, caps)
    waiting: list[tuple[Reservation, Tokens]] = []

    for most, share, end in calls:
        used = Tokens(int(most.prompt * share), int(most.completion * share))
        try:
            reservation = await meter.reserve(most)
        except CapReached:
            continue
        if end == "now":
            await meter.settle(reservation, used, is_estimate=False)
        elif end == "later":
            waiting.append((reservation, used))
        else:
            await meter.settle(reservation, most, is_estimate=True)
    for reservation, used in waiting:
        await meter.settle(reservation, used, is_estimate=False)

    spent = meter.spent
    assert caps.calls is None or spent.calls <= caps.calls
    assert caps.tokens is None or spent.tokens.total <= caps.tokens
    assert caps.usd is None or spent.usd <= caps.usd
    assert spent.over_reserved_calls == 0


async def test_what_is_reserved_is_not_given_out_twice() -> None:
    meter = SpendMeter(AgentPrice(), AgentCaps(tokens=1000))
    first = await meter.reserve(Tokens(300, 400))

    with pytest.raises(CapReached):
        await meter.reserve(Tokens(300, 1))

    await meter.settle(first, Tokens(100, 100), is_estimate=False)
    await meter.reserve(Tokens(300, 400))


async def test_a_report_beyond_the_reservation_is_believed_and_ends_the_spending() -> None:
    meter = SpendMeter(AgentPrice(0, 10.0), AgentCaps(usd=0.01))
    call = await meter.reserve(Tokens(100, 500))

    await meter.settle(call, Tokens(100, 5000), is_estimate=False)

    assert meter.spent.usd == 0.05
    assert meter.spent.over_reserved_calls == 1
    with pytest.raises(CapReached):
        await meter.reserve(Tokens(0, 1))


async def test_estimates_are_told_apart() -> None:
    meter = SpendMeter(AgentPrice(1.0, 2.0), AgentCaps())

    await meter.settle(await meter.reserve(Tokens(10, 10)), Tokens(10, 10), is_estimate=True)
    await meter.settle(await meter.reserve(Tokens(10, 10)), Tokens(5, 5), is_estimate=False)

    assert meter.spent.calls == 2
    assert meter.spent.estimated_calls == 1
    assert meter.spent.tokens == Tokens(15, 15)
    assert meter.spent.usd == pytest.approx(45e-6)


@given(st.text(max_size=200))
def test_a_prompt_is_never_bound_below_its_bytes(text: str) -> None:
    clean = text.encode("utf-8", "ignore").decode()

    bound = prompt_token_bound([ChatMessage("user", clean)], schema_bytes=0)

    assert bound > len(clean.encode())
