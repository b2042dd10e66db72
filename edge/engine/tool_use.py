"""What tools change about one call: the grammar beforehand, and how its answer is read."""

import uuid
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace

from edge.engine.frames import Finished
from edge.engine.schema import grammar_from_schema
from edge.engine.tool_format import ToolFormat
from edge.engine.tool_grammar import calls_grammar
from edge.engine.tool_reading import MOST_CALLS, ToolCallReader
from runtime.errors import RequestInvalid
from runtime.ports import FinishReason, GenerateRequest, TextDelta, ToolCall

__all__ = ["ReadAnswer", "constrained", "new_call_id", "read", "reader_of"]


@dataclass(frozen=True, slots=True)
class ReadAnswer:
    """The end of an answer whose calls were found."""

    finished: Finished
    tool_calls: tuple[ToolCall, ...] = ()

    @property
    def finish_reason(self) -> FinishReason:
        """Why it ended, calls considered."""
        return FinishReason.TOOL_CALLS if self.tool_calls else self.finished.finish_reason


def new_call_id() -> str:
    """Return an id for a call of a tool, as OpenAI's look."""
    return f"call_{uuid.uuid4().hex[:24]}"


def constrained(request: GenerateRequest, *, tool_format: ToolFormat) -> GenerateRequest:
    """Return a call as the model's process understands it: schemas have become a grammar.

    Raises:
        RequestInvalid: A schema says what no grammar can, or a grammar stands beside tools.
    """
    sampling = request.sampling
    if request.tools and request.tool_choice != "none":
        if sampling.grammar:
            raise RequestInvalid("excludes tools, unless none is to be asked for", field="grammar")
        grammar = calls_grammar(
            request.tools,
            request.tool_choice,
            tool_format=tool_format,
            answer_schema=sampling.json_schema,
            is_parallel=sampling.parallel_tool_calls,
        )
    elif request.tools or sampling.json_schema:
        request = replace(request, tools=())
        grammar = sampling.grammar
        if sampling.json_schema:
            grammar = grammar_from_schema(sampling.json_schema)
    else:
        return request
    return replace(request, sampling=replace(sampling, grammar=grammar, json_schema=""))


def reader_of(
    request: GenerateRequest, *, new_id: Callable[[], str] = new_call_id
) -> ToolCallReader | None:
    """Return what finds the calls in the answer of a constrained call; ``None`` without tools."""
    if not request.tools:
        return None
    names = frozenset(tool.name for tool in request.tools)
    return ToolCallReader(
        names,
        new_id=new_id,
        only_at_start=bool(request.sampling.grammar),
        most_calls=MOST_CALLS if request.sampling.parallel_tool_calls else 1,
    )


async def read(
    items: AsyncGenerator[TextDelta | Finished, None], reader: ToolCallReader
) -> AsyncGenerator[TextDelta | ReadAnswer, None]:
    """Pass an answer on with its calls apart: in pieces where they can be told, and at its end.

    Where text is held back the piece is empty: its reader sees that the model is alive.
    """
    async with aclosing(items):
        async for item in items:
            if isinstance(item, TextDelta):
                shown = reader.feed(item.text)
                yield TextDelta(shown, item.tokens, item.logprobs, reader.take_pieces())
                continue
            rest, calls = reader.finish(is_cut=item.finish_reason is FinishReason.LENGTH)
            if rest:
                yield TextDelta(rest, 0)
            yield ReadAnswer(item, calls)
