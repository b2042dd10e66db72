"""The model's files and one forward pass: ONNX Runtime and the model's own tokeniser.

One directory holds ``model.onnx``, ``tokenizer.json`` and ``model.json`` (see ``card``). Safe to
call from several threads at once.
"""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from runtime.documents.described_file import read_described
from runtime.errors import ModelInvalid
from runtime.sentinel.tagger.card import read_card
from runtime.sentinel.tagger.readings import (
    Focus,
    Reading,
    Token,
    focus_on,
    readings,
    tokens_of,
)
from runtime.sentinel.tagger.segments import parts_in, segments_of, weights_of
from runtime.sentinel.tagger.shapes import shapes_of
from runtime.sentinel.tagger.windows import Window, breaks_of, overlap_of, windows

__all__ = ["BUILT_IN", "SentinelModel"]

BUILT_IN: Final = Path(__file__).resolve().parent.parent / "weights"
"""The model that is shipped."""
_LEAST_ODDS: Final = 80.0
"""Against a topic, as a logarithm; more of it is more than a float of 32 bits can tell."""
_OVERLAP: Final = 16
_SLOW_FUSION: Final = "SkipLayerNormFusion"
"""On a processor the fused form costs three times as much as its two halves."""
_SILENT: Final = 3
"""ONNX Runtime's level for errors alone."""


