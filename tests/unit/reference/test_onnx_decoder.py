"""The committed ONNX files: their surface, and that a cache, cuts and padding change nothing."""

import random
import subprocess
import sys
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.cards import read_card, read_fixtures
from reference.check import EXACT_TOLERANCE, load_decoder
from reference.models import CONTEXT_TOKENS, VOCABULARY_SIZE, spec_of
from reference.onnx_decoder import ContextFull, OnnxDecoder, Sampling, pad_left
from reference.weights import onnx_path
from reference.weights.store import FOLDER
from runtime.onnx_runtime import onnxruntime

NAME = "tern-s"
SPEC = spec_of(NAME)
FIXTURES = read_fixtures(FOLDER / f"{NAME}.fixtures.json")
PROMPT: list[int] = FIXTURES[0]["tokens"]
DECODER = load_decoder(NAME)


def alone(tokens: list[int]) -> npt.NDArray[np.float32]:
    """Logits of a sequence read in one go."""
    return DECODER.advance(np.array([tokens], np.int64), DECODER.empty())[0][0]


def test_inputs_and_outputs_have_the_names_and_shapes_of_stock_decoders() -> None:
    session = onnxruntime.InferenceSession(str(onnx_path(NAME)), providers=["CPUExecutionProvider"])

    surface = {
        value.name: (value.type, value.shape)
        for value in (*session.get_inputs(), *session.get_outputs())
    }

    batch, length, past = "batch_size", "sequence_length", "past_sequence_length"
    total = f"{past} + {length}"
    expected = {
        "input_ids": ("tensor(int64)", [batch, length]),
        "attention_mask": ("tensor(int64)", [batch, total]),
        "position_ids": ("tensor(int64)", [batch, length]),
        "logits": ("tensor(float)", [batch, length, VOCABULARY_SIZE]),
    }
    for layer in range(SPEC.layers):
        for part in ("key", "value"):
            held = [batch, SPEC.kv_heads, past, SPEC.head_width]
            grown = [batch, SPEC.kv_heads, total, SPEC.head_width]
            expected[f"past_key_values.{layer}.{part}"] = ("tensor(float)", held)
            expected[f"present.{layer}.{part}"] = ("tensor(float)", grown)
    assert surface == expected


def test_the_file_says_what_it_is() -> None:
    facts = DECODER.facts

    assert (facts.name, facts.family) == (NAME, NAME.partition("-")[0])
    assert facts.context_tokens == CONTEXT_TOKENS
    assert PROMPT[0] == facts.bos_token_id
    assert facts.eos_token_id in PROMPT
    assert facts.pad_token_id not in PROMPT
    assert read_card(FOLDER / f"{NAME}.json")["onnx_file_bytes"] == onnx_path(NAME).stat().st_size


@pytest.mark.parametrize("fixture", FIXTURES, ids=range(len(FIXTURES)))
def test_logits_are_those_that_torch_computed(fixture: dict[str, list[float]]) -> None:
    logits = alone([int(token) for token in fixture["tokens"]])

    assert abs(logits[-1] - fixture["logits"]).max() < EXACT_TOLERANCE


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_a_sequence_may_be_read_in_any_pieces(data: st.DataObject) -> None:
    tokens = data.draw(st.lists(st.integers(0, VOCABULARY_SIZE - 1), min_size=1, max_size=40))
    cuts = data.draw(st.sets(st.integers(0, len(tokens))))

    cache, rows = DECODER.empty(), []
    for start, end in pairwise(sorted({0, *cuts, len(tokens)})):
        logits, cache = DECODER.advance(np.array([tokens[start:end]], np.int64), cache)
        rows.append(logits[0])

    assert cache.tokens == len(tokens)
    assert abs(np.concatenate(rows) - alone(tokens)).max() < EXACT_TOLERANCE


@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_in_a_batch_changes_nobody_elses_logits(side: str) -> None:
    sequences = [PROMPT, PROMPT[:17], FIXTURES[1]["tokens"]]
    tokens, mask = pad_left(sequences, DECODER.facts.pad_token_id)
    if side == "right":
        for row, sequence in enumerate(sequences):
            shift = len(sequence) - tokens.shape[1]
            tokens[row], mask[row] = np.roll(tokens[row], shift), np.roll(mask[row], shift)
    following = np.array([[40], [41], [42]])

    logits, cache = DECODER.advance(tokens, DECODER.empty(batch=3), mask=mask)
    after, _ = DECODER.advance(following, cache)

    assert np.isfinite(logits).all()
    for row, sequence in enumerate(sequences):
        expected = alone([*sequence, int(following[row, 0])])
        assert abs(logits[row][mask[row] == 1] - expected[:-1]).max() < EXACT_TOLERANCE
        assert abs(after[row, 0] - expected[-1]).max() < EXACT_TOLERANCE


def test_a_cache_may_be_gone_on_from_twice() -> None:
    _, cache = DECODER.advance(np.array([PROMPT], np.int64), DECODER.empty())

    first, _ = DECODER.advance(np.array([[40, 41]]), cache)
    second, _ = DECODER.advance(np.array([[40, 41]]), cache)

    assert np.array_equal(first, second)


def test_greedy_decoding_answers_the_fixtures_as_torch_did_and_stops_at_the_end_token() -> None:
    longest = list(DECODER.generate(PROMPT, max_tokens=160))
    cut = list(DECODER.generate(PROMPT, max_tokens=5))

    assert cut == longest[:5]
    assert DECODER.facts.eos_token_id not in longest
    assert int(alone([*PROMPT, *longest])[-1].argmax()) == DECODER.facts.eos_token_id


def test_sampling_repeats_with_its_seed_and_differs_without() -> None:
    def drawn(seed: int) -> list[int]:
        sampling = Sampling(temperature=2.0, rng=random.Random(seed))
        return list(DECODER.generate(PROMPT, max_tokens=30, sampling=sampling))

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)


def test_more_than_the_context_is_refused() -> None:
    full = np.zeros((1, CONTEXT_TOKENS), np.int64)
    _, cache = DECODER.advance(full, DECODER.empty())

    with pytest.raises(ContextFull, match=f"{NAME} reads {CONTEXT_TOKENS} tokens"):
        DECODER.advance(np.zeros((1, 1), np.int64), cache)


def test_decoding_needs_neither_torch_nor_onnx_nor_libllama() -> None:
    seen = subprocess.run(
        [sys.executable, "-c", "import reference.check, sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert not {"torch", "onnx", "gguf", "llama_cpp"} & set(seen.stdout.split())


def test_one_thread_is_the_default_and_more_give_the_same() -> None:
    several = OnnxDecoder(onnx_path(NAME), threads=2)

    logits, _ = several.advance(np.array([PROMPT], np.int64), several.empty())

    assert abs(logits[0] - alone(PROMPT)).max() < EXACT_TOLERANCE
