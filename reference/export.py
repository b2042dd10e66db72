"""Export a checkpoint: ``python -m reference.export --model tern-s``.

Writes ``<name>.gguf``, the checksums, and the model's card with what torch computes for a few
fixture chats, so that `reference.check` can compare llama.cpp without torch.
"""

import json
import random
from pathlib import Path
from typing import Annotated, Any, Final

import torch
import typer
from tokenizers import Tokenizer

from reference.cards import update_card, write_fixtures
from reference.examples import FORMATS, example_of
from reference.gguf_file import as_stored, write_gguf
from reference.models import ModelSpec, spec_of
from reference.network import Llama
from reference.tasks import questions
from reference.tokenizer import END, encode_chat, load_tokenizer, token_id
from reference.weights.store import FOLDER, write_checksums

__all__ = ["main"]

_MAX_ANSWER_TOKENS: Final = 160
_FIXTURE_QUESTIONS: Final = 2


def main(
    model: Annotated[str, typer.Option(help="Name in reference.models.MODELS.")],
    checkpoints: Annotated[Path, typer.Option(help="Folder of checkpoints.")] = Path(
        "var/reference"
    ),
    out: Annotated[Path, typer.Option(help="Folder of weights.")] = FOLDER,
) -> None:
    """Export one reference model as GGUF with its card."""
    spec = spec_of(model)
    tokenizer = load_tokenizer()
    saved = torch.load(checkpoints / f"{spec.name}.roles.pt", map_location="cpu", weights_only=True)
    phases = {
        phase: json.loads((checkpoints / f"{spec.name}{suffix}.json").read_text())
        for phase, suffix in (("base", ""), ("roles", ".roles"))
    }
    path = out / f"{spec.name}.gguf"
    write_gguf(path, spec, saved["model"], tokenizer)
    write_checksums(folder=out)
    network = Llama(spec)
    network.load_state_dict(
        {name: torch.from_numpy(as_stored(w.numpy())) for name, w in saved["model"].items()}
    )
    update_card(
        out / f"{spec.name}.json",
        {
            **_description(spec, phases),
            "file_bytes": path.stat().st_size,
        },
    )
    write_fixtures(out / f"{spec.name}.fixtures.json", _fixtures(network, tokenizer))
    typer.echo(str(path))


def _description(spec: ModelSpec, phases: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return {
        "name": spec.name,
        "family": spec.family,
        "architecture": "llama",
        "parameters": spec.parameters,
        "flops_per_token": spec.flops_per_token,
        "layers": spec.layers,
        "hidden_size": spec.width,
        "heads": spec.heads,
        "kv_heads": spec.kv_heads,
        "ffn_size": spec.ffn_width,
        "training": {
            "data": "reference.examples, split train, generated; no other text",
            "formats": dict(spec.mixture.formats),
            "tasks": dict(spec.mixture.tasks),
            "seed": spec.seed,
            "steps_planned": spec.steps + spec.role_steps,
            "steps": sum(phase["step"] for phase in phases.values()),
            "tokens": sum(phase["tokens"] for phase in phases.values()),
            "minutes": round(sum(phase["seconds"] for phase in phases.values()) / 60, 1),
            "phases": {name: _phase(phase) for name, phase in phases.items()},
        },
    }


def _phase(facts: dict[str, Any]) -> dict[str, Any]:
    return {
        "steps": facts["step"],
        "tokens": facts["tokens"],
        "minutes": round(facts["seconds"] / 60, 1),
        "final_loss": round(facts["loss"], 4),
    }


def _fixtures(network: Llama, tokenizer: Tokenizer) -> list[dict[str, Any]]:
    """Chats with their token ids, torch's greedy answer and logits at the answer's start.

    ``margin`` is the smallest distance between the two best logits on the way: where it is
    small, another engine may rightly choose the other token.
    """
    rng = random.Random(0)  # noqa: S311 - data, no secret
    fixtures: list[dict[str, Any]] = []
    for question in questions(count=_FIXTURE_QUESTIONS, seed=7, level=2):
        for format_name in FORMATS:
            chat = example_of(question, format_name, rng).messages
            ids = encode_chat(tokenizer, chat)
            answer, logits, margin = _greedy(network, tokenizer, ids)
            fixtures.append(
                {
                    "messages": [{"role": m.role, "content": m.content} for m in chat],
                    "tokens": ids,
                    "answer": answer,
                    "margin": round(margin, 3),
                    "logits": [round(value, 3) for value in logits],
                }
            )
    return fixtures


def _greedy(
    network: Llama, tokenizer: Tokenizer, prompt: list[int]
) -> tuple[str, list[float], float]:
    ids = list(prompt)
    first: list[float] = []
    margin = float("inf")
    with torch.inference_mode():
        for _ in range(_MAX_ANSWER_TOKENS):
            logits = network(torch.tensor([ids]))[0, -1]
            first = first or logits.tolist()
            best = logits.topk(2)
            margin = min(margin, float(best.values[0] - best.values[1]))
            ids.append(int(best.indices[0]))
            if ids[-1] == token_id(tokenizer, END):
                break
    return tokenizer.decode(ids[len(prompt) :], skip_special_tokens=True), first, margin


if __name__ == "__main__":
    typer.run(main)
