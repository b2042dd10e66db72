"""The roles a step can play."""

from enum import Enum

__all__ = ["Role"]


class Role(Enum):
    """What a step does with its inputs.

    ``ASSISTANT`` and ``FUSER`` are Agent-REINFORCE's two roles (arXiv 2511.00086); the others
    name the parts of the survey's patterns (arXiv 2510.13890).
    """

    ASSISTANT = "assistant"
    """Answers, or refines the answer of the one predecessor it sees."""
    FUSER = "fuser"
    """Merges the answers of several predecessors."""
    GUIDE = "guide"
    """Writes a plan or hint that a later step follows."""
    DIVIDER = "divider"
    """Splits the task into a bounded list of sub-tasks."""
    VERIFIER = "verifier"
    """Judges an answer and outputs a score."""
    GUARD = "guard"
    """Passes or refuses a text by rule or model."""
    ROUTER = "router"
    """Outputs which branch to take."""
