"""What the gateway's store costs a call: who calls, one reservation, one settlement.

``python -m bench.gateway_store --json [--quick] [--url postgresql://...]`` runs the gateway's own
access and admission, with one budget, on a fresh SQLite file, or on a database that it may fill.
No model and no network take part. The last line of standard output is one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench.machine import describe_machine
from bench.shown import show_figures
from cloud.access import Access
from cloud.admission.admission import BudgetedAdmission
from cloud.admission.opened import opened_admission
from cloud.admission.periods import Period
from cloud.admission.prices import Prices
from cloud.admission.rules import Budget
from cloud.admission.scopes import Scope
from cloud.audit_trail import AuditTrail
from cloud.calls import GenerateCall
from cloud.idempotency.names import Namer
from cloud.metrics import gateway_metrics
from cloud.stages import Outcome, WorstCase
from cloud.stores import schema
from cloud.stores.audit import Act, AuditStore
from cloud.stores.database import Database
from cloud.stores.driver import Driver
from cloud.stores.keys import KeyStore
from cloud.stores.postgres import PostgresDriver
from cloud.stores.rules import RuleStore
from cloud.stores.sqlite import SqliteDriver
from cloud.stores.tables import DEFAULT_TENANT
from runtime.clock import SystemClock
from runtime.ids import ModelName
from runtime.ports import ChatMessage, GenerateRequest, Usage

__all__ = ["main", "measure"]

_CALLERS: Final = (1, 8, 64)
_DISTRIBUTIONS: Final = ("leeward", "sqlalchemy")
_REQUEST: Final = GenerateRequest(ModelName("m"), (ChatMessage("user", "?"),))
_WORST: Final = WorstCase(100, 100, 200)
_OUTCOME: Final = Outcome("stop", Usage(50, 20, cost_usd=0.00007), latency_s=0.5)


@dataclass
class _Times:
    """Seconds that the parts of each call took."""

    admit: list[float] = field(default_factory=list)
    reserve: list[float] = field(default_factory=list)
    settle: list[float] = field(default_factory=list)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="bench.gateway_store", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object, last line")
    parser.add_argument("--quick", action="store_true", help="a fifth of the calls")
    parser.add_argument("--url", default="", help="a PostgreSQL database that may be filled")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="leeward-store-") as directory:
        file = Path(directory) / "gateway.sqlite"
        driver: Driver = PostgresDriver(options.url) if options.url else SqliteDriver(file)
        driver.migrate(schema.NEWEST)
        figures = asyncio.run(measure(driver, calls=1_000 if options.quick else 5_000))
    figures["database"] = "postgresql" if options.url else "sqlite"
    figures["machine"] = describe_machine(_DISTRIBUTIONS)
    show_figures(figures, as_json=options.json)
    return 0


async def measure(driver: Driver, *, calls: int) -> dict[str, object]:
    """Return the figures of ``calls`` calls by 1, 8 and 64 callers at once."""
    clock = SystemClock()
    database = await Database.open(driver)
    try:
        act = Act("operator:bench", clock.now())
        made = await KeyStore(database).create("bench", act, tenant=DEFAULT_TENANT)
        await RuleStore(database).set_budget(
            Budget("all", Scope.of({"tenant": DEFAULT_TENANT}), Period.MONTH, 10**12, None), act
        )
        access = Access(database, AuditTrail(AuditStore(database), clock), clock)
        opened = opened_admission(
            database,
            node="bench",
            prices=Prices(),
            namer=Namer(bytes(32)),
            metrics=gateway_metrics(),
            clock=clock,
        )
        figures: dict[str, object] = {}
        async with opened as admission:
            await _flood(access, admission, made.text, callers=8, calls=200)  # statements compiled
            for callers in _CALLERS:
                figures |= await _flood(access, admission, made.text, callers=callers, calls=calls)
        return figures
    finally:
        await database.close()


async def _flood(
    access: Access, admission: BudgetedAdmission, key: str, *, callers: int, calls: int
) -> dict[str, object]:
    times = _Times()
    began_s, spent_s = time.perf_counter(), time.process_time()
    async with asyncio.TaskGroup() as tasks:
        for _ in range(callers):
            tasks.create_task(_call(access, admission, key, times, calls // callers))
    took_s, spent_s = time.perf_counter() - began_s, time.process_time() - spent_s
    done = len(times.settle)
    figures: dict[str, object] = {
        f"calls_per_s_{callers}": round(done / took_s),
        f"cpu_ms_per_call_{callers}": round(1000 * spent_s / done, 3),
    }
    for part in ("admit", "reserve", "settle"):
        cuts = statistics.quantiles(getattr(times, part), n=100)
        figures[f"{part}_ms_p50_{callers}"] = round(1000 * cuts[49], 3)
        figures[f"{part}_ms_p99_{callers}"] = round(1000 * cuts[98], 3)
    return figures


async def _call(
    access: Access, admission: BudgetedAdmission, key: str, times: _Times, calls: int
) -> None:
    for _ in range(calls):
        start_s = time.perf_counter()
        caller = await access.by_key(key)
        admitted_s = time.perf_counter()
        reservation = await admission.reserve(GenerateCall(caller, _REQUEST), _WORST)
        reserved_s = time.perf_counter()
        await reservation.settle(_OUTCOME)
        times.admit.append(admitted_s - start_s)
        times.reserve.append(reserved_s - admitted_s)
        times.settle.append(time.perf_counter() - reserved_s)


if __name__ == "__main__":
    raise SystemExit(main())
