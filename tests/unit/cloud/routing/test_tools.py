"""Calls with tools: sent only where they can be served, never twice at once, retried when cut."""

from dataclasses import replace
from typing import Any

import pytest

from cloud.routing.board import End
from cloud.upstreams.model import Capabilities
from runtime.errors import RequestInvalid
from runtime.ports import ToolCall, ToolDefinition
from runtime.testing.scripted_provider import Script
from tests.unit.cloud.routing.house import SETTINGS, completion_of, house_of

TOOLS = (ToolDefinition("dose"),)
ASKS = Script(
    pieces=(
        {"tool_calls": [{"index": 0, "id": "c", "function": {"name": "dose", "arguments": "{"}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": "}"}}]},
    ),
    finish_reason="tool_calls",
)
NO_TOOLS: dict[str, Any] = {"capabilities": Capabilities(tools=False)}


async def test_a_call_of_a_tool_comes_with_the_completion() -> None:
    async with house_of(ASKS) as house:
        last = completion_of(await house.ask(tools=TOOLS))

    assert last.tool_calls == (ToolCall("c", "dose", "{}"),)


async def test_where_nobody_serves_tools_the_caller_is_told() -> None:
    async with house_of(ASKS, spec=NO_TOOLS) as house:
        with pytest.raises(RequestInvalid) as refused:
            await house.ask(tools=TOOLS)

        assert refused.value.field == "tools"
        assert house.calls() == [0]


async def test_one_that_is_cut_before_it_is_whole_is_asked_for_elsewhere() -> None:
    async with house_of(replace(ASKS, cut_before=1), ASKS) as house:
        last = completion_of(await house.ask(tools=TOOLS))

        assert last.tool_calls == (ToolCall("c", "dose", "{}"),)
        assert house.calls() == [1, 1]
        # What the first had written is charged too.
        assert last.usage.completion_tokens > 2


async def test_a_slow_one_is_not_asked_twice() -> None:
    slow = replace(ASKS, pause_s=0.5)
    async with house_of(slow, ASKS, route={"may_hedge": True}, settings=SETTINGS) as house:
        target = house.router.routes[0].targets[0]
        for _ in range(20):
            permit = house.router.board.enter(target)
            assert permit is not None
            house.router.board.answered(target, permit, 0.01)
            house.router.board.ended(target, permit, End.WHOLE)

        await house.ask(tools=TOOLS)

        assert house.calls() == [1, 0]
