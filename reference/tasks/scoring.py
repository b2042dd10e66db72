"""Exact-match scoring of a written answer."""

__all__ = ["extract_answer", "is_right"]

_MARK = "Answer:"


def extract_answer(text: str) -> str | None:
    """Return what stands after the last ``Answer:`` on its line, or None without one."""
    head, mark, tail = text.rpartition(_MARK)
    if not mark:
        return None
    del head
    return tail.strip().partition("\n")[0].strip()


def is_right(text: str, answer: str) -> bool:
    """Whether ``text`` gives exactly ``answer``."""
    return extract_answer(text) == answer.strip()
