"""The cache's benchmark counts what it says: close questions apart, rewordings together."""

import asyncio
import random

from bench.answer_cache import hits_by_kind
from bench.answer_cache_pairs import CLOSE, NATURAL, SAME, pairs


def test_no_close_question_is_served_and_every_rewording_is() -> None:
    rng = random.Random(1)

    close = asyncio.run(hits_by_kind(pairs(CLOSE, 10, rng)))
    same = asyncio.run(hits_by_kind(pairs(SAME, 10, rng)))

    assert close == dict.fromkeys(CLOSE, (0, 10))
    assert same == dict.fromkeys(SAME, (10, 10))


def test_no_pair_is_one_question_twice() -> None:
    drawn = [pair for _, pair in pairs(CLOSE | SAME, 30, random.Random(2))]

    assert not [pair for pair in (*drawn, *NATURAL) if pair[0] == pair[1]]
