"""Two gateways on one PostgreSQL: known to one, served by both, revoked at both within a second.

Real processes, real certificates, a real database; what they share is the database and the
directory of the authority.
"""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import grpc
import httpx
import pytest
import pytest_asyncio
import yaml
from cryptography.hazmat.primitives.asymmetric import ec

from leeward.v1 import enrolment_pb2, enrolment_pb2_grpc, inference_pb2, inference_pb2_grpc
from runtime.identity.csr import create_csr
from runtime.identity.keys import private_key_pem
from runtime.identity.token_file import load_token_file
from runtime.rpc.channels import ChannelSettings, open_channel
from runtime.rpc.tls import ClientTls, KeyPair
from runtime.testing.local_roles import CommandResult, LocalRoles, leeward
from tests.postgres_server import PostgresServer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="module"),
]

REPLICAS = ("a", "b")
WITHIN_S = 1.0


@dataclass
class Fleet:
    """Two running gateways, and how to command them."""

    root: Path
    environment: dict[str, str]
    addresses: dict[str, dict[str, str]]
    key: dict[str, str]
    """An API key, as the command that made it printed it."""

    def config(self, name: str) -> Path:
        return self.root / name / "cloud.yaml"

    async def command(self, name: str, *arguments: str) -> CommandResult:
        return await leeward(
            "cloud", *arguments, "--config", str(self.config(name)), environment=self.environment
        )

    async def enrol(self, *, token_of: str, at: str) -> tuple[str, ClientTls]:
        """Enrol a device at one replica with a token that the other one made."""
        file = self.root / "join.json"
        made = await self.command(token_of, "token", "--out", str(file))
        assert made.exit_code == 0, made.stderr
        token = load_token_file(file)
        key = ec.generate_private_key(ec.SECP256R1())
        anchor = token.ca_certificate_pem.encode()
        settings = ChannelSettings(self.addresses[at]["enrolment"], tls=ClientTls(anchor))
        async with open_channel(settings) as channel:
            stub = enrolment_pb2_grpc.EnrolmentStub(channel)
            request = enrolment_pb2.EnrollRequest(join_token=token.token, csr_pem=create_csr(key))
            answer = await stub.Enroll(request, timeout=10)
        pair = KeyPair(answer.credentials.certificate_chain_pem, private_key_pem(key))
        return answer.credentials.device_id, ClientTls(anchor, pair)


def write_config(directory: Path, authority: Path) -> None:
    """A gateway whose authority is a directory that all mount, as an operator would do it."""
    fields = {
        "leeward": "cloud/v1",
        "name": directory.name,
        "listen": "127.0.0.1:0",
        "enrolment": "127.0.0.1:0",
        "http": {"listen": "127.0.0.1:0"},
        "database": {"url_env": "LEEWARD_TEST_DATABASE"},
        "upstreams": {"p": {"base_url": "http://127.0.0.1:1/v1", "api_key_env": "KEY"}},
        "models": {"m": {"targets": [{"upstream": "p", "model": "m"}]}},
    }
    directory.mkdir()
    (directory / "cloud.yaml").write_text(yaml.safe_dump(fields))
    (directory / "gateway-state").mkdir(mode=0o700)
    (directory / "gateway-state" / "authority").symlink_to(authority, target_is_directory=True)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def fleet(
    tmp_path_factory: pytest.TempPathFactory, postgres_server: PostgresServer
) -> AsyncIterator[Fleet]:
    root = tmp_path_factory.mktemp("fleet")
    (root / "authority").mkdir(mode=0o700)
    for name in REPLICAS:
        write_config(root / name, root / "authority")
    with postgres_server.database() as url:
        environment = dict(os.environ) | {"KEY": "k", "LEEWARD_TEST_DATABASE": url}
        made = Fleet(root, environment, {}, {})
        migrated = await made.command("a", "migrate", "--json")
        assert json.loads(migrated.stdout)["from"] is None, migrated.stderr
        open_front = await made.command("a", "serve")
        assert open_front.exit_code == 14
        assert "leeward cloud key create" in open_front.stderr
        made.key = json.loads((await made.command("a", "key", "create", "app", "--json")).stdout)
        roles = LocalRoles(root, environment)
        for name in REPLICAS:
            made.addresses[name] = await roles.serve(name, "cloud", made.config(name))
        yield made
        await roles.close()


