"""Web pages in a browser on the device: only named ones use the front."""

from pathlib import Path

import httpx
import pytest
import yaml

from edge.config import parse_config
from runtime.errors import ConfigInvalid
from tests.unit.edge.http.conftest import Front, running_front

BODY = '{"model": "leeward/ask-cloud", "messages": [{"role": "user", "content": "How many?"}]}'
EXAMPLE = Path(__file__).resolve().parents[4] / "deploy" / "examples" / "edge.yaml"
KIOSK = "https://kiosk.example"


async def sent(front: Front, path: str = "/v1/chat/completions", **headers: str) -> httpx.Response:
    """Send what a browser can be made to send by any page: a form's body needs no preflight."""
    async with httpx.AsyncClient(base_url=front.url) as client:
        if path.endswith("completions"):
            return await client.post(path, content=BODY, headers=headers)
        return await client.get(path, headers=headers)


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1", ""])
async def test_a_page_that_nobody_named_makes_no_model_work(front: Front, origin: str) -> None:
    answer = await sent(front, origin=origin, **{"content-type": "text/plain"})

    assert answer.status_code == 403
    assert "http_origins" in answer.json()["error"]["message"]
    assert front.far.requests == front.near.requests == []


@pytest.mark.parametrize("path", ["/v1/models", "/metrics", "/v1/chat/completions"])
@pytest.mark.parametrize("host", ["evil.example:8450", "127.0.0.1.evil.example", "x", "localhosts"])
async def test_a_name_that_was_pointed_here_reads_nothing(
    front: Front, path: str, host: str
) -> None:
    answer = await sent(front, path, host=host)

    assert answer.status_code == 403
    assert "localhost" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8450", "127.0.0.1", "[::1]:8450", "[::1]"]
)
async def test_a_program_calls_it_by_address_or_as_this_machine(front: Front, host: str) -> None:
    assert (await sent(front, "/v1/models", host=host)).status_code == 200


async def test_behind_a_token_the_front_may_have_any_name() -> None:
    async with running_front(bearer_token="s3cret") as front:
        headers = {"host": "edge.clinic.example", "authorization": "Bearer s3cret"}

        assert (await sent(front, "/v1/models", **headers)).status_code == 200
        headers["origin"] = "https://evil.example"
        assert (await sent(front, "/v1/models", **headers)).status_code == 403


async def test_a_named_page_calls_and_reads() -> None:
    async with running_front(origins=frozenset({KIOSK})) as front:
        front.far.answer("8", step="answer")
        answer = await sent(front, origin=KIOSK)
        other = await sent(front, origin="https://evil.example")

    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == KIOSK
    assert other.status_code == 403
    assert "access-control-allow-origin" not in other.headers


async def test_a_named_page_may_ask_beforehand() -> None:
    asks = {
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization, content-type",
        "access-control-request-private-network": "true",
    }
    async with (
        running_front(bearer_token="s3cret", origins=frozenset({KIOSK})) as front,
        httpx.AsyncClient(base_url=front.url) as client,
    ):
        at = "/v1/chat/completions"
        mine = await client.options(at, headers={"origin": KIOSK} | asks)
        other = await client.options(at, headers={"origin": "https://evil.example"} | asks)

    assert mine.status_code == 200
    assert mine.headers["access-control-allow-private-network"] == "true"
    assert other.status_code == 400


@pytest.mark.parametrize(
    "origin", ["*", "null", "kiosk.example", "https://kiosk.example/", "https://Kiosk.example"]
)
def test_a_page_is_named_as_browsers_name_it(origin: str) -> None:
    text = yaml.safe_load(EXAMPLE.read_text()) | {"http_origins": [origin]}

    with pytest.raises(ConfigInvalid, match="http_origins"):
        parse_config(yaml.safe_dump(text), base=EXAMPLE.parent)
