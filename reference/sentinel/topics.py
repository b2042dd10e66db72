"""Teach the exported graph what sentences are about, without changing what it marks.

``python -m reference.sentinel.topics --model runtime/sentinel/weights`` (a few minutes). A small
head reads the states after the last layer: for each token how much it has to say on each topic,
and what. Needs the ``train`` extra.
"""

from __future__ import annotations

import argparse
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from reference.sentinel.encoder import HIDDEN
from reference.sentinel.segments import TOPICS, Judged, judged, unseen
from reference.sentinel.trunk import Floats, Grafted, Trunk

__all__ = ["TopicHead", "main"]

_INNER: Final = 64
_EPOCHS: Final = 12
_BATCH: Final = 64
_RATE: Final = 2e-3
_FALSE_ALARMS: Final = 0.004
"""Share of ordinary held-out sentences that one topic may be seen in."""
_OUTPUT: Final = "topic_scores"
_NODES: Final = ("topics.first", "topics.inner", "topics.gelu", "topics.second")


class TopicHead(nn.Module):
    """From states of tokens to weights and values of topics."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(HIDDEN, _INNER)
        self.outer = nn.Linear(_INNER, 2 * len(TOPICS))

    def forward(self, states: Tensor, is_token: Tensor) -> Tensor:
        """Return the log-odds of each topic, [sentences, topics].

        Args:
            states: [sentences, tokens, hidden].
            is_token: Which of them are no padding, [sentences, tokens].
        """
        states = functional.dropout(states, 0.15, self.training)
        weights, said = self.outer(functional.gelu(self.inner(states))).chunk(2, dim=-1)
        weights = weights.masked_fill(~is_token[..., None], -1e4).softmax(1)
        return (weights * said).sum(1)


def _batch(states: list[Floats], rows: list[int]) -> tuple[Tensor, Tensor]:
    longest = max(len(states[row]) for row in rows)
    made = torch.zeros(len(rows), longest, HIDDEN)
    is_token = torch.zeros(len(rows), longest, dtype=torch.bool)
    for at, row in enumerate(rows):
        made[at, : len(states[row])] = torch.from_numpy(states[row].astype(np.float32))
        is_token[at, : len(states[row])] = True
    return made, is_token


def _learn(states: list[Floats], marks: Tensor, seed: int) -> TopicHead:
    torch.manual_seed(seed)
    head = TopicHead()
    steps = _EPOCHS * (len(states) // _BATCH)
    optimizer = torch.optim.AdamW(head.parameters(), lr=_RATE, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, total_steps=steps)
    by_length = sorted(range(len(states)), key=lambda row: len(states[row]))
    groups = [by_length[at : at + _BATCH] for at in range(0, len(states) - _BATCH + 1, _BATCH)]
    for _ in range(_EPOCHS):
        for group in torch.randperm(len(groups)).tolist():
            found = head(*_batch(states, groups[group]))
            loss = functional.binary_cross_entropy_with_logits(found, marks[groups[group]])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return head.eval()


def _marks(sentences: list[Judged]) -> Tensor:
    return torch.tensor([[float(item.topic == topic) for topic in TOPICS] for item in sentences])


def _odds(head: TopicHead, states: list[Floats]) -> Tensor:
    with torch.no_grad():
        return torch.cat([head(*_batch(states, [row])) for row in range(len(states))])


def _report(name: str, odds: Tensor, sentences: list[Judged]) -> None:
    """Print, per topic, how much is found, and how often it is seen in what is of none."""
    marks = _marks(sentences).bool()
    is_none = ~marks.any(1)
    print(f"{name}: {len(sentences)} sentences, {int(is_none.sum())} of them ordinary")  # noqa: T201
    for at, topic in enumerate(TOPICS):
        hits = odds[:, at] > 0
        recall = hits[marks[:, at]].float().mean()
        false = hits[is_none].float().mean()
        print(f"  {topic:18} recall {recall:.3f}, false alarms {100 * false:.2f} %")  # noqa: T201
    any_false = (odds[is_none] > 0).any(1).float().mean()
    print(f"  any topic: false alarms {100 * any_false:.2f} %")  # noqa: T201


def _graft(head: TopicHead, bars: Tensor, folder: Path) -> None:
    graft = Grafted(folder)
    graft.drop(_NODES, _OUTPUT)
    first, second = head.inner, head.outer
    bias = second.bias.detach().clone()
    bias[len(TOPICS) :] -= bars  # so that the threshold is one half for each of them
    made = graft.layers[-1]
    for name, weight, offset in (
        ("inner", first.weight, first.bias),
        ("second", second.weight, bias),
    ):
        turn = graft.constant(f"topics.{name}.weight", weight.detach().numpy().T.copy())
        added = graft.constant(f"topics.{name}.bias", offset.detach().numpy())
        product = "topics.first" if name == "inner" else "topics.second"
        graft.node("MatMul", [made, turn], product)
        if name == "inner":
            graft.node("Add", [product, added], "topics.inner")
            made = graft.node("Gelu", ["topics.inner"], "topics.gelu", domain="com.microsoft")
        else:
            graft.node("Add", [product, added], _OUTPUT)
    graft.output(_OUTPUT, "texts", "length", 2 * len(TOPICS))
    graft.card["topics"] = list(TOPICS)
    graft.card["topic_threshold"] = 0.5
    graft.card["outputs"]["topics"] = _OUTPUT
    graft.save()


def main() -> None:
    """Learn, report, and add the head to the model of a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--sentences", type=int, default=6_000)
    parser.add_argument("--held", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(1)
    trunk = Trunk(options.model)
    learned = list(islice(judged(options.seed), options.sentences))
    states = [item.astype(np.float16) for item in trunk.last_states([one.text for one in learned])]
    head = _learn(states, _marks(learned), options.seed)
    held = list(islice(judged(options.seed + 1, templates="held"), options.held))
    odds = _odds(head, list(trunk.last_states([one.text for one in held])))
    is_none = ~_marks(held).bool().any(1)
    bars = odds[is_none].quantile(1 - _FALSE_ALARMS, dim=0).clamp(min=0)
    _report("held-out templates", odds - bars, held)
    apart = unseen()
    _report(
        "unseen.txt",
        _odds(head, list(trunk.last_states([one.text for one in apart]))) - bars,
        apart,
    )
    _graft(head, bars, options.model)


if __name__ == "__main__":
    main()
