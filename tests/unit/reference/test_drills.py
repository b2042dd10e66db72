"""Bare arithmetic."""

import random
import re

from reference.drills import draw_drill

COMPUTE = {"*": int.__mul__, "+": int.__add__, "-": int.__sub__}


def test_every_result_is_right_and_positive() -> None:
    rng = random.Random(0)

    for asked, result in (line for _ in range(200) for line in draw_drill(rng)):
        left, sign, right = re.findall(r"\d+|[*+-]", asked)
        assert result == f" {COMPUTE[sign](int(left), int(right))}."
        assert not result.startswith(" -")
