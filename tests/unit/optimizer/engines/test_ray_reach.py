"""Where a cluster's head listens decides by which address Ray may look for it."""

import asyncio

import pytest

from optimizer.engines.ray_cluster import is_on_loopback_alone

ANOTHER = "127.0.0.2"
"""Stands for the machine's address on its network: a server on 127.0.0.1 does not answer there."""


@pytest.mark.parametrize(("listens", "is_alone"), [("127.0.0.1", True), ("0.0.0.0", False)])
async def test_a_head_that_only_loopback_reaches_is_told_from_one_that_others_reach(
    listens: str, *, is_alone: bool
) -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), listens, 0)
    port = server.sockets[0].getsockname()[1]

    async with server:
        found = await is_on_loopback_alone(f"127.0.0.1:{port}", own_host=ANOTHER)

    assert found is is_alone


async def test_a_machine_without_a_network_has_nothing_but_loopback() -> None:
    assert await is_on_loopback_alone("127.0.0.1:6379", own_host=None)


@pytest.mark.parametrize("address", ["auto", "ray://127.0.0.1:10001", "head.example:6379"])
async def test_clusters_elsewhere_are_left_to_ray(address: str) -> None:
    assert not await is_on_loopback_alone(address, own_host=None)
