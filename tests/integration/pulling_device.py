"""A device that pulls models: its store, its ledger, and what a pull leaves behind."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from edge.egress.pull import Puller, PullRequest, ledger_recorder
from edge.models.record import StoredModel
from edge.models.store import ModelStore, free_bytes
from runtime.clock import SystemClock
from runtime.ledger.read import read_entries
from runtime.ledger.record import ControlPassage

__all__ = ["Device"]


@dataclass
class Device:
    """A device's state directory and what it does to it."""

    state: Path
    waits_s: list[float] = field(default_factory=list)
    progress: list[tuple[int, int]] = field(default_factory=list)

    def store(
        self, free: Callable[[Path], int] = free_bytes, *, quota_bytes: int | None = None
    ) -> ModelStore:
        return ModelStore(self.state, clock=SystemClock(), free=free, quota_bytes=quota_bytes)

    def pull(
        self,
        request: PullRequest,
        *,
        free: Callable[[Path], int] = free_bytes,
        quota_bytes: int | None = None,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> StoredModel:
        puller = Puller(
            self.store(free, quota_bytes=quota_bytes),
            record=ledger_recorder(self.state / "ledger", clock=SystemClock()),
            progress=on_progress or (lambda here, total: self.progress.append((here, total))),
            sleep=self.waits_s.append,
        )
        return puller.pull(request)

    def control(self) -> list[ControlPassage]:
        records = [entry.record for entry in read_entries(self.state / "ledger")]
        return [record for record in records if isinstance(record, ControlPassage)]

    def leftovers(self) -> list[str]:
        models = self.state / "models"
        return sorted(str(path.relative_to(models)) for path in models.rglob("*") if path.is_file())
