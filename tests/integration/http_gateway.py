"""A real gateway process with its HTTP front and a key, before whatever provider a test has."""

import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from openai import AsyncOpenAI

from runtime.local.ports import free_port
from runtime.testing.local_roles import CommandResult, LocalRoles, leeward

__all__ = ["Gateway", "running_gateway"]


@dataclass(slots=True)
class Gateway:
    """A gateway's configuration file, its process, and a key for it."""

    config: Path
    roles: LocalRoles
    key: str
    addresses: dict[str, str]

    async def command(self, *arguments: str) -> CommandResult:
        """Run ``leeward cloud ...`` with its configuration."""
        return await leeward("cloud", *arguments, "-c", str(self.config), environment=os.environ)

    def client(self, **more: Any) -> AsyncOpenAI:
        """Return the stock client of its front."""
        url = f"http://{self.addresses['http']}/v1"
        return AsyncOpenAI(base_url=url, **{"api_key": self.key, "max_retries": 0, **more})


@asynccontextmanager
async def running_gateway(
    root: Path, base_url: str, *, provider_key: str = "k", **fields: Any
) -> AsyncIterator[Gateway]:
    """Serve the model ``big`` from a provider until the block ends.

    Args:
        root: Where its files go.
        base_url: The provider's.
        provider_key: What the provider is shown.
        fields: More of the configuration.
    """
    config = root / "cloud.yaml"
    shape: Mapping[str, Any] = {
        "leeward": "cloud/v1",
        "listen": f"127.0.0.1:{free_port()}",
        "enrolment": f"127.0.0.1:{free_port()}",
        "upstreams": {"p": {"base_url": base_url, "api_key_env": "PROVIDER_KEY"}},
        "models": {"big": {"targets": [{"upstream": "p", "model": "llm"}]}},
        "http": {"listen": f"127.0.0.1:{free_port()}"},
        **fields,
    }
    config.write_text(yaml.safe_dump(shape))
    roles = LocalRoles(root, os.environ | {"PROVIDER_KEY": provider_key})
    gateway = Gateway(config, roles, "", {})
    made = await gateway.command("key", "create", "app", "--json")
    assert made.exit_code == 0, made
    gateway.key = json.loads(made.stdout)["key"]
    try:
        gateway.addresses = await roles.serve("gateway", "cloud", config)
        yield gateway
    finally:
        await roles.close()
