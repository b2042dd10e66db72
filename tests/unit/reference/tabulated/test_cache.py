"""The store of calls: what a call is known by, and what survives."""

import sqlite3
from dataclasses import replace
from pathlib import Path

from reference.tabulated.cache import CallCache, CallResult, call_key
from runtime.ports import ChatMessage, Sampling

ASKED = (ChatMessage("user", "2 + 2?"),)
RESULT = CallResult("4\nAnswer: 4", 12, 5, 1500, "stop")


def test_a_stored_call_is_found_again(tmp_path: Path) -> None:
    key = call_key("weights", ASKED, Sampling())
    with CallCache(tmp_path / "calls.sqlite") as cache:
        cache.put(key, RESULT)

    with CallCache(tmp_path / "calls.sqlite") as cache:
        assert cache.get(key) == RESULT
        assert len(cache) == 1


def test_everything_that_an_answer_depends_on_is_in_the_key() -> None:
    sampling = Sampling(temperature=0.8, seed=1)
    keys = {
        call_key("weights", ASKED, sampling),
        call_key("other weights", ASKED, sampling),
        call_key("weights", (ChatMessage("system", "2 + 2?"),), sampling),
        call_key("weights", (ChatMessage("user", "2 + 3?"),), sampling),
        call_key("weights", ASKED * 2, sampling),
        call_key("weights", ASKED, replace(sampling, seed=2)),
        call_key("weights", ASKED, replace(sampling, temperature=0.7)),
        call_key("weights", ASKED, replace(sampling, max_tokens=10)),
    }

    assert len(keys) == 8


def test_the_first_answer_to_a_key_stays(tmp_path: Path) -> None:
    key = call_key("weights", ASKED, Sampling())
    with CallCache(tmp_path / "calls.sqlite") as cache:
        cache.put(key, RESULT)
        cache.put(key, replace(RESULT, text="5"))

        assert cache.get(key) == RESULT


def test_a_process_that_never_closes_it_loses_little(tmp_path: Path) -> None:
    cache = CallCache(tmp_path / "calls.sqlite")
    for number in range(100):
        cache.put(call_key("weights", ASKED, Sampling(seed=number)), RESULT)

    other = sqlite3.connect(tmp_path / "calls.sqlite")
    (count,) = other.execute("SELECT count(*) FROM calls").fetchone()
    other.close()
    assert count >= 100 - 32
    cache.__exit__(None, None, None)
