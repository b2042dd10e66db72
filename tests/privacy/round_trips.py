"""What every way of writing placeholders is held to: spans anywhere, answers cut anywhere."""

from itertools import pairwise

from hypothesis import strategies as st

from edge.privacy.placeholders import Grammar
from edge.privacy.redact import Redacted
from edge.privacy.restore import StreamRestorer
from runtime.ids import Category
from runtime.sentinel.span import Span


def spans_anywhere(draw: st.DrawFn, text: str, kinds: st.SearchStrategy[str]) -> list[Span]:
    """Draw any spans of a text: overlapping, touching, of categories that stay or go."""
    spans: list[Span] = []
    if text:
        for _ in range(draw(st.integers(0, 5))):
            start = draw(st.integers(0, len(text) - 1))
            end = draw(st.integers(start + 1, len(text)))
            category = draw(st.sampled_from(["person", "contact", "health"]))
            spans.append(Span(start, end, draw(kinds), Category(category)))
    return spans


def restored_in_pieces(released: Redacted, grammar: Grammar, data: st.DataObject) -> str:
    """Restore a released text that arrives in pieces cut anywhere."""
    cuts = sorted(data.draw(st.lists(st.integers(0, len(released.text)), max_size=8)))
    borders = [0, *cuts, len(released.text)]
    stream = StreamRestorer(released.released, grammar)
    shown = [stream.feed(released.text[start:end]) for start, end in pairwise(borders)]
    return "".join(shown) + stream.finish()
