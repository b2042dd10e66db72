"""What can go wrong with an agent, named so that the caller can answer it and the record say it.

No text here quotes what a model wrote.
"""

from dataclasses import dataclass
from enum import Enum

from optimizer.agents.model import FailureKind
from runtime.errors import LeewardError

__all__ = ["AgentFailed", "Rejected", "Rejection", "RejectionCode", "TranscriptMismatch"]


class RejectionCode(Enum):
    """Why a reply cannot be used."""

    NOT_JSON = "not_json"
    CUT_OFF = "cut_off"
    """It ran into the limit on its length."""
    SCHEMA = "schema"
    UNKNOWN_ID = "unknown_id"
    FORBIDDEN = "forbidden"
    """It chose what the flow check or the brief forbids."""
    COUNTS = "counts"
    """It does not use the models as often as it was told to."""
    NOT_A_GRAPH = "not_a_graph"
    """The space refuses the choices: a cycle, no path to the sink, and the like."""
    OVER_BUDGET = "over_budget"
    """Its predicted cost or latency breaks a cap."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a reply was rejected, in a form that the next prompt can carry.

    ``where``, ``detail`` and ``repairs`` hold our own words, numbers and ids only.
    """

    code: RejectionCode
    where: str = ""
    """Place in the reply (``/edges/3``)."""
    detail: str = ""
    repairs: tuple[tuple[str, str], ...] = ()
    """Single changes (decision, option) that would make the choices acceptable."""

    def as_json(self) -> dict[str, object]:
        """Return the machine-readable form."""
        whole: dict[str, object] = {
            "code": self.code.value,
            "where": self.where,
            "detail": self.detail,
            "repairs": [{"decision": name, "option": option} for name, option in self.repairs],
        }
        return {key: value for key, value in whole.items() if value}


class Rejected(Exception):
    """A reply cannot be used; stays inside ``optimizer.agents``."""

    def __init__(self, rejection: Rejection) -> None:
        super().__init__(rejection.code.value)
        self.rejection = rejection


class AgentFailed(LeewardError):
    """An agent gave no usable reply; the caller goes on with the rule agent.

    Args:
        kind: Why, of the last try.
        agent: The agent's name.
        rejections: What was wrong with each reply that was rejected.
    """

    def __init__(
        self, kind: FailureKind, *, agent: str, rejections: tuple[Rejection, ...] = ()
    ) -> None:
        codes = ", ".join(rejection.code.value for rejection in rejections)
        suffix = f" (replies rejected: {codes})" if codes else ""
        super().__init__(f"agent {agent} gave no usable reply: {kind.value}{suffix}")
        self.kind = kind
        self.agent = agent
        self.rejections = rejections


class TranscriptMismatch(LeewardError):
    """A recorded exchange answers another prompt than the one that is asked now."""
