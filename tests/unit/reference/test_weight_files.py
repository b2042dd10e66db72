"""The committed GGUF files against what torch computed at export."""

import json
from typing import Any

import pytest
from llama_cpp import Llama

from reference.cards import read_card, read_fixtures
from reference.check import chat_text, check
from reference.models import CONTEXT_TOKENS, VOCABULARY_SIZE, spec_of
from reference.weights import published_models, weights_path
from reference.weights.store import FOLDER

NAMES = published_models()


def fixtures(name: str) -> list[dict[str, Any]]:
    return read_fixtures(FOLDER / f"{name}.fixtures.json")


@pytest.fixture(scope="module", params=NAMES)
def vocabulary(request: pytest.FixtureRequest) -> tuple[str, Llama]:
    name: str = request.param
    return name, Llama(str(weights_path(name)), vocab_only=True, verbose=False)


def test_llama_cpp_agrees_with_the_training_tokenizer(vocabulary: tuple[str, Llama]) -> None:
    name, model = vocabulary

    for fixture in fixtures(name):
        text = chat_text(fixture["messages"]).encode()
        assert model.tokenize(text, add_bos=False, special=True) == fixture["tokens"]


def test_every_digit_is_a_piece_of_its_own(vocabulary: tuple[str, Llama]) -> None:
    _, model = vocabulary

    assert len(model.tokenize(b"1234567890", add_bos=False)) == 10


def test_the_file_says_how_a_chat_begins_and_ends(vocabulary: tuple[str, Llama]) -> None:
    _, model = vocabulary

    special = {model.token_bos(): "<|bos|>", model.token_eos(): "<|end|>"}

    assert {token: model.detokenize([token], special=True).decode() for token in special} == special
    assert "add_generation_prompt" in model.metadata["tokenizer.chat_template"]
    assert model.metadata["llama.context_length"] == str(CONTEXT_TOKENS)
    assert model.n_vocab() == VOCABULARY_SIZE


@pytest.mark.parametrize("name", NAMES)
def test_llama_cpp_computes_and_answers_what_torch_did(name: str) -> None:
    found = check(weights_path(name), fixtures(name))

    assert found.is_good, found


@pytest.mark.parametrize("name", NAMES)
def test_the_card_describes_the_file(name: str) -> None:
    card = read_card(FOLDER / f"{name}.json")

    assert card["parameters"] == spec_of(name).parameters
    assert card["file_bytes"] == weights_path(name).stat().st_size
    assert card["training"]["steps"] == card["training"]["steps_planned"]
    low, high = card["accuracy"]["plain"]["interval95"]
    assert 0 < low < card["accuracy"]["plain"]["share"] < high <= 1
    assert json.dumps(card)


def test_the_larger_model_is_clearly_better() -> None:
    small = read_card(FOLDER / "tern-s.json")["accuracy"]["plain"]
    large = read_card(FOLDER / "gannet-m.json")["accuracy"]["plain"]

    assert small["interval95"][1] < large["interval95"][0]
