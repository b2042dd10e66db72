"""A text in lower case whose characters keep their places: what is found there stands here."""

__all__ = ["lowered_in_place"]


def lowered_in_place(text: str) -> str:
    """Return ``text`` in lower case, every character in its place."""
    lowered = text.lower()
    if len(lowered) == len(text):
        return lowered
    return "".join(low if len(low := character.lower()) == 1 else character for character in text)
