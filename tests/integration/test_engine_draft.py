"""A draft follows its text: what it holds is always the text, however that went on."""

import random
from dataclasses import replace
from pathlib import Path

import pytest

from edge.engine.frames import Load
from edge.engine.native.context import LlamaContext
from edge.engine.native.draft import DraftModel
from edge.engine.native.model import LlamaModel, LoadLog

WEIGHTS = Path(__file__).parents[2] / "reference" / "weights"
WORDS = [
    " linh.nasser@",
    " The email of Linh",
    " 12 * 3 = ",
    " Answer: ",
    " is 4 + 17 =",
    " phone +44 77",
]
LOAD = Load(
    path=str(WEIGHTS / "tern-s.gguf"),
    context_tokens=0,
    batch_tokens=256,
    threads=1,
    gpu_layers=0,
    slots=2,
    cache_tokens=0,
    kept_prefixes=0,
    is_deterministic=False,
    guesses=True,
    queue_limit=4,
    memory_headroom_bytes=1 << 30,
    is_mapped=True,
    gather_s=0.0,
    draft=str(WEIGHTS / "tern-xs.gguf"),
)


@pytest.fixture(scope="module")
def loaded() -> tuple[LlamaModel, LoadLog]:
    with LoadLog() as log:
        return LlamaModel(LOAD, log), log


def made(loaded: tuple[LlamaModel, LoadLog]) -> DraftModel:
    model, log = loaded
    return DraftModel(model, LOAD, log)


def asked(draft: DraftModel, owner: object, text: list[int], most: int = 4) -> list[int]:
    """Return a guess, however often the draft has to catch up first."""
    for _ in range(100):
        guess = draft.guess(owner, text, most, least_chance=0.0)
        if guess is not None:
            return guess
    raise AssertionError("it never caught up")


def test_a_guess_depends_on_the_text_alone_and_not_on_what_was_guessed_before(
    loaded: tuple[LlamaModel, LoadLog],
) -> None:
    rng = random.Random(3)
    model, _ = loaded
    text = model.tokenize("Linh Nasser: email linh.nasser@example.net. ", is_plain=True)
    following = made(loaded)
    is_same = []
    for _ in range(24):
        guess = asked(following, "one", text)
        is_same.append(guess[:1] == asked(made(loaded), "fresh", text, 1))
        # The text goes on as guessed for a while, then otherwise.
        otherwise = model.tokenize(rng.choice(WORDS), is_plain=True)[: rng.randrange(1, 6)]
        text = [*text, *guess[: rng.randrange(len(guess) + 1)], *otherwise]

    # Read in other stretches, two nearly equal tokens may change places.
    assert sum(is_same) >= 23


def test_what_was_read_for_one_text_does_not_show_in_another(
    loaded: tuple[LlamaModel, LoadLog],
) -> None:
    model, _ = loaded
    one = model.tokenize("Each bed needs 3 sheets.", is_plain=True)
    other = model.tokenize("Which email is noted for Linh Nasser?", is_plain=True)
    draft = made(loaded)
    first = asked(draft, "one", one)

    assert asked(draft, "other", other) == asked(made(loaded), "fresh", other)
    assert asked(draft, "one", one) == first


def test_what_was_read_for_one_call_saves_another_no_time(
    loaded: tuple[LlamaModel, LoadLog],
) -> None:
    draft = made(loaded)
    text = [5, 6, 7] * 15
    asked(draft, "one", text)

    assert draft.guess("other", text, 4, least_chance=0.0) is None


def test_a_long_text_is_read_in_stretches_and_one_too_long_is_left_alone(
    loaded: tuple[LlamaModel, LoadLog],
) -> None:
    draft = made(loaded)

    steps = [draft.guess("one", [5] * 150, 4, least_chance=0.0) for _ in range(4)]

    assert steps[:3] == [None, None, None]
    assert steps[3]
    assert draft.guess("one", [5] * 5000, 4, least_chance=0.0) == []


def test_a_draft_that_is_unsure_says_nothing(loaded: tuple[LlamaModel, LoadLog]) -> None:
    model, _ = loaded
    text = model.tokenize("Say", is_plain=True)

    assert made(loaded).guess("one", text, 4, least_chance=1.1) == []


def test_a_context_for_guesses_is_made_as_the_models_own(
    loaded: tuple[LlamaModel, LoadLog],
) -> None:
    model, log = loaded

    assert LlamaContext(model, LOAD, log).guesses
    assert not LlamaContext(model, replace(LOAD, is_deterministic=True), log).guesses
