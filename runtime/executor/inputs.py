"""What each step reads: the request in its form, and its predecessors' answers.

Knows forms, releases and the order of edges; knows nothing of labels (``taint``) or calls.
"""

from collections.abc import Sequence
from dataclasses import replace

from runtime.executor.offer import Offer
from runtime.executor.outputs import read_outputs
from runtime.executor.prompts import compose, compose_part, with_instruction
from runtime.flow.model import Form
from runtime.graph.model import Edge, MapOver, Step
from runtime.ids import StepId
from runtime.planner.model import Plan
from runtime.policy.model import ReleaseKind
from runtime.ports import ChatMessage, Provenance, ReleasePort, ReleaseRecord, ToolDefinition

__all__ = ["Inputs"]


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

    def add(self, step: StepId, answers: tuple[str, ...]) -> None:
        """Keep a finished step's answers, as its model wrote them."""
        self._answers[step] = answers

    async def chats(self, step: Step, fired: Sequence[Edge]) -> tuple[tuple[ChatMessage, ...], ...]:
        """Compose what a step's model reads: one chat, or one per item that it maps.

        Args:
            step: The step.
            fired: The incoming edges that brought a message; order and repetitions do not matter.
        """
        brought = {edge.source for edge in fired}
        # Edge order, each source once, whichever of its edges fired.
        sources = dict.fromkeys(
            edge.source for edge in self._plan.graph.incoming[step.id] if edge.source in brought
        )
        request = self._offer(step.id).messages
        over = step.map_over
        answers: list[str] = []
        for source in sources:
            if over is None or source != over.step:
                answers.extend(await self._read(self._answers[source], source, step.id))
        if over is None:
            return (with_instruction(step.instruction, compose(step.role, request, answers)),)
        items = self._items(over) if over.step in sources else ()
        parts = await self._read(items, over.step, step.id)
        return tuple(
            with_instruction(
                step.instruction,
                compose_part(
                    step.role, request, answers, part=part, number=number, total=len(parts)
                ),
            )
            for number, part in enumerate(parts, start=1)
        )

    def _items(self, over: MapOver) -> tuple[str, ...]:
        """Return the items to map; a list that cannot be read counts as one item."""
        whole = "\n\n".join(self._answers[over.step])
        declared = [
            output
            for output in self._plan.graph.by_id[over.step].outputs
            if output.name == over.output
        ]
        items = read_outputs(declared, whole).get(over.output, (whole,))
        return items[: over.max_items] if isinstance(items, tuple) else (whole,)

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
