"""The model's files and one forward pass: ONNX Runtime and the model's own tokeniser.

One directory holds ``model.onnx``, ``tokenizer.json`` and ``model.json`` (see ``card``). Safe to
call from several threads at once.
"""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Final

from runtime.errors import ModelInvalid
from runtime.sentinel.tagger.card import read_card, read_file
from runtime.sentinel.tagger.readings import (
    Focus,
    Reading,
    Token,
    focus_on,
    readings,
    tokens_of,
)
from runtime.sentinel.tagger.shapes import shapes_of
from runtime.sentinel.tagger.windows import breaks_of, windows

__all__ = ["BUILT_IN", "SentinelModel"]

BUILT_IN: Final = Path(__file__).resolve().parent.parent / "weights"
"""The model that is shipped."""
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
            read_file(directory / name, sha256=card.files.get(name, ""))
            for name in ("model.onnx", "tokenizer.json")
        )
        try:
            import onnxruntime  # only nodes that are configured with a model need it
            from tokenizers import Tokenizer
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
        wanted = {card.scores, *([card.sentence] if card.sentence else [])}
        if given != set(card.inputs.values()) or not wanted <= made:
            raise ModelInvalid(
                f"{directory / 'model.json'} names other inputs and outputs than the graph has:"
                f" {', '.join(sorted(given))} and {', '.join(sorted(made))}"
            )
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._card = card
        self._everything = focus_on(card, card.kinds)
        try:
            self._chances([card.end], [0])
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
        """Return what ``text`` holds, in order; everything, or what ``focus`` is on."""
        focus = focus or self._everything
        encoded = self._tokenizer.encode(text, add_special_tokens=False)
        ids, offsets = encoded.ids, encoded.offsets
        shapes = shapes_of(text, offsets)
        tokens: list[Token] = []
        cut = list(
            windows(
                len(ids),
                size=self._card.window,
                overlap=_OVERLAP,
                breaks=breaks_of(text, offsets),
            )
        )
        for window in cut if ids else ():
            shown = slice(window.start, window.end)
            chances = self._chances(ids[shown], shapes[shown])
            judged = chances[1 + window.first - window.start : 1 + window.last - window.start]
            tokens += tokens_of(offsets[window.first : window.last], judged, self._card, focus)
        return readings(text, tokens)

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
            vectors.append(self._pass(ids, shapes_of(text, offsets), self._card.sentence).tolist())
        return vectors

    def _chances(self, ids: Sequence[int], shapes: Sequence[int]) -> Any:
        """Return the chances of labels, [tokens and two marks, labels]."""
        import numpy as np  # comes with ONNX Runtime

        scores = self._pass(ids, shapes, self._card.scores)
        if scores.shape != (len(ids) + 2, len(self._card.labels)) or not np.isfinite(scores).all():
            # Nothing would be over the threshold, and the text would pass for clean.
            raise ModelInvalid("the sentinel's model gives scores that fit neither text nor card")
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        return scores / scores.sum(-1, keepdims=True)

    def _pass(self, ids: Sequence[int], shapes: Sequence[int], output: str) -> Any:
        """One window at a time: several together would be padded, and gain nothing on a core."""
        import numpy as np

        given = {
            "tokens": (self._card.begin, *ids, self._card.end),
            "shapes": (0, *shapes, 0),
            "attention": (1,) * (len(ids) + 2),
        }
        feed = {
            theirs: np.array([given[ours]], dtype=np.int64)
            for ours, theirs in self._card.inputs.items()
        }
        return self._session.run([output], feed)[0][0]