IsServed = Callable[[], Awaitable[bool]]


async def is_device_served(channel: grpc.aio.Channel) -> bool:
    stub = inference_pb2_grpc.InferenceStub(channel)
    try:
        await stub.ListModels(inference_pb2.ListModelsRequest(), timeout=10)
    except grpc.aio.AioRpcError as error:
        if error.code() is not grpc.StatusCode.PERMISSION_DENIED:
            raise
        return False
    return True


async def is_key_served(client: httpx.AsyncClient) -> bool:
    answer = await client.get("/v1/models")
    assert answer.status_code in {200, 401}
    return answer.status_code == 200


async def last_served_s(is_served: IsServed) -> float:
    """Call until the caller is refused; return when it was last served."""
    served_s = began_s = time.monotonic()
    while await is_served():
        served_s, began_s = began_s, time.monotonic()
    return served_s


async def assert_revoked_everywhere(
    fleet: Fleet, callers: Sequence[IsServed], *command: str
) -> None:
    for is_served in callers:
        assert await is_served()
    calling = [asyncio.create_task(last_served_s(is_served)) for is_served in callers]

    revoked = await fleet.command("a", *command)
    revoked_s = time.monotonic()

    assert revoked.exit_code == 0, revoked.stderr
    async with asyncio.timeout(30):
        served_s = await asyncio.gather(*calling)
    assert max(served_s) < revoked_s + WITHIN_S


async def test_a_device_enrolled_at_one_gateway_is_served_and_then_refused_by_both(
    fleet: Fleet,
) -> None:
    device, tls = await fleet.enrol(token_of="a", at="b")
    async with AsyncExitStack() as stack:
        channels = [
            await stack.enter_async_context(
                open_channel(ChannelSettings(fleet.addresses[name]["grpc"], tls=tls))
            )
            for name in REPLICAS
        ]
        callers = [partial(is_device_served, channel) for channel in channels]

        await assert_revoked_everywhere(fleet, callers, "device", "revoke", device)


async def test_a_key_is_served_and_then_refused_by_both(fleet: Fleet) -> None:
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(
                httpx.AsyncClient(
                    base_url=f"http://{fleet.addresses[name]['http']}",
                    headers={"authorization": f"Bearer {fleet.key['key']}"},
                )
            )
            for name in REPLICAS
        ]
        callers = [partial(is_key_served, client) for client in clients]

        await assert_revoked_everywhere(fleet, callers, "key", "revoke", fleet.key["id"])

    listed = await fleet.command("b", "audit", "list", "--action", "key_revoked", "--json")
    assert [entry["subject"] for entry in json.loads(listed.stdout)] == [fleet.key["id"]]


async def test_a_token_used_at_one_gateway_is_used_up_at_the_other(fleet: Fleet) -> None:
    _, tls = await fleet.enrol(token_of="a", at="a")
    token = load_token_file(fleet.root / "join.json").token
    request = enrolment_pb2.EnrollRequest(
        join_token=token, csr_pem=create_csr(ec.generate_private_key(ec.SECP256R1()))
    )

    settings = ChannelSettings(fleet.addresses["b"]["enrolment"], tls=ClientTls(tls.ca_bundle_pem))
    async with open_channel(settings) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await enrolment_pb2_grpc.EnrolmentStub(channel).Enroll(request, timeout=10)

    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_a_gateway_with_an_authority_of_its_own_is_refused_before_it_serves(
    fleet: Fleet,
) -> None:
    stranger = fleet.root / "own-authority"
    stranger.mkdir(mode=0o700)
    write_config(fleet.root / "c", stranger)

    result = await fleet.command("c", "serve")

    assert result.exit_code == 14
    assert "mount the `authority` directory of the other gateways" in result.stderr
    assert list(stranger.iterdir()) == []  # nothing was made that could be mistaken for the one


async def test_a_database_that_is_away_refuses_every_caller(fleet: Fleet) -> None:
    environment = fleet.environment | {
        "LEEWARD_TEST_DATABASE": "postgresql://u:hidden-word@127.0.0.1:1/none"
    }

    result = await leeward(
        "cloud", "device", "list", "--config", str(fleet.config("a")), environment=environment
    )

    assert result.exit_code == 47
    assert "hidden-word" not in result.stdout + result.stderr