class SentinelModel:
    """A loaded model.

    Args:
        directory: Where its files are.
        threads: How many of ONNX Runtime's threads one pass may use.

    Raises:
        ModelInvalid: A file is missing, altered, or not what it should be; or ONNX Runtime or
            ``tokenizers`` is not installed.
    """

    def __init__(self, directory: Path, *, threads: int = 1) -> None:
        card = read_card(directory)
        graph, words = (
            read_described(directory / name, sha256=card.files.get(name, ""))
            for name in ("model.onnx", "tokenizer.json")
        )
        try:
            from tokenizers import Tokenizer  # only nodes that are configured with a model need it

            from runtime.onnx_runtime import onnxruntime
        except ImportError as error:
            raise ModelInvalid(
                f"the sentinel's model needs {error.name}; install leeward with its edge extra"
            ) from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = _SILENT
        try:
            self._session = onnxruntime.InferenceSession(
                graph, options, disabled_optimizers=[_SLOW_FUSION]
            )
            self._tokenizer = Tokenizer.from_str(words.decode("utf-8"))
        except Exception as error:  # both raise what they like
            raise ModelInvalid(f"{directory} holds no model that can be loaded") from error
        given = {item.name for item in self._session.get_inputs()}
        made = {item.name for item in self._session.get_outputs()}
        wanted = {card.scores, card.sentence, card.topic_scores} - {""}
        if given != set(card.inputs.values()) or not wanted <= made:
            raise ModelInvalid(
                f"{directory / 'model.json'} names other inputs and outputs than the graph has:"
                f" {', '.join(sorted(given))} and {', '.join(sorted(made))}"
            )
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._card = card
        self._everything = focus_on(card, {kind for kind, _ in card.labels if kind})
        try:
            parts = [(0, 1)] if card.topics else []
            self._scores([card.end], [0], weights_of(parts, Window(0, 1, 0, 1)) if parts else None)
        except ModelInvalid:
            raise
        except Exception as error:  # ONNX Runtime's own, for inputs of another form
            raise ModelInvalid(f"{directory} holds a graph that its card does not fit") from error

    @property
    def kinds(self) -> frozenset[str]:
        """Every kind that it can find."""
        return self._card.kinds

    @property
    def embeds(self) -> bool:
        """Whether it makes sentence vectors, too."""
        return bool(self._card.sentence)

    def focus(self, kinds: Collection[str], *, lighter: Collection[str] = ()) -> Focus:
        """Return how to look for ``kinds`` alone, of which ``lighter`` ones weigh less."""
        return focus_on(self._card, kinds, lighter=lighter)

    def read(self, text: str, focus: Focus | None = None) -> list[Reading]:
        """Return what ``text`` holds: every kind of words, or what ``focus`` is on.

        Stretches of words come first, in order; then sentences, as they are about something.
        """
        focus = focus or self._everything
        encoded = self._tokenizer.encode(text, add_special_tokens=False)
        ids, offsets = encoded.ids, encoded.offsets
        shapes = shapes_of(text, offsets)
        segments = segments_of(text, offsets) if focus.topics else []
        tokens: list[Token] = []
        sentences: list[Reading] = []
        breaks = breaks_of(text, offsets)
        size = self._card.window
        overlap = overlap_of(size, most=_OVERLAP)
        for window in windows(len(ids), size=size, overlap=overlap, breaks=breaks) if ids else ():
            shown = slice(window.start, window.end)
            parts = parts_in(segments, window)
            weights = weights_of(parts, window) if parts else None
            scores, odds = self._scores(ids[shown], shapes[shown], weights)
            judged = _chances(scores)[window.first - window.start : window.last - window.start]
            tokens += tokens_of(offsets[window.first : window.last], judged, self._card, focus)
            extents = [(offsets[first][0], offsets[last - 1][1]) for first, last in parts]
            sentences += self._about(extents, odds, focus)
        return readings(text, tokens) + sentences

    def _about(
        self, extents: Sequence[tuple[int, int]], odds: Any, focus: Focus
    ) -> Iterator[Reading]:
        """Yield what is over the threshold, of log-odds [sentences, topics]."""
        import numpy as np

        if not extents:
            return
        judged = 1 / (1 + np.exp(np.minimum(-odds, _LEAST_ODDS)))
        for (start, end), chances in zip(extents, judged.tolist(), strict=True):
            for at in focus.topics:
                if chances[at] >= self._card.topic_threshold:
                    yield Reading(start, end, self._card.topics[at], chances[at])

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return a vector of unit length for each text; of a long text, for its first window.

        Raises:
            ModelInvalid: The model makes no vectors.
        """
        if not self.embeds:
            raise ModelInvalid("this sentinel's model makes no sentence vectors")
        vectors: list[list[float]] = []
        for text in texts:
            encoded = self._tokenizer.encode(text, add_special_tokens=False)
            ids, offsets = encoded.ids[: self._card.window], encoded.offsets[: self._card.window]
            vectors.append(
                self._pass(ids, shapes_of(text, offsets), self._card.sentence)[0].tolist()
            )
        return vectors

    def _scores(
        self, ids: Sequence[int], shapes: Sequence[int], weights: Any = None
    ) -> tuple[Any, Any]:
        """Return the scores of labels, without those of the marks, and of sentences if asked."""
        import numpy as np  # comes with ONNX Runtime

        wanted = {self._card.scores: (len(ids) + 2, len(self._card.labels))}
        if weights is not None:
            wanted[self._card.topic_scores] = (len(weights), len(self._card.topics))
        made = self._pass(ids, shapes, *wanted, weights=weights)
        for scores, shape in zip(made, wanted.values(), strict=True):
            if scores.shape != shape or not np.isfinite(scores).all():
                # Nothing would be over the threshold, and the text would pass for clean.
                raise ModelInvalid(
                    "the sentinel's model gives scores that fit neither text nor card"
                )
        return made[0][1:-1], made[-1]

    def _pass(
        self, ids: Sequence[int], shapes: Sequence[int], *outputs: str, weights: Any = None
    ) -> list[Any]:
        """One window at a time: several together would be padded, and gain nothing on a core."""
        import numpy as np

        shown = len(ids) + 2
        given = {
            "tokens": np.array([(self._card.begin, *ids, self._card.end)], np.int64),
            "shapes": np.array([(0, *shapes, 0)], np.int64),
            "attention": np.ones((1, shown), np.int64),
            "segments": np.zeros((1, 1, shown), np.float32) if weights is None else weights[None],
            "wants_sentence": np.array(self._card.sentence in outputs),
        }
        feed = {theirs: given[ours] for ours, theirs in self._card.inputs.items()}
        return [made[0] for made in self._session.run(outputs, feed)]


def _chances(scores: Any) -> Any:
    """Return the chances of labels, [tokens, labels]."""
    import numpy as np

    scores = np.exp(scores - scores.max(-1, keepdims=True))
    return scores / scores.sum(-1, keepdims=True)
