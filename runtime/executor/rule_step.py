"""Play a step by its rule: on this node, at once, without a call.

Knows one step and what it reads; what the rules do is ``rules``'.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from runtime.executor.call import Progress, Seat
from runtime.executor.channel import EventChannel
from runtime.executor.events import AnswerDelta
from runtime.executor.inputs import Inputs
from runtime.executor.outputs import Value
from runtime.executor.rules import play_rule
from runtime.executor.step import StepJob, StepOutcome
from runtime.graph.model import Edge
from runtime.graph.rules import Rule
from runtime.ports import ReleasePort

__all__ = ["RulePlayer"]


class RulePlayer:
    """Plays the rule steps of one run.

    Args:
        inputs: The texts of the run.
        releases: Puts originals back into the answer.
        channel: Where the answer is shown.
        monotonic_s: Reads the clock of the run.
    """

    def __init__(
        self,
        inputs: Inputs,
        releases: ReleasePort,
        *,
        channel: EventChannel,
        monotonic_s: Callable[[], float],
    ) -> None:
        self._inputs = inputs
        self._releases = releases
        self._channel = channel
        self._monotonic_s = monotonic_s

    async def play(self, rule: Rule, job: StepJob, fired: Sequence[Edge]) -> StepOutcome:
        """Apply a rule to what the step reads, and show the answer if it is the graph's."""
        started_at_s = self._monotonic_s()
        question, answers = await self._inputs.texts(
            job.step, fired, every_sample=rule is Rule.VOTE
        )
        played = play_rule(
            rule,
            question,
            answers,
            private=self._inputs.private_paragraphs() if rule is Rule.PARAGRAPHS else (),
            json_schema=job.step.sampling.json_schema,
        )
        declared = {output.name for output in job.step.outputs} | {"agreement"}
        values: dict[str, Value] = {
            name: value for name, value in played.values.items() if name in declared
        }
        planned = job.planned
        return StepOutcome(
            answers=(played.text,),
            text=played.text,
            shown=await self._show(job, played.text) if job.is_sink else "",
            tool_calls=(),
            values=values,
            draws=(),
            winners=(),
            seat=Seat(planned.node, planned.model, planned.zone),
            fell_back_from=None,
            progress=Progress(),
            started_at_s=started_at_s,
            finished_at_s=self._monotonic_s(),
        )

    async def _show(self, job: StepJob, text: str) -> str:
        if job.is_restored:
            text = await self._releases.restore(text, job.provenance)
        if text:
            await self._channel.put(AnswerDelta(text))
        return text
