"""Make a trained encoder smaller: fewer layers, attention heads and inner neurons.

What is kept of a layer is what speaks most in a sample of texts: the neurons with the strongest
say, and the heads whose contribution differs most from token to token (one that says the same of
every token is a bias).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional

from reference.sentinel.encoder import HEAD, Form, MiniLm

__all__ = ["kept_layers", "mean_of", "set_upon", "thinned"]


def kept_layers(model: MiniLm, keep: Sequence[int], *, exit_at: int) -> MiniLm:
    """Return a copy of the layers ``keep``, counted from 0, under the head of an exit."""
    mine = model.state_dict()
    state = {name: part for name, part in mine.items() if not name.startswith(("layers", "heads"))}
    for at, layer in enumerate(keep):
        prefix = f"layers.{layer}."
        names = [name for name in mine if name.startswith(prefix)]
        state |= {f"layers.{at}.{name.removeprefix(prefix)}": mine[name] for name in names}
    for end in ("weight", "bias"):
        state[f"heads.{len(keep)}.{end}"] = mine[f"heads.{exit_at}.{end}"]
    return _made(model, replace(model.form, layers=len(keep)), state)


def thinned(model: MiniLm, form: Form, tokens: Tensor, shapes: Tensor, attention: Tensor) -> MiniLm:
    """Return a copy of ``form``, which has as many layers, by what speaks most in a sample.

    Args:
        model: With one exit.
        form: Of the copy.
        tokens: Of the sample; as ``MiniLm.forward`` takes them, like the two after it.
        shapes: Of the sample.
        attention: Of the sample.
    """
    state = model.state_dict()
    with torch.no_grad():
        heads, neurons = _spoken(model, tokens, shapes, attention)
    for at in range(form.layers):
        best_heads = heads[at].topk(form.heads).indices.sort().values
        columns = (best_heads[:, None] * HEAD + torch.arange(HEAD)).flatten()
        best = neurons[at].topk(form.inner).indices.sort().values
        for part, rows in (
            ("query", columns),
            ("key", columns),
            ("value", columns),
            ("inner", best),
        ):
            for end in ("weight", "bias"):
                name = f"layers.{at}.{part}.{end}"
                state[name] = state[name][rows]
        for part, rows in (("attended", columns), ("outer", best)):
            name = f"layers.{at}.{part}.weight"
            state[name] = state[name][:, rows]
    return _made(model, form, state)


def set_upon(model: MiniLm, below: MiniLm) -> MiniLm:
    """Return a copy that has the embeddings and lowest layers of another of its form.

    The two must have learned from the same beginning: a layer reads what those below it write.
    """
    lower = {name: part for name, part in below.state_dict().items() if "heads." not in name}
    return _made(model, model.form, model.state_dict() | lower)


def mean_of(models: Sequence[MiniLm]) -> MiniLm:
    """Return the mean of one run's models at several steps: it errs less by chance than each."""
    states = [model.state_dict() for model in models]
    state = {name: sum(one[name] for one in states) / len(states) for name in states[0]}
    return _made(models[0], models[0].form, state)


def _made(model: MiniLm, form: Form, state: dict[str, Tensor]) -> MiniLm:
    exits = sorted(int(name.split(".")[1]) for name in state if re.match(r"heads\.\d+\.bias", name))
    made = MiniLm(form, state[f"heads.{exits[-1]}.bias"].shape[0], exits)
    made.load_state_dict(state)
    made.train(model.training)
    return made


def _spoken(
    model: MiniLm, tokens: Tensor, shapes: Tensor, attention: Tensor
) -> tuple[list[Tensor], list[Tensor]]:
    """How much each head, and each neuron of the inner part, of each layer says in a sample."""
    is_token = attention.bool()
    heads: list[Tensor] = []
    neurons: list[Tensor] = []
    watched = []
    for layer in model.layers:
        turn = layer.attended.weight.unflatten(1, (-1, HEAD))

        def of_heads(_: object, given: tuple[Tensor], turn: Tensor = turn) -> None:
            mixed = given[0][is_token].unflatten(1, (-1, HEAD))
            said = torch.einsum("thd,ohd->hto", mixed, turn)
            heads.append((said - said.mean(1, keepdim=True)).norm(dim=-1).mean(1))

        def of_neurons(
            _: object, __: object, made: Tensor, outer: Tensor = layer.outer.weight
        ) -> None:
            said = functional.gelu(made[is_token]).abs().mean(0)
            neurons.append(said * outer.norm(dim=0))

        watched.append(layer.attended.register_forward_pre_hook(of_heads))
        watched.append(layer.inner.register_forward_hook(of_neurons))
    model(tokens, shapes, attention)
    for watch in watched:
        watch.remove()
    return heads, neurons
