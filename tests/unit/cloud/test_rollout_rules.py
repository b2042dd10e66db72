"""How a rollout goes on, over every tally: no wave passes a failure, and the canary is one."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.fleet.rollout import RolloutStatus, Rules, Tally, check_waves, decide, waves_of
from runtime.errors import RequestInvalid

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
SHARES = st.lists(st.integers(1, 99), max_size=4, unique=True).map(
    lambda found: (*(share / 100 for share in sorted(found)), 1.0)
)


@given(
    released=st.integers(1, 100),
    failed=st.integers(0, 100),
    done=st.integers(0, 100),
    soaked_s=st.floats(0, 120),
)
def test_a_wave_follows_only_on_one_that_is_whole_and_was_watched(
    released: int, failed: int, done: int, soaked_s: float
) -> None:
    tally = Tally(released=released, done=min(done, released), failed=failed)
    now = NOON + timedelta(seconds=soaked_s)

    made = decide(tally, Rules(), wave=0, waves=3, wave_at=NOON, now=now)

    assert (made.status is RolloutStatus.ABORTED) == (failed > 0)
    if made.wave == 1:
        assert (now - NOON).total_seconds() >= 60.0
        assert tally.done >= 0.9 * released


@given(count=st.integers(1, 300), shares=SHARES)
def test_every_device_is_in_one_wave_and_the_first_is_never_empty(
    count: int, shares: tuple[float, ...]
) -> None:
    names = [f"device-{number}" for number in range(count)]

    placed = waves_of(names, shares, seed="1")

    assert set(placed) == set(names)
    assert 0 in placed.values()
    within = sum(wave == 0 for wave in placed.values())
    assert within <= max(1, shares[0] * count + 1)


@pytest.mark.parametrize("shares", [[], [0.5], [0.5, 0.2, 1.0], [0.0, 1.0], [1.0, 1.0], [2.0]])
def test_shares_that_lead_nowhere_are_refused(shares: list[float]) -> None:
    with pytest.raises(RequestInvalid, match="grow and end with 1"):
        check_waves(shares)
