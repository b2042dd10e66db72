"""Compare torch, llama.cpp and ONNX on the reference models: ``python -m reference.check``.

Two comparisons of the same stored weights. *Exact*: llama.cpp computing in f32 must agree with
what torch computed at export (the fixtures) and with ONNX in every logit. *Served*: llama.cpp as
every server runs it rounds activations to 8 bits in its Q8_0 products and keeps keys and values
as f16; that alone sets it apart from ONNX, rarely by much. In both, greedy choices must be equal
wherever llama.cpp's two best logits are further apart than the tolerance.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich import box
from rich.console import Console
from rich.progress import track
from rich.table import Table

from reference.agreement import EngineAgreement, Tolerance, compare
from reference.cards import read_fixtures, update_card
from reference.llama_process import LlamaFailed, llama_process
from reference.llama_requests import Precision
from reference.measuring import report_examples
from reference.onnx_decoder import OnnxDecoder
from reference.weights import (
    WeightsOutdated,
    WeightsUnusable,
    onnx_path,
    published_models,
    weights_path,
)
from reference.weights.store import FOLDER, sha256_of

__all__ = [
    "EXACT_TOLERANCE",
    "SERVED_TOLERANCE",
    "Agreement",
    "chat_text",
    "check",
    "check_onnx",
    "load_decoder",
    "main",
]

EXACT_TOLERANCE: Final = 5e-3
"""For logits about 20 wide; another order of summation was seen to make 0.0007 of difference."""
SERVED_TOLERANCE: Final = 1.0
"""One token in a hundred is off by 0.2 to 0.5. Where the model itself hesitates, rounding can tip
it, and single tokens are off by more."""

_TOLERANCES: Final[dict[Precision, Tolerance]] = {
    "exact": Tolerance(EXACT_TOLERANCE, share=1.0),
    "served": Tolerance(SERVED_TOLERANCE, share=0.99),
}
_DEFAULT_QUESTIONS: Final = 40
_MAX_ANSWER_TOKENS: Final = 160


@dataclass(frozen=True, slots=True)
class Agreement:
    """How well llama.cpp in f32 agrees with torch over a model's fixtures."""

    fixtures: int
    same_tokens: int
    same_answers: int
    excused_answers: int
    """Answers that differ after a choice between two logits closer than the tolerance."""
    largest_logit_difference: float

    @property
    def is_good(self) -> bool:
        """Whether tokens and answers are equal and logits within the tolerance."""
        return (
            self.same_tokens == self.fixtures
            and self.same_answers + self.excused_answers == self.fixtures
            and self.largest_logit_difference <= EXACT_TOLERANCE
        )


def check(weights: Path, fixtures: Sequence[dict[str, Any]]) -> Agreement:
    """Run fixtures through llama.cpp, in f32.

    Raises:
        LlamaFailed: llama.cpp did not survive it.
    """
    same_tokens = same_answers = excused = 0
    largest = 0.0
    with llama_process(weights, "exact") as llama:
        for fixture in fixtures:
            same_tokens += llama.tokenize(chat_text(fixture["messages"])) == fixture["tokens"]
            logits = llama.evaluate(fixture["tokens"])[-1]
            largest = max(largest, float(abs(logits - fixture["logits"]).max()))
            answer = llama.answer(fixture["messages"], max_tokens=_MAX_ANSWER_TOKENS)
            if answer == fixture["answer"]:
                same_answers += 1
            elif fixture["margin"] <= EXACT_TOLERANCE:
                excused += 1
    return Agreement(len(fixtures), same_tokens, same_answers, excused, largest)


def check_onnx(
    weights: Path, decoder: OnnxDecoder, prompts: Iterable[str], precision: Precision
) -> EngineAgreement:
    """Answer prompts with llama.cpp and ONNX.

    Raises:
        LlamaFailed: llama.cpp did not survive it.
    """
    with llama_process(weights, precision) as llama:
        return compare(
            llama,
            decoder,
            prompts,
            tolerance=_TOLERANCES[precision],
            max_tokens=_MAX_ANSWER_TOKENS,
        )


def load_decoder(name: str, *, folder: Path = FOLDER) -> OnnxDecoder:
    """Load a model's ONNX file.

    Raises:
        WeightsMissing: A file or its checksum is not there.
        WeightsAltered: A file is altered or truncated.
        WeightsOutdated: The ONNX file was made from another GGUF file.
    """
    source = weights_path(name, folder=folder)
    decoder = OnnxDecoder(onnx_path(name, folder=folder))
    if decoder.facts.gguf_sha256 != sha256_of(source):
        raise WeightsOutdated(
            f"{name}.onnx was made from another {name}.gguf; run `python -m reference.export_onnx`"
        )
    return decoder


def chat_text(messages: Iterable[dict[str, str]]) -> str:
    """Write a chat as the models' chat template does, up to where the answer begins."""
    turns = "".join(f"<|{m['role']}|>{m['content']}<|end|>" for m in messages)
    return f"<|bos|>{turns}<|assistant|>"


