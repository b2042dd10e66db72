"""llama.cpp in its child process and ONNX here, on held-out questions."""

from pathlib import Path

import pytest

from reference.check import chat_text, check_onnx, load_decoder
from reference.llama_process import LlamaFailed, llama_process
from reference.llama_requests import Precision
from reference.measuring import report_examples
from reference.weights import weights_path

NAME = "tern-s"
OTHER = "tern-xs"
FORMATS = ("plain", "fuser", "refine")
CHOSEN = [next(e for e, _ in report_examples(6) if e.format == name) for name in FORMATS]
PROMPTS = [
    chat_text({"role": m.role, "content": m.content} for m in example.messages)
    for example in CHOSEN
]


@pytest.mark.parametrize("precision", ["exact", "served"])
def test_both_engines_agree_in_every_format(precision: Precision) -> None:
    found = check_onnx(weights_path(NAME), load_decoder(NAME), PROMPTS, precision)

    assert found.is_good, found
    assert found.questions == len(FORMATS)
    assert found.tokens > 20 * len(FORMATS)
    assert 0 < found.p99_difference <= found.largest_difference


def test_rounding_of_activations_is_what_sets_the_served_engine_apart() -> None:
    weights, decoder = weights_path(NAME), load_decoder(NAME)

    exact = check_onnx(weights, decoder, PROMPTS[:1], "exact")
    served = check_onnx(weights, decoder, PROMPTS[:1], "served")

    assert served.largest_difference > 100 * exact.largest_difference


def test_another_models_weights_do_not_agree() -> None:
    found = check_onnx(weights_path(OTHER), load_decoder(NAME), PROMPTS, "served")

    assert not found.is_good
    assert found.disagreements > 0
    assert found.largest_difference > 2 * found.tolerance.logits


@pytest.mark.parametrize("precision", ["exact", "served"])
def test_llama_cpp_that_dies_is_an_error_and_nothing_worse(
    precision: Precision, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + bytes(60))

    with (
        llama_process(broken, precision) as llama,
        pytest.raises(LlamaFailed, match=r"broken\.gguf"),
    ):
        llama.tokenize("a")
