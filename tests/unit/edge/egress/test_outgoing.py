from google.protobuf.descriptor import Descriptor, FieldDescriptor

from edge.egress.outgoing import _NAMES, strings_of
from leeward.v1 import inference_pb2 as pb
from leeward.v1.chat_pb2 import ChatMessage, Sampling, ToolCall, ToolDefinition


def _string_paths(descriptor: Descriptor, prefix: str = "") -> list[str]:
    paths: list[str] = []
    for field in descriptor.fields:
        path = f"{prefix}{field.name}"
        if field.type in (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES):
            paths.append(path)
        elif field.message_type is not None:
            paths += _string_paths(field.message_type, f"{path}.")
    return paths


def test_every_string_of_the_contract_is_looked_at() -> None:
    """A field added to the contract shows here, and is taken for text unless listed."""
    assert set(_string_paths(pb.GenerateRequest.DESCRIPTOR)) - _NAMES == {
        "messages.content",
        "messages.tool_calls.id",
        "messages.tool_calls.name",
        "messages.tool_calls.arguments_json",
        "messages.tool_call_id",
        "provenance.releases.approver",
        "sampling.stop",
        "sampling.grammar",
        "sampling.json_schema",
        "ledger.head_mac",
        "tools.name",
        "tools.description",
        "tools.parameters_json_schema",
        "tool_choice",
        "begun",
        "draft",
    }


def test_texts_are_found_wherever_they_stand() -> None:
    message = pb.GenerateRequest(
        model="m",
        messages=[
            ChatMessage(content="one", tool_calls=[ToolCall(id="two", arguments_json="three")]),
            ChatMessage(content="one", tool_call_id="four"),
        ],
        sampling=Sampling(stop=["five"], grammar="six", json_schema="seven", seed=1),
        tools=[ToolDefinition(name="eight", description="nine", parameters_json_schema="ten")],
        tool_choice="eleven",
        idempotency_key="key",
    )

    outgoing = strings_of(message)

    assert outgoing.names == ("m", "key")
    assert set(outgoing.texts) == {
        *("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven")
    }


def test_bytes_are_looked_at_as_text() -> None:
    message = pb.GenerateRequest()
    message.ledger.head_mac = b"Anna Kowalska\xff"

    assert strings_of(message).texts == ("Anna Kowalska\ufffd",)
