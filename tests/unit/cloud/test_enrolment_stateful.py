"""Whatever is cut between devices and gateways, a token makes one device, for one key."""

import asyncio
import shutil
import tempfile
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any, ClassVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from cloud.authorities import Authorities
from cloud.enrolment.desk import Enrolled, EnrolmentDesk
from cloud.enrolment.pace import Pace, Seats
from cloud.stores.audit import Act
from cloud.stores.database import Database
from cloud.stores.devices import DeviceStore
from cloud.stores.join_tokens import JoinTokenStore, NewToken
from cloud.stores.tables import DEFAULT_TENANT
from edge.kept_request import KeptRequest
from runtime.errors import TokenRefused
from runtime.identity.authority import CertificateAuthority
from runtime.identity.certificates import device_id_of, load_certificates
from runtime.identity.csr import create_csr, key_digest
from runtime.testing.fakes import ManualClock
from tests.unit.cloud.conftest import DriverFactory

HOUR = timedelta(hours=1)
CUTS = ("before it is sent", "answer lost", "before the key is forgotten", "nowhere")


@dataclass
class Token:
    """A token as the model knows it."""

    made: NewToken
    ends_s: float
    key: bytes | None = None
    is_revoked: bool = False


@dataclass
class World:
    """Two gateways of one store, open for all examples of a test."""

    runner: asyncio.Runner
    databases: list[Database]
    clock: ManualClock = field(default_factory=ManualClock)


class Enrolments(RuleBasedStateMachine):
    """Devices that ask, die and ask again, at either gateway."""

    world: ClassVar[World]

    @initialize()
    def open(self) -> None:
        self.clock = self.world.clock
        self.directory = Path(tempfile.mkdtemp(prefix="leeward-enrol-"))
        ca = CertificateAuthority.create("test", clock=self.clock, lifetime_s=1e9)
        self.stores = [JoinTokenStore(one, clock=self.clock) for one in self.world.databases]
        self.desks = [
            EnrolmentDesk(
                authorities=Authorities([ca]),
                tokens=store,
                pace=Pace(100_000, clock=self.clock),
                seats=Seats(Random(1)),
                lifetime=timedelta(days=1),
                clock=self.clock,
            )
            for store in self.stores
        ]
        self.tokens: list[Token] = []
        self.asked: dict[int, tuple[int, bytes]] = {}
        """By device: for which token it keeps which key."""
        for _ in range(2):
            self.hand_out()

    def teardown(self) -> None:
        if hasattr(self, "directory"):
            shutil.rmtree(self.directory)

    @precondition(lambda self: len(self.tokens) < 3)
    @rule()
    def hand_out(self) -> None:
        act = Act("operator:test", self.clock.now())
        made = self._run(self.stores[0].create(act, lifetime=HOUR, tenant=DEFAULT_TENANT))
        ends_s = self.clock.monotonic_s() + HOUR.total_seconds()
        self.tokens.append(Token(made, ends_s))

    @rule(seconds=st.sampled_from([1.0, 60.0, 1800.0]))
    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule(which=st.integers(0, 2))
    def revoke(self, which: int) -> None:
        token = self.tokens[which % len(self.tokens)]
        if token.key is not None:
            act = Act("operator:test", self.clock.now())
            store = DeviceStore(self.world.databases[which % 2])
            self._run(store.revoke(token.made.device_id, act))
            token.is_revoked = True

    @rule(
        device=st.integers(0, 1),
        which=st.integers(0, 2),
        gateway=st.integers(0, 1),
        cut=st.sampled_from(CUTS),
    )
    def enrol(self, device: int, which: int, gateway: int, cut: str) -> None:
        number = which % len(self.tokens)
        token = self.tokens[number]
        request = KeptRequest(self.directory / str(device), passphrase=None)
        keys = request.keys_for(token.made.text)
        digest = key_digest(keys.tls.public_key())
        before, known = self.asked.get(device, (None, digest))
        assert (digest == known) is (before in (None, number))
        self.asked[device] = number, digest
        if cut == "before it is sent":
            return
        answer = self._ask(self.desks[gateway], token.made.text, create_csr(keys.tls))
        is_live = self.clock.monotonic_s() < token.ends_s and not token.is_revoked
        is_good = is_live and token.key in (None, digest)
        assert (answer is not None) is is_good
        if answer is None:
            return
        token.key = digest
        leaf = load_certificates(answer.chain_pem)[0]
        assert device_id_of(leaf) == token.made.device_id
        assert leaf.public_key() == keys.tls.public_key()
        if cut == "nowhere":
            request.forget()
            self.asked.pop(device)

    @invariant()
    def as_many_devices_as_tokens_that_were_used(self) -> None:
        if not hasattr(self, "directory"):
            return
        ours = {token.made.device_id: token for token in self.tokens}
        found = self._run(DeviceStore(self.world.databases[0]).all())
        known = {one.id: one for one in found if one.id in ours}
        assert known.keys() == {name for name, token in ours.items() if token.key is not None}
        for name, record in known.items():
            assert (record.revoked_at is not None) is ours[name].is_revoked

    def _ask(self, desk: EnrolmentDesk, token: str, csr: bytes) -> Enrolled | None:
        try:
            return self._run(desk.enrol(token, csr))
        except TokenRefused:
            return None

    def _run(self, work: Any) -> Any:
        return self.world.runner.run(work)


def test_any_course_of_cuts_leaves_one_device_for_each_used_token(
    new_driver: DriverFactory,
) -> None:
    with asyncio.Runner() as runner:
        databases = [runner.run(Database.open(new_driver())) for _ in range(2)]
        Enrolments.world = World(runner, databases)
        try:
            run_state_machine_as_test(
                Enrolments,
                settings=settings(
                    max_examples=20,
                    stateful_step_count=30,
                    deadline=None,
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            for database in databases:
                runner.run(database.close())
