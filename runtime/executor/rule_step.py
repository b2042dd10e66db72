"""Play a step by its rule: on this node, without a call; at once, unless a person is asked.

Knows one step and what it reads; what the rules do is ``rules``', who is asked is the node's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from runtime.executor.call import Progress, Seat
from runtime.executor.channel import EventChannel
from runtime.executor.events import AnswerDelta
from runtime.executor.inputs import Inputs
from runtime.executor.outputs import Value, parts_of
from runtime.executor.people import (
    WAITING_SHARE,
    PersonAnswer,
    PersonPort,
    PersonQuestion,
    text_for_person,
)
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
        deadline_at_s: When the caller's time runs out, on that clock.
        people: Who brings questions before a person; without one, nobody answers.
    """

    def __init__(
        self,
        inputs: Inputs,
        releases: ReleasePort,
        *,
        channel: EventChannel,
        monotonic_s: Callable[[], float],
        deadline_at_s: float,
        people: PersonPort | None = None,
    ) -> None:
        self._inputs = inputs
        self._releases = releases
        self._channel = channel
        self._monotonic_s = monotonic_s
        self._deadline_at_s = deadline_at_s
        self._people = people

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
            private=await self._private(rule, job, answers),
            json_schema=job.step.sampling.json_schema,
        )
        told = await self._asked(job, question, answers) if rule is Rule.PERSON else None
        text = played.text if told is None else told.text
        declared = {output.name for output in job.step.outputs} | {"agreement"}
        values: dict[str, Value] = {
            name: value for name, value in played.values.items() if name in declared
        }
        planned = job.planned
        return StepOutcome(
            answers=(text,),
            text=text,
            shown=await self._show(job, text) if job.is_sink else "",
            tool_calls=(),
            values=values,
            draws=(),
            winners=(),
            seat=Seat(planned.node, planned.model, planned.zone),
            fell_back_from=None,
            progress=Progress(),
            started_at_s=started_at_s,
            finished_at_s=self._monotonic_s(),
            person="" if told is None else told.by,
        )

    async def _private(self, rule: Rule, job: StepJob, answers: Sequence[str]) -> list[bool]:
        if rule is Rule.PARAGRAPHS:
            return self._inputs.private_paragraphs()
        if rule is Rule.SIFT and answers:
            return await self._inputs.private_parts(job.step.id, parts_of(answers[-1]))
        return []

    async def _asked(
        self, job: StepJob, question: str, answers: Sequence[str]
    ) -> PersonAnswer | None:
        """Wait for a person for most of the time that is left."""
        if self._people is None:
            return None
        left_s = self._deadline_at_s - self._monotonic_s()
        return await self._people.answer(
            PersonQuestion(
                job.provenance.request_id,
                job.step.id,
                job.planned.node,
                job.label,
                text_for_person(question, answers),
                longest_s=max(left_s, 0.0) * WAITING_SHARE,
            )
        )

    async def _show(self, job: StepJob, text: str) -> str:
        if job.is_restored:
            text = await self._releases.restore(text, job.provenance)
        if text:
            await self._channel.put(AnswerDelta(text))
        return text
