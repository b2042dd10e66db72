"""Promises 1 and 2 of the flow check and of plans, against an oracle that knows no labels.

The same properties are held against 100,000 examples each in ``test_at_length``.
"""

from __future__ import annotations

import pytest

from runtime.testing.at_length import Property, hold
from tests.privacy.flow_properties import (
    no_plan_leaks,
    nothing_accepted_leaks,
    only_leaks_are_refused,
    the_structure_alone_decides,
)


@pytest.mark.parametrize(
    "check",
    [nothing_accepted_leaks, only_leaks_are_refused, the_structure_alone_decides, no_plan_leaks],
)
def test_no_node_tells_two_secrets_apart_that_are_none_of_its_business(check: Property) -> None:
    tally = hold(check, examples=400)

    assert tally.held >= 400
