"""Teach the exported graph what sentences are about, without changing what it marks.

``python -m reference.sentinel.topics --model runtime/sentinel/weights`` (a few minutes). A small
head reads two means over a sentence's tokens, of what its words are (the table of words) and of
what they mean there (the last layer's states); which tokens make a sentence is an input of the
graph. Needs the ``train`` extra.
"""

from __future__ import annotations

import argparse
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np
import torch
from onnx import TensorProto
from torch import Tensor, nn
from torch.nn import functional

from reference.sentinel.encoder import HIDDEN
from reference.sentinel.segments import TOPICS, Judged, judged, unseen
from reference.sentinel.trunk import Floats, Grafted, Trunk

__all__ = ["TopicHead", "main"]

_INNER: Final = 80
_READ: Final = 2
"""Rows of states that are read: the first and the last."""
_EPOCHS: Final = 30
_BATCH: Final = 256
_RATE: Final = 3e-3
_DECAY: Final = 0.3
_DROPPED: Final = 0.3
_FALSE_ALARMS: Final = 0.01
"""Share of ordinary held-out sentences that one topic may be seen in."""
_LEAST_BAR: Final = -1.0
"""Log-odds. Topics are rarer among what is learned from than they count, so an even chance asks
too much."""
_INPUT: Final = "segments"
_OUTPUT: Final = "topic_scores"


class TopicHead(nn.Module):
    """From the means of a sentence's states to the log-odds of each topic."""

    def __init__(self, centre: Tensor, spread: Tensor) -> None:
        super().__init__()
        self.register_buffer("centre", centre)
        self.register_buffer("spread", spread)
        self.inner = nn.Linear(_READ * HIDDEN, _INNER)
        self.outer = nn.Linear(_INNER, len(TOPICS))

    def forward(self, means: Tensor) -> Tensor:
        """Return log-odds [sentences, topics] from means [sentences, read x hidden]."""
        scaled = (means - self.centre) / self.spread
        inner = functional.dropout(functional.gelu(self.inner(scaled)), _DROPPED, self.training)
        made: Tensor = self.outer(inner)
        return made

    def folded(self) -> tuple[Floats, Floats, Floats, Floats]:
        """Return both weights and biases, the scaling folded into the first."""
        turn = self.inner.weight / self.spread
        offset = self.inner.bias - turn @ self.centre
        parts = (turn.T, offset, self.outer.weight.T, self.outer.bias)
        one, two, three, four = (part.detach().numpy().copy() for part in parts)
        return one, two, three, four


def _learn(means: Tensor, marks: Tensor, seed: int) -> TopicHead:
    torch.manual_seed(seed)
    head = TopicHead(means.mean(0), means.std(0) + 1e-5)
    optimizer = torch.optim.AdamW(head.parameters(), lr=_RATE, weight_decay=_DECAY)
    for _ in range(_EPOCHS):
        for batch in torch.randperm(len(means)).split(_BATCH):
            loss = functional.binary_cross_entropy_with_logits(head(means[batch]), marks[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    head.eval()
    return head


def _means(trunk: Trunk, sentences: list[Judged]) -> Tensor:
    means = []
    for item in sentences:
        states = trunk.states(item.text)
        means.append(np.concatenate([part[1:-1].mean(0) for part in (states[0], states[-1])]))
    return torch.from_numpy(np.stack(means))


def _marks(sentences: list[Judged]) -> Tensor:
    return torch.tensor([[float(item.topic == topic) for topic in TOPICS] for item in sentences])


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
    grafted = Grafted(folder)
    grafted.drop(grafted.made_like("topics."), _OUTPUT, _INPUT)
    first, offset, second, bias = head.folded()
    grafted.input(_INPUT, "texts", "segments", "length")
    constant, node = grafted.constant, grafted.node
    ends = {"words": grafted.layers[0], "sense": grafted.layers[-1]}
    means = [node("MatMul", [_INPUT, at], f"topics.{name}") for name, at in ends.items()]
    mean = node("Concat", means, "topics.mean", axis=-1)
    half = constant("topics.first.half", first.astype(np.float16))  # 23 MB is all there may be
    weight = node("Cast", [half], "topics.first.weight", to=TensorProto.FLOAT)
    inner = node("MatMul", [mean, weight], "topics.first")
    inner = node("Add", [inner, constant("topics.first.bias", offset)], "topics.inner")
    inner = node("Gelu", [inner], "topics.gelu", domain="com.microsoft")
    made = node("MatMul", [inner, constant("topics.second.weight", second)], "topics.second")
    bias -= bars.numpy()  # so that the threshold is one half for each of them
    node("Add", [made, constant("topics.second.bias", bias)], _OUTPUT)
    grafted.output(_OUTPUT, "texts", "segments", len(TOPICS))
    grafted.card["topics"] = list(TOPICS)
    grafted.card["topic_threshold"] = 0.5
    grafted.card["inputs"]["segments"] = _INPUT
    grafted.card["outputs"]["topics"] = _OUTPUT
    grafted.save()


def main() -> None:
    """Learn, report, and add the head to the model of a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--sentences", type=int, default=3_000)
    parser.add_argument("--held", type=int, default=800)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(1)
    trunk = Trunk(options.model)
    learned = list(islice(judged(options.seed), options.sentences))
    head = _learn(_means(trunk, learned), _marks(learned), options.seed)
    held = list(islice(judged(options.seed + 1, templates="held"), options.held))
    with torch.no_grad():
        odds = head(_means(trunk, held))
        apart = head(_means(trunk, unseen()))
    is_none = ~_marks(held).bool().any(1)
    bars = odds[is_none].quantile(1 - _FALSE_ALARMS, dim=0).clamp(min=_LEAST_BAR)
    _report("held-out templates", odds - bars, held)
    _report("unseen.txt", apart - bars, unseen())
    _graft(head, bars, options.model)


if __name__ == "__main__":
    main()
