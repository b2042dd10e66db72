"""Tools of a cloud model, asked through an edge: what is in them leaves only released."""

import json
from typing import Any

import httpx
import pytest

from runtime.testing.faulty_house import CLOUD_MODEL, FaultyHouse
from runtime.testing.scripted_provider import Script

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]

NAME = "Żaneta Quillfeather"
PHONE = "+48 601 234 567"
TOOL: Any = {
    "type": "function",
    "function": {
        "name": "dose",
        "description": f"Notes a dose of patient {NAME}.",
        "parameters": {
            "type": "object",
            "properties": {
                "phone": {"type": "string", "description": f"Her phone, such as {PHONE}"}
            },
        },
    },
}


def chat(arguments: str) -> list[dict[str, Any]]:
    call = {
        "id": "call_0123456789abcdef01234567",
        "type": "function",
        "function": {"name": "dose", "arguments": arguments},
    }
    return [
        {"role": "user", "content": "Note the dose."},
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": call["id"], "content": f"Noted for patient {NAME}."},
    ]


async def post(url: str, arguments: str) -> httpx.Response:
    body = {"model": CLOUD_MODEL, "messages": chat(arguments), "tools": [TOOL]}
    async with httpx.AsyncClient(timeout=20) as http:
        return await http.post(f"{url}/chat/completions", json=body)


async def test_names_and_numbers_in_tools_leave_as_placeholders_and_come_back(
    house: FaultyHouse,
) -> None:
    house.play(Script(pieces=("<PERSON_1> got it. ", "Answer: 14")))

    # As ``json.dumps`` writes it: the name's first letter is an escape.
    answer = await post(house.edge_http, json.dumps({"patient": NAME, "phone": PHONE}))

    assert answer.status_code == 200
    said = answer.json()["choices"][0]["message"]["content"]
    assert said.startswith(f"{NAME} got it.")
    (sent,) = house.provider.calls
    text = json.dumps(sent, ensure_ascii=False)
    for secret in ("Quillfeather", "u017b", "Żaneta", PHONE, "601 234"):
        assert secret not in text
    arguments = json.loads(sent["messages"][1]["tool_calls"][0]["function"]["arguments"])
    assert arguments["patient"] == "<PERSON_1>"
    assert "<PERSON_1>" in sent["tools"][0]["function"]["description"]
    assert "<PERSON_1>" in sent["messages"][2]["content"]


async def test_what_may_not_leave_released_does_not_leave_in_tools_either(
    house: FaultyHouse,
) -> None:
    house.play(Script(pieces=("Answer: 14",)))

    answer = await post(house.strict_http, json.dumps({"patient": NAME}))

    receipt = answer.json()["leeward"]["receipt"]
    assert receipt["left_the_edge"] is False
    assert {step["node"] for step in receipt["steps"]} == {"edge"}
    assert house.provider.calls == []


async def test_arguments_that_no_release_can_leave_as_json_do_not_leave(house: FaultyHouse) -> None:
    house.play(Script(pieces=("Answer: 14",)))

    answer = await post(house.edge_http, '{"phone": 48601234567, "of": "phone"}')

    assert house.provider.calls == []
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "GateRefused")
