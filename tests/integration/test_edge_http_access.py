"""Who may call a real daemon's HTTP front: a token's holder, a certificate's, or nobody else."""

import ssl
from pathlib import Path

import openai
import pytest
from openai import AsyncOpenAI, DefaultAsyncHttpxClient

from runtime.errors import BackendUnavailable
from tests.integration.edge_daemon import running_edge, write_certificates

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


def trusting(root: Path, *, name: str = "") -> ssl.SSLContext:
    """Return how a client trusts the daemon, and which certificate it shows."""
    context = ssl.create_default_context(cafile=root / "ca.pem")
    if name:
        context.load_cert_chain(root / f"{name}.pem", root / f"{name}-key.pem")
    return context


async def test_a_token_and_a_certificate_are_both_asked_for(tmp_path: Path) -> None:
    write_certificates(tmp_path)
    (tmp_path / "strangers").mkdir()
    write_certificates(tmp_path / "strangers")
    (tmp_path / "token").write_text("right\n")
    tls = {
        "certificate_file": "server.pem",
        "private_key_file": "server-key.pem",
        "client_authority_file": "ca.pem",
    }
    # Beyond loopback: this is what allows it.
    changes = {"http": "0.0.0.0:0", "http_tls": tls, "http_token_file": "token"}
    async with running_edge(tmp_path, changes) as edge:
        url = f"https://localhost:{edge.http.rpartition(':')[2]}/v1"

        async def models(token: str, context: ssl.SSLContext) -> list[str]:
            async with (
                DefaultAsyncHttpxClient(verify=context) as http,
                AsyncOpenAI(base_url=url, api_key=token, max_retries=0, http_client=http) as client,
            ):
                return [model.id async for model in client.models.list()]

        assert "tern-s" in await models("right", trusting(tmp_path, name="client"))
        with pytest.raises(openai.AuthenticationError) as wrong:
            await models("wrong", trusting(tmp_path, name="client"))
        with pytest.raises(openai.APIConnectionError):
            await models("right", trusting(tmp_path))
        stranger = trusting(tmp_path)
        stranger.load_cert_chain(
            tmp_path / "strangers" / "client.pem", tmp_path / "strangers" / "client-key.pem"
        )
        with pytest.raises(openai.APIConnectionError):
            await models("right", stranger)

    assert (wrong.value.code, wrong.value.type) == ("invalid_api_key", "authentication_error")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"http": "0.0.0.0:0"}, "http_token_file"),
        (
            {
                "http": "0.0.0.0:0",
                "http_tls": {
                    "certificate_file": "server.pem",
                    "private_key_file": "server-key.pem",
                },
            },
            "client_authority_file",
        ),
        (
            {"http_tls": {"certificate_file": "server.pem", "private_key_file": "client-key.pem"}},
            "of one pair",
        ),
        ({"http_token_file": "server.pem.missing"}, "cannot be read"),
    ],
)
async def test_a_daemon_that_would_let_anybody_in_does_not_start(
    tmp_path: Path, changes: dict[str, object], reason: str
) -> None:
    write_certificates(tmp_path)

    with pytest.raises(BackendUnavailable, match=reason):
        async with running_edge(tmp_path, changes):
            pass
