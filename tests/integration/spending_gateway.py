"""A process that spends under a budget as a gateway would, until it is done or killed.

``python -m tests.integration.spending_gateway STORE BILL SEED CALLERS CALLS`` says that it is
ready, waits for a line, and then lets that many callers make that many calls each, for ``DEVICES``
devices and of at most ``WORST`` micro-dollars. What a provider would charge for a call goes into
the file ``BILL`` in the moment of its dispatch: it is owed, whatever happens to us then.
"""

import asyncio
import os
import random
import sys
from pathlib import Path
from typing import Final

from cloud.admission.opened import opened_admission
from cloud.admission.prices import Prices
from cloud.calls import Caller, GenerateCall
from cloud.charges import WorstCase
from cloud.idempotency.names import Namer
from cloud.metrics import gateway_metrics
from cloud.stages import Outcome
from cloud.stores.database import Database
from cloud.stores.driver import Driver
from cloud.stores.postgres import PostgresDriver
from cloud.stores.sqlite import SqliteDriver
from runtime.clock import SystemClock
from runtime.errors import BudgetExhausted
from runtime.ids import ModelName
from runtime.ports import ChatMessage, GenerateRequest, Usage

WORST: Final = 100
DEVICES: Final = 20
REQUEST: Final = GenerateRequest(ModelName("llm"), (ChatMessage("user", "?"),), timeout_s=30.0)


def driver_of(store: str) -> Driver:
    """Return the driver for a URL of PostgreSQL or the path of a file."""
    if store.startswith("postgresql:"):
        return PostgresDriver(store)
    return SqliteDriver(Path(store))


async def main(store: str, bill: str, seed: str, callers: str, calls: str) -> None:
    """Spend."""
    database = await Database.open(driver_of(store))
    owed = os.open(bill, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
    clock, namer = SystemClock(), Namer(bytes(32))
    opened = opened_admission(
        database,
        node=f"spender-{seed}",
        prices=Prices(),
        namer=namer,
        metrics=gateway_metrics(),
        clock=clock,
    )
    async with opened as admission:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.readline)

        async def one(number: int) -> None:
            rng = random.Random(f"{seed}/{number}")
            for _ in range(int(calls)):
                device = f"device-{rng.randrange(DEVICES)}"
                call = GenerateCall(Caller("default", "device", device), REQUEST)
                try:
                    reserved = await admission.reserve(call, WorstCase(60, 40, WORST))
                except BudgetExhausted:
                    await asyncio.sleep(0.01)
                    continue
                used = rng.randrange(WORST * 9 // 10, WORST + 1)  # so that too many granted show
                os.write(owed, f"{used}\n".encode())
                await asyncio.sleep(rng.random() / 20)
                await reserved.settle(Outcome("stop", Usage(2, 1, cost_usd=used / 1e6), 0.1))

        await asyncio.gather(*(one(number) for number in range(int(callers))))
    await database.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
