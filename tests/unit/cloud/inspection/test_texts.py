"""What the second line looks at: every text of a call, tools included."""

from cloud.calls import Caller, GenerateCall
from cloud.inspection.texts import texts_of_call
from runtime.ids import ModelName
from runtime.ports import ChatMessage, GenerateRequest, ToolCall, ToolDefinition

SECRET = "Anna Kowalska"


def test_definitions_arguments_and_results_of_tools_are_looked_at() -> None:
    request = GenerateRequest(
        ModelName("m"),
        (
            ChatMessage("assistant", "", (ToolCall("c1", "dose", f'{{"who": "{SECRET}"}}'),)),
            ChatMessage("tool", f"{SECRET} takes 3", tool_call_id="c1"),
        ),
        tools=(ToolDefinition("dose", f"looks up {SECRET}", f'{{"title": "{SECRET}"}}'),),
    )

    texts = texts_of_call(GenerateCall(Caller("clinic", "key", "k1"), request))

    assert sum(SECRET in text for text in texts) == 4
