"""Programs that are started while gRPC is busy start, every time.

gRPC's own fork handlers abort one child in ten before it runs (grpc/grpc issue 43055);
`runtime.rpc` switches them off.
"""

import asyncio
import sys

import pytest

pytestmark = pytest.mark.timeout(120)

PROGRAM = """
import asyncio, sys
import runtime.rpc
import grpc

async def main():
    server = grpc.aio.server()
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        async def traffic():
            while True:
                try:
                    await channel.unary_unary("/a/b")(b"")
                except grpc.aio.AioRpcError:
                    await asyncio.sleep(0.001)
        busy = asyncio.create_task(traffic())
        codes = set()
        for _ in range(100):
            child = await asyncio.create_subprocess_exec("true", preexec_fn=lambda: None)
            codes.add(await child.wait())
        busy.cancel()
    await server.stop(None)
    print(sorted(codes))

asyncio.run(main())
"""


async def test_a_program_started_beside_grpc_traffic_always_starts() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()

    assert output.decode().strip() == "[0]"
