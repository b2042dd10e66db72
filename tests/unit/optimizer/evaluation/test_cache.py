"""What was paid for once is found again, by everything it depends on and nothing else."""

import dataclasses
from pathlib import Path

import pytest

from optimizer.evaluation.cache import CallCache, CallKey, GraphKey
from optimizer.evaluation.model import NotKept
from runtime.errors import StudyInvalid
from runtime.ports import ChatMessage, Sampling

CALL = CallKey("small", "r1", (ChatMessage("user", "SECRET question"),), Sampling(seed=7))
GRAPH = GraphKey("graph", (("small", "r1"),), "SECRET question", "42", "exact")
VALUE = {"right": 1.0, "latency_s": 0.1 + 0.2, "call_ids": [7, 8]}


def test_what_was_paid_for_survives_with_its_payer(tmp_path: Path) -> None:
    first = CallCache(tmp_path / "calls.sqlite", study="one")
    first.put(CALL, VALUE)
    first.close()

    stored = CallCache(tmp_path / "calls.sqlite", study="two").get(CALL)

    assert stored is not None
    assert (stored.value, stored.study) == (VALUE, "one")


@pytest.mark.parametrize(
    "change",
    [
        {"model": "large"},
        {"revision": "r2"},
        {"chat": (ChatMessage("user", "another"),)},
        {"chat": (ChatMessage("system", "SECRET question"),)},
        {"sampling": Sampling(seed=8)},
        {"sampling": Sampling(seed=7, max_tokens=3)},
        {"sample": 1},
    ],
)
def test_everything_a_call_depends_on_is_in_its_key(
    tmp_path: Path, change: dict[str, object]
) -> None:
    cache = CallCache(tmp_path / "calls.sqlite", study="one")
    cache.put(CALL, VALUE)

    assert cache.get(dataclasses.replace(CALL, **change)) is None  # type: ignore[arg-type]
    assert cache.get(CALL) is not None
    assert (cache.hits, cache.misses) == (1, 1)


@pytest.mark.parametrize(
    "change",
    [
        {"graph": "other"},
        {"models": (("small", "r2"),)},
        {"prompt": "another"},
        {"expected": "43"},
        {"scorer": "numeric"},
        {"label": ("person",)},
        {"policy": "other"},
        {"sample": 1},
    ],
)
def test_everything_an_outcome_depends_on_is_in_its_key(change: dict[str, object]) -> None:
    other = dataclasses.replace(GRAPH, **change)  # type: ignore[arg-type]

    assert other.digest() != GRAPH.digest()


def test_what_was_stored_first_stays(tmp_path: Path) -> None:
    cache = CallCache(tmp_path / "calls.sqlite", study="one")
    cache.put(GRAPH, VALUE)
    cache.put(GRAPH, {**VALUE, "right": 0.0})

    stored = cache.get(GRAPH)

    assert stored is not None
    assert stored.value == VALUE


def test_keys_hold_no_text_and_only_the_owner_may_read(tmp_path: Path) -> None:
    cache = CallCache(tmp_path / "calls.sqlite", study="one")
    cache.put(CALL, VALUE)
    cache.close()

    files = list(tmp_path.iterdir())

    assert files
    assert not any(b"SECRET" in path.read_bytes() for path in files)
    assert all(path.stat().st_mode & 0o077 == 0 for path in files)


def test_a_full_disk_is_named_and_what_stands_there_stays(tmp_path: Path) -> None:
    cache = CallCache(tmp_path / "calls.sqlite", study="one")
    kept, lost = (
        CallKey("slm", "", (ChatMessage("user", text),), Sampling()) for text in ("kept", "lost")
    )
    cache.put(kept, {"text": "2"})
    cache._database.execute("PRAGMA max_page_count=1")

    with pytest.raises(NotKept, match=r"calls.sqlite: database or disk is full$"):
        cache.put(lost, {"text": "x" * 100_000})

    found = cache.get(kept)
    cache.close()
    assert found is not None
    assert found.value == {"text": "2"}


def test_a_file_that_is_no_cache_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "calls.sqlite"
    path.write_text("not a database, and long enough to be looked at as one" * 40)

    with pytest.raises(StudyInvalid, match="cannot be used as a cache"):
        CallCache(path, study="one")
