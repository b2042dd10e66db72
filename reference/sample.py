"""Let a trained model answer the pool's questions: ``python -m reference.sample --model tern-s``.

Draws several answers to each training question of the pool, for the roles phase of every model
(`reference.answers`). Batches of prompts, padded on the left, with cached keys and values.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import torch
import typer
from rich.progress import track
from tokenizers import Tokenizer
from torch import Tensor

from reference.answers import POOL_SIZE, pool_questions, save_answers
from reference.models import spec_of
from reference.network import Cache, Llama
from reference.tokenizer import END, PAD, encode_chat, load_tokenizer, token_id
from runtime.ports import ChatMessage

__all__ = ["Drawing", "draw_answers", "main"]

_BATCH: Final = 192


@dataclass(frozen=True, slots=True)
class Drawing:
    """How answers are drawn."""

    temperature: float = 0.8
    max_tokens: int = 120
    seed: int = 0


def draw_answers(
    network: Llama, tokenizer: Tokenizer, prompts: Sequence[Sequence[int]], drawing: Drawing
) -> list[str]:
    """Draw one answer to each prompt, in order.

    Args:
        network: The model.
        tokenizer: Its tokenizer.
        prompts: Token ids of chats up to where the answer begins.
        drawing: Temperature, length and seed.
    """
    generator = torch.Generator().manual_seed(drawing.seed)
    order = sorted(range(len(prompts)), key=lambda place: len(prompts[place]))
    answers = [""] * len(prompts)
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        for batch in _cut(order):
            drawn = _draw(network, tokenizer, [prompts[p] for p in batch], drawing, generator)
            for place, ids in zip(batch, drawn, strict=True):
                answers[place] = tokenizer.decode(ids, skip_special_tokens=True)
    return answers


def _cut(order: Sequence[int]) -> Iterator[Sequence[int]]:
    batches = [order[start : start + _BATCH] for start in range(0, len(order), _BATCH)]
    yield from track(batches, description="answering")


def _draw(
    network: Llama,
    tokenizer: Tokenizer,
    prompts: Sequence[Sequence[int]],
    drawing: Drawing,
    generator: torch.Generator,
) -> list[list[int]]:
    """Draw one batch: token ids up to the end mark."""
    end, pad = token_id(tokenizer, END), token_id(tokenizer, PAD)
    longest = max(len(prompt) for prompt in prompts)
    tokens = torch.tensor([[pad] * (longest - len(ids)) + list(ids) for ids in prompts])
    seen = tokens != pad
    cache: Cache = []
    drawn: list[list[int]] = [[] for _ in prompts]
    running = torch.ones(len(prompts), dtype=torch.bool)
    for _ in range(drawing.max_tokens):
        states = network.hidden(tokens, cache=cache, seen=seen)[:, -1]
        chosen = _choose(network.logits(states).float(), drawing.temperature, generator)
        running &= chosen != end
        if not running.any():
            break
        for place in running.nonzero().flatten().tolist():
            drawn[place].append(int(chosen[place]))
        tokens = chosen[:, None]
        seen = torch.cat((seen, torch.ones_like(tokens, dtype=torch.bool)), dim=1)
    return drawn


def _choose(logits: Tensor, temperature: float, generator: torch.Generator) -> Tensor:
    if temperature == 0:
        return logits.argmax(-1)
    return torch.multinomial((logits / temperature).softmax(-1), 1, generator=generator)[:, 0]


def main(
    model: Annotated[str, typer.Option(help="Name in reference.models.MODELS.")],
    count: Annotated[int, typer.Option(min=1, help="Questions of the pool.")] = POOL_SIZE,
    samples: Annotated[int, typer.Option(min=1, help="Answers to each.")] = 2,
    folder: Annotated[Path, typer.Option(help="Folder of checkpoints.")] = Path("var/reference"),
    threads: Annotated[int, typer.Option(help="CPU threads; 0 takes all.")] = 0,
) -> None:
    """Write one model's answers to training questions."""
    if threads:
        torch.set_num_threads(threads)
    spec, tokenizer = spec_of(model), load_tokenizer()
    saved = torch.load(folder / f"{spec.name}.pt", map_location="cpu", weights_only=True)
    network = Llama(spec)
    network.load_state_dict(saved["model"])
    asked = pool_questions(count)
    prompts = [encode_chat(tokenizer, [ChatMessage("user", one.text)]) for one in asked]
    rounds = [
        draw_answers(network, tokenizer, prompts, Drawing(seed=number)) for number in range(samples)
    ]
    answers = [list(drawn) for drawn in zip(*rounds, strict=True)]
    typer.echo(str(save_answers(folder / "answers", spec.name, answers)))


if __name__ == "__main__":
    typer.run(main)
