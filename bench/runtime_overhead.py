"""What Leeward's own executor, codec and RPC layer cost per remote step.

``python -m bench.runtime_overhead --json [--quick]`` starts a no-op node in another process on
loopback mutual TLS and times, in turns, a bare grpc.aio stream and real runs of the executor
against it; ``added`` is the difference of the same percentile of both. Progress goes to standard
error; the last line of standard output is one JSON object. ``bench/README.md`` explains it.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.loopback_tls import LoopbackTls, make_loopback_tls
from bench.machine import describe_machine
from bench.runtime_overhead_rounds import (
    BRANCHES,
    CHAIN_STEPS,
    GATED,
    PLAIN,
    SLEEP_MS,
    Calls,
    request_of,
)
from bench.runtime_overhead_server import PIECES, replies
from bench.shown import show_figures
from runtime.clock import SystemClock
from runtime.codec.inference import encode_chunk, encode_generate_request
from runtime.ledger.writer import LedgerWriter
from runtime.rpc.channels import ChannelSettings, open_channel

__all__ = ["Size", "main", "measure"]

Times = dict[str, list[float]]
"""Milliseconds by kind."""

_DISTRIBUTIONS: Final = ("cryptography", "grpcio", "leeward", "protobuf")
_WARM_UP: Final = 15


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    rounds: int
    calls: int
    """Of each kind, per round."""
    fans: int
    """Runs of the wide graph, and as many of its critical path."""


FULL: Final = Size(rounds=10, calls=400, fans=15)
QUICK: Final = Size(rounds=5, calls=100, fans=5)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="bench.runtime_overhead", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object, last line")
    parser.add_argument("--quick", action="store_true", help="under 50 seconds, wider spread")
    options = parser.parse_args(arguments)
    figures = asyncio.run(measure(QUICK if options.quick else FULL))
    show_figures(figures, as_json=options.json)
    return 0


async def measure(size: Size) -> dict[str, object]:
    """Return all figures."""
    tls = make_loopback_tls()
    async with _server(tls) as port, _calls(tls, port) as calls:
        plain = [await _round(calls, PLAIN, index, size) for index in range(size.rounds)]
        gated = [await _round(calls, GATED, index, size) for index in range(size.rounds)]
        _report(f"{size.fans} runs each of {BRANCHES} parallel steps and of one")
        fans = [
            (await calls.time_fan_ms(BRANCHES), await calls.time_fan_ms(1))
            for _ in range(size.fans)
        ]
    return _figures(plain, gated) | _makespan(fans) | _circumstances(size, plain, gated)


async def _round(calls: Calls, kinds: tuple[str, ...], index: int, size: Size) -> Times:
    """Time every kind once per turn, each turn beginning with another kind."""
    _report(f"round {index + 1} of {size.rounds}: {size.calls} times {', '.join(kinds)}")
    for _ in range(_WARM_UP):
        for kind in kinds:
            await calls.time_ms(kind)
    times: Times = {kind: [] for kind in kinds}
    for turn in range(size.calls):
        first = turn % len(kinds)
        for kind in kinds[first:] + kinds[:first]:
            times[kind].append(await calls.time_ms(kind))
    return times


def _figures(plain_rounds: list[Times], gated_rounds: list[Times]) -> dict[str, object]:
    plain, gated = _pooled(plain_rounds), _pooled(gated_rounds)
    return {
        "step_overhead_added_ms_p50": _added(plain, "step", 50),
        "step_overhead_added_ms_p99": _added(plain, "step", 99),
        "chained_step_overhead_added_ms_p50": _added(plain, "chain", 50),
        "ledgered_step_added_ms_p50": _added(gated, "ledgered", 50),
        "gated_step_added_ms_p50": _added(gated, "gated", 50),
        "bare_fsync_ms_p50": _percentile(gated["fsync"], 50),
        "bare_stream_ms_p50": _percentile(plain["bare"], 50),
        "bare_stream_ms_p99": _percentile(plain["bare"], 99),
        "step_ms_p50": _percentile(plain["step"], 50),
        "step_ms_p99": _percentile(plain["step"], 99),
        "gated_step_ms_p50": _percentile(gated["gated"], 50),
        "bare_stream_between_gated_ms_p50": _percentile(gated["bare"], 50),
    }


def _makespan(fans: list[tuple[float, float]]) -> dict[str, object]:
    """Return how much longer the wide graph takes than its critical path run alone."""
    wide_ms = [wide for wide, _ in fans]
    path_ms = [path for _, path in fans]
    makespan_ms, critical_path_ms = statistics.median(wide_ms), statistics.median(path_ms)
    return {
        "makespan_over_critical_path": round(makespan_ms / critical_path_ms, 4),
        "makespan_over_pure_sleep": round(makespan_ms / (2 * SLEEP_MS), 4),
        "makespan_ms": [round(took, 2) for took in sorted(wide_ms)],
        "critical_path_ms": [round(took, 2) for took in sorted(path_ms)],
        "parallel_steps": BRANCHES,
    }


def _circumstances(size: Size, plain: list[Times], gated: list[Times]) -> dict[str, object]:
    """Return what a reader needs to judge the figures."""
    counted = size.rounds * size.calls
    return {
        "spread": {
            "rounds": size.rounds,
            "step_overhead_added_ms_p50": _spread(plain, "step"),
            "chained_step_overhead_added_ms_p50": _spread(plain, "chain"),
            "ledgered_step_added_ms_p50": _spread(gated, "ledgered"),
            "gated_step_added_ms_p50": _spread(gated, "gated"),
        },
        "steps_counted": {
            "step": counted,
            "chain": counted * CHAIN_STEPS,
            "ledgered": counted,
            "gated": counted,
        },
        "payload": {
            "request_bytes": encode_generate_request(request_of("noop")).ByteSize(),
            "messages": len(PIECES) + 1,
        },
        "machine": describe_machine(_DISTRIBUTIONS),
    }


def _pooled(rounds: list[Times]) -> Times:
    return {kind: [took for times in rounds for took in times[kind]] for kind in rounds[0]}


def _percentile(times: list[float], percent: int) -> float:
    return round(statistics.quantiles(times, n=100, method="inclusive")[percent - 1], 4)


def _added(times: Times, kind: str, percent: int) -> float:
    return round(_percentile(times[kind], percent) - _percentile(times["bare"], percent), 4)


def _spread(rounds: list[Times], kind: str) -> dict[str, float]:
    """Return the smallest and largest difference of medians over the rounds."""
    added = [_added(times, kind, 50) for times in rounds]
    return {"min": min(added), "max": max(added)}


@asynccontextmanager
async def _calls(tls: LoopbackTls, port: int) -> AsyncIterator[Calls]:
    """Open what the calls need: two channels, a ledger, a scratch file beside it."""
    address = f"127.0.0.1:{port}"
    settings = ChannelSettings(address, tls.client)
    with tempfile.TemporaryDirectory(prefix="leeward-bench-") as state:
        ledger = LedgerWriter.open(Path(state) / "ledger", clock=SystemClock())
        async with ledger, open_channel(settings) as bare, open_channel(settings) as node:
            calls = Calls(
                bare, node, ledger=ledger, address=address, scratch=Path(state) / "scratch"
            )
            await calls.time_ms("ledgered")
            calls.ledger_line = _last_line(Path(state) / "ledger")
            try:
                yield calls
            finally:
                calls.close()


def _last_line(directory: Path) -> bytes:
    segments = sorted(directory.glob("*.jsonl"))
    return segments[-1].read_bytes().splitlines(keepends=True)[-1]


@asynccontextmanager
async def _server(tls: LoopbackTls) -> AsyncIterator[int]:
    """Start the far end in a process of its own; end it by closing its standard input."""
    messages = [encode_chunk(chunk).SerializeToString() for chunk in replies("noop")]
    setup = {
        "ca": _text(tls.client.ca_bundle_pem),
        "certificate": _text(tls.server.identity.certificate_chain_pem),
        "key": _text(tls.server.identity.private_key_pem),
        "messages": [_text(message) for message in messages],
    }
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.runtime_overhead_server", stdin=pipe, stdout=pipe
    )
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("the server has no pipes")
    try:
        process.stdin.write(json.dumps(setup).encode() + b"\n")
        await process.stdin.drain()
        async with asyncio.timeout(30):
            line = await process.stdout.readline()
        yield int(json.loads(line)["port"])
    finally:
        process.stdin.close()
        try:
            async with asyncio.timeout(5):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _report(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
