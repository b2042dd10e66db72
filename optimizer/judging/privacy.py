"""What may be shown to a judge outside the edge: only what the edge finds nothing in."""

from __future__ import annotations

from collections.abc import Sequence

from optimizer.evaluation.edge_runs import REFUSALS, Runs
from optimizer.evaluation.tasks import Task
from runtime.codec.collaboration import CollaborationCall
from runtime.errors import StudyInvalid
from runtime.graph.model import Graph, Step
from runtime.graph.roles import Role
from runtime.ids import ModelName, StepId
from runtime.ports import ChatMessage

__all__ = ["check_public"]


async def check_public(runs: Runs, model: str, task: Task, texts: Sequence[str] = ()) -> None:
    """Have the edge look for anything sensitive in a task and in further texts; free.

    Args:
        runs: The edge; it plans, nothing is run.
        model: A model that it knows.
        task: Its question, reference and declared label.
        texts: What else would be shown, such as an answer.

    Raises:
        StudyInvalid: It found something, or refused.
    """
    graph = Graph("look", (Step(StepId("only"), Role.ASSISTANT, ModelName(model)),), ())
    content = "\n\n".join((task.question, task.answer, *texts))
    call = CollaborationCall(graph, (ChatMessage("user", content),), declared_label=task.label)
    try:
        label = (await runs.plan(call)).label
    except REFUSALS:
        label = None
    if label is None or label.categories:
        found = "something sensitive" if label is None else ", ".join(label.names())
        what = "answer to it" if texts else "question or reference"
        reason = f'may not see task "{task.id}": the edge finds {found} in the {what}'
        raise StudyInvalid(f"{reason}; judge with a model of the edge", field="scoring.judge")
