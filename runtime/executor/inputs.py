"""What each step reads: the request in its form, and its predecessors' answers.

Knows forms, releases and the order of edges; knows nothing of labels (``taint``) or calls.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from runtime.executor.offer import Offer
from runtime.executor.outputs import Value
from runtime.executor.prompts import Notes, compose, compose_part, with_instruction
from runtime.executor.rules import paragraphs_of
from runtime.flow.model import Form
from runtime.graph.model import Edge, MapOver, Step
from runtime.graph.roles import Role
from runtime.ids import StepId
from runtime.planner.model import Plan
from runtime.policy.model import ReleaseKind
from runtime.ports import ChatMessage, Provenance, ReleasePort, ReleaseRecord, ToolDefinition

__all__ = ["Inputs"]

_DECIDERS: Final = frozenset({Role.ROUTER, Role.GUARD})
"""Whose text, where a model wrote it, is a decision and nothing for other models to read."""


class Inputs:
    """The texts of one run.

    Args:
        plan: Which forms and releases were decided.
        messages: The request as the application sent it.
        provenance: Request, session and plan; the step is filled in.
        releases: Makes the released form, and undoes it for steps that read the raw one.
        tools: What the request offers its model.
    """

    def __init__(
        self,
        plan: Plan,
        messages: tuple[ChatMessage, ...],
        provenance: Provenance,
        releases: ReleasePort,
        *,
        tools: tuple[ToolDefinition, ...] = (),
    ) -> None:
        self._plan = plan
        self._raw = Offer(messages, tools)
        self._released = self._raw
        self._provenance = provenance
        self._releases = releases
        self._answers: dict[StepId, tuple[str, ...]] = {}
        self._drawn: dict[StepId, tuple[str, ...]] = {}
        self._confidence: dict[StepId, float] = {}
        self._lists: dict[StepId, dict[str, tuple[str, ...]]] = {}
        self.records: tuple[ReleaseRecord, ...] = ()
        """Releases of the request that were applied."""

    async def release_request(self) -> tuple[ReleaseRecord, ...]:
        """Make the released form, once, if any step reads it; return what was done."""
        if not any(planned.form is Form.RELEASED for planned in self._plan.steps):
            return ()
        for release in self._plan.releases:
            if release.step is not None:
                continue
            texts, record = await self._releases.release(
                self._released.texts(),
                release.categories,
                self._provenance,
                by=release.by.value,
            )
            # An abstract goes in place of the whole chat; everything else changes texts in place.
            is_abstract = release.by is ReleaseKind.SKETCH
            self._released = Offer(texts) if is_abstract else self._released.with_texts(texts)
            self.records += (replace(record, approver=release.approver),)
        return self.records

    def provenance_of(self, step: StepId, records: tuple[ReleaseRecord, ...]) -> Provenance:
        """Return where a step's calls come from.

        Args:
            step: The step.
            records: Releases of outputs and decisions that concern this step.
        """
        of_request = self.records if self._form(step) is Form.RELEASED else ()
        run = self._provenance
        return Provenance(
            run.request_id,
            run.session_id,
            run.plan_id,
            step,
            graph=run.graph,
            releases=of_request + records,
            caller=run.caller,
            priority=run.priority,
        )

    def tools(self, step: StepId) -> tuple[ToolDefinition, ...]:
        """Return what a step's model may ask for, in the form that it reads: only the sink's."""
        return self._offer(step).tools if step == self._plan.graph.sink.id else ()

    def add(
        self,
        step: StepId,
        answers: tuple[str, ...],
        values: Mapping[str, Value],
        *,
        drawn: tuple[str, ...] = (),
    ) -> None:
        """Keep a finished step's answers, as its model wrote them, and what it output.

        Args:
            step: The step.
            answers: One, or one per mapped item.
            values: Its outputs.
            drawn: All samples that the answers were elected from; left out, the answers.
        """
        self._answers[step] = answers
        self._drawn[step] = drawn or answers
        confidence = values.get("confidence")
        if isinstance(confidence, float):
            self._confidence[step] = confidence
        self._lists[step] = {
            name: value for name, value in values.items() if isinstance(value, tuple)
        }

    async def chats(self, step: Step, fired: Sequence[Edge]) -> tuple[tuple[ChatMessage, ...], ...]:
        """Compose what a step's model reads: one chat, or one per item that it maps.

        Args:
            step: The step.
            fired: The incoming edges that brought a message; order and repetitions do not matter.
        """
        sources = self._sources(step, fired)
        request = self._offer(step.id).messages
        over = step.map_over
        heard = [source for source in sources if over is None or source != over.step]
        answers, notes = await self._heard(step, heard)
        if over is None:
            chat = compose(step.role, request, answers, notes)
            return (with_instruction(step.instruction, chat),)
        items = self._items(over) if over.step in sources else ()
        parts = await self._read(items, over.step, step.id)
        return tuple(
            with_instruction(
                step.instruction,
                compose_part(
                    step.role,
                    request,
                    answers,
                    part=part,
                    number=number,
                    total=len(parts),
                    notes=notes,
                    is_alone=over.is_alone,
                ),
            )
            for number, part in enumerate(parts, start=1)
        )

    async def texts(
        self, step: Step, fired: Sequence[Edge], *, every_sample: bool = False
    ) -> tuple[str, list[str]]:
        """Return what a rule reads: the request's last user turn, and the answers.

        Args:
            step: The step.
            fired: The incoming edges that brought a message.
            every_sample: All that was drawn, in place of what was elected from it.
        """
        answers: list[str] = []
        for source in self._sources(step, fired):
            said = (self._drawn if every_sample else self._answers)[source]
            answers.extend(await self._read(said, source, step.id))
        return _last_user_turn(self._offer(step.id)), answers

    def private_paragraphs(self) -> list[bool]:
        """Return for each paragraph of the request whether a release would change it.

        Where nothing was released and the request is labelled, nobody knows, so all of them are.
        """
        paragraphs = paragraphs_of(_last_user_turn(self._raw))
        if not self.records:
            return [bool(self._plan.label.categories)] * len(paragraphs)
        released = paragraphs_of(_last_user_turn(self._released))
        if len(released) != len(paragraphs):
            return []
        return [raw != other for raw, other in zip(paragraphs, released, strict=True)]

    async def private_parts(self, step: StepId, parts: Sequence[str]) -> list[bool]:
        """Return for each part of what a step reads whether a placeholder stands in it.

        Only in the released form can that be told: elsewhere, and where nothing was released of a
        labelled request, something sensitive may stand in every part.
        """
        if not self._plan.label.categories:
            return [False] * len(parts)
        if self._form(step) is not Form.RELEASED or not self.records:
            return [True] * len(parts)
        provenance = self.provenance_of(step, self.records)
        return [await self._releases.restore(part, provenance) != part for part in parts]

    def _sources(self, step: Step, fired: Sequence[Edge]) -> list[StepId]:
        """Return who brought a message, in edge order, each once, whichever edge fired."""
        brought = {edge.source for edge in fired}
        incoming = self._plan.graph.incoming[step.id]
        return list(dict.fromkeys(edge.source for edge in incoming if edge.source in brought))

    async def _heard(self, step: Step, sources: Sequence[StepId]) -> tuple[list[str], Notes]:
        """Return the answers that a step reads, and what else came to it."""
        answers: list[str] = []
        guidance: list[tuple[str, float | None]] = []
        remarks: list[str] = []
        for source in sources:
            sender = self._plan.graph.by_id[source]
            read = await self._read(self._answers[source], source, step.id)
            if sender.rule is None and sender.role in _DECIDERS:
                continue
            if sender.role is Role.GUIDE:
                sure = self._confidence.get(source) if sender.sampling.logprobs else None
                guidance += [(text, sure) for text in read]
            elif sender.role is Role.VERIFIER and sender.rule is None:
                remarks += read
            else:
                answers += read
        return answers, Notes(tuple(guidance), tuple(remarks), step.outputs, bool(step.instruction))

    def _items(self, over: MapOver) -> tuple[str, ...]:
        """Return the items to map; a list that cannot be read counts as one item.

        A rule always outputs its lists, so an empty one of its means that there is nothing to do.
        """
        found = self._lists[over.step].get(over.output)
        if found is None:
            found = ("\n\n".join(self._answers[over.step]),)
        return found[: over.max_items]

    async def _read(
        self, texts: tuple[str, ...], source: StepId, reader: StepId
    ) -> tuple[str, ...]:
        """Return texts of ``source`` as ``reader`` sees them: restored when it reads raw."""
        is_restored = (
            self.records and self._form(reader) is Form.RAW and self._form(source) is Form.RELEASED
        )
        if not is_restored:
            return texts
        provenance = self.provenance_of(reader, self.records)
        return tuple([await self._releases.restore(text, provenance) for text in texts])

    def _offer(self, step: StepId) -> Offer:
        return self._released if self._form(step) is Form.RELEASED else self._raw

    def _form(self, step: StepId) -> Form:
        return self._plan.by_step[step].form


def _last_user_turn(offer: Offer) -> str:
    return next(turn.content for turn in reversed(offer.messages) if turn.role == "user")