@dataclass(frozen=True, slots=True)
class _Found:
    """Everything found about one model."""

    fixtures: Agreement
    onnx: dict[Precision, EngineAgreement]

    @property
    def is_good(self) -> bool:
        return (
            self.fixtures.is_good
            and all(found.is_good for found in self.onnx.values())
            and all(found.prefill_difference <= EXACT_TOLERANCE for found in self.onnx.values())
        )


def main(
    models: Annotated[str, typer.Option(help="Comma-separated names; all if absent.")] = "",
    folder: Annotated[Path, typer.Option(help="Folder of weights.")] = FOLDER,
    questions: Annotated[
        int, typer.Option(min=1, help="Plain questions for ONNX; other formats follow.")
    ] = _DEFAULT_QUESTIONS,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    write: Annotated[bool, typer.Option(help="Store the result in the models' cards.")] = False,
) -> None:
    """Compare torch, llama.cpp and ONNX; exit code 1 where they disagree."""
    names = [name.strip() for name in models.split(",") if name.strip()] or published_models(
        folder=folder
    )
    prompts = [
        chat_text({"role": m.role, "content": m.content} for m in example.messages)
        for example, _ in report_examples(questions)
    ]
    try:
        found = {name: _check_model(name, folder, prompts) for name in names}
    except (WeightsUnusable, LlamaFailed) as failure:
        typer.echo(str(failure), err=True)
        raise typer.Exit(1) from None
    if write:
        for name, one in found.items():
            update_card(folder / f"{name}.json", {"agreement": _as_json(one)})
    if as_json:
        typer.echo(json.dumps({name: _as_json(one) for name, one in found.items()}))
    else:
        _print(found)
    raise typer.Exit(0 if all(one.is_good for one in found.values()) else 1)


def _check_model(name: str, folder: Path, prompts: Sequence[str]) -> _Found:
    decoder = load_decoder(name, folder=folder)
    weights = weights_path(name, folder=folder)
    console = Console(stderr=True)

    def compared(precision: Precision) -> EngineAgreement:
        shown = track(prompts, f"{name}, {precision}", console=console)
        return check_onnx(weights, decoder, shown, precision)

    return _Found(
        fixtures=check(weights, read_fixtures(folder / f"{name}.fixtures.json")),
        onnx={precision: compared(precision) for precision in _TOLERANCES},
    )


def _as_json(found: _Found) -> dict[str, Any]:
    engines = {str(precision): _rounded(asdict(one)) for precision, one in found.onnx.items()}
    return {"torch": _rounded(asdict(found.fixtures)), **engines}


def _rounded(facts: dict[str, Any]) -> dict[str, Any]:
    """Keep two significant digits of what is measured in floats."""
    return {
        name: float(f"{value:.2g}") if isinstance(value, float) else value
        for name, value in facts.items()
    }


def _print(found: dict[str, _Found]) -> None:
    console = Console()
    table = Table(
        title=f"llama.cpp, exact, and torch (logit tolerance {EXACT_TOLERANCE})",
        box=box.SIMPLE,
        padding=(0, 0),
    )
    for column in ("model", "fixtures", "same tokens", "same answers", "excused", "largest"):
        table.add_column(column, justify="right")
    for name, one in found.items():
        part = one.fixtures
        counts = (part.fixtures, part.same_tokens, part.same_answers, part.excused_answers)
        table.add_row(name, *map(str, counts), f"{part.largest_logit_difference:.2g}")
    console.print(table)
    for precision in _TOLERANCES:
        console.print(
            _engines(precision, {name: one.onnx[precision] for name, one in found.items()})
        )


def _engines(precision: Precision, rows: dict[str, EngineAgreement]) -> Table:
    table = Table(
        title=f"llama.cpp, {precision}, and ONNX (logit tolerance {_TOLERANCES[precision].logits})",
        caption="beyond: tokens with a logit beyond the tolerance; "
        "near ties: in brackets, how many ONNX decides otherwise; "
        "prefill: largest difference to ONNX's own logits when all is read in one go",
        box=box.SIMPLE,
        padding=(0, 0),
    )
    columns = ("model", "questions", "tokens", "beyond", "largest", "p99", "near ties")
    for column in (*columns, "disagree", "prefill"):
        table.add_column(column, justify="right", no_wrap=True)
    for name, found in rows.items():
        table.add_row(
            name,
            str(found.questions),
            str(found.tokens),
            str(found.tokens - found.tokens_within),
            f"{found.largest_difference:.2g}",
            f"{found.p99_difference:.2g}",
            f"{found.near_ties} ({found.near_ties_decided_otherwise})",
            str(found.disagreements),
            f"{found.prefill_difference:.2g}",
        )
    return table


if __name__ == "__main__":
    typer.run(main)
