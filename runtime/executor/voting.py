"""Choose among several drawn answers: the majority over their final answers.

Knows texts only; nothing of models or how the answers were drawn.
"""

from collections import Counter
from collections.abc import Sequence

__all__ = ["final_answer", "majority"]

_MARK = "answer:"


def final_answer(text: str) -> str:
    """Return what two answers must share to count as the same.

    That is the text after the last ``Answer:`` where there is one and the whole text otherwise,
    without case, surrounding or repeated white space, and closing full stop.
    """
    folded = text.casefold()
    _, found, tail = folded.rpartition(_MARK)
    return " ".join((tail if found else folded).split()).rstrip(".").rstrip()


def majority(texts: Sequence[str]) -> tuple[int, float]:
    """Return the index of the winning text and the share of texts that agree with it.

    The winner is the first drawn of those that give the most frequent final answer; between
    equally frequent ones, the answer that was drawn first.

    Args:
        texts: At least one answer, in the order drawn.
    """
    finals = [final_answer(text) for text in texts]
    # Counter keeps first-seen order and `most_common` is stable, so ties go to the first drawn.
    winner, votes = Counter(finals).most_common(1)[0]
    return finals.index(winner), votes / len(texts)
