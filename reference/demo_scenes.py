"""The demo's requests: what is asked, how, and what must be true afterwards."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from reference.demo_questions import DemoQuestions
from reference.tasks import Question

__all__ = ["Call", "Scene", "scenes_of"]

Call = Literal["grpc", "openai"]
"""``Collaboration.Run`` over gRPC, or the stock ``openai`` client over HTTP."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One request of the demo."""

    title: str
    question: Question
    graph: str
    call: Call
    holds: Callable[[Mapping[str, Any]], bool]
    """Whether the receipt shows what the title says."""


def scenes_of(questions: DemoQuestions) -> tuple[Scene, ...]:
    """Return the requests in the order in which they are sent."""
    return (
        Scene(
            "A public question: the cloud answers, nothing needs hiding",
            questions.public,
            "ask-cloud",
            "grpc",
            lambda receipt: receipt["left_the_edge"] and not receipt["releases"],
        ),
        Scene(
            "Personal data: the cloud sees placeholders, the answer comes back restored",
            questions.personal,
            "ask-cloud",
            "openai",
            lambda receipt: receipt["left_the_edge"] and bool(receipt["releases"]),
        ),
        Scene(
            "A restricted question: the edge answers alone, although the graph asks the cloud",
            questions.restricted,
            "ask-cloud",
            "openai",
            lambda receipt: not receipt["left_the_edge"],
        ),
        Scene(
            "Assistants on both sides in parallel, fused on the edge",
            questions.fused,
            "parallel-fuse",
            "grpc",
            lambda receipt: {step["zone"] for step in receipt["steps"]} == {"edge", "cloud"},
        ),
        Scene(
            "The cloud is asked only when three samples of the edge disagree",
            questions.unsure,
            "ask-far-when-unsure",
            "grpc",
            lambda receipt: len(receipt["steps"]) in (2, 3),
        ),
    )
