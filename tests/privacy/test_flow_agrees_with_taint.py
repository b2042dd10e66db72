"""Promise 1: the check before the run and the check during it, which share no code, agree.

Whatever branches a run takes, a plan that the flow check accepted is never stopped by the taint
check, and no step learns more at run time than the proof said it might. The same properties are
held against 100,000 examples each in ``test_at_length``.
"""

from __future__ import annotations

import pytest

from runtime.testing.at_length import Property, hold
from tests.privacy.flow_properties import (
    nothing_accepted_is_stopped,
    nothing_accepted_of_one_secret_is_stopped,
    whatever_is_refused_is_stopped,
)


@pytest.mark.parametrize(
    "check",
    [
        nothing_accepted_is_stopped,
        nothing_accepted_of_one_secret_is_stopped,
        whatever_is_refused_is_stopped,
    ],
)
def test_the_checks_before_and_during_a_run_agree(check: Property) -> None:
    tally = hold(check, examples=400)

    assert tally.held >= 400
