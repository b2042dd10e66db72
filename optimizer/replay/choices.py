"""Whether choices name existing options; asked by every space of a record before anything else."""

from collections.abc import Sequence

from optimizer.search.model import Decision

__all__ = ["misfit"]


def misfit(choices: Sequence[int], decisions: Sequence[Decision]) -> str | None:
    """Say in one sentence which choice there is not, or ``None``."""
    if len(choices) != len(decisions):
        return f"needs {len(decisions)} choices, has {len(choices)}"
    for choice, decision in zip(choices, decisions, strict=True):
        if not 0 <= choice < len(decision.options):
            return f"{decision.name} has no option {choice}"
    return None
