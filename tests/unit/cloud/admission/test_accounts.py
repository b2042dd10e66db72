"""An account never promises more than its cap, however reservations come and end."""

from hypothesis import given
from hypothesis import strategies as st

from cloud.admission.accounts import Account, Amount

AMOUNTS = st.builds(Amount, st.integers(0, 60), st.integers(0, 60))
STEPS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 9), AMOUNTS), max_size=60)


def _apply(account: Account, held: list[Amount], presumed: list[Amount], step: int, which: int,
           amount: Amount) -> Amount:  # fmt: skip
    """Do one step if it can be done; return what providers reported in it."""
    if step == 0 and account.has_room(amount):
        account.reserve(amount)
        held.append(amount)
    elif step == 1 and held:
        account.settle(held.pop(which % len(held)), amount)
        return amount
    elif step == 2 and held:
        account.presume(held[which % len(held)])
        presumed.append(held.pop(which % len(held)))
    elif step == 3 and presumed:
        account.correct(presumed.pop(which % len(presumed)), amount)
        return amount
    elif step == 4:
        account.cap_micros = 40 + amount.micros  # an operator changes the cap
    return Amount()


@given(STEPS)
def test_books_balance_and_no_decision_passes_the_cap(
    steps: list[tuple[int, int, Amount]],
) -> None:
    account = Account(1, "b", cap_micros=100, cap_tokens=100)
    held: list[Amount] = []
    presumed: list[Amount] = []
    reported = Amount()
    for step, which, amount in steps:
        before = account.spent + account.reserved
        reported += _apply(account, held, presumed, step, which, amount)

        assert account.reserved == sum(held, Amount())
        assert account.spent + account.excess == reported + sum(presumed, Amount())
        taken = account.spent + account.reserved
        assert account.cap_micros is not None
        assert taken.micros <= max(account.cap_micros, before.micros), (
            "only a lowered cap is passed"
        )
        assert taken.tokens <= 100


def test_what_a_provider_reports_beyond_the_reservation_is_charged_while_there_is_room() -> None:
    account = Account(1, "b", cap_micros=100, cap_tokens=None)
    account.reserve(Amount(30, 10))
    account.reserve(Amount(60, 10))

    account.settle(Amount(30, 10), Amount(45, 99))

    assert account.spent == Amount(40, 99), "10 micro-dollars were free; tokens are not capped"
    assert account.excess == Amount(5, 0)
    assert account.reserved == Amount(60, 10)


def test_a_call_that_never_fits_is_told_from_one_that_has_to_wait() -> None:
    account = Account(1, "b", cap_micros=100, cap_tokens=50, spent=Amount(99, 0))

    assert not account.has_room(Amount(2, 0))
    assert account.could_ever_hold(Amount(2, 0))
    assert not account.could_ever_hold(Amount(101, 0))
    assert not account.could_ever_hold(Amount(0, 51))
