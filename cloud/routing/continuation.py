"""Join an answer that one provider began and another went on with: no loss, no repetition. Pure.

Chat templates strip the end of a turn, and models begin words with their space. So the beginning
is sent without its trailing blanks, and as much of them as the continuation repeats is dropped.
"""

__all__ = ["EchoMismatch", "Joint"]


class EchoMismatch(Exception):
    """A provider that repeats the beginning repeated something else."""


class Joint:
    """Where two parts of an answer meet.

    Args:
        begun: The text that the caller has.
        is_echoed: Whether the provider repeats what it was sent before going on.
    """

    def __init__(self, begun: str, *, is_echoed: bool) -> None:
        self.sent = begun.rstrip()
        """What to send as the beginning of the assistant's turn; may be empty."""
        self._echo = self.sent if is_echoed else ""
        self._owed = begun[len(self.sent) :]

    @property
    def is_whole(self) -> bool:
        """Whether an echo, if there is one, has come to its end."""
        return not self._echo

    def feed(self, text: str) -> str:
        """Return what is new of the next piece.

        Raises:
            EchoMismatch: The provider repeats something else than what it was sent.
        """
        if self._echo:
            size = min(len(self._echo), len(text))
            if self._echo[:size] != text[:size]:
                raise EchoMismatch
            self._echo, text = self._echo[size:], text[size:]
        while self._owed and text:
            if self._owed[0] != text[0]:
                self._owed = ""
                break
            self._owed, text = self._owed[1:], text[1:]
        return text
