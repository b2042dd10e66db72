"""The wire tap forwards what it sees, and reads chats out of it."""

from openai import AsyncOpenAI

from reference.tap import running_tap
from runtime.testing.scripted_provider import running_provider


async def test_what_the_provider_was_asked_can_be_read_from_the_wire() -> None:
    async with (
        running_provider() as provider,
        running_tap("127.0.0.1", provider.port) as tap,
        AsyncOpenAI(base_url=f"http://{tap.host}:{tap.port}/v1", api_key="k") as client,
    ):
        for question in ("first {", "second"):
            stream = await client.chat.completions.create(
                model="m", messages=[{"role": "user", "content": question}], stream=True
            )
            text = "".join([c.choices[0].delta.content or "" async for c in stream if c.choices])

    assert text == "fourty-two"
    assert tap.user_turns() == ["first {", "second"]


async def test_a_provider_that_is_not_there_closes_the_connection() -> None:
    async with running_provider() as gone:
        port = gone.port
    async with (
        running_tap("127.0.0.1", port) as tap,
        AsyncOpenAI(
            base_url=f"http://{tap.host}:{tap.port}/v1", api_key="k", max_retries=0
        ) as client,
    ):
        failed = False
        try:
            await client.models.list()
        except Exception:  # noqa: BLE001 - any failure will do, a hang would not
            failed = True

    assert failed
