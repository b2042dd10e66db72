"""Compare llama.cpp with torch on a model's fixtures: ``python -m reference.check``.

The fixtures hold token ids, logits and greedy answers that torch computed from the stored
weights. llama.cpp's arithmetic differs (Q8_0 products round the activations too), so logits
agree within `LOGIT_TOLERANCE`, and greedy answers must be equal wherever the two best logits
are further apart than twice that. libllama runs in this process, which only a check may do.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from llama_cpp import Llama
from rich.console import Console
from rich.table import Table

from reference.cards import read_fixtures
from reference.models import MODELS
from reference.weights import weights_path
from reference.weights.store import FOLDER

__all__ = ["LOGIT_TOLERANCE", "Agreement", "check", "main"]

LOGIT_TOLERANCE: Final = 0.25
_CONTEXT_TOKENS: Final = 1024
_MAX_ANSWER_TOKENS: Final = 160


@dataclass(frozen=True, slots=True)
class Agreement:
    """How well llama.cpp agrees with torch over a model's fixtures."""

    fixtures: int
    same_tokens: int
    same_answers: int
    excused_answers: int
    """Answers that differ after a choice between two logits closer than the tolerances."""
    largest_logit_difference: float

    @property
    def is_good(self) -> bool:
        """Whether tokens and answers are equal and logits within the tolerance."""
        return (
            self.same_tokens == self.fixtures
            and self.same_answers + self.excused_answers == self.fixtures
            and self.largest_logit_difference <= LOGIT_TOLERANCE
        )


def check(weights: Path, fixtures: Sequence[dict[str, Any]]) -> Agreement:
    """Run fixtures through llama.cpp."""
    model = Llama(str(weights), n_ctx=_CONTEXT_TOKENS, logits_all=True, verbose=False)
    same_tokens = same_answers = excused = 0
    largest = 0.0
    for fixture in fixtures:
        prompt = chat_text(fixture["messages"])
        tokens = model.tokenize(prompt.encode(), add_bos=False, special=True)
        same_tokens += tokens == fixture["tokens"]
        model.reset()  # type: ignore[no-untyped-call]  # llama_cpp leaves it unannotated
        model.eval(fixture["tokens"])
        logits = model.scores[len(fixture["tokens"]) - 1]
        difference = max(abs(a - b) for a, b in zip(logits, fixture["logits"], strict=True))
        largest = max(largest, float(difference))
        reply = model.create_chat_completion(
            fixture["messages"], temperature=0.0, max_tokens=_MAX_ANSWER_TOKENS
        )
        assert isinstance(reply, dict)  # noqa: S101 - not a stream
        if reply["choices"][0]["message"]["content"] == fixture["answer"]:
            same_answers += 1
        elif fixture["margin"] <= 2 * LOGIT_TOLERANCE:
            excused += 1
    return Agreement(len(fixtures), same_tokens, same_answers, excused, largest)


def chat_text(messages: list[dict[str, str]]) -> str:
    """Write a chat as the models' chat template does, up to where the answer begins."""
    turns = "".join(f"<|{m['role']}|>{m['content']}<|end|>" for m in messages)
    return f"<|bos|>{turns}<|assistant|>"


def main(
    models: Annotated[str, typer.Option(help="Comma-separated names; all if absent.")] = "",
    folder: Annotated[Path, typer.Option(help="Folder of weights.")] = FOLDER,
) -> None:
    """Compare llama.cpp with torch; exit code 1 where they disagree."""
    names = [name.strip() for name in models.split(",") if name.strip()] or sorted(MODELS)
    table = Table(
        "model", "fixtures", "same tokens", "same answers", "excused", "largest logit difference"
    )
    is_good = True
    for name in names:
        found = check(
            weights_path(name, folder=folder), read_fixtures(folder / f"{name}.fixtures.json")
        )
        is_good &= found.is_good
        table.add_row(
            name,
            str(found.fixtures),
            str(found.same_tokens),
            str(found.same_answers),
            str(found.excused_answers),
            f"{found.largest_logit_difference:.3f} (tolerance {LOGIT_TOLERANCE})",
        )
    Console().print(table)
    raise typer.Exit(0 if is_good else 1)


if __name__ == "__main__":
    typer.run(main)
